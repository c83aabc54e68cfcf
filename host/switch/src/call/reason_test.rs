//! Why a phone stops ringing (RFC 3326), message by message.
#![allow(clippy::unwrap_used)]

use model::hook::{Destination, Hook, MediaMode, Plan, Target, Verdict};

use crate::trunk::bench::{Bench, FIRST, PHONE, SECOND, Sent, what};

/// A call to two phones at once; both ring.
fn ringing() -> (Bench, Vec<Sent>) {
    let mut bench = Bench::new(Vec::new());
    bench.invite(PHONE);
    let target =
        |uri: &str, together| Target { together, ..Target::new(Destination::Uri(uri.to_owned())) };
    let targets = vec![target("sip:b@203.0.113.1", false), target("sip:c@203.0.113.2", true)];
    let plan = Plan { targets, media: MediaMode::Default };
    let invites = bench.decide(Hook::Route, Verdict::Plan(plan));
    for (from, invite) in [(FIRST, &invites[0]), (SECOND, &invites[1])] {
        bench.receive(from, invite.response("180 Ringing", ""));
    }
    (bench, invites)
}

fn cancels(sent: &[Sent]) -> Vec<(String, String)> {
    let cancels = sent.iter().filter(|sent| sent.text.starts_with("CANCEL "));
    cancels.map(|sent| (sent.what(), sent.line("Reason"))).collect()
}

#[test]
fn the_phones_that_ring_on_hear_that_another_answered() {
    let (mut bench, invites) = ringing();
    let ok = invites[0].response("200 OK", "Contact: <sip:b@203.0.113.1>\r\n");
    let sent = bench.receive(FIRST, ok);
    let elsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"".to_owned();
    assert_eq!(cancels(&sent), [("CANCEL sip:c@203.0.113.2 > trunk 2".to_owned(), elsewhere)]);
}

#[test]
fn the_reason_of_the_callers_cancel_goes_to_every_phone() {
    for (fields, reason) in [
        ("", ""),
        ("Reason: Q.850;cause=16\r\nReason: SIP;cause=600\r\n", "Q.850;cause=16, SIP;cause=600"),
    ] {
        let (mut bench, _) = ringing();
        let cancel = format!(
            "CANCEL sip:+43123@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\n\
             From: <sip:1000@office.test>;tag=a\r\nTo: <sip:+43123@office.test>\r\nCall-ID: 1\r\nCSeq: 1 CANCEL\r\n\
             Max-Forwards: 70\r\n{fields}Content-Length: 0\r\n\r\n"
        );
        let sent = bench.receive(PHONE, cancel);
        let expected = ["sip:b@203.0.113.1 > trunk 1", "sip:c@203.0.113.2 > trunk 2"];
        let expected = expected.map(|to| (format!("CANCEL {to}"), reason.to_owned()));
        assert_eq!(cancels(&sent), expected, "{:?}", what(&sent));
    }
}
