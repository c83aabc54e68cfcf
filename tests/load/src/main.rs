//! Phones that load a switch from outside, as many at once as there are threads, each as fast as it is answered.
//!
//! `load register` registers users one after another, each asked for a password or not; `load call` places calls between
//! pairs of phones, `load cti` does so with T-Library clients that are told of them, and `load events` has many clients told
//! of one agent. What came of it is one JSON object on standard output. SIPp, which loads the other benchmarks, knows
//! neither SHA-256 nor TLS.

mod call;
mod cti;
mod events;
mod line;
mod link;
mod phone;
mod register;
mod steps;

use std::{
    io,
    net::SocketAddr,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::{Args, Parser, Subcommand};
use serde_json::{Map, Value};

use crate::link::Transport;

#[derive(Parser)]
#[command(about = "Loads a switch with registrations or calls")]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Registers users, one after another in each thread.
    Register {
        #[command(flatten)]
        load: Load,
        /// The password of every user; absent registers without one.
        #[arg(long)]
        password: Option<String>,
    },
    /// T-Library events to so many clients, which read and discard.
    Events(events::Events),
    /// Calls, and T-Library clients that are told of them.
    Cti(cti::Cti),
    /// Calls from one phone to another, in each thread: INVITE, 180, 200, ACK, BYE, 200.
    Call {
        #[command(flatten)]
        load: Load,
    },
}

/// How much, and where to.
#[derive(Args, Clone)]
pub(crate) struct Load {
    /// Where the switch listens.
    #[arg(long)]
    to: SocketAddr,
    /// What to speak: udp, tcp or tls.
    #[arg(long, value_enum, default_value = "udp")]
    over: Transport,
    /// Registrations or calls in all.
    #[arg(long, default_value_t = 10_000)]
    count: u32,
    /// Phones, or pairs of phones, at once.
    #[arg(long, default_value_t = 8)]
    threads: u32,
    /// The domain of the users; the address of the switch when absent.
    #[arg(long)]
    domain: Option<String>,
    /// The first user is this number, the next the next.
    #[arg(long, default_value_t = 1000)]
    first: u32,
    /// Every user of a thread is the same one.
    #[arg(long)]
    same: bool,
}

impl Load {
    fn domain(&self) -> String {
        self.domain.clone().unwrap_or_else(|| self.to.ip().to_string())
    }

    /// How many of them the thread with this number does.
    const fn share(&self, thread: u32) -> u32 {
        self.count / self.threads + if thread < self.count % self.threads { 1 } else { 0 }
    }
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) ok: u32,
    pub(crate) failed: u32,
    /// The first few reasons.
    pub(crate) errors: Vec<String>,
    /// How long it took, where that is not how long the program ran.
    pub(crate) seconds: Option<Duration>,
    /// What else there is to say.
    pub(crate) more: Map<String, Value>,
}

impl Tally {
    pub(crate) fn note(&mut self, result: Result<(), String>) {
        const ERRORS_MAX: usize = 3;
        match result {
            Ok(()) => self.ok += 1,
            Err(error) => {
                self.failed += 1;
                if self.errors.len() < ERRORS_MAX {
                    self.errors.push(error);
                }
            }
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.errors.extend(other.errors);
    }

    fn json(self, took: Duration) -> Value {
        let mut all = self.more;
        all.insert("ok".to_owned(), self.ok.into());
        all.insert("failed".to_owned(), self.failed.into());
        all.insert("seconds".to_owned(), self.seconds.unwrap_or(took).as_secs_f64().into());
        all.insert("errors".to_owned(), self.errors.into());
        all.into()
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let began = Instant::now();
    let tally = match &options.what {
        What::Register { load, password } => {
            in_threads(load, |thread| register::run(load, thread, password.as_deref()))
        }
        What::Events(options) => events::run(options),
        What::Cti(options) => cti::run(options),
        What::Call { load } => in_threads(load, |thread| call::run(load, thread)),
    };
    let tally = match tally {
        Ok(tally) => tally,
        Err(error) => {
            eprintln!("load: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", tally.json(began.elapsed()));
    ExitCode::SUCCESS
}

fn in_threads(load: &Load, run: impl Fn(u32) -> io::Result<Tally> + Sync) -> Result<Tally, String> {
    if load.threads == 0 {
        return Err("--threads takes a number from 1".to_owned());
    }
    thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> =
            (0..load.threads).map(|number| scope.spawn(move || run(number))).collect();
        let mut all = Tally::default();
        for thread in threads {
            let done = thread.join().map_err(|_| "a thread panicked".to_owned())?;
            all.add(done.map_err(|error| format!("cannot reach {}: {error}", load.to))?);
        }
        Ok(all)
    })
}
