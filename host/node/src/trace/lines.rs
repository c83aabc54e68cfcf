use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use sip::{Message, Name, ParseLimits};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{Passed, What};
use crate::{
    clock::{Clock, format_wall},
    http::view::TraceLine,
};

/// A watch as lines of JSON, one a message; ends when the workers do.
pub struct Lines {
    /// What passed.
    pub receiver: mpsc::Receiver<Passed>,
    /// What is looked for.
    pub what: What,
    /// Whether whole messages are shown.
    pub full: bool,
    /// Tells the time of day.
    pub clock: Clock,
    /// The names of the listeners, in the order of the configuration.
    pub listeners: Vec<String>,
    /// The place this watch takes among those allowed.
    pub permit: OwnedSemaphorePermit,
}

impl Stream for Lines {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let lines = self.get_mut();
        loop {
            match lines.receiver.poll_recv(context) {
                Poll::Ready(Some(passed)) => {
                    if let Some(line) = lines.line(&passed) {
                        return Poll::Ready(Some(Ok(line)));
                    }
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Lines {
    fn line(&mut self, passed: &Passed) -> Option<Bytes> {
        let message = Message::parse(passed.bytes.clone(), &ParseLimits::default()).ok()?;
        if !self.what.takes(passed.flow, &message) {
            return None;
        }
        let listener = self.listeners.get(usize::from(passed.flow.listener.0));
        let line = TraceLine {
            at: format_wall(self.clock.wall_ms(passed.at)),
            direction: if passed.incoming { "in" } else { "out" }.to_owned(),
            transport: passed.flow.transport.to_string().to_lowercase(),
            listener: listener.cloned().unwrap_or_default(),
            peer: passed.flow.peer.to_string(),
            label: label(&message),
            call_id: message.call_id().to_owned(),
            cseq: message.header(Name::CSeq).unwrap_or_default().to_owned(),
            missed: passed.missed,
            text: self.full.then(|| shown(&passed.bytes)),
        };
        let mut text = serde_json::to_vec(&line).ok()?;
        text.push(b'\n');
        Some(text.into())
    }
}

fn label(message: &Message) -> String {
    if message.is_request() {
        format!("{} {}", message.method().as_str(), message.request_uri())
    } else {
        format!("{} {}", message.status(), message.reason())
    }
}

/// A message for a person's eyes: what would let another one log in or listen in is left out.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const SECRET: [&str; 3] = ["authorization:", "proxy-authorization:", "a=crypto:"];
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut hiding = false;
    for line in text.split_inclusive('\n') {
        let folded = line.starts_with([' ', '\t']);
        let is_secret = |name: &&str| {
            line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        match SECRET.iter().find(|name| is_secret(name)) {
            Some(name) => {
                hiding = true;
                out.push_str(line.get(..name.len()).unwrap_or_default());
                out.push_str(" (hidden)\r\n");
            }
            None if folded && hiding => {}
            None => {
                hiding = false;
                out.push_str(line);
            }
        }
    }
    out
}
