//! Lines of the logs of SIP (section 8.6 of the reference).

use std::{fmt::Write as _, time::Duration};

use crate::{
    modules::LogFile,
    trace::{Passed, shown},
};

/// Something that is no message.
pub(super) fn said(log: &mut LogFile, unix: Duration, what: &str) {
    let time = time_of(log, unix);
    // Writing to a String does not fail.
    let _ = writeln!(log.text(), "{time}: {what}");
}

/// A message that passed: what would let another one log in or listen in is left out of it, and an empty line ends it. The place of the file
/// descriptor has the number of the listener, from 0 in the order of the configuration.
pub(super) fn message(log: &mut LogFile, unix: Duration, passed: &Passed) {
    let time = time_of(log, unix);
    let (listener, transport) = (passed.flow.listener.0, passed.flow.transport);
    let (bytes, peer) = (passed.bytes.len(), passed.flow.peer);
    let (what, way, sign) = match passed.incoming {
        true => ("Received", "from", "<<<<<"),
        false => ("Sending ", "to", ">>>>>"),
    };
    let text = log.text();
    // Writing to a String does not fail.
    let _ =
        writeln!(text, "{time}: {what} [{listener},{transport}] {bytes} bytes {way} {peer} {sign}");
    for line in shown(&passed.bytes).lines() {
        // What a peer writes is not taken for a line of the log.
        let looks_so = line.get(..9).is_some_and(|start| {
            start.bytes().enumerate().all(|(at, byte)| match at {
                2 | 5 => byte == b':',
                8 => byte == b'.',
                _ => byte.is_ascii_digit(),
            })
        });
        text.push_str(if looks_so { " " } else { "" });
        text.extend(line.chars().filter(|c| *c != '\r'));
        text.push('\n');
    }
    text.push('\n');
}

/// `HH:MM:SS.mmm`.
fn time_of(log: &LogFile, unix: Duration) -> String {
    let full = log.time(unix).full().to_string();
    full.split_once('T').map(|(_, time)| time.to_owned()).unwrap_or(full)
}

/// Whether a message is an OPTIONS or what answers one.
pub(super) fn is_check(bytes: &[u8]) -> bool {
    let head = bytes.get(..8).unwrap_or_default();
    if !head.starts_with(b"SIP/2.0 ") {
        return head.eq_ignore_ascii_case(b"OPTIONS ");
    }
    let lines =
        bytes.split(|byte| *byte == b'\n').take_while(|line| !matches!(**line, [] | [b'\r']));
    let mut cseq = lines.filter_map(|line| {
        let (name, value) = line.split_at_checked(line.iter().position(|byte| *byte == b':')?)?;
        name.trim_ascii().eq_ignore_ascii_case(b"CSeq").then(|| value.trim_ascii_end())
    });
    cseq.next().is_some_and(|value| value.ends_with(b" OPTIONS"))
}
