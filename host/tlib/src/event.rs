//! An event that is made once and encoded at most once for each form.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::{Encoded, EncodedJson, Message, MessageType};

/// How messages are written on a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Form {
    /// Frames of protobuf, over TCP or TLS.
    #[default]
    Wire,
    /// A JSON text in each WebSocket message.
    Json,
}

impl Form {
    /// Writes one message that nobody else gets.
    pub fn write(self, message: &Message) -> Bytes {
        match self {
            Self::Wire => Encoded::new(message).frame(None, None),
            Self::Json => EncodedJson::new(message).text(),
        }
    }
}

/// An event as it is distributed: all clients of one form share the same bytes. To clone it costs no copy.
#[derive(Clone, Debug)]
pub struct Event(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    message: Arc<Message>,
    sequence: Option<u64>,
    wire: OnceLock<Forms<Encoded>>,
    json: OnceLock<Forms<EncodedJson>>,
}

/// The message encoded, and the same with the sequence number.
#[derive(Debug)]
struct Forms<T> {
    encoded: T,
    frame: Bytes,
}

impl Event {
    /// Makes an event of a message, with the EventSequenceNumber that its module gives it.
    pub fn new(message: Arc<Message>, sequence: Option<u64>) -> Self {
        let (wire, json) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Shared { message, sequence, wire, json }))
    }

    /// The message, without the EventSequenceNumber.
    pub fn message(&self) -> &Arc<Message> {
        &self.0.message
    }

    /// What the message is.
    pub fn kind(&self) -> MessageType {
        self.0.message.kind()
    }

    /// The EventSequenceNumber.
    pub fn sequence(&self) -> Option<u64> {
        self.0.sequence
    }

    /// The bytes for a client: shared, unless there is a ReferenceID, which is for who asked alone.
    pub fn frame(&self, form: Form, reference: Option<u32>) -> Bytes {
        let sequence = self.0.sequence;
        match form {
            Form::Wire => {
                let forms = self.0.wire.get_or_init(|| {
                    let encoded = Encoded::new(&self.0.message);
                    Forms { frame: encoded.frame(sequence, None), encoded }
                });
                match reference {
                    None => forms.frame.clone(),
                    some => forms.encoded.frame(sequence, some),
                }
            }
            Form::Json => {
                let forms = self.0.json.get_or_init(|| {
                    let encoded = EncodedJson::new(&self.0.message);
                    Forms { frame: encoded.frame(sequence, None), encoded }
                });
                match reference {
                    None => forms.frame.clone(),
                    some => forms.encoded.frame(sequence, some),
                }
            }
        }
    }
}

impl From<Message> for Event {
    fn from(message: Message) -> Self {
        Self::new(Arc::new(message), None)
    }
}
