//! Calls with T-Library clients that are told of them: what they are told is counted, and timed beside the SIP messages that it follows from.

mod client;
mod pair;
mod times;

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use crate::{Tally, line::Line, steps::Steps};
use client::{Client, Spec};
use pair::Pair;

/// How long nothing must come before all has come.
const QUIET: Duration = Duration::from_millis(300);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// When it is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is done.
#[derive(clap::Args, Clone)]
pub(crate) struct Cti {
    /// Where the switch listens for SIP, over UDP.
    #[arg(long)]
    sip: SocketAddr,
    /// Calls in all.
    #[arg(long, default_value_t = 1000)]
    count: u32,
    /// Calls before them, which count for nothing.
    #[arg(long, default_value_t = 0)]
    warm: u32,
    /// Calls a second; 0 places each when the one before it is over.
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// Pairs of phones, each with one call at a time.
    #[arg(long, default_value_t = 8)]
    pairs: u32,
    /// The number of the first that calls; the next is the next.
    #[arg(long, default_value_t = 3000)]
    callers: u32,
    /// The number of the first that is called.
    #[arg(long, default_value_t = 2000)]
    callees: u32,
    /// Who calls is a DN too.
    #[arg(long)]
    caller_dns: bool,
    /// DNs that a client `all` registers on: the called ones, and those after them.
    #[arg(long, default_value_t = 0)]
    dns: u32,
    /// The Routing Point that is called; a client `route` sends each call to the phone of its pair.
    #[arg(long)]
    point: Option<u32>,
    /// Clients, as `ROLE@ADDRESS` or `ROLE@ADDRESS*NUMBER`: `desk` is one for each pair, on its DNs; `all` is on every DN; `record` takes
    /// whole calls; `route` sends calls from the Routing Point on.
    #[arg(long = "client")]
    clients: Vec<Spec>,
    /// Take the time of each event of `desk` and `all`.
    #[arg(long)]
    timed: bool,
    #[command(flatten)]
    steps: Steps,
}

impl Cti {
    /// The DNs of a pair.
    fn of_pair(&self, number: u32) -> Vec<String> {
        let caller = self.caller_dns.then(|| (self.callers + number).to_string());
        caller.into_iter().chain([(self.callees + number).to_string()]).collect()
    }

    /// Every DN there is.
    fn every(&self) -> Vec<String> {
        let of_pairs = (0..self.dns.max(self.pairs)).flat_map(|number| self.of_pair(number));
        of_pairs.chain(self.point.map(|point| point.to_string())).collect()
    }

    /// When the call with this number is due, of those of one pair.
    fn due(&self, pair: u32, number: u32) -> Duration {
        if self.rate == 0 {
            return Duration::ZERO;
        }
        let nth = u64::from(number) * u64::from(self.pairs) + u64::from(pair);
        Duration::from_secs(1) / self.rate * u32::try_from(nth).unwrap_or(u32::MAX)
    }
}

/// Runs it.
///
/// # Errors
///
/// When a phone or a client could not do its part at all; calls that fail are in the tally.
pub(crate) fn run(cti: &Cti) -> Result<Tally, String> {
    if cti.pairs == 0 {
        return Err("--pairs takes a number from 1".to_owned());
    }
    let pairs: Result<Vec<Pair>, _> =
        (0..cti.pairs).map(|number| Pair::open(cti, number)).collect();
    let pairs = pairs?;
    let (clients, lines): (Vec<Client>, Vec<Line>) = client::open(cti)?.into_iter().unzip();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over = &over;
        for pair in &pairs {
            scope.spawn(move || pair.answer(over));
        }
        let reading = clients.iter().zip(lines).try_for_each(|(client, line)| {
            let reader = thread::Builder::new().stack_size(client::STACK);
            reader.spawn_scoped(scope, move || client.read(line, cti, over)).map(drop)
        });
        let done = reading.and_then(|()| work(cti, &pairs, &clients));
        over.store(true, Relaxed);
        done.map_err(|error| error.to_string())
    })
}

/// The calls, and what came of them.
fn work(cti: &Cti, pairs: &[Pair], clients: &[Client]) -> io::Result<Tally> {
    let warm = place(cti, pairs, cti.warm)?;
    settle(clients);
    if warm.failed > 0 {
        return Ok(warm);
    }
    clients.iter().for_each(Client::forget);
    pairs.iter().for_each(Pair::forget);
    cti.steps.reach("ready")?;
    let began = Instant::now();
    let mut tally = place(cti, pairs, cti.count)?;
    tally.seconds = Some(began.elapsed());
    settle(clients);
    cti.steps.reach("done")?;
    for client in clients {
        if let Some(error) = client.error() {
            tally.note(Err(format!("a client {}: {error}", client.role().name())));
        }
    }
    let told = client::counted(clients);
    tally.more.insert("told".to_owned(), told.into());
    if cti.timed && tally.failed == 0 {
        match times::all(cti, pairs, clients) {
            Ok(times) => drop(tally.more.insert("times".to_owned(), times)),
            Err(error) => tally.note(Err(error)),
        }
    }
    Ok(tally)
}

/// Places so many calls, shared among the pairs.
fn place(cti: &Cti, pairs: &[Pair], count: u32) -> io::Result<Tally> {
    let began = Instant::now();
    thread::scope(|scope| {
        let placing: Vec<_> = pairs
            .iter()
            .map(|pair| {
                let share = count / cti.pairs + u32::from(pair.number() < count % cti.pairs);
                scope.spawn(move || pair.place(cti, share, began))
            })
            .collect();
        let mut all = Tally::default();
        for pair in placing {
            all.add(pair.join().map_err(|_| io::Error::other("a phone panicked"))?);
        }
        Ok(all)
    })
}

/// Waits until clients are told no more.
fn settle(clients: &[Client]) {
    let sum = || clients.iter().map(Client::told).sum::<u64>();
    let begun = Instant::now();
    let (mut last, mut since) = (sum(), Instant::now());
    while since.elapsed() < QUIET && begun.elapsed() < PATIENCE {
        // polls: nothing has come for a while
        thread::sleep(LOOK);
        let now = sum();
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
}
