//! What must hold of any bytes whatever. The fuzz targets call these, and so do the tests of `jackfield-sip`.

use std::time::Duration;

use bytes::Bytes;
use model::Instant;
use sip::{
    Hint, Message, Name, NameAddr, ParseError, ParseLimits, Uri, Via, Writer,
    auth::{Algorithm, Answer, Challenge, Fields, Guard, GuardConfig, Outcome},
    response_to,
    sdp::Sdp,
    shard_hint,
    stream::{Framed, Framer},
};

/// What we write may be somewhat longer than what we read.
const ROOMY: ParseLimits =
    ParseLimits { message_bytes_max: 1 << 20, headers_max: 1000, header_bytes_max: 100_000 };

/// Bytes that came as a datagram: they are read, refused or dropped, and what is read means the same when it is written again.
pub fn message(data: &[u8]) {
    match Message::parse(Bytes::copy_from_slice(data), &ParseLimits::default()) {
        Ok(message) => {
            keeps_what_parse_promises(&message);
            is_sent_to_the_shard_of_its_content(data, &message);
            reads_the_same_when_written_again(&message);
            if message.is_request() {
                has_an_answer_that_can_be_read(&message);
            }
        }
        Err(ParseError::Refused { status, what, request }) => {
            assert!((400..600).contains(&status), "{status}");
            assert!(!what.is_empty());
            look_at_everything(&request);
            let answer = response_to(&request, status, "", Some("t")).finish(None);
            assert_eq!(text_of(&answer).matches("\r\n\r\n").count(), 1, "one header and no more");
        }
        Err(ParseError::KeepAlive) => assert!(data.iter().all(|b| matches!(b, b'\r' | b'\n'))),
        Err(ParseError::NotSip(what) | ParseError::BadResponse(what)) => assert!(!what.is_empty()),
    }
}

/// Bytes of a connection: the same messages come of them however they are cut, and nothing grows beyond the limits. The first
/// byte says where they are cut.
pub fn stream(data: &[u8]) {
    let Some((cut, data)) = data.split_first() else { return };
    let limits = ParseLimits { message_bytes_max: 2048, headers_max: 20, header_bytes_max: 256 };
    let size = usize::from(*cut).max(1);
    let whole = pieces(std::iter::once(data), &limits);
    assert_eq!(whole, pieces(data.chunks(size), &limits), "in pieces of {size}");
    for message in whole.iter().flatten().flatten() {
        assert!(message.len() <= limits.message_bytes_max, "{}", message.len());
    }
}

/// What a framer gives: a message, nothing for a keep-alive, or its end. Of two reasons to end, the one that shows first may
/// depend on the cut.
type Piece = Result<Option<Bytes>, ()>;

fn pieces<'a>(parts: impl Iterator<Item = &'a [u8]>, limits: &ParseLimits) -> Vec<Piece> {
    let mut framer = Framer::new(limits.clone());
    let mut out = Vec::new();
    for part in parts {
        framer.push(part);
        loop {
            match framer.take() {
                Ok(None) => break,
                Ok(Some(Framed::Ping)) => out.push(Ok(None)),
                Ok(Some(Framed::Message(bytes))) => out.push(Ok(Some(bytes))),
                Err(_) => out.push(Err(())),
            }
        }
        let most = limits.message_bytes_max + limits.header_bytes_max + 2;
        assert!(framer.held() <= most, "{}", framer.held());
    }
    out
}

