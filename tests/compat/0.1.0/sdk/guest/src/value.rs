/// How deep a value may nest.
const DEPTH_MAX: u8 = 16;

/// A value of the configuration, read from the JSON that the host gives it as.
///
/// A reader of its own, since a general one would make every plugin several times larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it stood.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A table, in the order it stood.
    Table(Vec<(String, Self)>),
}

impl Value {
    /// Reads JSON (RFC 8259); `None` when it is not, or nests deeper than 16.
    pub fn parse(json: &str) -> Option<Self> {
        let mut reader = Reader { rest: json.as_bytes() };
        let value = reader.value(0)?;
        reader.peek().is_none().then_some(value)
    }

    /// The texts of a list, or a text alone.
    pub fn into_texts(self) -> Option<Vec<String>> {
        match self {
            Self::Text(text) => Some(vec![text]),
            Self::List(items) => items.into_iter().map(Self::into_text).collect(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Table(_) => None,
        }
    }

    /// The text, if it is one.
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::List(_) | Self::Table(_) => None,
        }
    }

    /// The rows of a table, if it is one.
    pub fn into_table(self) -> Option<Vec<(String, Self)>> {
        match self {
            Self::Table(rows) => Some(rows),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }
}

/// Reads bytes and no characters: what it looks for is ASCII, and in a plugin every kilobyte counts.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn value(&mut self, depth: u8) -> Option<Value> {
        if depth == DEPTH_MAX {
            return None;
        }
        match self.peek()? {
            b'{' => self.table(depth).map(Value::Table),
            b'[' => self.list(depth).map(Value::List),
            b'"' => self.text().map(Value::Text),
            b't' => self.word(b"true", Value::Bool(true)),
            b'f' => self.word(b"false", Value::Bool(false)),
            b'n' => self.word(b"null", Value::Null),
            b'-' | b'0'..=b'9' => self.number().map(Value::Number),
            _ => None,
        }
    }

    fn table(&mut self, depth: u8) -> Option<Vec<(String, Value)>> {
        let mut rows = Vec::new();
        let mut more = self.open(b'}')?;
        while more {
            self.peek()?;
            let name = self.text()?;
            self.take(b':')?;
            rows.push((name, self.value(depth + 1)?));
            more = self.goes_on(b'}')?;
        }
        Some(rows)
    }

    fn list(&mut self, depth: u8) -> Option<Vec<Value>> {
        let mut items = Vec::new();
        let mut more = self.open(b']')?;
        while more {
            items.push(self.value(depth + 1)?);
            more = self.goes_on(b']')?;
        }
        Some(items)
    }

    fn text(&mut self) -> Option<String> {
        let mut text = Vec::new();
        if self.next()? != b'"' {
            return None;
        }
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(text).ok(),
                b'\\' => {
                    let c = self.escape()?;
                    text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                byte => text.push(byte),
            }
        }
    }

    fn number(&mut self) -> Option<String> {
        let is_number =
            |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
        let length = self.rest.iter().take_while(|b| is_number(b)).count();
        let (number, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        String::from_utf8(number.to_vec()).ok()
    }

    fn word(&mut self, word: &[u8], value: Value) -> Option<Value> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(value)
    }

    /// Reads an escape after its backslash.
    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return None,
        })
    }

    /// Reads the four digits of a `\u` escape, and a second escape where the first is the first
    /// half of a surrogate pair (RFC 8259 section 7).
    fn unicode(&mut self) -> Option<char> {
        let first = self.hex4()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        self.rest = self.rest.strip_prefix(b"\\u")?;
        let low = self.hex4()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)
    }

    fn hex4(&mut self) -> Option<u32> {
        let mut value = 0;
        for _ in 0..4 {
            value = value << 4 | char::from(self.next()?).to_digit(16)?;
        }
        Some(value)
    }

    /// Takes an opening bracket; gives whether anything stands before the closing one.
    fn open(&mut self, close: u8) -> Option<bool> {
        self.next()?;
        if self.peek()? != close {
            return Some(true);
        }
        self.next()?;
        Some(false)
    }

    /// Takes what follows an item; gives whether it is a comma rather than the closing bracket.
    fn goes_on(&mut self, close: u8) -> Option<bool> {
        self.peek()?;
        match self.next()? {
            b',' => Some(true),
            byte if byte == close => Some(false),
            _ => None,
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.peek()?;
        (self.next()? == byte).then_some(())
    }

    /// The next byte that is no white space, left where it is.
    fn peek(&mut self) -> Option<u8> {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn values_are_read_as_they_stand() {
        let json = r#" { "a" : [ "x" , -1.5e3, true, null, {} ], "b":[] } "#;
        let list = vec![text("x"), Value::Number("-1.5e3".into()), Value::Bool(true), Value::Null];
        let list = list.into_iter().chain([Value::Table(Vec::new())]).collect();
        let rows = vec![("a".into(), Value::List(list)), ("b".into(), Value::List(Vec::new()))];
        assert_eq!(Value::parse(json), Some(Value::Table(rows)));
    }

    #[test]
    fn escapes_are_undone() {
        let json = r#""a\"\\\/\n\u00e4\ud83d\ude00 ä""#;
        assert_eq!(Value::parse(json), Some(text("a\"\\/\nä😀 ä")));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let deep = "[".repeat(40) + &"]".repeat(40);
        for json in [
            "",
            "{",
            "[1,]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "\"",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\u00ä\"",
            "tru",
            "1 2",
            deep.as_str(),
        ] {
            assert_eq!(Value::parse(json), None, "{json}");
        }
    }
}
