//! What is true of any message: random ones, and good ones that are damaged.

use proptest::{collection::vec, prelude::*, sample::select};
use sip::Name;

use crate::{
    checks,
    support::{outcome, parse},
    torture::torture,
};

/// Pieces that mean something to a parser.
const PIECES: [&str; 24] = [
    "\r\n",
    "\n",
    "\r",
    "\r\n ",
    "\t",
    " ",
    ":",
    ",",
    ";",
    "\"",
    "\\",
    "<",
    ">",
    "@",
    "=",
    "/",
    "[::1]",
    "%00",
    "\0",
    "SIP/2.0",
    "Content-Length: 5\r\n",
    "v: ",
    "sip:",
    "tag",
];

/// Damage to bytes: where (of 65536 parts), how many bytes go, and what comes.
type Damage = (u16, usize, Vec<u8>);

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let piece = prop_oneof![
        select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        vec(any::<u8>(), 0..4),
    ];
    vec((any::<u16>(), 0..12_usize, piece), 1..8)
}

fn damaged(bytes: &[u8], damage: &[Damage]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (place, removed, added) in damage {
        let from = usize::from(*place) * bytes.len() / 65_536;
        let to = (from + removed).min(bytes.len());
        bytes.splice(from..to, added.iter().copied());
    }
    bytes
}

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z][a-zA-Z0-9]{0,12}"
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9]{0,8}\\.example\\.com",
        (1..223_u8, 1..255_u8).prop_map(|(a, d)| format!("{a}.0.2.{d}")),
    ]
}

fn address() -> impl Strategy<Value = String> {
    let display = prop_oneof![
        Just(String::new()),
        word().prop_map(|name| format!("{name} ")),
        (word(), word()).prop_map(|(a, b)| format!("\"{a} {b}\" ")),
    ];
    (display, word(), host(), prop::option::of(1..=65_535_u16)).prop_map(
        |(display, user, host, port)| {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{display}<sip:{user}@{host}{port}>")
        },
    )
}

