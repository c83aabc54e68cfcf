//! Which dialog a call is to take the place of (RFC 3891).

use super::params::Params;

/// The value of a Replaces header field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replaces {
    /// The Call-ID of the dialog.
    pub call_id: String,
    /// The tag that is local to whoever is asked to replace the dialog.
    pub to_tag: String,
    /// The tag of the other end of the dialog.
    pub from_tag: String,
    /// Only a dialog that was not answered yet is meant.
    pub early_only: bool,
}

impl Replaces {
    /// Reads the value of the header field; `None` when it has not exactly one tag of each kind, which RFC 3891 section 6.1 asks
    /// for.
    pub fn parse(value: &str) -> Option<Self> {
        let (call_id, params) = value.split_at(value.find(';')?);
        let params = Params::new(params);
        let one = |name: &str| {
            let mut found = params.iter().filter(|(have, _)| have.eq_ignore_ascii_case(name));
            let value = found.next()?.1?;
            found.next().is_none().then(|| value.to_owned())
        };
        let call_id = call_id.trim();
        Some(Self {
            call_id: (!call_id.is_empty()).then(|| call_id.to_owned())?,
            to_tag: one("to-tag")?,
            from_tag: one("from-tag")?,
            early_only: params.get("early-only").is_some(),
        })
    }

    /// The Replaces among the header fields of a URI, what stands after `?` (RFC 3261 section 19.1.1): `None` when there is none,
    /// an error when it cannot be read.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`] gives `None`.
    pub fn of_uri_headers(headers: &str) -> Result<Option<Self>, BadReplaces> {
        let mut values = headers.split('&').filter_map(|field| {
            let (name, value) = field.split_once('=')?;
            name.eq_ignore_ascii_case("Replaces").then_some(value)
        });
        let Some(value) = values.next() else { return Ok(None) };
        let value = super::uri::unescape(value);
        match (Self::parse(&value), values.next()) {
            (Some(replaces), None) => Ok(Some(replaces)),
            _ => Err(BadReplaces),
        }
    }
}

/// A Replaces that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("Replaces has not exactly one Call-ID, one to-tag and one from-tag")]
pub struct BadReplaces;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_is_named_by_its_call_id_and_both_tags() {
        let read = Replaces::parse("425928@bobster.example;to-tag=7743;from-tag=6472;early-only");
        let whole = Replaces {
            call_id: "425928@bobster.example".to_owned(),
            to_tag: "7743".to_owned(),
            from_tag: "6472".to_owned(),
            early_only: true,
        };
        assert_eq!(read, Some(whole.clone()));
        let escaped = "Subject=x&replaces=425928%40bobster.example%3Bto-tag%3D7743%3Bfrom-tag%3D6472%3Bearly-only";
        assert_eq!(Replaces::of_uri_headers(escaped), Ok(Some(whole)));
        assert_eq!(Replaces::of_uri_headers("Subject=x"), Ok(None));
    }

    #[test]
    fn a_tag_that_is_missing_or_there_twice_names_nothing() {
        for bad in [
            "",
            "a",
            "a;to-tag=1",
            ";to-tag=1;from-tag=2",
            "a;to-tag=1;from-tag=2;to-tag=3",
            "a;to-tag;from-tag=1",
        ] {
            assert_eq!(Replaces::parse(bad), None, "{bad}");
        }
        assert_eq!(Replaces::of_uri_headers("Replaces=a%3Bto-tag%3D1"), Err(BadReplaces));
        let twice = "Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2&Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2";
        assert_eq!(Replaces::of_uri_headers(twice), Err(BadReplaces));
    }
}
