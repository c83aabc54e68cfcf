//! The torture messages of RFC 4475 and RFC 5118 at the whole switch: the RFC's text says what may come back.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use bytes::Bytes;
use jackfield_world::{Manner, Options, Reaction, World, check};
use sip::{Message, Name, ParseLimits};

/// What the RFC lets an element that is registrar, user agent and back-to-back user agent do with a message.
#[derive(Clone, Copy)]
enum Ruling {
    /// One of these final responses, and never two.
    Answer(&'static [u16]),
    /// The message is well formed: it must be taken as such, with whatever final response its content earns, but never 400.
    WellFormed,
    /// Nothing may be sent because of it.
    Silence,
}

use Ruling::{Answer, Silence, WellFormed};

const RFC4475: &[(&str, &str, Ruling, &[u16])] = &[
    // A request within a dialog that does not exist.
    ("wsinv", "3.1.1.1", WellFormed, &[481]),
    ("intmeth", "3.1.1.2", Answer(&[501, 404]), &[501]),
    ("esc01", "3.1.1.3", WellFormed, &[404]),
    ("escnull", "3.1.1.4", Answer(&[200]), &[200]),
    ("esc02", "3.1.1.5", Answer(&[501]), &[501]),
    ("lwsdisp", "3.1.1.6", WellFormed, &[200]),
    ("longreq", "3.1.1.7", WellFormed, &[200]),
    ("dblreq", "3.1.1.8", Answer(&[200]), &[200]),
    ("semiuri", "3.1.1.9", WellFormed, &[200]),
    ("transports", "3.1.1.10", WellFormed, &[200]),
    ("mpart01", "3.1.1.11", WellFormed, &[404]),
    ("unreason", "3.1.1.12", Silence, &[]),
    ("noreason", "3.1.1.13", Silence, &[]),
    ("badinv01", "3.1.2.1", Answer(&[400]), &[400]),
    ("clerr", "3.1.2.2", Answer(&[400]), &[400]),
    ("ncl", "3.1.2.3", Answer(&[400]), &[400]),
    ("scalar02", "3.1.2.4", Answer(&[400]), &[400]),
    ("scalarlg", "3.1.2.5", Silence, &[]),
    ("quotbal", "3.1.2.6", Answer(&[400]), &[400]),
    ("ltgtruri", "3.1.2.7", Answer(&[400]), &[400]),
    ("lwsruri", "3.1.2.8", Answer(&[400]), &[400]),
    ("lwsstart", "3.1.2.9", Answer(&[400, 200]), &[400]),
    ("trws", "3.1.2.10", Answer(&[400, 200]), &[200]),
    ("escruri", "3.1.2.11", Answer(&[400, 200]), &[200]),
    ("baddate", "3.1.2.12", Answer(&[400, 200]), &[200]),
    ("regbadct", "3.1.2.13", Answer(&[400, 200]), &[200]),
    ("badaspec", "3.1.2.14", Answer(&[400, 200]), &[200]),
    ("baddn", "3.1.2.15", Answer(&[400, 200]), &[200]),
    ("badvers", "3.1.2.16", Answer(&[505]), &[505]),
    ("mismatch01", "3.1.2.17", Answer(&[400]), &[400]),
    // Either will do, and 501 is said to be the better.
    ("mismatch02", "3.1.2.18", Answer(&[501, 400]), &[501]),
    ("bigcode", "3.1.2.19", Silence, &[]),
    ("badbranch", "3.2.1", Answer(&[400, 200]), &[200]),
    ("insuf", "3.3.1", Answer(&[400]), &[400]),
    ("unkscm", "3.3.2", Answer(&[416]), &[416]),
    ("novelsc", "3.3.3", Answer(&[416, 404]), &[416]),
    ("unksm2", "3.3.4", Answer(&[400]), &[400]),
    ("bext01", "3.3.5", Answer(&[420]), &[420]),
    // As a proxy does: the called phone says whether it knows the type.
    ("invut", "3.3.6", Answer(&[200, 415]), &[200]),
    ("regaut01", "3.3.7", Answer(&[200, 401]), &[200]),
    ("multi01", "3.3.8", Answer(&[400]), &[400]),
    ("mcl01", "3.3.9", Answer(&[400]), &[400]),
    ("bcast", "3.3.10", Silence, &[]),
    ("zeromf", "3.3.11", Answer(&[200, 483]), &[200]),
    ("cparam01", "3.3.12", Answer(&[200]), &[200]),
    ("cparam02", "3.3.13", Answer(&[200]), &[200]),
    ("regescrt", "3.3.14", Answer(&[200]), &[200]),
    // The called phone says 406 where it cannot describe itself otherwise; this one does not look.
    ("sdp01", "3.3.15", Answer(&[200, 400, 406]), &[200]),
    // It has no Contact either: who would keep compatible with that "should" accept it, and 400 is what RFC 3261 leaves.
    ("inv2543", "3.4.1", Answer(&[200, 400]), &[400]),
];

const RFC5118: &[(&str, &str, Ruling, &[u16])] = &[
    ("ipv6-good", "4.1", WellFormed, &[200]),
    ("ipv6-bad", "4.2", Answer(&[400]), &[400]),
    ("port-ambiguous", "4.3", WellFormed, &[200]),
    ("port-unambiguous", "4.4", WellFormed, &[200]),
    ("via-received-param-with-delim", "4.5", WellFormed, &[481]),
    ("via-received-param-no-delim", "4.5", WellFormed, &[200]),
    ("ipv6-in-sdp", "4.6", WellFormed, &[404]),
    ("mult-ip-in-header", "4.7", WellFormed, &[481]),
    ("mult-ip-in-sdp", "4.8", WellFormed, &[404]),
    ("ipv4-mapped-ipv6", "4.9", WellFormed, &[200]),
    ("ipv6-bug-abnf-3-colons", "4.10", Answer(&[400, 200]), &[400]),
    ("ipv6-correct-abnf-2-colons", "4.10", WellFormed, &[200]),
];

fn bytes_of(folder: &str, name: &str) -> Bytes {
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "..", "conformance", folder, &format!("{name}.sip")]
            .iter()
            .collect();
    std::fs::read(path).unwrap().into()
}

