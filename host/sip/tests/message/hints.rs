//! What decides the shard of a datagram, without reading it whole.

use model::Aor;
use sip::{Hint, shard_hint};

use crate::support::options;

fn hint(text: &str) -> String {
    match shard_hint(text.replace('\n', "\r\n").as_bytes()) {
        Hint::CallId(id) => format!("call {id}"),
        Hint::RegisterAor(aor) => format!("register {aor}"),
        Hint::KeepAlive => "keep-alive".to_owned(),
        Hint::Unreadable => "unreadable".to_owned(),
    }
}

#[test]
fn a_call_is_found_by_its_call_id() {
    assert_eq!(hint(&options("")), "call c1");
    assert_eq!(hint(&format!("\n\n{}", options(""))), "call c1");
    assert_eq!(hint("SIP/2.0 200 OK\ni : c1 \n\n"), "call c1");
    assert_eq!(hint("BYE sip:a SIP/2.0\nX: y\n i: no\ncall-id:\n\tc1\nVia: x\n\n"), "call c1");
    assert_eq!(hint("BYE sip:a SIP/2.0\nX: y\n\nCall-ID: in the body\n"), "unreadable");
    assert_eq!(hint("BYE sip:a SIP/2.0"), "unreadable");
    assert_eq!(hint("\n\n"), "keep-alive");
    assert_eq!(hint(""), "keep-alive");
    assert_eq!(shard_hint(b"BYE sip:a SIP/2.0\r\ni: \xff\r\n\r\n"), Hint::Unreadable);
}

#[test]
fn a_registration_is_found_by_whom_it_registers() {
    let register = |to: &str| hint(&format!("REGISTER sip:b SIP/2.0\nCall-ID: c1\n{to}\n\n"));
    assert_eq!(register("To: \"A\" <sip:%61@B.example;x=y>"), "register a@b.example");
    assert_eq!(register("t:\n \"A\n B\"\n sip:a@b"), "unreadable");
    assert_eq!(register("t:\n \"A\n B\"\n <sip:a@b>\n ;x=y"), "register a@b");
    assert_eq!(register("To: tel:112"), "unreadable");
    assert_eq!(register("To: <sip:b>"), "unreadable");
    assert_eq!(register("X: y"), "unreadable");
    let latin = b"REGISTER sip:b SIP/2.0\r\nTo: M\xfcller <sip:m@b>\r\n\r\n";
    assert_eq!(shard_hint(latin), Hint::RegisterAor(Aor::new("m", "b")));
}
