//! The header fields of a message, handed out on demand.

use std::ops::Range;

use bytes::Bytes;

/// Header fields as byte ranges over the message they came in: cheap to make and clone, read only when asked.
///
/// Names are as on the wire (compact forms are not expanded); a reader asks by long name and the block knows the compact
/// form that goes with it (RFC 3261 section 7.3.3).
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct HeaderBlock {
    bytes: Bytes,
    fields: Vec<(Range<u32>, Range<u32>)>,
}

impl HeaderBlock {
    /// Takes the message's bytes and, for each field in order, the ranges of its name and of its value. Ranges that do not
    /// lie within the bytes read as empty.
    pub fn new(bytes: Bytes, fields: Vec<(Range<u32>, Range<u32>)>) -> Self {
        Self { bytes, fields }
    }

    /// Makes a block from names and values, for tests and for scenario files.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut text = Vec::new();
        let mut fields = Vec::new();
        for (name, value) in pairs {
            let name_range = push(&mut text, name);
            let value_range = push(&mut text, value);
            fields.push((name_range, value_range));
        }
        Self { bytes: text.into(), fields }
    }

    /// The values of every field called `name` (long form, any case), in order, untrimmed bytes that are not UTF-8 left out.
    pub fn get<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        let compact = compact_form(name);
        // A plugin asks for a few of many: only what is found is looked at as text.
        let is_it = move |field: &[u8]| {
            field.eq_ignore_ascii_case(name.as_bytes())
                || compact.is_some_and(|c| field.eq_ignore_ascii_case(c.as_bytes()))
        };
        let found = self.fields.iter().filter(move |(n, _)| self.slice(n).is_some_and(is_it));
        found.filter_map(|(_, value)| self.text(value))
    }

    /// Every field in order, as name and value; fields that are not UTF-8 are left out.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().filter_map(|(n, v)| Some((self.text(n)?, self.text(v)?)))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    fn text(&self, range: &Range<u32>) -> Option<&str> {
        std::str::from_utf8(self.slice(range)?).ok()
    }

    fn slice(&self, range: &Range<u32>) -> Option<&[u8]> {
        self.bytes.get(range.start as usize..range.end as usize)
    }
}

fn push(text: &mut Vec<u8>, part: &str) -> Range<u32> {
    let start = u32::try_from(text.len()).unwrap_or(u32::MAX);
    text.extend_from_slice(part.as_bytes());
    start..u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// The compact form of a long header name (RFC 3261 section 7.3.3 and the registry of header fields).
fn compact_form(name: &str) -> Option<&'static str> {
    const FORMS: [(&str, &str); 14] = [
        ("Call-ID", "i"),
        ("Contact", "m"),
        ("Content-Encoding", "e"),
        ("Content-Length", "l"),
        ("Content-Type", "c"),
        ("From", "f"),
        ("Subject", "s"),
        ("Supported", "k"),
        ("To", "t"),
        ("Via", "v"),
        ("Refer-To", "r"),
        ("Referred-By", "b"),
        ("Event", "o"),
        ("Session-Expires", "x"),
    ];
    FORMS.iter().find(|(long, _)| long.eq_ignore_ascii_case(name)).map(|(_, compact)| *compact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_finds_its_compact_form() {
        let block = HeaderBlock::from_pairs([("v", "one"), ("Via", "two"), ("Subject", "x")]);
        assert_eq!(block.get("VIA").collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn a_value_that_is_no_text_is_left_out() {
        let bytes = Bytes::from_static(b"Subject\xff\xfeSubjectlunch");
        let block = HeaderBlock::new(bytes, vec![(0..7, 7..9), (9..16, 16..21), (7..9, 0..7)]);
        assert_eq!(block.get("subject").collect::<Vec<_>>(), ["lunch"]);
        assert_eq!(block.iter().collect::<Vec<_>>(), [("Subject", "lunch")]);
    }

    #[test]
    fn a_range_outside_the_bytes_reads_as_nothing() {
        let block = HeaderBlock::new(Bytes::from_static(b"ab"), vec![(0..1, 1..9)]);
        assert_eq!(block.iter().count(), 0);
    }
}