/// Bytes that came as a session description: our addresses go in, and nothing else changes.
pub fn sdp(data: &[u8]) {
    let Ok(sdp) = Sdp::parse(data) else { return };
    let ours: Vec<_> = (0..sdp.media().count())
        .map(|n| Some(([203, 0, 113, 9], 30_000 + 2 * u16::try_from(n).unwrap_or(0)).into()))
        .collect();
    let out = sdp.rewrite(&ours);
    let again = Sdp::parse(&out).expect("what was rewritten can be read");
    for ((before, after), own) in sdp.media().zip(again.media()).zip(&ours) {
        assert_eq!(
            (before.kind, before.proto, before.formats, before.direction(), before.rtcp_mux()),
            (after.kind, after.proto, after.formats, after.direction(), after.rtcp_mux())
        );
        let own_port = own.map_or(0, |addr| addr.port());
        assert_eq!(after.port, if before.port == 0 { 0 } else { own_port });
        // Where media had an address, or a name for one, it goes to us; where it had none or shall not flow, it still does not.
        let there = after.rtp_addr();
        assert!(there.is_none() || there == *own, "{there:?}");
        assert!(before.rtp_addr().is_none() || there == *own, "{there:?}");
        let _ = (before.rtcp_addr(), after.rtcp_addr());
    }
    assert_eq!(sdp.media().count(), again.media().count());
    assert_eq!(sdp.is_hold(), again.is_hold());
    assert_eq!(again.rewrite(&ours), out, "a second rewriting changes nothing");
    assert!(Sdp::parse(&sdp.rewrite(&[])).is_ok());
}

/// Text that stands where an address, a URI or a Via is looked for.
pub fn uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(uri) = Uri::parse(text) {
        look_at(&uri);
        assert_eq!(Uri::parse(text), Ok(uri), "a URI is equal to itself");
    }
    if let Ok(address) = NameAddr::parse(text) {
        let tagged = format!("{};tag=t0", text.trim());
        let tagged = NameAddr::parse(&tagged).expect("a parameter can be added to any address");
        assert_eq!(tagged.uri, address.uri);
        assert!(tagged.tag().is_some());
        assert!(!address.uri.contains(char::is_whitespace));
        if let Ok(uri) = address.parsed_uri() {
            look_at(&uri);
        }
    }
    if let Ok(via) = Via::parse(text) {
        assert!(!via.host.is_empty() && !via.transport.is_empty());
        let _ = (via.branch(), via.received(), via.rport());
    }
    let _ = shard_hint(data);
}

fn keeps_what_parse_promises(message: &Message) {
    look_at_everything(message);
    assert!(message.top_via().is_ok() && message.from().is_ok() && message.to().is_ok());
    assert!(!message.call_id().is_empty() && message.cseq().number < 1 << 31);
    assert_eq!(message.method(), message.cseq().method);
    assert_eq!(message.is_request(), message.status() == 0);
    assert_eq!(message.is_request(), !message.request_uri().is_empty());
    for name in [Name::From, Name::To, Name::CallId, Name::CSeq] {
        assert_eq!(message.fields().filter(|field| field.name == name).count(), 1, "{name:?}");
    }
}

fn look_at_everything(message: &Message) {
    assert!(message.body().len() <= message.bytes().len());
    assert_eq!(message.body_bytes(), message.body());
    let _ = (message.reason(), message.max_forwards(), message.expires(), message.contact());
    assert_eq!(message.header_block().len(), message.fields().count());
    for field in message.fields() {
        assert!(!field.raw_name.is_empty());
        assert!(!field.value.contains(&b'\n'), "a value is one line");
        assert_eq!(field.value, field.value.trim_ascii());
        for value in message.values(field.name) {
            assert_eq!(value, value.trim());
            let _ = NameAddr::parse(value).map(|address| address.parsed_uri().is_ok());
        }
    }
    let _ = format!("{message:?}");
}

fn look_at(uri: &Uri<'_>) {
    let _ = (uri.user_unescaped(), uri.has_lr(), uri.socket_addr(), uri.host_ip());
    let _ = uri
        .params
        .iter()
        .map(|(name, value)| name.len() + value.map_or(0, str::len))
        .sum::<usize>();
    if let Some(aor) = uri.aor() {
        assert!(aor.as_str().contains('@') && !aor.host().is_empty());
    }
}

