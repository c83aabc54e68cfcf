//! Messages as a proxy passes them on (RFC 3261 sections 16.6 and 16.7).

use super::{Message, Name, Writer, params::find_outside_quotes};

/// Begins a request that is forwarded: every field as it came and in its order, but for Via, Max-Forwards, Route and those that
/// describe the body, which the caller of this puts in. `keeps` says which of the others stay.
pub fn forwarded_request(
    request: &Message,
    uri: &str,
    first: impl FnOnce(&mut Writer),
    keeps: impl Fn(Name, &[u8]) -> bool,
) -> Writer {
    let mut writer = Writer::request(request.method(), uri);
    first(&mut writer);
    for field in request.fields() {
        let is_ours = matches!(
            field.name,
            Name::Via | Name::MaxForwards | Name::Route | Name::ContentLength | Name::ContentType
        );
        if !is_ours && keeps(field.name, field.value) {
            writer.other(field.raw_name, field.value);
        }
    }
    writer
}

/// Begins a response that is passed on, with another status perhaps: every field as it came, without the top Via and those that
/// describe the body. `None` when there is no other Via: it was for whoever received it.
pub fn forwarded_response(response: &Message, status: u16) -> Option<Writer> {
    response.values(Name::Via).nth(1)?;
    let reason = if status == response.status() { response.reason() } else { "" };
    let mut writer = Writer::response(status, reason);
    let mut is_top = true;
    for field in response.fields() {
        match field.name {
            Name::ContentLength | Name::ContentType => {}
            Name::Via if std::mem::take(&mut is_top) => {
                let value = std::str::from_utf8(field.value).unwrap_or_default();
                let rest = find_outside_quotes(value, b',').and_then(|at| value.get(at + 1..));
                if let Some(rest) = rest {
                    writer.header(Name::Via, rest.trim());
                }
            }
            _ => {
                writer.other(field.raw_name, field.value);
            }
        }
    }
    Some(writer)
}

/// The body of a message with its type, as [`Writer::finish`] wants it.
pub fn body_of(message: &Message) -> Option<(&str, &[u8])> {
    let kind = message.header(Name::ContentType).unwrap_or("application/octet-stream");
    (!message.body().is_empty()).then(|| (kind, message.body()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Method, ParseLimits};

    fn parse(text: &str) -> Message {
        let text = text.replace('\n', "\r\n");
        Message::parse(Bytes::from(text), &ParseLimits::default()).unwrap()
    }

    fn written(writer: Writer, message: &Message) -> String {
        let bytes = writer.finish(body_of(message));
        String::from_utf8(bytes.to_vec()).unwrap().replace("\r\n", "\n")
    }

    const ANSWER: &str = "SIP/2.0 200 Fine\nv: SIP/2.0/UDP p;x=\"a,b\", SIP/2.0/UDP q\nVia: SIP/2.0/UDP r\nf: <sip:a@h>;tag=1\n\
        To: <sip:b@h>;tag=2\ni: c\nCSeq: 1 INVITE\nX-Odd:  kept\nc: text/plain\nl: 2\n\nhi";

    #[test]
    fn a_response_loses_its_top_via_and_nothing_else() {
        let answer = parse(ANSWER);
        assert_eq!(
            written(forwarded_response(&answer, 200).unwrap(), &answer),
            "SIP/2.0 200 Fine\nVia: SIP/2.0/UDP q\nVia: SIP/2.0/UDP r\nf: <sip:a@h>;tag=1\nTo: <sip:b@h>;tag=2\ni: c\n\
             CSeq: 1 INVITE\nX-Odd: kept\nContent-Type: text/plain\nContent-Length: 2\n\nhi"
        );
        let other = written(forwarded_response(&answer, 500).unwrap(), &answer);
        assert!(
            other.starts_with("SIP/2.0 500 Server Internal Error\nVia: SIP/2.0/UDP q\n"),
            "{other}"
        );
    }

    #[test]
    fn a_response_to_ourselves_is_not_passed_on() {
        let own = parse(&ANSWER.replace(", SIP/2.0/UDP q", "").replace("Via: SIP/2.0/UDP r\n", ""));
        assert!(forwarded_response(&own, 200).is_none());
    }

    #[test]
    fn a_request_keeps_what_its_forwarder_does_not_write() {
        let request = parse(
            "MESSAGE sip:b@h SIP/2.0\nVia: SIP/2.0/UDP r\nRoute: <sip:p;lr>\nMax-Forwards: 3\nFrom: <sip:a@h>;tag=1\n\
             To: <sip:b@h>\nCall-ID: c\nCSeq: 1 MESSAGE\nAuthorization: secret\nx-a: 1\nContent-Length: 0\n\n",
        );
        assert_eq!(request.method(), Method::Message);
        let put = |writer: &mut Writer| {
            writer.header(Name::MaxForwards, 2);
        };
        let writer =
            forwarded_request(&request, "sip:c@i", put, |name, _| name != Name::Authorization);
        assert_eq!(
            written(writer, &request),
            "MESSAGE sip:c@i SIP/2.0\nMax-Forwards: 2\nFrom: <sip:a@h>;tag=1\nTo: <sip:b@h>\nCall-ID: c\n\
             CSeq: 1 MESSAGE\nx-a: 1\nContent-Length: 0\n\n"
        );
    }
}
