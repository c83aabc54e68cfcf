//! `name-addr` and `addr-spec`, as in From, To, Contact and Route (RFC 3261 section 20.10).

use std::borrow::Cow;

use super::{
    name::is_token,
    params::{Params, ends_outside_quotes, find_outside_quotes, split_outside_quotes},
    parse::breaks_a_word,
    uri::{Uri, UriError},
};

/// An address with its header parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameAddr<'a> {
    /// The display name with quotes and escapes undone, or empty.
    pub display: Cow<'a, str>,
    /// The URI as it stands, without angle brackets.
    pub uri: &'a str,
    /// The parameters of the header field (not of the URI).
    pub params: Params<'a>,
}

/// An address that cannot be read: what is wrong with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BadAddress(pub(crate) &'static str);

impl<'a> NameAddr<'a> {
    /// Reads one address.
    pub(crate) fn read(text: &'a str) -> Result<Self, BadAddress> {
        let text = text.trim();
        let Some(open) = find_outside_quotes(text, b'<') else {
            // addr-spec: every `;` belongs to the header (RFC 3261 section 20.10), and there is no display name.
            let at = text.find(';').unwrap_or(text.len());
            let (uri, params) = text.split_at(at);
            let uri = uri.trim();
            if uri.is_empty() || uri.contains(|c| breaks_a_word(c) || c == '"' || c == ',') {
                return Err(BadAddress("neither a name-addr nor an addr-spec"));
            }
            return Ok(Self { display: Cow::Borrowed(""), uri, params: closed(params)? });
        };
        let (before, rest) = text.split_at(open);
        let rest = rest.get(1..).unwrap_or_default();
        let (uri, params) = rest.split_once('>').ok_or(BadAddress("no closing angle bracket"))?;
        let params = params.trim_start();
        if !params.is_empty() && !params.starts_with(';') {
            return Err(BadAddress("text after the closing angle bracket"));
        }
        let uri = uri.trim();
        if uri.contains(breaks_a_word) {
            return Err(BadAddress("white space in the URI"));
        }
        Ok(Self { display: display_name(before.trim())?, uri, params: closed(params)? })
    }

    /// Reads one address.
    ///
    /// # Errors
    /// With what is wrong, in words.
    pub fn parse(text: &'a str) -> Result<Self, &'static str> {
        Self::read(text).map_err(|BadAddress(what)| what)
    }

    /// The tag parameter, when there is one that is not empty.
    pub fn tag(&self) -> Option<&'a str> {
        let mut tags = self.params.iter().filter(|(name, _)| name.eq_ignore_ascii_case("tag"));
        tags.find_map(|(_, tag)| tag.filter(|tag| !tag.is_empty()))
    }

    /// The address less its tag, for a header field of another dialog: the URI in angle brackets, the other parameters as they
    /// stood, the display name as a quoted string where it is more than one token (RFC 3261 section 25.1).
    ///
    /// White space and commas that a peer left unquoted are thus understood by the next one as they were here.
    pub fn without_tag(&self) -> String {
        let mut text = String::with_capacity(self.display.len() + self.uri.len() + 8);
        if !self.display.is_empty() {
            if self.display.bytes().all(is_token) {
                text.push_str(&self.display);
            } else {
                text.push('"');
                for c in self.display.chars() {
                    if matches!(c, '"' | '\\') {
                        text.push('\\');
                    }
                    text.push(c);
                }
                text.push('"');
            }
            text.push(' ');
        }
        text.push('<');
        text.push_str(self.uri);
        text.push('>');
        for param in split_outside_quotes(self.params.as_str(), b';').map(str::trim) {
            let name = param.split('=').next().unwrap_or_default().trim_end();
            if !param.is_empty() && !name.eq_ignore_ascii_case("tag") {
                text.push(';');
                text.push_str(param);
            }
        }
        text
    }

    /// The URI taken apart.
    ///
    /// # Errors
    /// As [`Uri::parse`].
    pub fn parsed_uri(&self) -> Result<Uri<'a>, UriError> {
        Uri::parse(self.uri)
    }
}

/// The URI of the first address of a Route field's value, as it stands; `None` when it has none.
pub fn route_uri(value: &str) -> Option<&str> {
    let (_, rest) = value.split_at(find_outside_quotes(value, b'<')? + 1);
    rest.split_once('>').map(|(uri, _)| uri.trim())
}

/// Parameters that can be written back, and another be added to them: each quoted string ends, and nothing breaks the line.
fn closed(params: &str) -> Result<Params<'_>, BadAddress> {
    if params.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        Err(BadAddress("a control character in a parameter"))
    } else if !ends_outside_quotes(params) {
        Err(BadAddress("a parameter with an unterminated quoted string"))
    } else {
        Ok(Params::new(params))
    }
}

fn display_name(text: &str) -> Result<Cow<'_, str>, BadAddress> {
    let Some(rest) = text.strip_prefix('"') else {
        return if text.contains('"') {
            Err(BadAddress("a stray quote"))
        } else {
            Ok(Cow::Borrowed(text))
        };
    };
    let inner = rest.strip_suffix('"').ok_or(BadAddress("an unterminated quoted string"))?;
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    Ok(Cow::Owned(out))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_an_address_may_have() {
        let a = NameAddr::parse(r#""A \"B\" <x>" <sip:a@b;lr>;tag=1;q=0.5"#).unwrap();
        assert_eq!((a.display.as_ref(), a.uri, a.tag()), (r#"A "B" <x>"#, "sip:a@b;lr", Some("1")));
        let b = NameAddr::parse("sip:a@b;tag=2").unwrap();
        assert_eq!((b.uri, b.tag()), ("sip:a@b", Some("2")));
        let c = NameAddr::parse("Bob Smith <sip:a@b>").unwrap();
        assert_eq!((c.display.as_ref(), c.tag()), ("Bob Smith", None));
    }

    #[test]
    fn an_address_is_written_for_another_dialog() {
        for (stood, written) in [
            ("<sip:a@b;tag=x>;q=1;tag=9;z", "<sip:a@b;tag=x>;q=1;z"),
            ("sip:a@b;tag=9", "<sip:a@b>"),
            ("Ann <sip:a@b>;tag=9", "Ann <sip:a@b>"),
            (r#""A \"B\" \\" <sip:a@b>"#, r#""A \"B\" \\" <sip:a@b>"#),
            // RFC 4475 section 3.1.2.15: a comma that should have been quoted.
            ("Bell, Alexander <sip:a.g.bell@b>;tag=43", r#""Bell, Alexander" <sip:a.g.bell@b>"#),
            (r#"<sip:a@b>;x="1;tag=2";tag=3"#, r#"<sip:a@b>;x="1;tag=2""#),
        ] {
            assert_eq!(NameAddr::parse(stood).unwrap().without_tag(), written);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "<sip:a@b", "\"x <sip:a@b>", "<sip:a@b> x", "sip:a b@c"] {
            assert!(NameAddr::parse(text).is_err(), "{text}");
        }
    }
}