/// A shard that gets the datagram by its hint is the one that a reader of the message would name.
fn is_sent_to_the_shard_of_its_content(data: &[u8], message: &Message) {
    let register = message.is_request() && message.method() == sip::Method::Register;
    let want = if register {
        let aor = message.to().ok().and_then(|to| to.parsed_uri().ok()?.aor());
        aor.map_or(Hint::Unreadable, Hint::RegisterAor)
    } else {
        Hint::CallId(message.call_id())
    };
    assert_eq!(shard_hint(data), want);
}

/// Copies every field as a B2BUA does and reads the copy.
fn reads_the_same_when_written_again(message: &Message) {
    let mut writer = if message.is_request() {
        Writer::request(message.method(), message.request_uri())
    } else {
        Writer::response(message.status(), message.reason())
    };
    let counted = |name| matches!(name, Name::ContentLength | Name::ContentType);
    for field in message.fields().filter(|field| !counted(field.name)) {
        writer.other(field.raw_name, field.value);
    }
    let copy = writer.finish(Some(("x/y", message.body())));
    let copy = Message::parse(copy, &ROOMY).expect("a copy of what was read can be read");
    assert_eq!(copy.request_uri(), message.request_uri());
    assert_eq!((copy.method(), copy.status()), (message.method(), message.status()));
    assert_eq!(copy.body(), message.body());
    let printed = |message: &Message| -> Vec<(Name, String, Vec<u8>)> {
        let kept = message.fields().filter(|field| !counted(field.name));
        kept.map(|field| (field.name, field.raw_name.to_owned(), clean(field.value))).collect()
    };
    assert_eq!(printed(&copy), printed(message));
}

fn has_an_answer_that_can_be_read(request: &Message) {
    let answer = response_to(request, 180, "", Some("our-tag")).finish(None);
    let answer = Message::parse(answer, &ROOMY).expect("our answer can be read");
    let vias = |message: &Message| -> Vec<Vec<u8>> {
        message.headers(Name::Via).map(|via| clean(via.as_bytes())).collect()
    };
    assert_eq!(vias(&answer), vias(request));
    assert_eq!((answer.call_id(), answer.cseq()), (request.call_id(), request.cseq()));
    let tag = |message: &Message| {
        message.to().ok().and_then(|to| to.tag().map(|tag| clean(tag.as_bytes())))
    };
    assert_eq!(tag(&answer), tag(request).or_else(|| Some(b"our-tag".to_vec())));
}

/// What a value is after the writer has taken the characters out that end a line.
fn clean(value: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> =
        value.iter().map(|b| if matches!(b, b'\r' | b'\n' | 0) { b' ' } else { *b }).collect();
    spaced.trim_ascii().to_vec()
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The value of a header field of digest authentication: it is read or refused, nothing proves a user who is not there, and a
/// challenge that can be read is answered with what can be read.
pub fn digest(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut guard = Guard::new(GuardConfig {
        realm: "r".to_owned(),
        algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
        nonce_life: Duration::from_secs(1),
        nonces_max: 4,
        key: [0; 16],
    });
    let judged = guard.judge(Instant::ZERO, "REGISTER", "sip:r", [&*text], |_| None);
    assert_ne!(judged, Outcome::Proved, "nobody proved who it is");
    let Ok(challenge) = Challenge::parse(&text) else { return };
    let (user, uri) = (&*challenge.realm, "sip:r");
    let answer =
        Answer { user, password: "p", method: "INVITE", uri, cnonce: &challenge.nonce, count: 7 };
    let written = challenge.answer(&answer);
    let fields = Fields::parse(&written).unwrap_or_else(|error| panic!("{written:?}: {error}"));
    assert_eq!(fields.get("realm"), Some(challenge.realm.as_str()));
    assert_eq!(fields.get("nonce"), Some(challenge.nonce.as_str()));
    assert_eq!(fields.get("username"), Some(user));
    assert_eq!(fields.get("opaque"), challenge.opaque.as_deref());
}
