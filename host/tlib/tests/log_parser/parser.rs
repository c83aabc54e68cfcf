//! Reads a log by section 8.5 of the reference alone: which lines begin a message, which are its attributes, which are pairs of a list.

/// A message of the log.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) message: String,
    /// What the server did with it, of an event.
    pub(crate) function: Option<String>,
    /// Who sent it, of a request.
    pub(crate) from: Option<Peer>,
    pub(crate) attributes: Vec<(String, Text)>,
    /// Who got it.
    pub(crate) sent: Vec<Peer>,
}

/// A client, as the lines 04541 and 04542 name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Peer {
    pub(crate) socket: u64,
    pub(crate) application: String,
    pub(crate) address: String,
}

/// The value of an attribute or a pair, as it is written.
#[derive(Debug)]
pub(crate) enum Text {
    /// In single quotes.
    Quoted(String),
    /// A number or a name.
    Bare(String),
    /// A size in brackets and bytes; of a key-value list with its pairs.
    Bytes { size: usize, bytes: Vec<u8>, pairs: Vec<Pair> },
}

/// A pair of a key-value list.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) key: String,
    /// The word in parentheses behind the key.
    pub(crate) mark: Option<String>,
    pub(crate) text: Option<Text>,
    /// The pairs within, of a list.
    pub(crate) pairs: Vec<Self>,
}

/// Every message of a log, in order.
pub(crate) fn parse(log: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let (mut within, mut from) = (false, None);
    for line in log.split('\n') {
        if !line.starts_with(char::is_whitespace) {
            // An empty line, or one that does not begin with white space, ends a message.
            within = false;
            if let Some((message, peer)) = trace(line, "04541", " received from ") {
                from = Some((message.to_owned(), peer));
            } else if let Some((message, peer)) = trace(line, "04542", " sent to ") {
                let entry = entries.last_mut().unwrap();
                assert_eq!((entry.message.as_str(), &entry.from), (message, &None));
                entry.sent.push(peer);
            } else if let Some((function, message)) = header(line) {
                let from = from.take().filter(|(of, _)| of == message).map(|(_, peer)| peer);
                let (message, function) = (message.to_owned(), function.map(str::to_owned));
                entries.push(Entry { message, function, from, ..Entry::default() });
                within = true;
            }
            continue;
        }
        let Some(entry) = entries.last_mut().filter(|_| within) else { continue };
        let content = line.trim_start();
        if let Some(attribute) = content.strip_prefix("Attribute") {
            let (name, value) = attribute.split_once(char::is_whitespace).unwrap();
            entry.attributes.push((name.to_owned(), text(value.trim_start())));
        } else {
            let depth = line.len() - content.len();
            let Some((_, Text::Bytes { pairs, .. })) = entry.attributes.last_mut() else {
                panic!("a pair without a list: {line}");
            };
            place(pairs, depth - 2).push(pair(content));
        }
    }
    entries
}

/// The function, where there is one, and the message.
fn header(line: &str) -> Option<(Option<&str>, &str)> {
    if let Some(message) = line.strip_prefix("message ") {
        return Some((None, message));
    }
    let (before, message) = line.strip_prefix('@')?.rsplit_once(": message ")?;
    // Behind the time, what stands in brackets and the version.
    Some((before.splitn(4, ' ').nth(3), message))
}

/// The message of a trace line with this id, and the client.
fn trace<'a>(line: &'a str, id: &str, what: &str) -> Option<(&'a str, Peer)> {
    let (_, said) = line.split_once(&format!(" Trc {id} "))?;
    let (message, peer) = said.split_once(what)?;
    let (socket, peer) = peer.strip_prefix('[')?.split_once("] (")?;
    let (_, peer) = peer.strip_suffix(')')?.split_once(' ')?;
    let (application, address) = peer.rsplit_once(' ')?;
    let (application, address) = (application.to_owned(), address.to_owned());
    Some((message, Peer { socket: socket.parse().ok()?, application, address }))
}

/// The list so many levels down in the last pairs.
fn place(pairs: &mut Vec<Pair>, levels: usize) -> &mut Vec<Pair> {
    if levels == 0 {
        return pairs;
    }
    place(&mut pairs.last_mut().unwrap().pairs, levels - 1)
}

fn pair(content: &str) -> Pair {
    let content = content.strip_prefix('\'').unwrap();
    let (key, rest) = content.split_once('\'').unwrap();
    let (mark, rest) = match rest.strip_prefix('(') {
        Some(marked) => {
            let (mark, rest) = marked.split_once(')').unwrap();
            (Some(mark.to_owned()), rest)
        }
        None => (None, rest),
    };
    let rest = rest.trim_start();
    let text = (!rest.is_empty()).then(|| text(rest));
    Pair { key: key.to_owned(), mark, text, pairs: Vec::new() }
}

fn text(value: &str) -> Text {
    if let Some(quoted) = value.strip_prefix('\'') {
        return Text::Quoted(quoted.strip_suffix('\'').unwrap().to_owned());
    }
    let Some(sized) = value.strip_prefix('[') else { return Text::Bare(value.to_owned()) };
    let (size, bytes) = sized.split_once(']').unwrap();
    let bytes = bytes.trim_end_matches("..").split_whitespace();
    Text::Bytes {
        size: size.parse().unwrap(),
        bytes: bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect(),
        pairs: Vec::new(),
    }
}
