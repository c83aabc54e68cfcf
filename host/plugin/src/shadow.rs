//! A candidate that is asked whatever its plugin is asked, on a thread of its own, and decides nothing.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use model::{GenerationRef, hook::Question};
use record::{Came, Class, Gate, Group, Ledger};
use serde::Deserialize;

use crate::{
    PluginHost, ShadowPolicy, Source, cpu,
    generation::Generation,
    metrics::nanos,
    observe::{Observed, spoken},
    pool::Pool,
    proposal::{Checked, Ruling},
    settings::AboutShadow,
    shelves::{Shelf, Sitting},
};

/// The priority of the thread, 19 being the lowest.
const NICE: i32 = 15;

/// How much a candidate is compared before it may serve: `2000 calls`, `10 minutes`. What is not said is as the operator has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Patience {
    /// So many questions,
    pub calls: Option<u64>,
    /// or so long.
    pub time: Option<Duration>,
}

impl FromStr for Patience {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let text = text.escape_debug();
            format!("`{text}` is no number of calls and no time; write 2000 calls or 10 minutes")
        };
        let (number, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let (calls, time) = match unit.trim() {
            _ if number == 0 => return Err(wrong()),
            "call" | "calls" => (Some(number), None),
            "second" | "seconds" => (None, Some(number)),
            "minute" | "minutes" => (None, number.checked_mul(60)),
            "hour" | "hours" => (None, number.checked_mul(3600)),
            _ => return Err(wrong()),
        };
        Ok(Self { calls, time: time.map(Duration::from_secs) })
    }
}

impl TryFrom<String> for Patience {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// The end of a comparison that workers hold.
pub(crate) struct Shadow {
    pub(crate) book: Arc<Book>,
    sender: SyncSender<Observed>,
    /// So many questions may wait.
    queue_max: usize,
}

impl Drop for Shadow {
    fn drop(&mut self) {
        self.book.is_over.store(true, Ordering::Relaxed);
    }
}

/// What is known of a candidate that is compared.
pub(crate) struct Book {
    pub(crate) candidate: Arc<Generation>,
    /// Where it comes from.
    pub(crate) source: Source,
    /// What serves, and is compared with.
    pub(crate) against: Arc<Generation>,
    pub(crate) patience: Patience,
    pub(crate) began: Instant,
    /// What the candidate keeps, where its schema is not that of what serves: a copy, so that it meets the calls before it as well.
    shelf: Option<Arc<Shelf>>,
    gate: Gate,
    ledger: Mutex<Ledger>,
    /// Questions on their way to the thread,
    waiting: AtomicUsize,
    /// and those that found no room there.
    dropped: AtomicU64,
    /// Nobody wants to know any more; what waits is not asked.
    is_over: AtomicBool,
}

/// A candidate that is compared with what serves.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowStatus {
    /// The candidate.
    pub generation: GenerationRef,
    /// Where it comes from.
    pub source: String,
    /// What it is compared with.
    pub against: GenerationRef,
    /// How long already.
    pub lasts: Duration,
    /// How many questions were compared,
    pub compared: u64,
    /// how many of each class.
    pub classes: Vec<(Class, u64)>,
    /// Questions that were left out because the thread was behind.
    pub dropped: u64,
    /// Within these times 99 of a hundred answers came, in nanoseconds of CPU time: of what serves, and of the candidate.
    pub p99_ns: [u64; 2],
    /// What is missing before it may serve; nothing when it may.
    pub missing: Vec<String>,
}

/// What a candidate does otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Diff {
    /// How far the comparison is.
    pub status: ShadowStatus,
    /// The differences, grouped.
    pub groups: Vec<Group>,
    /// Differences that found no room among the groups.
    pub beyond: u64,
}

impl Shadow {
    /// Begins a comparison; a thread is started for it that ends with it.
    pub(crate) fn begin(
        host: Weak<PluginHost>,
        policy: &ShadowPolicy,
        (candidate, against): (Arc<Generation>, Arc<Generation>),
        source: Source,
        patience: Patience,
    ) -> std::io::Result<Self> {
        let queue_max = policy.queue_max.max(1);
        let (sender, receiver) = sync_channel(queue_max);
        let gate = Gate {
            calls: patience.calls.unwrap_or(policy.gate.calls),
            time: patience.time.unwrap_or(policy.gate.time),
            ..policy.gate
        };
        let ledger = Ledger::new(policy.ledger, candidate.expect.clone());
        let shelf = own_shelf(&candidate, &against);
        let book = Arc::new(Book {
            candidate,
            shelf,
            source,
            against,
            patience,
            began: Instant::now(),
            gate,
            ledger: Mutex::new(ledger),
            waiting: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&book);
        let builder = std::thread::Builder::new().name("plugin-shadow".to_owned());
        builder.spawn(move || run(&host, &theirs, &receiver))?;
        Ok(Self { book, sender, queue_max })
    }

    /// Whether a question is compared: one that was put to what serves, and is of no emergency.
    pub(crate) fn concerns(&self, asked: u64, question: &Question) -> bool {
        self.book.against.key == asked && !question.call.emergency
    }

    /// Hands a question over, if there is room for it. It never waits.
    pub(crate) fn take(&self, observed: &impl Fn() -> Observed) {
        let Book { waiting, dropped, .. } = &*self.book;
        // What finds no room is not even put together.
        let room = |waiting: usize| (waiting < self.queue_max).then_some(waiting + 1);
        let has_room = waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok();
        if !has_room {
            dropped.fetch_add(1, Ordering::Relaxed);
        } else if self.sender.try_send(observed()).is_err() {
            // The thread is gone.
            waiting.fetch_sub(1, Ordering::Relaxed);
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Book {
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is missing before the candidate may serve.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.ledger().missing(&self.gate, self.began.elapsed())
    }

    pub(crate) fn status(&self) -> ShadowStatus {
        let missing = self.missing();
        let ledger = self.ledger();
        ShadowStatus {
            generation: self.candidate.reference.clone(),
            source: self.source.to_string(),
            against: self.against.reference.clone(),
            lasts: self.began.elapsed(),
            compared: ledger.compared(),
            classes: Class::ALL.map(|class| (class, ledger.count(class))).to_vec(),
            dropped: self.dropped.load(Ordering::Relaxed),
            p99_ns: ledger.p99_ns(),
            missing,
        }
    }

    pub(crate) fn diff(&self) -> Diff {
        let status = self.status();
        let ledger = self.ledger();
        let groups = ledger.groups().into_iter().cloned().collect();
        Diff { status, groups, beyond: ledger.beyond() }
    }
}

impl fmt::Display for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.calls, self.time) {
            (Some(calls), _) => write!(f, "{calls} calls"),
            (None, Some(time)) => write!(f, "{} seconds", time.as_secs()),
            (None, None) => f.write_str("as the operator has it"),
        }
    }
}

