//! Calls that plugins of `call-event` follow: what they are told, in order and one event at a time for each call, and their timers.
//!
//! A call that no plugin follows is not in here: it costs one look for each call and one for each fact.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use model::{
    ConnId, GenerationToken, Instant,
    hook::{CallEvent, CallFacts, End, Happening, QuestionId},
};

use crate::{Cause, Fact, FollowingImage, PluginTimerImage, ReleasedBy};

/// The limits of what plugins of `call-event` are told and may want.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallEventConfig {
    /// Events of one call that wait to be told; beyond it the oldest that is no answer, timer or end is left out, and counted.
    pub queue_max: usize,
    /// Timers of one call, over all plugins.
    pub timers_max: usize,
    /// A timer that is shorter takes so long.
    pub timer_min: Duration,
    /// A timer that is longer is refused.
    pub timer_max: Duration,
    /// Commands in the life of one call, over all plugins; beyond it only a release is taken.
    pub commands_max: u32,
    /// Labels of one call, those of the dial plan included.
    pub labels_max: usize,
}

impl Default for CallEventConfig {
    fn default() -> Self {
        Self {
            queue_max: 16,
            timers_max: 8,
            timer_min: Duration::from_millis(100),
            timer_max: Duration::from_hours(24),
            commands_max: 1000,
            labels_max: 32,
        }
    }
}

/// All calls that are followed, of one shard.
#[derive(Default)]
pub(crate) struct Followed {
    /// When what is told now happens.
    now: Instant,
    calls: BTreeMap<ConnId, Box<Following>>,
    questions: HashMap<QuestionId, ConnId>,
    wakes: BTreeSet<(Instant, ConnId)>,
    /// Calls of which something may be told.
    ready: BTreeSet<ConnId>,
}

/// One call that is followed.
struct Following {
    facts: Arc<CallFacts>,
    pin: Option<GenerationToken>,
    since: Instant,
    queue: VecDeque<CallEvent>,
    missed: u32,
    /// The question in flight, and when it is given up.
    asked: Option<(QuestionId, Instant)>,
    timers: Vec<Timer>,
    /// Commands so far.
    commands: u32,
    /// The legs that have rung: one bit each, for those below 64.
    rang: u64,
    wake: Option<Instant>,
    is_over: bool,
}

struct Timer {
    name: Box<str>,
    /// The plugin that is told.
    by: Arc<str>,
    at: Instant,
}

/// What is to be asked next about a call.
pub(crate) struct Telling {
    pub(crate) facts: Arc<CallFacts>,
    pub(crate) pin: Option<GenerationToken>,
    pub(crate) event: Arc<CallEvent>,
}

impl Followed {
    /// Whether no call is followed.
    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(crate) fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    /// When [`Self::wake`] is wanted.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Tells of this call from now on.
    pub(crate) fn begin(&mut self, facts: Arc<CallFacts>, pin: Option<GenerationToken>) {
        let conn = facts.conn_id;
        let offered =
            CallEvent { what: Happening::Offered, after: Duration::ZERO, missed: 0, only: None };
        let following = Following {
            facts,
            pin,
            since: self.now,
            queue: VecDeque::from([offered]),
            missed: 0,
            asked: None,
            timers: Vec::new(),
            commands: 0,
            rang: 0,
            wake: None,
            is_over: false,
        };
        self.calls.entry(conn).or_insert_with(|| Box::new(following));
        self.ready.insert(conn);
    }

    /// Notes what has happened to a call, if it is one that is followed. Gives how many events were left out for it.
    pub(crate) fn note(&mut self, fact: &Fact, config: &CallEventConfig) -> u64 {
        let Some(conn) = call_of(fact) else { return 0 };
        let Some(following) = self.calls.get_mut(&conn) else { return 0 };
        let Some(what) = following.happening(fact) else { return 0 };
        self.tell(conn, what, config)
    }

