//! Parameter lists: `;name=value;flag` with quoted values.

/// The parameters after an address, a URI or a Via, read when asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Params<'a> {
    text: &'a str,
}

impl<'a> Params<'a> {
    /// Takes the text from the first `;` on (or nothing).
    pub const fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// The text as it stands.
    pub const fn as_str(self) -> &'a str {
        self.text
    }

    /// The value of parameter `name` (any case): `None` when it is absent, `Some(None)` when it stands without a value. Quotes
    /// around a value are taken off.
    pub fn get(self, name: &str) -> Option<Option<&'a str>> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Every parameter in order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        split_outside_quotes(self.text, b';').filter_map(|part| {
            let part = part.trim();
            if part.is_empty() {
                return None;
            }
            Some(match part.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(unquote(value.trim()))),
                None => (part, None),
            })
        })
    }
}

fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value)
}

/// Splits at `separator` where it stands neither in a quoted string nor between angle brackets.
pub(crate) fn split_outside_quotes(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match find_outside_quotes(text, separator) {
            Some(at) => {
                rest = text.get(at + 1..);
                text.get(..at)
            }
            None => rest.take(),
        }
    })
}

/// Where `wanted` first stands neither in a quoted string nor between angle brackets. A bracket that is `wanted` is found.
pub(crate) fn find_outside_quotes(text: &str, wanted: u8) -> Option<usize> {
    // Mostly there is none, or nothing that could hide it: no need to look at every byte.
    let first = memchr::memchr(wanted, text.as_bytes())?;
    if memchr::memchr2(b'"', b'<', text.as_bytes().get(..first)?).is_none() {
        return Some(first);
    }
    let mut place = Place::default();
    text.bytes().position(|byte| {
        let found = byte == wanted && place.is_outside();
        place.pass(byte);
        found
    })
}

/// Whether every quoted string and every angle bracket that is opened is closed.
pub(crate) fn ends_outside_quotes(text: &str) -> bool {
    if memchr::memchr2(b'"', b'<', text.as_bytes()).is_none() {
        return true;
    }
    let mut place = Place::default();
    text.bytes().for_each(|byte| place.pass(byte));
    place.is_outside()
}

/// What stands around a place in a header value.
#[derive(Default)]
struct Place {
    quoted: bool,
    escaped: bool,
    bracketed: bool,
}

impl Place {
    const fn is_outside(&self) -> bool {
        !self.quoted && !self.bracketed
    }

    const fn pass(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.quoted => self.escaped = true,
            b'"' if !self.bracketed => self.quoted = !self.quoted,
            b'<' if !self.quoted => self.bracketed = true,
            b'>' if !self.quoted => self.bracketed = false,
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_separator_does_not_separate() {
        let parts: Vec<_> = split_outside_quotes(r#""a,\"b" <sip:x,y>;p="1,2", c"#, b',').collect();
        assert_eq!(parts, [r#""a,\"b" <sip:x,y>;p="1,2""#, " c"]);
    }

    #[test]
    fn parameters_are_found_in_any_case() {
        let params = Params::new(";Tag=x ; lr;q=\"a;b\";;e=");
        assert_eq!(params.get("tag"), Some(Some("x")));
        assert_eq!(params.get("LR"), Some(None));
        assert_eq!(params.get("q"), Some(Some("a;b")));
        assert_eq!(params.get("e"), Some(Some("")));
        assert_eq!(params.get("none"), None);
    }
}
