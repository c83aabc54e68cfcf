//! Two phones, of which the one calls the other, and when what of it came and went.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

use super::Cti;
use crate::{
    Tally,
    call::{self, LOOK, Step},
    link::{Link, PATIENCE, Transport},
    phone::Phone,
};

/// Steps of calls, in order.
type Notes = Mutex<Vec<(Step, Instant)>>;

/// A pair of phones.
pub(super) struct Pair {
    number: u32,
    /// Whom the caller calls.
    to: String,
    caller: Mutex<Phone>,
    callee: Mutex<Phone>,
    /// What the caller sent and saw.
    out: Notes,
    /// What the called phone sent and saw.
    back: Notes,
}

impl Pair {
    /// Opens both and registers the one that is called.
    pub(super) fn open(cti: &Cti, number: u32) -> Result<Self, String> {
        let domain = cti.sip.ip().to_string();
        let phone = |user: u32, patience| {
            let link = Link::open(cti.sip, Transport::Udp, patience)
                .map_err(|error| format!("cannot reach {}: {error}", cti.sip))?;
            Ok::<_, String>(Phone::new(link, user.to_string(), &domain, number))
        };
        let caller = phone(cti.callers + number, PATIENCE)?;
        let mut callee = phone(cti.callees + number, LOOK)?;
        callee.register(None)?;
        let to = cti.point.map_or_else(|| callee.user.clone(), |point| point.to_string());
        let notes = || Notes::new(Vec::new());
        let (caller, callee) = (Mutex::new(caller), Mutex::new(callee));
        Ok(Self { number, to, caller, callee, out: notes(), back: notes() })
    }

    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    /// Places so many calls, each when it is due.
    pub(super) fn place(&self, cti: &Cti, count: u32, began: Instant) -> Tally {
        let mut tally = Tally::default();
        let mut caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        for number in 0..count {
            if let Some(wait) = cti.due(self.number, number).checked_sub(began.elapsed()) {
                // polls: the next call is due
                thread::sleep(wait);
            }
            let note = |step| note(&self.out, step);
            tally.note(call::place(&mut caller, &self.to, note));
        }
        tally
    }

    /// Answers until there are to be no more calls.
    pub(super) fn answer(&self, over: &AtomicBool) {
        let mut callee = self.callee.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = (String::new(), String::new());
        while !over.load(Relaxed) {
            let Ok(request) = callee.link.receive() else { continue };
            // What is sent once more is answered once more, and is no step.
            let this = (request.call_id().to_owned(), request.method().to_string());
            let is_new = this != last;
            call::answer(&mut callee, &request, |step| {
                if is_new {
                    note(&self.back, step);
                }
            });
            last = this;
        }
    }

    /// Forgets what was noted.
    pub(super) fn forget(&self) {
        for notes in [&self.out, &self.back] {
            notes.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// When the caller sent or saw this, in each call.
    pub(super) fn at_caller(&self, step: Step) -> Vec<Instant> {
        of(&self.out, step)
    }

    /// When the called phone sent or saw this, in each call.
    pub(super) fn at_callee(&self, step: Step) -> Vec<Instant> {
        of(&self.back, step)
    }
}

fn note(notes: &Notes, step: Step) {
    let at = Instant::now();
    notes.lock().unwrap_or_else(PoisonError::into_inner).push((step, at));
}

fn of(notes: &Notes, step: Step) -> Vec<Instant> {
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes.iter().filter(|(of, _)| *of == step).map(|(_, at)| *at).collect()
}
