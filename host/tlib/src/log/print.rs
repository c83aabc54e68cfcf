//! Messages as text.

use std::{fmt, fmt::Write as _};

use crate::{
    Attribute, KvList, KvPair, KvValue, Message, MessageType, Value,
    log::{LogFilter, LogTime, Shown, time::clock_of},
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
            let name = Attribute::EventSequenceNumber.name();
            let _ = writeln!(out, "\tAttribute{name}\t{sequence:016x}");
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
                let _ = write!(out, "\tAttribute{}", attribute.name());
                self.value(out, attribute, value);
            }
        }
        out.push('\n');
    }

    fn value(&self, out: &mut String, attribute: Attribute, value: &Value) {
        let _ = match (attribute, value) {
            (Attribute::ApplicationPassword | Attribute::Password, _) => {
                writeln!(out, "\t'{STARS}'")
            }
            (Attribute::TimeinSecs, Value::Int(unix)) => {
                writeln!(out, "\t{unix} ({})", clock_of(*unix, self.utc_offset_min))
            }
            (Attribute::UserEvent, Value::Int(number)) => match MessageType::of(*number) {
                Some(event) => writeln!(out, "\t{}", event.name()),
                None => writeln!(out, "\t{number}"),
            },
            (_, Value::Int(number)) => writeln!(out, "\t{number}"),
            (_, Value::Id(id)) => writeln!(out, "\t{id:016x}"),
            (_, Value::Text(text)) => writeln!(out, "\t'{}'", Clean(text)),
            (_, Value::Bytes(bytes)) => writeln!(out, "\t{}", Hex(bytes, usize::MAX)),
            (_, Value::List(list)) => {
                let _ = write!(out, "\t[{}]", list.packed_len());
                for byte in list.packed_head() {
                    let _ = write!(out, " {byte:02x}");
                }
                out.push_str("..\n");
                self.list(out, list, 2);
                Ok(())
            }
        };
    }

    fn list(&self, out: &mut String, list: &KvList, depth: usize) {
        for pair in list.iter() {
            let shown = self.filter.of(&pair.key);
            if shown == Shown::Skip {
                continue;
            }
            out.extend(std::iter::repeat_n('\t', depth));
            let _ = write!(out, "'{}'", Clean(&pair.key));
            if shown == Shown::Hide {
                let _ = writeln!(out, "\t'{STARS}'");
            } else {
                self.pair(out, pair, shown, depth);
            }
        }
    }

    fn pair(&self, out: &mut String, pair: &KvPair, shown: Shown, depth: usize) {
        let most = if shown == Shown::Truncate { TRUNCATED_TO } else { usize::MAX };
        let _ = match &pair.value {
            KvValue::Text(text) => writeln!(out, "\t'{}'", Short(text, most)),
            KvValue::Int(number) => writeln!(out, "\t{number}"),
            KvValue::Binary(bytes) => writeln!(out, "(binary)\t{}", Hex(bytes, most)),
            KvValue::Unicode(text) => writeln!(out, "(unicode)\t'{}'", Short(text, most)),
            KvValue::List(list) => {
                out.push_str("(list)\n");
                self.list(out, list, depth + 1);
                Ok(())
            }
        };
    }
}

/// Text without control characters.
struct Clean<'a>(&'a str);

impl fmt::Display for Clean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(char::is_control) {
            let (plain, from) = rest.split_at(at);
            let mut characters = from.chars();
            let broken = characters.next().map_or(0, u32::from);
            write!(f, "{plain}\\x{broken:02x}")?;
            rest = characters.as_str();
        }
        f.write_str(rest)
    }
}

/// The first so many characters, and two dots if there are more.
struct Short<'a>(&'a str, usize);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(self.1) {
            Some((end, _)) => write!(f, "{}..", Clean(self.0.get(..end).unwrap_or_default())),
            None => Clean(self.0).fmt(f),
        }
    }
}

/// The size in brackets, and the first so many bytes.
struct Hex<'a>(&'a [u8], usize);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.0.len())?;
        for byte in self.0.iter().take(self.1) {
            write!(f, " {byte:02x}")?;
        }
        f.write_str(if self.0.len() > self.1 { ".." } else { "" })
    }
}