    /// Has plugins told this of a call, if it is one that is followed. Gives how many events were left out for it.
    pub(crate) fn tell(&mut self, conn: ConnId, what: Happening, config: &CallEventConfig) -> u64 {
        let Some(following) = self.calls.get_mut(&conn) else { return 0 };
        if matches!(what, Happening::Released { .. }) {
            following.is_over = true;
            following.timers.clear();
        }
        let left_out = following.push(what, None, self.now, config);
        self.ready.insert(conn);
        left_out
    }

    /// The next call that may be told of.
    pub(crate) fn next_ready(&mut self) -> Option<ConnId> {
        self.ready.pop_first()
    }

    /// The next event of a call, if none is being told; forgets a call that is over when there is none left. `facts` are those of
    /// now, while there is a call.
    pub(crate) fn next_event(
        &mut self,
        conn: ConnId,
        facts: Option<&Arc<CallFacts>>,
    ) -> Option<Telling> {
        let following = self.calls.get_mut(&conn)?;
        if following.asked.is_some() {
            return None;
        }
        if let Some(facts) = facts.filter(|facts| !Arc::ptr_eq(facts, &following.facts)) {
            following.facts = Arc::clone(facts);
        }
        match following.queue.pop_front() {
            Some(mut event) => {
                event.missed = std::mem::take(&mut following.missed);
                let (facts, pin) = (Arc::clone(&following.facts), following.pin.clone());
                Some(Telling { facts, pin, event: Arc::new(event) })
            }
            None => {
                let is_over = following.is_over;
                self.set_wake(conn);
                if is_over {
                    self.calls.remove(&conn);
                }
                None
            }
        }
    }

    /// The event that was taken is being told.
    pub(crate) fn asked(&mut self, conn: ConnId, id: QuestionId, deadline: Instant) {
        if let Some(following) = self.calls.get_mut(&conn) {
            following.asked = Some((id, deadline));
            self.questions.insert(id, conn);
            self.set_wake(conn);
        }
    }

    /// The call that an answer is for, if it is awaited.
    pub(crate) fn answered(
        &mut self,
        id: QuestionId,
        pin: Option<&GenerationToken>,
    ) -> Option<ConnId> {
        let conn = self.questions.remove(&id)?;
        if let Some(following) = self.calls.get_mut(&conn) {
            following.asked = None;
            if following.pin.is_none() {
                following.pin = pin.cloned();
            }
            self.ready.insert(conn);
            self.set_wake(conn);
        }
        Some(conn)
    }

    /// Takes what is due: timers, and questions that nobody has answered, whose number it gives with that of events left out.
    pub(crate) fn wake(&mut self, now: Instant, config: &CallEventConfig) -> (u64, u64) {
        let (mut lost, mut left_out) = (0, 0);
        while let Some((_, conn)) = self.wakes.first().copied().filter(|(at, _)| *at <= now) {
            let Some(following) = self.calls.get_mut(&conn) else {
                self.wakes.pop_first();
                continue;
            };
            if let Some((id, _)) = following.asked.take_if(|(_, deadline)| *deadline <= now) {
                self.questions.remove(&id);
                lost += 1;
                if following.is_over {
                    // Nobody waits for long for plugins that are silent: what counts is that it is over.
                    let last = following.queue.len().saturating_sub(1);
                    left_out += u64::try_from(following.queue.drain(..last).count()).unwrap_or(0);
                }
            }
            while let Some(at) = following.timers.iter().position(|timer| timer.at <= now) {
                let Timer { name, by, .. } = following.timers.remove(at);
                left_out += following.push(Happening::Timer { name }, Some(by), now, config);
            }
            self.ready.insert(conn);
            self.set_wake(conn);
        }
        (lost, left_out)
    }

    /// Whether there is something to tell of a call, or to hear of it.
    pub(crate) fn is_telling(&self, conn: ConnId) -> bool {
        let following = self.calls.get(&conn);
        following.is_some_and(|f| f.asked.is_some() || !f.queue.is_empty())
    }

