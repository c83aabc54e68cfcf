#![allow(clippy::unwrap_used)]
//! GRUUs message by message, and as values.

use model::{Flow, Instant, ListenerId, Transport};

use super::*;
use crate::outbound::bench::{Lab, line, tcp, udp};

const KEY: Option<[u8; 16]> = Some([7; 16]);
const ONE: &str = "<sip:2000@10.0.0.5>;+sip.instance=\"<urn:uuid:a>\"";
const TWO: &str = "<sip:2000@10.0.0.6>;+sip.instance=\"<urn:uuid:b>\"";
const SUPPORTED: &str = "Supported: gruu\r\n";

fn lab() -> Lab {
    Lab::with(|config| config.proxy_key = KEY)
}

/// The value of a parameter of the Contact with this instance.
fn gruu(answer: &str, instance: &str, name: &str) -> Option<String> {
    let contact =
        answer.lines().find(|line| line.starts_with("Contact:") && line.contains(instance))?;
    let (_, rest) = contact.split_once(&format!(";{name}=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// Where the INVITEs to this URI go, or the status that the caller gets.
fn reached(lab: &mut Lab, uri: &str) -> Vec<String> {
    let sent = lab.invite_all(uri);
    let reached = sent.iter().filter_map(|sent| {
        let first = sent.lines().nth(1)?;
        match first.strip_prefix("SIP/2.0 ") {
            Some("100 Trying") => None,
            Some(status) => Some(status.to_owned()),
            None => first.strip_prefix("INVITE ").map(|line| line.replace(" SIP/2.0", "")),
        }
    });
    reached.collect()
}

#[test]
fn a_phone_that_asks_is_given_both_and_one_that_does_not_is_given_none() {
    let mut lab = lab();
    let answer = lab.register(udp(40_000), ONE, SUPPORTED);
    assert_eq!(gruu(&answer, "uuid:a", "pub-gruu").unwrap(), "sip:2000@office.test;gr=urn:uuid:a");
    let temporary = gruu(&answer, "uuid:a", "temp-gruu").unwrap();
    assert!(
        temporary.starts_with("sip:tgruu.") && temporary.ends_with("@office.test;gr"),
        "{temporary}"
    );
    assert!(!temporary.contains("2000"), "{temporary}");
    let again = lab.register(udp(40_000), ONE, SUPPORTED);
    assert_ne!(gruu(&again, "uuid:a", "temp-gruu").unwrap(), temporary, "each time another");
    assert!(!lab.register(udp(40_000), ONE, "").contains("gruu"));
    let plain = lab.register(udp(40_001), "<sip:2000@10.0.0.7>", SUPPORTED);
    assert!(!line(&plain, "Contact").unwrap().contains("10.0.0.7>;expires=3600;"), "{plain}");
    let mut off = Lab::with(|config| config.registrar.gruu = false);
    assert!(!off.register(udp(40_000), ONE, SUPPORTED).contains("gruu"));
    let mut keyless = Lab::with(|config| config.proxy_key = None);
    let answer = keyless.register(udp(40_000), ONE, SUPPORTED);
    assert_eq!((answer.contains("pub-gruu"), answer.contains("temp-gruu")), (true, false));
}

#[test]
fn each_leads_to_its_phone_and_to_no_other_of_the_user() {
    let mut lab = lab();
    lab.register(udp(40_000), ONE, SUPPORTED);
    let answer = lab.register(udp(40_001), TWO, SUPPORTED);
    assert_eq!(reached(&mut lab, "sip:2000@office.test").len(), 2, "the user himself");
    for (instance, contact) in [("uuid:a", "sip:2000@10.0.0.5"), ("uuid:b", "sip:2000@10.0.0.6")] {
        for name in ["pub-gruu", "temp-gruu"] {
            let uri = gruu(&answer, instance, name).unwrap();
            assert_eq!(reached(&mut lab, &uri), [contact], "{name} of {instance}");
        }
    }
    assert_eq!(reached(&mut lab, "sip:2000@office.test;gr=urn%3auuid%3Aa"), ["sip:2000@10.0.0.5"]);
}

#[test]
fn a_phone_that_is_away_is_480_and_a_temporary_one_that_has_ended_is_404() {
    let mut lab = lab();
    let answer = lab.register(udp(40_000), ONE, SUPPORTED);
    let (public, temporary) = (
        gruu(&answer, "uuid:a", "pub-gruu").unwrap(),
        gruu(&answer, "uuid:a", "temp-gruu").unwrap(),
    );
    // The lab gives each REGISTER a Call-ID of its own: the phone has begun anew.
    lab.register(udp(40_000), ONE, SUPPORTED);
    assert_eq!(reached(&mut lab, &temporary), ["404 Not Found"]);
    assert_eq!(reached(&mut lab, &public), ["sip:2000@10.0.0.5"]);
    lab.register(udp(40_000), &format!("{ONE};expires=0"), "");
    assert_eq!(reached(&mut lab, &public), ["480 Temporarily Unavailable"]);
    for wrong in [
        "sip:tgruu.00@office.test;gr",
        "sip:2000@office.test;gr",
        &temporary.replace("gruu.", "gruu.0"),
    ] {
        assert_eq!(reached(&mut lab, wrong), ["404 Not Found"], "{wrong}");
    }
}

#[test]
fn the_ways_of_one_phone_are_tried_in_turn_for_its_gruu_too() {
    let mut lab = lab();
    lab.outbound(tcp(40_000), &format!("{ONE};reg-id=1"));
    lab.register(udp(40_001), TWO, "");
    lab.now = lab.now + std::time::Duration::from_secs(1);
    lab.outbound(tcp(40_002), &format!("{ONE};reg-id=2"));
    let invites = lab.invite_at("sip:2000@office.test;gr=urn:uuid:a");
    assert_eq!(invites.len(), 1, "{invites:?}");
    let next = lab.answer(tcp(40_002), &invites[0], "430 Flow Failed");
    assert!(
        next.iter().any(|sent| sent.starts_with("TCP 203.0.113.7:40000\r\nINVITE ")),
        "{next:?}"
    );
}

#[test]
fn a_contact_that_is_a_gruu_of_ours_would_lead_back_here() {
    let mut lab = lab();
    let answer = lab.register(udp(40_000), "<sip:2000@office.test;gr=urn:uuid:a>", SUPPORTED);
    assert!(answer.contains("SIP/2.0 403 "), "{answer}");
}

fn binding(call_id: &str, instance: &str) -> Binding {
    let peer = ([192, 0, 2, 1], 5060).into();
    Binding {
        contact: "sip:x".into(),
        flow: Flow { transport: Transport::Udp, listener: ListenerId(0), peer },
        path: "".into(),
        is_behind_nat: false,
        q_milli: 1000,
        expires_at: Instant::ZERO,
        call_id: call_id.into(),
        cseq: 1,
        user_agent: "".into(),
        instance: instance.into(),
        reg_id: 0,
    }
}

#[test]
fn a_seal_is_opened_with_its_key_and_as_it_was_alone() {
    let sealer = Sealer::new([7; 16]);
    let one = binding("c", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
    let part = sealer.seal("ann", &one);
    let named = sealer.open(&part).unwrap();
    assert_eq!(named.user, "ann");
    assert!(named.is(Some(sealer), &one) && !named.is(Some(sealer), &binding("d", &one.instance)));
    assert!(!named.is(Some(sealer), &binding("c", "urn:uuid:other")));
    assert_eq!(Sealer::new([8; 16]).open(&part), None);
    for at in PREFIX.len()..part.len() {
        let mut other = part.clone().into_bytes();
        other[at] = if other[at] == b'0' { b'1' } else { b'0' };
        assert_eq!(sealer.open(std::str::from_utf8(&other).unwrap()), None, "{at}");
    }
    for wrong in ["", "tgruu.", "tgruu.0", "tgruu.+f", "ann", &part[..part.len() - 2]] {
        assert_eq!(sealer.open(wrong), None, "{wrong}");
    }
    // Two phones that differ in one byte look nothing alike.
    let other = sealer.seal("anm", &one);
    let same = part.bytes().zip(other.bytes()).skip(PREFIX.len()).filter(|(a, b)| a == b).count();
    assert!(same < part.len() / 3, "{same} of {}", part.len());
}

#[test]
fn an_instance_is_written_so_that_it_can_be_read_back() {
    for instance in ["urn:uuid:a", "a b;c=\"d\"?é", "%"] {
        let uri = format!("sip:x@h;gr={}", param(instance));
        let named = named(None, &uri).unwrap().unwrap();
        assert_eq!(named.instance, instance, "{uri}");
    }
    assert_eq!(named(None, "sip:x@h"), None);
    assert_eq!(named(None, "sip:x@h;grey"), None);
    assert_eq!(named(None, "sip:x@h;gr"), Some(Err(NoSuch)));
}
