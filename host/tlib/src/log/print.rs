//! Messages as text.

use std::{fmt, fmt::Write as _};

use crate::{
    Attribute, KvList, KvPair, KvValue, Message, MessageType, Value,
    log::{LogFilter, LogTime, Shown, time::clock_of},
    text::{put_byte, put_id, put_int, put_len},
};

/// Characters of text, and bytes, that are left of what is truncated.
const TRUNCATED_TO: usize = 8;

/// What stands in the place of what is hidden.
const STARS: &str = "****";

/// The part of a server that a header line names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    /// An event goes to all clients of a DN.
    DistributeEvent,
    /// A call-monitoring event.
    DistributeCallEvent,
    /// An event goes to one client.
    SendToClient,
    /// An event answers a request.
    EventResponse,
}

impl Function {
    /// As the line has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DistributeEvent => "distribute_event",
            Self::DistributeCallEvent => "distribute call/party event",
            Self::SendToClient => "send_to_client",
            Self::EventResponse => "event_response",
        }
    }
}

/// A client as trace lines name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer<'a> {
    /// The number in brackets: its socket, or which connection it is.
    pub socket: u64,
    /// The id, printed with eight hexadecimal digits.
    pub id: u64,
    /// Its ApplicationName.
    pub application: &'a str,
    /// Host and port.
    pub address: &'a str,
}

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (application, address) = (Clean(self.application), Clean(self.address));
        write!(f, "[{}] ({:08x} {application} {address})", self.socket, self.id)
    }
}

/// Prints messages. It appends to what it is given, so that one buffer serves all lines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Printer {
    /// What is shown of key-value lists.
    pub filter: LogFilter,
    /// The zone of the times within messages, in minutes east of UTC.
    pub utc_offset_min: i16,
}

impl Printer {
    /// An event that is distributed: the header line with the version of the server, and the event with the EventSequenceNumber.
    pub fn event(
        &self,
        out: &mut String,
        time: LogTime,
        (version, function): (&str, Function),
        (message, sequence): (&Message, Option<u64>),
    ) {
        let (time, function) = (time.of_day(), function.name());
        let name = message.kind().name();
        let _ = writeln!(out, "@{time} [0] {version} {function}: message {name}");
        if let Some(sequence) = sequence {
            self.attribute(out, Attribute::EventSequenceNumber, &Value::Id(sequence));
        }
        self.attributes(out, message);
    }

    /// A request that came from a client.
    pub fn received(&self, out: &mut String, time: LogTime, message: &Message, peer: Peer<'_>) {
        let (time, name) = (time.full(), message.kind().name());
        let _ = writeln!(out, "{time} Trc 04541 {name} received from {peer}");
        let _ = writeln!(out, "message {name}");
        self.attributes(out, message);
    }

    /// The line that an event went to a client. The event itself is printed once, by [`Self::event`].
    pub fn sent(&self, out: &mut String, time: LogTime, kind: MessageType, peer: Peer<'_>) {
        let _ = writeln!(out, "{} Trc 04542 {} sent to {peer}", time.full(), kind.name());
    }

    /// The attributes of a message, in the order in which they were set, and the empty line at its end.
    pub fn attributes(&self, out: &mut String, message: &Message) {
        for (attribute, value) in message.attributes() {
            if attribute.kind().takes(value) {
                self.attribute(out, attribute, value);
            }
        }
        out.push('\n');
    }

    fn attribute(&self, out: &mut String, attribute: Attribute, value: &Value) {
        out.push_str("\tAttribute");
        out.push_str(attribute.name());
        out.push('\t');
        match (attribute, value) {
            (Attribute::ApplicationPassword | Attribute::Password, _) => put_quoted(out, STARS),
            (Attribute::TimeinSecs, Value::Int(unix)) => {
                let _ = write!(out, "{unix} ({})", clock_of(*unix, self.utc_offset_min));
            }
            (Attribute::UserEvent, Value::Int(number)) => match MessageType::of(*number) {
                Some(event) => out.push_str(event.name()),
                None => put_int(out, *number),
            },
            (_, Value::Int(number)) => put_int(out, *number),
            (_, Value::Id(id)) => put_id(out, *id),
            (_, Value::Text(text)) => put_quoted(out, text),
            (_, Value::Bytes(bytes)) => put_bytes(out, bytes, usize::MAX),
            (_, Value::List(list)) => {
                put_size(out, list.packed_len());
                for byte in list.packed_head() {
                    out.push(' ');
                    put_byte(out, byte);
                }
                out.push_str("..\n");
                self.list(out, list, 2);
                return;
            }
        }
        out.push('\n');
    }

    fn list(&self, out: &mut String, list: &KvList, depth: usize) {
        for pair in list.iter() {
            let shown = self.filter.of(&pair.key);
            if shown == Shown::Skip {
                continue;
            }
            out.extend(std::iter::repeat_n('\t', depth));
            put_quoted(out, &pair.key);
            if shown == Shown::Hide {
                out.push('\t');
                put_quoted(out, STARS);
                out.push('\n');
            } else {
                self.pair(out, pair, shown, depth);
            }
        }
    }

    fn pair(&self, out: &mut String, pair: &KvPair, shown: Shown, depth: usize) {
        let most = if shown == Shown::Truncate { TRUNCATED_TO } else { usize::MAX };
        match &pair.value {
            KvValue::Text(text) => {
                out.push('\t');
                put_short(out, text, most);
            }
            KvValue::Int(number) => {
                out.push('\t');
                put_int(out, i64::from(*number));
            }
            KvValue::Binary(bytes) => {
                out.push_str("(binary)\t");
                put_bytes(out, bytes, most);
            }
            KvValue::Unicode(text) => {
                out.push_str("(unicode)\t");
                put_short(out, text, most);
            }
            KvValue::List(list) => {
                out.push_str("(list)\n");
                self.list(out, list, depth + 1);
                return;
            }
        }
        out.push('\n');
    }
}

/// Text in quotes.
fn put_quoted(out: &mut String, text: &str) {
    out.push('\'');
    put_clean(out, text);
    out.push('\'');
}

/// The first so many characters in quotes, and two dots if there are more.
fn put_short(out: &mut String, text: &str, most: usize) {
    // A character is a byte or more.
    let end = if text.len() <= most { None } else { text.char_indices().nth(most) };
    let Some((end, _)) = end else { return put_quoted(out, text) };
    out.push('\'');
    put_clean(out, text.get(..end).unwrap_or_default());
    out.push_str("..'");
}

/// A size in brackets.
fn put_size(out: &mut String, size: usize) {
    out.push('[');
    put_len(out, size);
    out.push(']');
}

/// The size, and the first so many bytes.
fn put_bytes(out: &mut String, bytes: &[u8], most: usize) {
    put_size(out, bytes.len());
    for byte in bytes.iter().take(most) {
        out.push(' ');
        put_byte(out, *byte);
    }
    if bytes.len() > most {
        out.push_str("..");
    }
}

/// Text without control characters.
fn put_clean(out: &mut String, text: &str) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        out.push_str(text);
        return;
    }
    for character in text.chars() {
        match u8::try_from(character) {
            Ok(byte) if character.is_control() => {
                out.push_str("\\x");
                put_byte(out, byte);
            }
            _ => out.push(character),
        }
    }
}

/// Text without control characters, for a line that is formatted.
struct Clean<'a>(&'a str);

impl fmt::Display for Clean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        put_clean(&mut out, self.0);
        f.write_str(&out)
    }
}