    /// What is known of a call, for its image, if it is followed.
    pub(crate) fn image(&self, conn: ConnId, now: Instant) -> Option<FollowingImage> {
        let following = self.calls.get(&conn)?;
        let timer = |timer: &Timer| PluginTimerImage {
            name: timer.name.to_string(),
            by: timer.by.to_string(),
            due_in: timer.at - now,
        };
        Some(FollowingImage {
            age: now - following.since,
            missed: following.missed,
            commands: following.commands,
            rang: following.rang,
            timers: following.timers.iter().map(timer).collect(),
        })
    }

    /// A call goes to another switch: gives what its events are pinned to.
    pub(crate) fn let_go(&mut self, conn: ConnId) -> Option<GenerationToken> {
        let following = self.calls.remove(&conn)?;
        self.ready.remove(&conn);
        if let Some(wake) = following.wake {
            self.wakes.remove(&(wake, conn));
        }
        following.pin
    }

    /// A call comes from another switch.
    pub(crate) fn take_over(
        &mut self,
        now: Instant,
        facts: Arc<CallFacts>,
        image: FollowingImage,
        pin: Option<GenerationToken>,
    ) {
        let conn = facts.conn_id;
        let FollowingImage { age, missed, commands, rang, timers } = image;
        let timer = |PluginTimerImage { name, by, due_in }| Timer {
            name: String::into(name),
            by: String::into(by),
            at: now + due_in,
        };
        let following = Following {
            facts,
            pin,
            since: now.before(age),
            queue: VecDeque::new(),
            missed,
            asked: None,
            timers: timers.into_iter().map(timer).collect(),
            commands,
            rang,
            wake: None,
            is_over: false,
        };
        self.calls.insert(conn, Box::new(following));
        self.set_wake(conn);
    }

    /// Whether one more command of this call is taken, which counts; `false` once there were too many.
    pub(crate) fn may_command(&mut self, conn: ConnId, config: &CallEventConfig) -> bool {
        self.calls.get_mut(&conn).is_some_and(|following| {
            following.commands = following.commands.saturating_add(1);
            following.commands <= config.commands_max
        })
    }

    /// Starts a timer of a plugin.
    pub(crate) fn start_timer(
        &mut self,
        conn: ConnId,
        by: &Arc<str>,
        (name, after): (&str, Duration),
        config: &CallEventConfig,
    ) -> Result<(), String> {
        let following = self.calls.get_mut(&conn).filter(|following| !following.is_over);
        let following = following.ok_or(OVER)?;
        if after > config.timer_max {
            let most = config.timer_max.as_secs();
            return Err(format!("a timer takes at most {most} s (call_events.timer_max_s)"));
        }
        following.timers.retain(|timer| !(*timer.name == *name && timer.by == *by));
        if following.timers.len() >= config.timers_max {
            return Err(format!(
                "the call has {} timers already (call_events.timers_max)",
                config.timers_max
            ));
        }
        let at = self.now + after.max(config.timer_min);
        following.timers.push(Timer { name: name.into(), by: Arc::clone(by), at });
        self.set_wake(conn);
        Ok(())
    }

    /// Stops a timer of a plugin.
    pub(crate) fn stop_timer(
        &mut self,
        conn: ConnId,
        by: &Arc<str>,
        name: &str,
    ) -> Result<(), String> {
        let following = self.calls.get_mut(&conn).ok_or(OVER)?;
        let before = following.timers.len();
        following.timers.retain(|timer| !(*timer.name == *name && timer.by == *by));
        if following.timers.len() == before {
            return Err("there is no such timer of this plugin".to_owned());
        }
        self.set_wake(conn);
        Ok(())
    }

