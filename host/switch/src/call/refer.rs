//! What a REFER asks for (RFC 3515, 3892, 4488).

use sip::{Message, Name, NameAddr, Replaces, Uri, UriError};

/// A REFER, read.
#[derive(Debug)]
pub(crate) struct Wish {
    /// Who is to be called: the Refer-To URI as a Request-URI.
    pub(crate) uri: String,
    /// The dialog that the call is to take the place of.
    pub(crate) replaces: Option<Replaces>,
    /// The value of Referred-By, if it has one.
    pub(crate) referred_by: Option<String>,
    /// Whether its sender wants to be told what comes of it.
    pub(crate) notifies: bool,
    /// Whether header fields of the URI were left out, all but Replaces.
    pub(crate) dropped: bool,
}

/// What we know of the extensions a REFER may require.
const KNOWN: [&str; 2] = ["norefersub", "replaces"];

impl Wish {
    /// Reads a REFER. The error is the status to refuse it with, and why.
    pub(crate) fn read(refer: &Message) -> Result<Self, (u16, &'static str)> {
        let mut required = refer.values(Name::Require);
        if required.any(|tag| !KNOWN.iter().any(|known| known.eq_ignore_ascii_case(tag))) {
            return Err((420, ""));
        }
        if refer.max_forwards() == Some(0) {
            return Err((483, ""));
        }
        // RFC 3515 section 2.4.2: 400 for none and for more than one.
        let mut values = refer.values(Name::ReferTo);
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err((400, "There must be one Refer-To"));
        };
        let address = NameAddr::parse(value).map_err(|_| (400, "Refer-To is no address"))?;
        let uri = address.parsed_uri().map_err(|error| match error {
            UriError::Scheme => (416, ""),
            UriError::Host | UriError::Port => (400, "Refer-To is no URI"),
        })?;
        if let Some(method) = uri.param("method").flatten()
            && !method.eq_ignore_ascii_case("INVITE")
        {
            return Err((501, "Only calls are transferred"));
        }
        let replaces = Replaces::of_uri_headers(uri.headers)
            .map_err(|_| (400, "Replaces in Refer-To names no dialog"))?;
        let fields = uri.headers.split('&').filter(|field| !field.is_empty()).count();
        Ok(Self {
            uri: without_method(uri.for_request(address.uri)),
            dropped: fields > usize::from(replaces.is_some()),
            replaces,
            referred_by: refer.header(Name::ReferredBy).map(str::to_owned),
            notifies: !is_without_subscription(refer),
        })
    }
}

impl Wish {
    /// That of nobody in the call: this URI is to be called. `None` when it cannot be.
    pub(crate) fn to(uri: String) -> Option<Self> {
        Uri::parse(&uri).ok().filter(|parsed| parsed.headers.is_empty())?;
        Some(Self { uri, replaces: None, referred_by: None, notifies: false, dropped: false })
    }
}

/// Whether the sender wants no subscription (RFC 4488).
fn is_without_subscription(refer: &Message) -> bool {
    let is_field = |name: &str| name.eq_ignore_ascii_case("Refer-Sub");
    refer.fields().any(|field| {
        let value = field.value.split(|byte| *byte == b';').next().unwrap_or_default();
        is_field(field.raw_name) && value.trim_ascii().eq_ignore_ascii_case(b"false")
    })
}

/// A URI less its `method` parameter, which no Request-URI has (RFC 3261 section 19.1.1).
fn without_method(uri: &str) -> String {
    if Uri::parse(uri).is_ok_and(|parsed| parsed.param("method").is_none()) {
        return uri.to_owned();
    }
    let is_other = |part: &&str| !part.to_ascii_lowercase().starts_with("method=");
    uri.split(';').filter(is_other).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(fields: &str) -> Result<Wish, (u16, &'static str)> {
        let text = format!(
            "REFER sip:x@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 2 REFER\r\n{fields}Content-Length: 0\r\n\r\n"
        );
        Wish::read(&Message::parse(text.into(), &sip::ParseLimits::default()).unwrap())
    }

    fn refused(fields: &str) -> u16 {
        read(fields).unwrap_err().0
    }

    #[test]
    fn a_refer_names_who_is_to_be_called() {
        let wish = read(
            "Refer-To: Bob <sip:bob@h;method=INVITE;transport=tcp?Subject=x>\r\nReferred-By: <sip:a@b>\r\n",
        );
        let wish = wish.unwrap();
        assert_eq!(wish.uri, "sip:bob@h;transport=tcp");
        assert_eq!(wish.referred_by.as_deref(), Some("<sip:a@b>"));
        assert!(wish.notifies && wish.dropped && wish.replaces.is_none());
        let wish = read("r: tel:+43123\r\nRefer-Sub: FALSE;x\r\nRequire: norefersub\r\n").unwrap();
        assert_eq!((wish.uri.as_str(), wish.notifies, wish.dropped), ("tel:+43123", false, false));
        let wish = read("Refer-To: <sip:b@h?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3>\r\n").unwrap();
        assert_eq!(wish.replaces.unwrap().call_id, "1");
        assert!(!wish.dropped);
    }

    #[test]
    fn what_cannot_be_a_transfer_is_refused() {
        assert_eq!(refused(""), 400);
        assert_eq!(refused("Refer-To: <sip:a@b>\r\nRefer-To: <sip:a@b>\r\n"), 400);
        assert_eq!(refused("Refer-To: <sip:>\r\n"), 400);
        assert_eq!(refused("Refer-To: <http://h/>\r\n"), 416);
        assert_eq!(refused("Refer-To: <sip:a@b;method=BYE>\r\n"), 501);
        assert_eq!(refused("Refer-To: <sip:a@b?Replaces=1>\r\n"), 400);
        assert_eq!(refused("Refer-To: <sip:a@b>\r\nRequire: foo\r\n"), 420);
        assert_eq!(refused("Refer-To: <sip:a@b>\r\nMax-Forwards: 0\r\n"), 483);
    }
}
