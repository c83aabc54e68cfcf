//! `jackfield demo`: a switch on loopback, two phones, and a script that is edited between two calls.

pub mod exchange;
pub mod phone;
mod script;
pub mod tone;

use std::{
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

use thiserror::Error;

use self::{
    exchange::run_until,
    phone::{Phone, State},
};
use crate::{
    config::Config,
    journal::{self, Query},
    ladder::{self, Column, Entry, Step},
    node::{Node, StartError},
};

/// What phone A sends, and B: two tones of a telephone network.
const TONES: [f32; 2] = [440.0, 620.0];
/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The number that the script routes.
const DIALLED: &str = "500";
/// The ports of the demo's relay, apart from those of a switch that may be running.
const MEDIA_PORTS: (u16, u16) = (42_000, 42_100);

/// What went wrong.
#[derive(Debug, Error)]
pub enum DemoError {
    /// No socket, file or terminal.
    #[error("the demo cannot run here")]
    Io(#[from] io::Error),
    /// The switch did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A step did not come about in time.
    #[error("{what} did not happen within {} s; phone A: {}, phone B: {}", PATIENCE.as_secs(), states[0], states[1])]
    TimedOut {
        /// The step.
        what: &'static str,
        /// Where the phones' calls stood.
        states: [String; 2],
    },
    /// A call went otherwise than the script says.
    #[error("call {call} rang line {rang}, but the script says {expected}")]
    WrongLine {
        /// 1 or 2.
        call: usize,
        /// Which line rang.
        rang: String,
        /// Which should have.
        expected: &'static str,
    },
    /// The journal tells another generation than the one that was saved.
    #[error("call {call} was decided by {by}, not by version {call} of the script")]
    WrongGeneration {
        /// 1 or 2.
        call: usize,
        /// Who decided.
        by: String,
    },
}

/// Runs the demo and tells it to `out`.
///
/// # Errors
///
/// What failed.
pub fn run(out: &mut impl Write) -> Result<(), DemoError> {
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("demo.rhai");
    script::save(&script, script::Version::One)?;
    let node = Node::start(&config(&script))?;
    let mut stage = Stage::new(&node)?;
    writeln!(out, "A switch on {}, its route in {}:\n", stage.switch, script.display())?;
    writeln!(out, "{}", script::Version::One.text())?;
    stage.register()?;

    stage.call(1, script::Version::One)?;
    let saved_at = Instant::now();
    script::save(&script, script::Version::Two)?;
    stage.wait("the new version of the script", |_| serial(&node) == Some(2))?;
    let took = saved_at.elapsed();
    let note = format!("version 2 saved, serving {:.0} ms later", took.as_secs_f64() * 1000.0);
    stage.notes.push(Entry { at: saved_at + took, what: Step::Note(note) });
    stage.keep_talking()?;
    stage.hang_up()?;
    let first = stage.ladder(1, &node)?;
    writeln!(out, "{first}")?;

    writeln!(out, "The script as it was saved during call 1:\n\n{}", script::Version::Two.text())?;
    stage.call(2, script::Version::Two)?;
    stage.hang_up()?;
    let second = stage.ladder(2, &node)?;
    writeln!(out, "{second}")?;
    writeln!(
        out,
        "Call 1 kept the version it began with, call 2 took the new one; both parties heard each other in both."
    )?;
    Ok(())
}

fn config(script: &Path) -> Config {
    let mut config = Config::default();
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    for listen in &mut config.sip.listen {
        listen.bind = free;
    }
    config.http.bind = free;
    (config.media.port_min, config.media.port_max) = MEDIA_PORTS;
    config.plugins.load = vec![script.to_owned()];
    config
}

/// Which generation of the script serves.
fn serial(node: &Node) -> Option<u64> {
    node.plugins().list().first().map(|plugin| plugin.generation.serial)
}

/// The two phones and what was seen of them.
struct Stage {
    switch: SocketAddr,
    phones: [Phone; 2],
    notes: Vec<Entry>,
}

impl Stage {
    fn new(node: &Node) -> io::Result<Self> {
        let switch =
            node.sip_addresses().first().copied().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let [a, b] = TONES;
        let phones = [Phone::new(Column::Left, switch, a)?, Phone::new(Column::Right, switch, b)?];
        Ok(Self { switch, phones, notes: Vec::new() })
    }

    fn wait(
        &mut self,
        what: &'static str,
        condition: impl Fn(&[Phone; 2]) -> bool,
    ) -> Result<(), DemoError> {
        run_until(&mut self.phones, PATIENCE, condition).map_err(|_| {
            let states = self.phones.each_ref().map(|phone| format!("{:?}", phone.state()));
            DemoError::TimedOut { what, states }
        })
    }

    /// Phone A is 1000; phone B has two lines, 2000 and 2001.
    fn register(&mut self) -> Result<(), DemoError> {
        for (phone, user) in [(0, "1000"), (1, "2000"), (1, "2001")] {
            self.phones[phone].register(user);
            self.wait("a registration", |phones| phones[phone].registered() == Some(200))?;
        }
        Ok(())
    }

    /// Phone A dials, and both sides must hear each other.
    fn call(&mut self, call: usize, version: script::Version) -> Result<(), DemoError> {
        self.phones[0].call("1000", DIALLED);
        self.wait("the call", |phones| {
            phones.iter().all(|phone| phone.state() == Some(State::Established))
        })?;
        let rang = self.phones[1].called_user().unwrap_or_default().to_owned();
        if rang != version.line() {
            return Err(DemoError::WrongLine { call, rang, expected: version.line() });
        }
        self.wait("the tones through the relay", |[a, b]| a.hears(TONES[1]) && b.hears(TONES[0]))?;
        let [a, b] = TONES;
        let note = format!("RTP: A hears {b} Hz, B hears {a} Hz");
        self.notes.push(Entry { at: Instant::now(), what: Step::Note(note) });
        Ok(())
    }

    /// The call that stands must go on as before: another tenth of a second of sound each way.
    fn keep_talking(&mut self) -> Result<(), DemoError> {
        let before = self.phones.each_ref().map(|phone| phone.packets().1);
        self.wait("more sound in the standing call", |phones| {
            phones.iter().zip(before).all(|(phone, before)| {
                phone.packets().1 >= before + 5 && phone.state() == Some(State::Established)
            })
        })
    }

    fn hang_up(&mut self) -> Result<(), DemoError> {
        self.phones[0].hang_up();
        self.wait("the end of the call", |phones| {
            phones.iter().all(|phone| phone.state() == Some(State::Ended(200)))
        })
    }

    /// The call that has just ended, checked against the journal and drawn.
    fn ladder(&mut self, call: usize, node: &Node) -> Result<String, DemoError> {
        let call_id = self.phones[0].call_id().unwrap_or_default().to_owned();
        let query = Query { limit: 1, call_id: Some(call_id), ..Query::default() };
        let entry = node.journal().entries(&query).pop();
        let decided_by = entry.as_ref().and_then(|entry| entry.decision.decided_by.as_ref());
        if decided_by.is_none_or(|by| &*by.plugin != "demo" || by.serial != call as u64) {
            let by = decided_by.map_or_else(|| "nobody".to_owned(), ToString::to_string);
            return Err(DemoError::WrongGeneration { call, by });
        }
        let mut entries = std::mem::take(&mut self.notes);
        entries.extend(self.phones.iter_mut().flat_map(Phone::take_entries));
        let title = entry.map(|entry| title(call, &entry)).unwrap_or_default();
        Ok(format!("{title}\n\n{}", ladder::draw("phone A", "phone B", &entries)))
    }
}

fn title(call: usize, entry: &journal::Entry) -> String {
    let decision = &entry.decision;
    let by = decision.decided_by.as_ref().map(ToString::to_string).unwrap_or_default();
    let reasons = decision.reasons.iter().map(|reason| reason.text.as_str());
    let took_us: u64 = decision.steps.iter().map(|step| step.took_ns).sum::<u64>() / 1000;
    let why = reasons.collect::<Vec<_>>().join("; ");
    format!("Call {call}: 1000 dials {DIALLED}; {by} decides in {took_us} us: {why}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn the_demo_shows_both_calls_on_their_versions() {
        let mut out = Vec::new();
        run(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for wanted in ["INVITE 2000", "INVITE 2001", "demo#1@", "demo#2@", "A hears 620 Hz"] {
            assert!(text.contains(wanted), "no {wanted} in:\n{text}");
        }
    }
}