    /// Has the call woken when its next timer or deadline is.
    fn set_wake(&mut self, conn: ConnId) {
        let Some(following) = self.calls.get_mut(&conn) else { return };
        let timers = following.timers.iter().map(|timer| timer.at);
        let next = timers.chain(following.asked.map(|(_, deadline)| deadline)).min();
        if next == following.wake {
            return;
        }
        if let Some(was) = std::mem::replace(&mut following.wake, next) {
            self.wakes.remove(&(was, conn));
        }
        self.wakes.extend(next.map(|at| (at, conn)));
    }
}

/// Why a command does nothing any more.
pub(crate) const OVER: &str = "the call is over";

impl Following {
    fn push(
        &mut self,
        what: Happening,
        only: Option<Arc<str>>,
        now: Instant,
        config: &CallEventConfig,
    ) -> u64 {
        let is_full = self.queue.len() >= config.queue_max.max(1);
        if is_full {
            let least = self.queue.iter().position(|event| !event.what.is_turn()).unwrap_or(0);
            self.queue.remove(least);
            self.missed = self.missed.saturating_add(1);
        }
        let after = now.saturating_since(self.since);
        self.queue.push_back(CallEvent { what, after, missed: 0, only });
        u64::from(is_full)
    }

    /// What plugins are told of a fact.
    fn happening(&mut self, fact: &Fact) -> Option<Happening> {
        match fact {
            // A phone may say that it rings as often as it likes.
            Fact::LegAlerting { leg, status } => {
                let bit = 1_u64.checked_shl(leg.number.into()).unwrap_or(0);
                let is_news = self.rang & bit == 0;
                self.rang |= bit;
                is_news.then_some(Happening::Ringing { leg: leg.number, status: *status })
            }
            Fact::LegFailed { leg, status } => {
                Some(Happening::LegFailed { leg: leg.number, status: *status })
            }
            Fact::Established { leg, .. } => Some(Happening::Answered { leg: leg.number }),
            Fact::Held { leg } => Some(Happening::Held { by: end_of(leg.number) }),
            Fact::Retrieved { leg } => Some(Happening::Resumed { by: end_of(leg.number) }),
            Fact::TransferBegun { leg, into, to, .. } => Some(Happening::TransferBegun {
                by: end_of(leg.number),
                to: to.clone(),
                into: *into,
            }),
            Fact::Transferred { into, .. } => Some(Happening::Transferred { into: *into }),
            Fact::TransferFailed { status, .. } => {
                Some(Happening::TransferFailed { status: *status })
            }
            Fact::Released { cause, .. } => {
                Some(Happening::Released { by: who_ended(*cause), cause: cause.to_string() })
            }
            _ => None,
        }
    }
}

/// The call that a fact which is told is about.
const fn call_of(fact: &Fact) -> Option<ConnId> {
    match fact {
        Fact::LegAlerting { leg, .. }
        | Fact::LegFailed { leg, .. }
        | Fact::Held { leg }
        | Fact::Retrieved { leg }
        | Fact::TransferBegun { leg, .. } => Some(leg.conn),
        Fact::Established { conn, .. }
        | Fact::Transferred { conn, .. }
        | Fact::TransferFailed { conn, .. }
        | Fact::Released { conn, .. } => Some(*conn),
        _ => None,
    }
}

const fn end_of(leg: u16) -> End {
    if leg == 0 { End::Caller } else { End::Callee }
}

const fn who_ended(cause: Cause) -> &'static str {
    match cause {
        Cause::Hangup(ReleasedBy::Caller) | Cause::Cancelled => "caller",
        Cause::Hangup(ReleasedBy::Callee) => "callee",
        Cause::Plugin(_) => "plugin",
        Cause::Operator => "operator",
        Cause::Hangup(ReleasedBy::Switch)
        | Cause::Refused(_)
        | Cause::AckMissing
        | Cause::SessionExpired
        | Cause::TooLong
        | Cause::MediaSilent
        | Cause::PartyGone
        | Cause::Transferred => "switch",
    }
}
