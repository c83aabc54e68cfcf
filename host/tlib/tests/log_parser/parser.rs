//! Reads a log by section 8.5 of the reference alone: which lines begin a message, which are its attributes, which are pairs of a list.

/// A message of the log.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) message: String,
    pub(crate) attributes: Vec<(String, Text)>,
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
    let mut within = false;
    for line in log.split('\n') {
        if !line.starts_with(char::is_whitespace) {
            // An empty line, or one that does not begin with white space, ends a message.
            within = false;
            if let Some(message) = header(line) {
                entries.push(Entry { message: message.to_owned(), ..Entry::default() });
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

fn header(line: &str) -> Option<&str> {
    if let Some(message) = line.strip_prefix("message ") {
        return Some(message);
    }
    line.starts_with('@').then(|| line.rsplit_once(": message ").map(|(_, message)| message))?
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