/// A node for example.com whose users answer after a second, and who sends it things.
fn world() -> (World, SocketAddr) {
    let mut world = World::new(Options { host: "example.com", ..Options::default() });
    for user in ["user", "UserB"] {
        let phone = world.add_phone(user);
        world.plan(Duration::ZERO, phone, Manner::Register(600));
        let answer = Reaction::AnswerAfter(Duration::from_secs(1));
        world.plan(Duration::ZERO, phone, Manner::OnCall(answer));
    }
    world.run_until(Duration::from_secs(1), |world| (0..2).all(|n| !world.facts_of(n).is_empty()));
    (world, ([203, 0, 113, 7], 5060).into())
}

/// The responses that come back of a message, each once, as they were sent.
fn responses(world: &mut World, from: SocketAddr, bytes: Bytes) -> Vec<Bytes> {
    world.throw(from, bytes);
    world.run(Duration::from_secs(120));
    let mut responses: Vec<Bytes> = Vec::new();
    for (to, bytes) in &world.strays {
        if to.ip() == from.ip() && bytes.starts_with(b"SIP/2.0 ") && !responses.contains(bytes) {
            responses.push(bytes.clone());
        }
    }
    responses
}

fn status_of(response: &Bytes) -> u16 {
    std::str::from_utf8(&response[8..11]).unwrap().parse().unwrap()
}

fn finals(responses: &[Bytes]) -> Vec<u16> {
    responses.iter().map(status_of).filter(|status| *status >= 200).collect()
}

/// What was wrong with the outcome of one message.
fn judge(
    folder: &str,
    (name, section, ruling, chosen): (&str, &str, Ruling, &[u16]),
) -> Option<String> {
    let (mut world, from) = world();
    let got = finals(&responses(&mut world, from, bytes_of(folder, name)));
    let is_right = match ruling {
        Answer(allowed) => got.len() == 1 && allowed.contains(&got[0]),
        WellFormed => got.len() == 1 && got[0] != 400,
        Silence => world.strays.is_empty(),
    };
    let left = check(&world);
    let is_clean = left.is_empty();
    (!is_right || !is_clean || got != chosen)
        .then(|| format!("{name} ({section}): {got:?}, chosen was {chosen:?}, left {left:?}"))
}

