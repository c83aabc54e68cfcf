//! The messages of a phone, made with `rsip`'s types.

use std::net::SocketAddr;

use rsip::{
    Header, Headers, Method, Request, Response, StatusCode, Uri,
    headers::{
        CallId, ContentLength, ContentType, From, MaxForwards, To, UntypedHeader, UserAgent,
    },
    param::{Branch, Param, Tag},
    prelude::{HasHeaders, HeadersExt, ToTypedHeader},
    typed,
};

/// `sip:user@host:port`.
pub(super) fn uri_at(user: &str, host: SocketAddr) -> Uri {
    Uri {
        scheme: Some(rsip::Scheme::Sip),
        auth: Some((user, None::<String>).into()),
        ..host.into()
    }
}

/// A From header of `uri` with a fresh tag.
pub(super) fn from_with_tag(uri: Uri) -> From {
    typed::From { display_name: None, uri, params: vec![Param::Tag(Tag::default())] }.into()
}

/// What the requests of one dialog, or one registration, have in common.
pub(super) struct Draft<'a> {
    pub(super) target: Uri,
    pub(super) from: &'a From,
    pub(super) to: &'a To,
    pub(super) call_id: &'a CallId,
    pub(super) cseq: u32,
    pub(super) contact: Uri,
    /// Our address.
    pub(super) local: SocketAddr,
}

impl Draft<'_> {
    /// The request `method`, with a body of SDP if there is one.
    pub(super) fn request(self, method: Method, sdp: Option<String>) -> Request {
        let via = typed::Via {
            version: rsip::Version::V2,
            transport: rsip::Transport::Udp,
            uri: self.local.into(),
            params: vec![Param::Branch(Branch::default()), Param::Other("rport".into(), None)],
        };
        let contact = typed::Contact { display_name: None, uri: self.contact, params: Vec::new() };
        let cseq = typed::CSeq { seq: self.cseq, method };
        let mut headers = Headers::default();
        headers.push(Header::Via(via.into()));
        headers.push(Header::From(self.from.clone()));
        headers.push(Header::To(self.to.clone()));
        headers.push(Header::CallId(self.call_id.clone()));
        headers.push(Header::CSeq(cseq.into()));
        headers.push(Header::MaxForwards(MaxForwards::new("70")));
        headers.push(Header::Contact(contact.into()));
        headers.push(Header::UserAgent(UserAgent::new("Jackfield demo phone")));
        let body = finish(&mut headers, sdp);
        Request { method, uri: self.target, version: rsip::Version::V2, headers, body }
    }
}

/// The response `status` to `request` (RFC 3261 section 8.2.6.2), `tag` being ours.
pub(super) fn response_to(
    request: &Request,
    status: u16,
    tag: &Tag,
    contact: Option<Uri>,
    sdp: Option<String>,
) -> Option<Response> {
    let mut headers = Headers::default();
    for header in request.headers().iter() {
        match header {
            Header::Via(_) | Header::From(_) | Header::CallId(_) | Header::CSeq(_) => {
                headers.push(header.clone());
            }
            Header::To(to) => headers.push(Header::To(tagged(to, tag)?)),
            _ => {}
        }
    }
    if let Some(uri) = contact {
        let contact = typed::Contact { display_name: None, uri, params: Vec::new() };
        headers.push(Header::Contact(contact.into()));
    }
    let body = finish(&mut headers, sdp);
    Some(Response {
        status_code: StatusCode::from(status),
        version: rsip::Version::V2,
        headers,
        body,
    })
}

/// `to` with our tag, unless it has one.
pub(super) fn tagged(to: &To, tag: &Tag) -> Option<To> {
    let typed = to.typed().ok()?;
    if typed.tag().is_some() { Some(to.clone()) } else { Some(typed.with_tag(tag.clone()).into()) }
}

/// The ACK of a final response to `invite` that is not a 2xx (RFC 3261 section 17.1.1.3).
pub(super) fn ack_of_refusal(invite: &Request, response: &Response) -> Option<Request> {
    let mut ack = invite.clone();
    ack.method = Method::Ack;
    ack.body = Vec::new();
    let cseq = typed::CSeq { seq: invite.cseq_header().ok()?.seq().ok()?, method: Method::Ack };
    *ack.cseq_header_mut().ok()? = cseq.into();
    *ack.to_header_mut().ok()? = response.to_header().ok()?.clone();
    ack.headers.retain(|header| !matches!(header, Header::ContentType(_)));
    ack.headers.unique_push(Header::ContentLength(ContentLength::new("0")));
    Some(ack)
}

/// An offer or answer of one PCMU stream at `rtp` (RFC 4566).
pub(super) fn sdp(rtp: SocketAddr, session: u32) -> String {
    let family = if rtp.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (rtp.ip(), rtp.port());
    format!(
        "v=0\r\no=- {session} 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n"
    )
}

/// Where the other side wants its audio.
pub(super) fn audio_address(sdp: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(sdp).ok()?;
    let line = |prefix: &str| text.lines().filter_map(|line| line.strip_prefix(prefix)).next_back();
    let ip = line("c=IN IP4 ").or_else(|| line("c=IN IP6 "))?.trim().parse().ok()?;
    let port = line("m=audio ")?.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::new(ip, port))
}

fn finish(headers: &mut Headers, sdp: Option<String>) -> Vec<u8> {
    let body = sdp.unwrap_or_default().into_bytes();
    if !body.is_empty() {
        headers.push(Header::ContentType(ContentType::new("application/sdp")));
    }
    headers.push(Header::ContentLength(ContentLength::new(body.len().to_string())));
    body
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_request_carries_what_its_response_repeats() {
        let local = "127.0.0.1:5062".parse().unwrap();
        let uri = uri_at("2000", local);
        let from = from_with_tag(uri.clone());
        let to = To::from(typed::To::from(uri.clone()));
        let call_id = CallId::new("one@phone");
        let draft = Draft {
            target: uri.clone(),
            from: &from,
            to: &to,
            call_id: &call_id,
            cseq: 7,
            contact: uri,
            local,
        };
        let rtp = "127.0.0.1:4000".parse().unwrap();
        let invite = draft.request(Method::Invite, Some(sdp(rtp, 1)));
        let parsed = Request::try_from(invite.to_string()).unwrap();
        assert_eq!(audio_address(parsed.body()), Some(rtp));
        let tag = Tag::new("ours");
        let ok = response_to(&parsed, 200, &tag, None, None).unwrap();
        let ok = Response::try_from(ok.to_string()).unwrap();
        assert_eq!(ok.cseq_header().unwrap().seq().unwrap(), 7);
        assert_eq!(ok.to_header().unwrap().tag().unwrap(), Some(tag));
        let ack = ack_of_refusal(&parsed, &ok).unwrap().to_string();
        assert!(ack.starts_with("ACK sip:2000@127.0.0.1:5062 SIP/2.0\r\n"), "{ack}");
        assert!(
            ack.contains("CSeq: 7 ACK\r\n") && ack.ends_with("Content-Length: 0\r\n\r\n"),
            "{ack}"
        );
    }
}
