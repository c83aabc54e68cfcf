//! What every phone here can do, whoever wrote it.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use crate::{tone, wait};

/// How a phone is set up.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The user it is, at the domain `localhost`.
    pub user: &'a str,
    /// What it answers challenges with.
    pub password: &'a str,
    /// `udp`, `tcp` or `tls`.
    pub transport: &'a str,
    /// Where the switch is, and with it the family it speaks.
    pub host: IpAddr,
    /// The port of the switch.
    pub port: u16,
    /// The life of its registration, in seconds.
    pub expires_s: u32,
    /// The tone it plays into its calls.
    pub tone_hz: u32,
}

/// Looks at what a phone hears, two seconds each, until it must hear a tone.
const LOOKS: u32 = 5;

impl Line<'_> {
    /// The switch as a URI has it: an IPv6 address in brackets.
    pub(crate) fn host_port(&self) -> String {
        std::net::SocketAddr::new(self.host, self.port).to_string()
    }
}

/// A phone that plays a tone and records what it hears. A call that comes in is answered at once, unless it was started otherwise.
pub trait Handset {
    /// Waits until it is registered.
    fn registered(&mut self);
    /// Waits until its registration has been refused.
    fn refused(&mut self);
    /// Calls a user of its own domain.
    fn call(&mut self, user: &str);
    /// Waits until it is in a call.
    fn connected(&mut self);
    /// Waits until it has heard two seconds of its call, and gives the recording.
    fn heard(&mut self) -> PathBuf;
    /// The next two seconds that it hears, at 8,000 samples a second.
    fn listen(&mut self) -> Vec<i16>;
    /// Waits until a call rings at it.
    fn ringing(&mut self);
    /// Answers the call that rings.
    fn answer(&mut self);
    /// Sends the other party of its call on to a user.
    fn transfer(&mut self, user: &str);
    /// Everything it has logged, the messages among it.
    fn logged(&self) -> String;
    /// Ends its call.
    fn hang_up(&mut self);
    /// Waits until its call has ended, and gives what it says of it.
    fn ended(&mut self) -> String;

    /// Waits until it has logged these words of a message.
    ///
    /// # Panics
    ///
    /// When it has not.
    #[track_caller]
    fn sees(&self, words: &str) {
        wait::until(&format!("{words} to be logged"), || {
            self.logged().contains(words).then_some(())
        });
    }

    /// Whether it surely hears a new party in a call that it is in already.
    fn follows_sources(&self) -> bool {
        true
    }

    /// Waits until it hears the one tone and not the other.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    fn hears(&mut self, tone_hz: u32, not_hz: u32) {
        let mut last = (0.0, 0.0);
        for _ in 0..LOOKS {
            let samples = self.listen();
            last = [tone_hz, not_hz].map(|hertz| tone::amplitude(&samples, hertz.into())).into();
            if tone::stands_out(last.0, last.1) {
                return;
            }
        }
        let (there, absent) = last;
        panic!("it hears {tone_hz} Hz at {there:.0} and {not_hz} Hz at {absent:.0}");
    }
}

/// A phone that can hold two calls and join their other parties.
pub trait Switchboard: Handset {
    /// Holds its call and calls a second user.
    fn consult(&mut self, user: &str);
    /// Sends the party of its first call to that of its second, once the second stands.
    fn attend(&mut self);
}

/// The text of a log, as far as it is there.
pub(crate) fn read(log: &Path) -> String {
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned()
}

/// A recording that grows, as it was when listening began.
pub(crate) struct Recording {
    file: Option<PathBuf>,
    length: u64,
}

impl Recording {
    /// Notes how long the newest recording is.
    pub(crate) fn now(newest: Option<PathBuf>) -> Self {
        let length = newest.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |m| m.len());
        Self { file: newest, length }
    }

    /// What has been recorded since, once it is enough; `newest` may be another file by now.
    pub(crate) fn since(&self, newest: Option<PathBuf>) -> Option<Vec<i16>> {
        let file = newest?;
        let length = file.metadata().ok()?.len();
        let is_same = self.file.as_ref() == Some(&file) && length >= self.length;
        let from = if is_same { self.length } else { 0 };
        (length > from + ENOUGH).then(|| {
            let samples = tone::samples(&file);
            samples[(from / 2).min(samples.len() as u64) as usize..].to_vec()
        })
    }
}

/// Bytes of a recording of 8,000 samples a second that are enough: two seconds and a half.
pub(crate) const ENOUGH: u64 = 8000 * 2 * 5 / 2;