#[test]
fn every_torture_message_of_rfc_4475_has_the_response_its_text_asks_for() {
    let wrong: Vec<_> = RFC4475.iter().filter_map(|case| judge("rfc4475", *case)).collect();
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_torture_message_of_rfc_5118_has_the_response_its_text_asks_for() {
    let wrong: Vec<_> = RFC5118.iter().filter_map(|case| judge("rfc5118", *case)).collect();
    assert_eq!(wrong, [""; 0]);
}

/// The one final response to a message.
fn answer(name: &str) -> Bytes {
    let (mut world, from) = world();
    let mut all = responses(&mut world, from, bytes_of("rfc4475", name));
    all.retain(|response| status_of(response) >= 200);
    assert_eq!(all.len(), 1, "{name}");
    all.remove(0)
}

/// The same, read.
fn readable(name: &str) -> Message {
    Message::parse(answer(name), &ParseLimits::default()).expect("what is sent can be read")
}

#[test]
fn the_responses_say_what_the_text_asks_of_them() {
    let allow = readable("intmeth");
    assert!(allow.values(Name::Allow).any(|method| method == "INVITE"), "501 lists the methods");
    let extension = readable("bext01");
    let unsupported: Vec<_> = extension.values(Name::Unsupported).collect();
    let required = ["nothingSupportsThis", "nothingSupportsThisEither"];
    assert_eq!(unsupported, required);
    let contacts = |name: &str| -> Vec<String> {
        let answer = readable(name);
        answer
            .values(Name::Contact)
            .map(|contact| contact.split(">;").next().unwrap().to_owned())
            .collect()
    };
    // 3.1.1.4: two, and neither cut at its NUL.
    let two = ["<sip:%00@host5.example.com", "<sip:%00%00@host5.example.com"];
    let mut registered = contacts("escnull");
    registered.sort_by_key(String::len);
    assert_eq!(registered, two);
    // 3.3.12 to 14: a parameter of the field is none of the URI's, one of the URI's stays, and so do embedded headers.
    assert_eq!(contacts("cparam01"), ["<sip:+19725552222@gw1.example.net"]);
    assert_eq!(contacts("cparam02"), ["<sip:+19725552222@gw1.example.net;unknownparam"]);
    let escaped = "<sip:user@example.com?Route=%3Csip:sip.example.com%3E";
    assert!(contacts("regescrt").contains(&escaped.to_owned()));
    // 3.3.1: what the request lacks, its answer lacks too.
    let text = String::from_utf8(answer("insuf").to_vec()).unwrap();
    let fields: Vec<_> =
        text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    assert_eq!(fields, ["Via", "CSeq", "Content-Length"]);
}

/// The INVITE that reaches the called user's contact because of a message.
fn forwarded(name: &str) -> String {
    let (mut world, from) = world();
    let text = "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKr\r\n\
        From: <sip:user@example.com>;tag=r\r\nTo: <sip:user@example.com>\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\n\
        Contact: <sip:user@198.51.100.9>\r\nContent-Length: 0\r\n\r\n";
    let contact: SocketAddr = ([198, 51, 100, 9], 5060).into();
    world.throw(contact, Bytes::from_static(text.as_bytes()));
    world.throw(from, bytes_of("rfc4475", name));
    world.run(Duration::from_millis(100));
    let sent = world.strays.iter().filter(|(to, _)| *to == contact);
    let invites: Vec<_> = sent.filter(|(_, bytes)| bytes.starts_with(b"INVITE ")).collect();
    assert_eq!(invites.len(), 1, "{name}");
    String::from_utf8(invites[0].1.to_vec()).unwrap()
}

#[test]
fn what_is_passed_on_has_lost_what_must_not_be_passed_on() {
    // 3.1.2.11: the headers in the Request-URI are not in the next one, and are no fields of it.
    let invite = forwarded("escruri");
    assert!(invite.starts_with("INVITE sip:user@198.51.100.9 SIP/2.0\r\n"), "{invite}");
    assert!(!invite.contains("Route"), "{invite}");
    // 3.3.6: the body of an unknown type arrives as it was sent.
    let invite = forwarded("invut");
    assert!(invite.contains("\r\nContent-Type: application/unknownformat\r\n"), "{invite}");
    assert!(invite.ends_with("<audio>\r\n <pcmu port=\"443\"/>\r\n</audio>\r\n"), "{invite}");
    // 3.1.1.7: long values arrive whole.
    let invite = forwarded("longreq");
    let long = format!("Unknown-{}-Name: unknown-", "Long".repeat(20));
    assert!(invite.contains(&long), "{invite}");
}
