//! Lamps of a storm: phones that watch users of its calls, and what they must show.

use std::time::Duration;

use super::{Event, OVER, Script, Storm};
use crate::{Manner, Random};

/// A phone watches a user of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watch {
    /// Whom: the caller, or who is dialled.
    pub whom: String,
    /// When it forgets that it has a subscription, counted from the call's start: what it is told then it answers with 481.
    pub forgets: Option<Duration>,
    /// Who watches.
    pub(super) phone: usize,
}

/// It begins so long before the call, renews its subscription so often, and each lasts for so many seconds.
const BEFORE: Duration = Duration::from_secs(1);
const RENEWS: Duration = Duration::from_secs(150);
const EXPIRES_S: u32 = 300;

impl Watch {
    /// One call in three is watched; the phone is added later.
    pub(super) fn random(script: &Script, random: &mut Random) -> Option<Self> {
        let whom = [script.caller(), script.dialled()];
        let whom = random.pick(&whom)?.clone();
        let forgets = (random.below(6) == 0)
            .then(|| random.between(Duration::ZERO, script.end.0 + Duration::from_secs(5)));
        (random.below(3) == 0).then_some(Self { whom, forgets, phone: 0 })
    }
}

impl Storm {
    pub(super) fn events_of_lamp(&self, n: usize) -> Vec<(Duration, usize, Event)> {
        let call = &self.calls[n];
        let (Some(watch), script) = (&call.watch, &call.script) else { return Vec::new() };
        let begin = script.start - BEFORE;
        let end = script.start + script.end.0 + OVER;
        let mut events = vec![(end + BEFORE, n, Event::Watch(0))];
        let mut at = begin;
        while at < end {
            events.push((at, n, Event::Watch(EXPIRES_S)));
            at += RENEWS;
        }
        events.extend(watch.forgets.map(|after| (script.start + after, n, Event::Forget)));
        events
    }

    pub(super) fn watch(&mut self, n: usize, seconds: u32) {
        let Some(watch) = &self.calls[n].watch else { return };
        let is_over = self.world.phones[watch.phone].lamp().is_none();
        // A lamp that is off needs no ending, and one that has forgotten begins no more.
        if !(is_over && (seconds == 0 || self.calls[n].has_forgotten)) {
            let manner = Manner::Watch(watch.whom.clone(), seconds);
            self.world.act(watch.phone, manner);
        }
    }

    pub(super) fn forget(&mut self, n: usize) {
        self.calls[n].has_forgotten = true;
        if let Some(phone) = self.calls[n].watch.as_ref().map(|watch| watch.phone) {
            self.world.act(phone, Manner::ForgetLamp);
        }
    }

    /// A lamp shows a call for each phone of its user that talks, and nothing else.
    pub(super) fn audit_lamp(&mut self, n: usize) {
        let call = &self.calls[n];
        let Some(watch) = &call.watch else { return };
        if call.vanished || call.has_forgotten || self.is_restarted(call) {
            return;
        }
        let of_user = |phone: &&usize| self.world.phones[**phone].user() == watch.whom;
        let talking = self.talking(n).iter().filter(of_user).count();
        let lamp = &self.world.phones[watch.phone];
        let Some(shows) = lamp.lamp() else {
            // In a wild world the subscription may have ended because nobody answered.
            if self.still {
                self.broken.push(format!("call {n}: {watch:?} has no subscription"));
            }
            return;
        };
        let is_true = shows.len() == talking && shows.iter().all(|state| *state == "confirmed");
        if !is_true {
            let line = format!("call {n}: {watch:?} shows {shows:?}, and {talking} phones talk");
            self.broken.push(line);
        } else if self.still && lamp.lamp_gaps() > 0 {
            self.broken.push(format!("call {n}: {watch:?} missed {}", lamp.lamp_gaps()));
        }
    }
}