/// Asks the candidate what the other was asked, until the comparison or the host is gone.
fn run(host: &Weak<PluginHost>, book: &Book, receiver: &Receiver<Observed>) {
    // Without the right to it the thread runs at the common priority.
    let _ = rustix::process::setpriority_process(None, NICE);
    let Some(mut pool) = host.upgrade().map(|host| Pool::new(&host, book.candidate.key)) else {
        return;
    };
    for observed in receiver {
        book.waiting.fetch_sub(1, Ordering::Relaxed);
        if book.is_over.load(Ordering::Relaxed) {
            return;
        }
        let Some(host) = host.upgrade() else { return };
        compare(&host, book, &mut pool, &observed);
    }
}

fn compare(host: &PluginHost, book: &Book, pool: &mut Pool, observed: &Observed) {
    let Observed { question, moment, came, cpu_ns, reads, .. } = observed;
    let (hook, call) = (question.hook(), &question.call);
    let is_asked = book.candidate.priority(hook).is_some();
    let _about = AboutShadow::call(call);
    let before = cpu::thread_time();
    let other = if is_asked {
        let sitting = match &book.shelf {
            Some(shelf) => Sitting::alone(Arc::clone(shelf)),
            // It finds what the other found, whatever has been written since.
            None => Sitting::again(&book.candidate, reads),
        };
        pool.ask(host, &book.candidate, (question, *moment), Instant::now(), sitting)
    } else {
        // What does not answer a hook leaves it to the next.
        Ok(Checked { ruling: Ruling::Pass, reasons: Vec::new() })
    };
    let took = nanos(cpu::thread_time().saturating_sub(before));
    if other.as_ref().is_err_and(|failure| !failure.kind.is_its_own()) {
        // The host lacked something: nothing is known of the candidate.
        book.dropped.fetch_add(1, Ordering::Relaxed);
        return;
    }
    let (one, two) = (spoken(came), spoken(&other));
    book.ledger().note(Came {
        hook,
        call,
        before: one.as_ref(),
        after: two.as_ref(),
        other_credentials: one == two && !is_equal(came.as_ref().ok(), other.as_ref().ok()),
        took_ns: is_asked.then_some([*cpu_ns, took]),
    });
}

/// What a candidate is to keep while it is compared, if it does not find what the other found. Nobody else sees it.
fn own_shelf(candidate: &Generation, against: &Generation) -> Option<Arc<Shelf>> {
    let shelf = candidate.shelf()?;
    let is_shared = against.shelf().is_some_and(|theirs| Arc::ptr_eq(&theirs, &shelf));
    (!is_shared).then(|| Arc::new(shelf.copy(shelf.schema, false)))
}

/// Whether two answers that look alike are.
fn is_equal(one: Option<&Checked>, two: Option<&Checked>) -> bool {
    use model::hook::{Access, Verdict};

    let credentials = |checked: &Checked| match &checked.ruling {
        Ruling::Decide(Verdict::Access(Access::Verify(credentials))) => Some(credentials.clone()),
        _ => None,
    };
    one.and_then(credentials) == two.and_then(credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_calls_or_a_time() {
        let read = |text: &str| text.parse::<Patience>();
        let calls = |calls| Ok(Patience { calls: Some(calls), time: None });
        let time = |s| Ok(Patience { calls: None, time: Some(Duration::from_secs(s)) });
        assert_eq!(read("2000 calls"), calls(2000));
        assert_eq!(read(" 1 call "), calls(1));
        assert_eq!(read("10 minutes"), time(600));
        assert_eq!(read("30 seconds"), time(30));
        for wrong in ["", "2000", "0 calls", "-1 calls", "5 %", "ten minutes"] {
            assert!(read(wrong).is_err_and(|why| why.contains("2000 calls")), "{wrong}");
        }
    }
}
