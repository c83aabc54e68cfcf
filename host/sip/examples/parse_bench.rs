//! What reading a message costs: an INVITE of a usual phone, parsed and looked into as the switch does.
//!
//! `cargo run --release -p jackfield-sip --example parse_bench -- [rounds]`
//!
//! Each figure is the best of [`REPEATS`] runs: on a machine with other work the best is the one least disturbed.

use std::hint::black_box;

use bytes::Bytes;
use jackfield_sip::{Message, Name, ParseLimits, response_to, sdp::Sdp, shard_hint};

/// Runs of each measurement.
const REPEATS: u32 = 60;

const SDP: &str = "v=0\r\no=- 3957 3957 IN IP4 192.0.2.7\r\ns=call\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
    m=audio 49170 RTP/AVP 9 8 0 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

fn main() {
    let rounds = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(2_000);
    let limits = ParseLimits::default();
    let plain = Bytes::from(invite("Subject: hello"));
    let folded = Bytes::from(invite("Subject: hel\r\n lo"));
    let latin = Bytes::from(invite("P-Asserted-Identity: \"M\u{fc}ller\" <sip:m@example.com>"));
    println!("{} bytes, {rounds} rounds, best of {REPEATS}", plain.len());
    let parse = |bytes: &Bytes| Message::parse(bytes.clone(), &limits);
    measure("parse", rounds, || parse(&plain));
    measure("parse, a header folded", rounds, || parse(&folded));
    measure("parse, UTF-8 in a header", rounds, || parse(&latin));
    measure("shard_hint", rounds, || shard_hint(&plain) == jackfield_sip::Hint::Unreadable);
    let message = match parse(&plain) {
        Ok(message) => message,
        Err(error) => return println!("the message of this benchmark must be good: {error}"),
    };
    measure("header, the first and one that is missing", rounds, || {
        (message.header(Name::Via), message.header(Name::RetryAfter))
    });
    measure("top Via, From, To, Contact and the URI of it", rounds, || {
        let contact = message.contact().ok().flatten();
        let target = contact.as_ref().map(|contact| contact.parsed_uri().is_ok());
        (message.top_via().is_ok(), message.from().is_ok(), message.to().is_ok(), target)
    });
    measure("180 written", rounds, || response_to(&message, 180, "", Some("tag")).finish(None));
    let ours = [Some(([203, 0, 113, 1], 30_000).into())];
    measure("SDP parsed and rewritten", rounds, || {
        Sdp::parse(message.body()).map(|sdp| sdp.rewrite(&ours))
    });
}

fn measure<T>(what: &str, rounds: u32, mut work: impl FnMut() -> T) {
    let run = |_| {
        #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
        let began = std::time::Instant::now();
        for _ in 0..rounds {
            black_box(work());
        }
        began.elapsed().as_nanos() / u128::from(rounds.max(1))
    };
    let best = (0..REPEATS).map(run).min().unwrap_or_default();
    println!("{best:>7} ns  {what}");
}

fn invite(more: &str) -> String {
    format!(
        "INVITE sip:2002@192.0.2.1:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bKPj5d3a1f0c2b7e4c1d\r\n\
         Max-Forwards: 70\r\nFrom: \"Alice\" <sip:1001@example.com>;tag=a73kszlfl\r\n\
         To: <sip:2002@example.com>\r\nContact: <sip:1001@192.0.2.7:5060;ob>\r\n\
         Call-ID: 5j9FpLxk3uxtm8tn@192.0.2.7\r\nCSeq: 26314 INVITE\r\n\
         Allow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, OPTIONS\r\n\
         Supported: replaces, 100rel, timer, norefersub\r\nSession-Expires: 1800\r\nMin-SE: 90\r\n\
         User-Agent: Phone/2.14\r\n{more}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}
