use std::borrow::Cow;

use thiserror::Error;

/// Parameters of one header field at most.
const FIELDS_MAX: usize = 32;

/// A header field of authentication that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum BadHeader {
    /// Another scheme than Digest, such as Basic.
    #[error("the scheme is not Digest")]
    Scheme,
    /// A parameter without a name or a value, or a quoted string that does not end.
    #[error("a parameter cannot be read")]
    Parameter,
    /// More parameters than a header field has use for.
    #[error("there are too many parameters")]
    TooMany,
    /// One that must be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// One has a value that it cannot have.
    #[error("`{0}` has a value it cannot have")]
    Value(&'static str),
}

/// The parameters of an Authorization, Proxy-Authorization, WWW-Authenticate or Proxy-Authenticate (RFC 3261 section 25.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fields<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl<'a> Fields<'a> {
    /// Reads the value of a header field of the scheme Digest.
    ///
    /// # Errors
    /// When it has another scheme or cannot be read.
    pub fn parse(text: &'a str) -> Result<Self, BadHeader> {
        let text = text.trim();
        let (scheme, rest) = text.split_once([' ', '\t', '\r', '\n']).ok_or(BadHeader::Scheme)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(BadHeader::Scheme);
        }
        let mut fields: Vec<(&str, Cow<'_, str>)> = Vec::with_capacity(12);
        let mut rest = rest.trim_start();
        while !rest.is_empty() {
            if fields.len() >= FIELDS_MAX {
                return Err(BadHeader::TooMany);
            }
            let (name, after) = rest.split_once('=').ok_or(BadHeader::Parameter)?;
            let name = name.trim();
            if name.is_empty() || name.contains([',', '"', ' ']) {
                return Err(BadHeader::Parameter);
            }
            let (value, after) = value(after.trim_start())?;
            fields.push((name, value));
            rest = match after.trim_start().strip_prefix(',') {
                Some(more) => more.trim_start(),
                None if after.trim().is_empty() => "",
                None => return Err(BadHeader::Parameter),
            };
        }
        Ok(Self(fields))
    }

    /// A parameter by its name, any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(have, _)| have.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_ref())
    }

    /// A parameter that must be there.
    pub(super) fn need(&self, name: &'static str) -> Result<&str, BadHeader> {
        self.get(name).ok_or(BadHeader::Missing(name))
    }
}

/// One value and what follows it; a quoted string comes without quotes and escapes.
fn value(text: &str) -> Result<(Cow<'_, str>, &str), BadHeader> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        let value = value.trim();
        if value.is_empty() || value.contains(['"', ' ', '\t']) {
            return Err(BadHeader::Parameter);
        }
        return Ok((Cow::Borrowed(value), rest));
    };
    let mut unescaped: Option<String> = None;
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let rest = quoted.get(at + 1..).unwrap_or_default();
                let whole = quoted.get(..at).unwrap_or_default();
                return Ok((unescaped.map_or(Cow::Borrowed(whole), Cow::Owned), rest));
            }
            '\\' => {
                let so_far = quoted.get(..at).unwrap_or_default();
                let text = unescaped.get_or_insert_with(|| so_far.to_owned());
                text.push(chars.next().ok_or(BadHeader::Parameter)?.1);
            }
            c => {
                if let Some(text) = &mut unescaped {
                    text.push(c);
                }
            }
        }
    }
    Err(BadHeader::Parameter)
}

/// `text` as a quoted string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_in_every_form() {
        let text =
            "digest  username=\"a \\\"b\\\", c\",realm=\"r\" , nc=00000001,Qop = auth, empty=\"\"";
        let fields = Fields::parse(text).unwrap();
        let get = |name| fields.get(name);
        assert_eq!(get("username"), Some("a \"b\", c"));
        assert_eq!(
            (get("REALM"), get("nc"), get("qop")),
            (Some("r"), Some("00000001"), Some("auth"))
        );
        assert_eq!((get("empty"), get("opaque")), (Some(""), None));
        assert_eq!(fields.need("nonce"), Err(BadHeader::Missing("nonce")));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (text, why) in [
            ("", BadHeader::Scheme),
            ("Basic dXNlcg==", BadHeader::Scheme),
            ("Digest a", BadHeader::Parameter),
            ("Digest =x", BadHeader::Parameter),
            ("Digest a=", BadHeader::Parameter),
            ("Digest a=\"x", BadHeader::Parameter),
            ("Digest a=\"x\\", BadHeader::Parameter),
            ("Digest a=\"x\" b=\"y\"", BadHeader::Parameter),
            ("Digest a=b c", BadHeader::Parameter),
        ] {
            assert_eq!(Fields::parse(text), Err(why), "{text}");
        }
        let many = format!("Digest {}", "a=b,".repeat(FIELDS_MAX + 1));
        assert_eq!(Fields::parse(&many), Err(BadHeader::TooMany));
    }

    #[test]
    fn a_quoted_string_is_read_back() {
        let text = format!("Digest username={}", quoted(r#"a"b\c"#));
        assert_eq!(Fields::parse(&text).unwrap().get("username"), Some(r#"a"b\c"#));
    }
}
