//! What becomes of each message of RFC 4475.

use std::collections::BTreeSet;

use sip::{Message, Name};

use crate::support::{outcome, parse};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/rfc4475");

/// Makes the table of messages: name, section, what becomes of it.
macro_rules! torture {
    ($($name:literal $section:literal $outcome:literal,)*) => {
        const TORTURE: &[(&str, &str, &str, &[u8])] = &[$((
            $name,
            $section,
            $outcome,
            include_bytes!(concat!("../../../../tests/conformance/rfc4475/", $name, ".sip")),
        ),)*];
    };
}

torture! {
    "wsinv" "3.1.1.1" "read",
    "intmeth" "3.1.1.2" "read",
    "esc01" "3.1.1.3" "read",
    "escnull" "3.1.1.4" "read",
    "esc02" "3.1.1.5" "read",
    "lwsdisp" "3.1.1.6" "read",
    "longreq" "3.1.1.7" "read",
    "dblreq" "3.1.1.8" "read",
    "semiuri" "3.1.1.9" "read",
    "transports" "3.1.1.10" "read",
    "mpart01" "3.1.1.11" "read",
    "unreason" "3.1.1.12" "read",
    "noreason" "3.1.1.13" "read",
    "badinv01" "3.1.2.1" "400 Malformed Via",
    "clerr" "3.1.2.2" "400 Body shorter than Content-Length",
    "ncl" "3.1.2.3" "400 Content-Length is not a number",
    "scalar02" "3.1.2.4" "400 Malformed CSeq",
    "scalarlg" "3.1.2.5" "dropped: Malformed CSeq",
    "quotbal" "3.1.2.6" "400 Malformed To",
    "ltgtruri" "3.1.2.7" "400 Malformed Request-URI",
    "lwsruri" "3.1.2.8" "400 Malformed Request-URI",
    "lwsstart" "3.1.2.9" "400 Malformed Request-URI",
    "trws" "3.1.2.10" "read",
    "escruri" "3.1.2.11" "read",
    "baddate" "3.1.2.12" "read",
    "regbadct" "3.1.2.13" "read",
    "badaspec" "3.1.2.14" "read",
    "baddn" "3.1.2.15" "read",
    "badvers" "3.1.2.16" "505 Version Not Supported",
    "mismatch01" "3.1.2.17" "400 CSeq method is not the request's",
    "mismatch02" "3.1.2.18" "501 CSeq method is not the request's",
    "bigcode" "3.1.2.19" "dropped: the status line has no status code",
    "badbranch" "3.2.1" "read",
    "insuf" "3.3.1" "400 Missing From",
    "unkscm" "3.3.2" "read",
    "novelsc" "3.3.3" "read",
    "unksm2" "3.3.4" "read",
    "bext01" "3.3.5" "read",
    "invut" "3.3.6" "read",
    "regaut01" "3.3.7" "read",
    "multi01" "3.3.8" "400 From stands twice",
    "mcl01" "3.3.9" "400 Content-Length stands twice",
    "bcast" "3.3.10" "read",
    "zeromf" "3.3.11" "read",
    "cparam01" "3.3.12" "read",
    "cparam02" "3.3.13" "read",
    "regescrt" "3.3.14" "read",
    "sdp01" "3.3.15" "read",
    "inv2543" "3.4.1" "read",
}

/// The message of that name, which must be one that is read.
pub(crate) fn torture(name: &str) -> Message {
    let (.., bytes) = TORTURE.iter().find(|(known, ..)| *known == name).unwrap();
    parse(*bytes).unwrap()
}

#[test]
fn each_torture_message_is_read_refused_or_dropped_as_listed() {
    let found: Vec<_> = TORTURE
        .iter()
        .map(|(name, section, _, bytes)| (*name, *section, outcome(&parse(*bytes))))
        .collect();
    let listed: Vec<_> = TORTURE
        .iter()
        .map(|(name, section, outcome, _)| (*name, *section, (*outcome).to_owned()))
        .collect();
    assert_eq!(found, listed);
}

#[test]
fn every_file_of_the_folder_is_in_the_list_and_every_length_meant_to_be_right_is() {
    let files: BTreeSet<String> = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".sip"))
        .collect();
    let listed: BTreeSet<String> = TORTURE.iter().map(|(name, ..)| format!("{name}.sip")).collect();
    assert_eq!(files, listed);
    let meant_wrong = ["dblreq", "clerr", "ncl", "mcl01", "inv2543"];
    for (name, .., bytes) in TORTURE.iter().filter(|(name, ..)| !meant_wrong.contains(name)) {
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let lower = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = lower
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| matches!(name.trim(), "l" | "content-length"))
            .unwrap_or_else(|| panic!("{name} has no Content-Length"));
        assert_eq!(length.1.trim(), (bytes.len() - end).to_string(), "{name}");
    }
}

#[test]
fn whatever_is_true_of_any_datagram_is_true_of_the_torture_messages() {
    for (.., bytes) in TORTURE {
        crate::checks::message(bytes);
    }
}

#[test]
fn a_torture_message_that_is_cut_off_anywhere_is_never_taken_for_whole() {
    for (name, .., bytes) in TORTURE.iter().filter(|(_, _, outcome, _)| *outcome == "read") {
        let whole = parse(*bytes).unwrap();
        let header_end = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let declares = whole.header(Name::ContentLength).is_some();
        for cut in 0..header_end + whole.body().len() {
            let part = &bytes[..cut];
            if cut % 8 == 0 {
                crate::checks::message(part);
            }
            assert!(parse(part).is_err() || (!declares && cut >= header_end), "{name} {cut}");
        }
    }
}