/// A message without anything unusual in it, such as any parser of SIP reads.
pub(crate) fn simple_message() -> impl Strategy<Value = String> {
    let methods =
        select(&["INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "INFO", "UPDATE"][..]);
    let start = prop_oneof![
        Just(None),
        select(vec![100_u16, 180, 200, 302, 404, 486, 503, 603]).prop_map(Some),
    ];
    let names = (methods, start, select(&["UDP", "TCP", "TLS"][..]));
    let parties = (address(), word(), address(), prop::option::of(word()));
    (names, parties, host(), word(), 0..=2_147_483_647_u32, "[ -~\r\n]{0,80}").prop_map(
        |((method, status, transport), (from, tag, to, to_tag), host, id, number, body)| {
            let start = status.map_or_else(
                || format!("{method} sip:{id}@{host} SIP/2.0"),
                |status| format!("SIP/2.0 {status} {}", sip::reason_phrase(status)),
            );
            let to_tag = to_tag.map(|tag| format!(";tag={tag}")).unwrap_or_default();
            format!(
                "{start}\r\nVia: SIP/2.0/{transport} {host}:5070;branch=z9hG4bK{id}\r\n\
                 Max-Forwards: 70\r\nFrom: {from};tag={tag}\r\nTo: {to}{to_tag}\r\n\
                 Call-ID: {id}@{host}\r\nCSeq: {number} {method}\r\nContact: <sip:{id}@{host}>\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
        },
    )
}

fn description() -> impl Strategy<Value = String> {
    let connection = prop_oneof![
        Just(String::new()),
        select(
            &["IN IP4 192.0.2.7", "IN IP4 0.0.0.0", "IN IP6 2001:db8::7", "IN IP4 a.example"][..]
        )
        .prop_map(|address| format!("c={address}\r\n")),
    ];
    let attribute = select(
        &[
            "a=sendonly",
            "a=inactive",
            "a=rtcp-mux",
            "a=rtcp:4001",
            "a=rtcp:9 IN IP4 192.0.2.8",
            "a=candidate:1 1 UDP 1 192.0.2.7 4000 typ host",
            "a=ice-ufrag:x",
            "a=fmtp:101 0-16",
            "b=AS:64",
        ][..],
    );
    let media = (0..3_u16, connection.clone(), vec(attribute, 0..5)).prop_map(
        |(port, connection, attributes)| {
            let port = if port == 0 { "0".to_owned() } else { format!("{}/{port}", 4000 + port) };
            let attributes: String = attributes.iter().map(|line| format!("{line}\r\n")).collect();
            format!("m=audio {port} RTP/AVP 0 101\r\n{connection}{attributes}")
        },
    );
    let session = select(&["a=sendonly", "a=inactive", "a=ice-lite", "a=x", "b=AS:64"][..]);
    (connection, vec(session, 0..3), vec(media, 0..5)).prop_map(|(connection, session, media)| {
        let session: String = session.iter().map(|line| format!("{line}\r\n")).collect();
        format!(
            "v=0\r\no=- 1 2 IN IP4 192.0.2.7\r\ns=-\r\n{connection}t=0 0\r\n{session}{}",
            media.concat()
        )
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_refused_or_dropped(data in vec(any::<u8>(), 0..400)) {
        checks::message(&data);
        checks::sdp(&data);
        checks::uri(&data);
        checks::digest(&data);
        checks::stream(&data);
    }

    #[test]
    fn any_pieces_are_read_refused_or_dropped(pieces in vec(select(&PIECES[..]), 0..60)) {
        let text = pieces.concat();
        checks::message(text.as_bytes());
        checks::stream(text.as_bytes());
        checks::message(format!("{}{text}\r\n\r\n", crate::support::options("").trim_end()).as_bytes());
        checks::sdp(format!("v=0\r\n{text}").as_bytes());
        checks::uri(text.as_bytes());
        checks::digest(format!("Digest realm=r,nonce=n,qop=auth,{text}").as_bytes());
        checks::digest(format!("Digest qop=auth,nonce=n,realm=\"{text}").as_bytes());
        checks::uri(format!("sip:{text}").as_bytes());
        checks::uri(format!("SIP/2.0/UDP {text}").as_bytes());
    }

    #[test]
    fn a_good_message_is_read_and_reads_the_same_when_written_again(text in simple_message()) {
        prop_assert_eq!(outcome(&parse(text.clone())), "read");
        checks::message(text.as_bytes());
    }

    #[test]
    fn a_damaged_message_is_read_refused_or_dropped(text in simple_message(), damage in damage()) {
        checks::message(&damaged(text.as_bytes(), &damage));
    }

    #[test]
    fn a_damaged_torture_message_is_read_refused_or_dropped(
        name in select(&["wsinv", "intmeth", "esc01", "longreq", "mpart01", "unreason"][..]),
        damage in damage(),
    ) {
        checks::message(&damaged(torture(name).bytes(), &damage));
    }

    #[test]
    fn folding_changes_nothing_but_white_space(text in simple_message(), places in vec(any::<u16>(), 0..6)) {
        let plain = parse(text.clone()).unwrap();
        let end = text.find("\r\n\r\n").unwrap();
        let spaces: Vec<usize> = text[..end].match_indices(": ").map(|(at, _)| at + 1).collect();
        let mut folded = text;
        let mut chosen: Vec<usize> =
            places.iter().map(|place| spaces[usize::from(*place) % spaces.len()]).collect();
        chosen.sort_unstable();
        chosen.dedup();
        for at in chosen.into_iter().rev() {
            folded.replace_range(at..=at, "\r\n\t");
        }
        let folded = parse(folded).unwrap();
        prop_assert_eq!(
            plain.fields().collect::<Vec<_>>(),
            folded.fields().collect::<Vec<_>>()
        );
        prop_assert_eq!(plain.body(), folded.body());
    }

    #[test]
    fn what_has_no_name_here_passes_byte_for_byte(
        name in "X-[a-zA-Z0-9!%*_+`'~.-]{1,20}",
        value in vec(any::<u8>().prop_filter("a line", |b| !matches!(b, b'\r' | b'\n')), 0..60),
        text in simple_message(),
    ) {
        let at = text.find("Max-Forwards").unwrap();
        let mut bytes = text.as_bytes()[..at].to_vec();
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(&value);
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&text.as_bytes()[at..]);
        let message = parse(bytes.clone()).unwrap();
        let field = message.fields().find(|field| field.name == Name::Other).unwrap();
        prop_assert_eq!(field.raw_name, &name);
        prop_assert_eq!(field.value, value.trim_ascii());
        prop_assert_eq!(message.bytes(), &bytes);
    }

    #[test]
    fn our_addresses_go_into_any_description(text in description()) {
        checks::sdp(text.as_bytes());
        prop_assert!(sip::sdp::Sdp::parse(text.as_bytes()).is_ok());
    }

    #[test]
    fn a_damaged_description_is_read_or_refused(text in description(), damage in damage()) {
        checks::sdp(&damaged(text.as_bytes(), &damage));
    }

    #[test]
    fn only_the_lines_that_name_an_address_are_touched(text in description()) {
        let sdp = sip::sdp::Sdp::parse(text.as_bytes()).unwrap();
        let ours: Vec<_> = sdp.media().map(|_| Some(([203, 0, 113, 1], 30_000).into())).collect();
        let out = String::from_utf8(sdp.rewrite(&ours)).unwrap();
        let touched = ["o=", "c=", "m=", "a=rtcp:", "a=candidate:", "a=ice-"];
        let others = |text: &str| -> Vec<String> {
            let lines = text.split_inclusive('\n');
            lines.filter(|line| !touched.iter().any(|t| line.starts_with(t))).map(str::to_owned).collect()
        };
        prop_assert_eq!(others(&text), others(&out));
        prop_assert!(ours.is_empty() || !out.contains("IN IP4 192.0.2."));
    }
}
