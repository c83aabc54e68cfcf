#![allow(clippy::unwrap_used)]
//! Calls through a proxy, message by message.

use model::hook::{Destination, Hook, MediaMode, Plan, Target, Verdict};

use crate::trunk::bench::{Bench, Sent};

/// The called party's host, and another's.
pub(super) const BOB: [u8; 4] = [203, 0, 113, 1];
pub(super) const CAROL: [u8; 4] = [203, 0, 113, 2];

pub(super) fn bench() -> Bench {
    Bench::new(Vec::new())
}

/// Every value of a field, in order.
pub(super) fn all(sent: &Sent, name: &str) -> Vec<String> {
    let start = format!("{name}: ");
    sent.text.lines().filter_map(|line| line.strip_prefix(&start)).map(str::to_owned).collect()
}

/// The plugin has the call forwarded to these; with `together`, at the same time.
pub(super) fn forward(bench: &mut Bench, uris: &[&str], together: bool) -> Vec<Sent> {
    let targets = uris.iter().enumerate().map(|(n, uri)| Target {
        together: together && n > 0,
        ..Target::new(Destination::Uri((*uri).to_owned()))
    });
    let targets = targets.collect();
    bench.decide(Hook::Route, Verdict::Plan(Plan { targets, media: MediaMode::Proxy }))
}

/// A caller's INVITE, forwarded to Bob's host.
pub(super) fn call(bench: &mut Bench) -> Sent {
    bench.invite(crate::trunk::bench::PHONE);
    forward(bench, &["sip:bob@203.0.113.1"], false).remove(0)
}

/// The answer of a user agent to a request it got: its Vias and Record-Routes come back.
pub(super) fn answer(request: &Sent, status: &str, tag: &str, more: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for name in ["Via", "Record-Route", "From", "Call-ID", "CSeq"] {
        for value in all(request, name) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    let to = request.line("To");
    let to = if to.contains("tag=") { to } else { format!("{to};tag={tag}") };
    text.push_str(&format!("To: {to}\r\n{more}Content-Length: 0\r\n\r\n"));
    text
}

/// A request within the dialog of [`call`]: `from` and `to` with their tags.
pub(super) fn within(
    method: &str,
    uri: &str,
    route: &str,
    cseq: u32,
    parties: [&str; 2],
) -> String {
    let [from, to] = parties;
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKd{cseq}{method};rport\r\n\
         Route: {route}\r\nFrom: <sip:x@office.test>;tag={from}\r\nTo: <sip:y@office.test>;tag={to}\r\nCall-ID: 1\r\n\
         CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}
