//! Bugs planted in the node on purpose: what does not find them would not find others.

use bytes::Bytes;
use media::RelayCommand;
use switch::Output;

/// A bug of the switch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// Each seventh call keeps its media ports.
    KeepsPorts,
    /// A caller who is refused as busy is then refused again, otherwise.
    AnswersTwice,
    /// One call in five is never ended towards one of its parties.
    ForgetsBye,
    /// Each ninth question after a failure goes to the plugins that serve now, not to those of the call.
    LosesPin,
    /// One in four 2xx of a called phone is not acknowledged.
    ForgetsAck,
    /// One in three of those who send the other party on is not told what has come of it.
    LosesReport,
    /// One in five parties that are told of new media are told a port that is not theirs.
    SendsAstray,
    /// One in three lamps is not told that a call is over.
    LeavesLampOn,
    /// Half of those who ring reliably are not told that it was heard.
    ForgetsPrack,
    /// One session in three that it is to refresh it does not.
    ForgetsRefresh,
}

/// Does it.
#[derive(Debug, Default)]
pub(crate) struct Saboteur {
    bug: Option<Sabotage>,
    count: u64,
}

impl Saboteur {
    pub(crate) fn new(bug: Option<Sabotage>) -> Self {
        Self { bug, ..Self::default() }
    }

    /// What comes out of the switch instead.
    pub(crate) fn pass(&mut self, output: Output) -> Vec<Output> {
        match (self.bug, output) {
            (Some(Sabotage::KeepsPorts), Output::Relay(RelayCommand::Close { .. }))
                if self.nth(7) =>
            {
                Vec::new()
            }
            (Some(Sabotage::AnswersTwice), Output::Transmit { flow, bytes })
                if bytes.starts_with(b"SIP/2.0 486 ") =>
            {
                let text = String::from_utf8_lossy(&bytes).replacen("486", "480", 1);
                let second = Bytes::from(text.into_bytes());
                vec![Output::Transmit { flow, bytes }, Output::Transmit { flow, bytes: second }]
            }
            (Some(Sabotage::ForgetsBye), Output::Transmit { bytes, .. })
                if bytes.starts_with(b"BYE ") && is_chosen(&bytes, 5) =>
            {
                Vec::new()
            }
            (Some(Sabotage::ForgetsAck), Output::Transmit { bytes, .. })
                if bytes.starts_with(b"ACK ") && is_chosen(&bytes, 4) =>
            {
                Vec::new()
            }
            (Some(Sabotage::LosesReport), Output::Transmit { bytes, .. })
                if bytes.starts_with(b"NOTIFY ")
                    && has(&bytes, "Event: refer")
                    && has(&bytes, "terminated")
                    && is_chosen(&bytes, 3) =>
            {
                Vec::new()
            }
            (Some(Sabotage::SendsAstray), Output::Transmit { flow, bytes })
                if bytes.starts_with(b"INVITE ") && !is_first(&bytes) && is_chosen(&bytes, 5) =>
            {
                let text = String::from_utf8_lossy(&bytes).replacen("m=audio 3", "m=audio 2", 1);
                vec![Output::Transmit { flow, bytes: Bytes::from(text.into_bytes()) }]
            }
            (Some(Sabotage::LeavesLampOn), Output::Transmit { flow, bytes })
                if bytes.starts_with(b"NOTIFY ")
                    && has(&bytes, "<state>terminated<")
                    && is_chosen(&bytes, 3) =>
            {
                let text = String::from_utf8_lossy(&bytes);
                let text = text.replace("<state>terminated<", "<state>confirmed <");
                vec![Output::Transmit { flow, bytes: Bytes::from(text.into_bytes()) }]
            }
            (Some(Sabotage::ForgetsPrack), Output::Transmit { bytes, .. })
                if bytes.starts_with(b"PRACK ") && is_chosen(&bytes, 2) =>
            {
                Vec::new()
            }
            (Some(Sabotage::ForgetsRefresh), Output::Transmit { bytes, .. })
                if bytes.starts_with(b"UPDATE ") && is_chosen(&bytes, 3) =>
            {
                Vec::new()
            }
            (Some(Sabotage::LosesPin), Output::Ask(mut question)) => {
                if question.pin.is_some() && self.nth(9) {
                    question.pin = None;
                }
                vec![Output::Ask(question)]
            }
            (_, output) => vec![output],
        }
    }

    fn nth(&mut self, n: u64) -> bool {
        self.count += 1;
        self.count.is_multiple_of(n)
    }
}

/// Whether a request begins a dialog.
fn is_first(bytes: &Bytes) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let to = text.lines().find_map(|line| line.strip_prefix("To: ")).unwrap_or_default();
    !to.contains("tag=")
}

fn has(bytes: &Bytes, words: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(words)
}

/// Whether it is one of the calls chosen: all messages of a Call-ID or none.
fn is_chosen(bytes: &Bytes, of: u64) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let call_id = text.lines().find_map(|line| line.strip_prefix("Call-ID: ")).unwrap_or_default();
    let hash = call_id
        .bytes()
        .fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    hash.is_multiple_of(of)
}
