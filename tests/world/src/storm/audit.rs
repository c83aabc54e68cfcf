//! What is held against the reference.

use super::{Act, Call, End, Lie, Seen, Storm, Verdict, may_see, outcome};
use crate::{PhoneFact, check};

impl Storm {
    /// Before a call ends: either both parties are in it or neither is.
    pub(super) fn audit_pair(&mut self, n: usize) {
        let call = &self.calls[n];
        if call.vanished || self.is_restarted(call) {
            return;
        }
        let phones = &self.world.phones;
        let caller = phones[call.caller].is_up();
        let callees = call.callees.iter().filter(|(_, phone)| phones[*phone].is_up()).count();
        let talking = self.talking(n);
        let is_pair = match call.is_transferred() {
            true => matches!(talking.len(), 0 | 2),
            false => usize::from(caller) == callees,
        };
        if !is_pair {
            self.broken.push(format!("call {n}: {talking:?} are up, of {:?}", self.phones_of(n)));
        }
    }

    /// After a call has ended: nobody is in it any more.
    pub(super) fn audit_end(&mut self, n: usize) {
        let call = &self.calls[n];
        if call.vanished || self.is_restarted(call) {
            return;
        }
        let left = self.talking(n).len();
        if left > 0 {
            self.broken.push(format!("call {n}: it is over, and {left} phones are in it"));
        }
        self.audit_end_of_transferred(n);
        self.audit_lamp(n);
    }

    /// Whether the node restarted while the call may have stood.
    pub(super) fn is_restarted(&self, call: &Call) -> bool {
        let script = &call.script;
        // What the parties did before is over when the last transaction has ended.
        let end = script.start + script.end.0 + super::OVER;
        self.restart.is_some_and(|restart| restart >= script.start && restart <= end)
    }

    pub(super) fn audit(&mut self) {
        let mut broken = std::mem::take(&mut self.broken);
        broken.extend(check(&self.world).into_iter().map(|violation| violation.to_string()));
        broken.extend(self.world.wire_broken());
        broken.extend(self.generations.broken());
        for phone in self.world.phones.iter().filter(|phone| !phone.is_on_hook()) {
            broken.push(format!("the phone at {} is in a call that is over", phone.address()));
        }
        broken.extend(self.pracks_missed());
        broken.extend(self.sessions_given_up());
        let mut up = (0, 0);
        for (n, call) in self.calls.iter().enumerate().filter(|(_, call)| !self.is_restarted(call))
        {
            let wrong = if self.still {
                self.against_reference(call)
            } else {
                self.against_chance(call, &mut up)
            };
            broken.extend(
                wrong.into_iter().map(|wrong| format!("call {n}: {wrong}\n{:#?}", call.script)),
            );
        }
        // A network as bad as this one loses a call now and then, and not every other. Few say nothing: a restart takes many out.
        let moved = self.moved;
        if moved.wanted >= 10 && moved.were * 10 < moved.wanted * 8 {
            broken.push(format!("{moved:?}"));
        }
        if up.1 >= 10 && up.0 * 10 < up.1 * 8 {
            broken.push(format!("of {} calls that should be answered {} were", up.1, up.0));
        }
        self.broken = broken;
    }

    /// What rang reliably and was not acknowledged; in a still world a PRACK is never refused either.
    fn pracks_missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        for (n, call) in self.calls.iter().enumerate() {
            if call.vanished || self.is_restarted(call) {
                continue;
            }
            for phone in self.phones_of(n) {
                let facts = self.world.facts_of(phone);
                // One that met the refusal of the whole call, or the end of a target of several, is of a dialog that is over.
                let is_given_up = |(_, phone): &(_, usize)| {
                    self.world.facts_of(*phone).contains(&PhoneFact::Cancelled)
                };
                let is_refused = facts.iter().any(|fact| matches!(fact, PhoneFact::Refused(_)))
                    || call.callees.iter().any(is_given_up);
                let is_wrong = |fact: &&PhoneFact| match fact {
                    PhoneFact::NotAcknowledged => true,
                    PhoneFact::PrackRefused(_) => self.still && !is_refused,
                    _ => false,
                };
                let wrong = facts.iter().find(is_wrong);
                missed.extend(wrong.map(|fact| format!("call {n}: {phone} saw {fact:?}")));
            }
        }
        missed
    }

    /// Sessions that nobody refreshed.
    fn sessions_given_up(&self) -> Vec<String> {
        let stands = |call: &&Call| !call.vanished && !self.is_restarted(call);
        let given_up = |phone: &usize| self.world.facts_of(*phone).contains(&PhoneFact::Expired);
        let calls = self.calls.iter().filter(stands);
        let line = |(n, phone)| format!("call {n}: nobody refreshed the session of {phone}");
        calls
            .map(|call| call.script.number)
            .flat_map(|n| {
                self.phones_of(n).into_iter().filter(given_up).map(move |phone| (n, phone))
            })
            .map(line)
            .collect()
    }

    /// What a phone saw of the call until the first transfer.
    fn facts(&self, call: &Call, phone: usize) -> &[PhoneFact] {
        let facts = self.world.facts_of(phone);
        let mark = call.first_marks.iter().find(|(of, _)| *of == phone).map(|(_, mark)| *mark);
        facts.get(..mark.unwrap_or(facts.len())).unwrap_or(facts)
    }

    /// In a still world everybody sees just what the reference tells.
    fn against_reference(&self, call: &Call) -> Vec<String> {
        let want = outcome(&call.script);
        let mut wrong = Vec::new();
        let caller = self.facts(call, call.caller);
        let finals: Vec<_> =
            caller.iter().filter(|f| matches!(f, PhoneFact::Up | PhoneFact::Refused(_))).collect();
        let is_up = match (&want.caller, finals.as_slice()) {
            (Verdict::Up(_), [PhoneFact::Up]) => true,
            (Verdict::Refused(statuses), [PhoneFact::Refused(status)])
                if statuses.contains(status) =>
            {
                false
            }
            _ => {
                wrong.push(format!("the caller saw {finals:?} and not {:?}", want.caller));
                return wrong;
            }
        };
        let by_script = |end: End| is_up && call.script.end.1 == end;
        let ended = caller.contains(&PhoneFact::Ended);
        let ends = by_script(End::Operator) || (by_script(End::Callee) && !call.vanished);
        if ended != (ends && !call.is_transferred()) {
            wrong.push(format!("the caller's call was ended by the other side: {ended}"));
        }
        let winners = match &want.caller {
            Verdict::Up(winners) => winners.as_slice(),
            Verdict::Refused(_) => &[],
        };
        let mut answered = 0;
        for (who, phone) in &call.callees {
            let facts = self.facts(call, *phone);
            let seen = Seen {
                rang: facts.iter().any(|f| matches!(f, PhoneFact::Rang(_))),
                cancelled: facts.contains(&PhoneFact::Cancelled),
            };
            let want = want.phones.get(who).copied().unwrap_or_default();
            let may_win = winners.contains(who);
            let up = facts.contains(&PhoneFact::Up);
            answered += usize::from(up);
            // Of several that answer at the same moment those that were late are cancelled or hung up.
            let is_tie = may_win && winners.len() > 1;
            if (seen != want && !is_tie) || (up && !may_win) {
                wrong.push(format!("{who:?} saw {facts:?} and not {want:?}"));
            }
        }
        if is_up && answered == 0 {
            wrong.push("the caller is up, and nobody answered".to_owned());
        }
        if is_up {
            wrong.extend(self.holds(call));
        }
        wrong
    }

    /// Each hold that had no other in its way arrives and is answered.
    fn holds(&self, call: &Call) -> Option<String> {
        let acts: Vec<Act> = call.script.acts.iter().map(|(_, act)| *act).collect();
        if acts.contains(&Act::BothHold) || acts.contains(&Act::CalleeVanishes) {
            return None;
        }
        let held = |facts: &[PhoneFact]| -> Vec<bool> {
            facts
                .iter()
                .filter_map(|f| if let PhoneFact::Held(h) = f { Some(*h) } else { None })
                .collect()
        };
        let by = |pick: fn(&Act) -> Option<bool>| -> Vec<bool> {
            acts.iter().filter_map(pick).collect()
        };
        let by_caller = by(|act| if let Act::CallerHolds(h) = act { Some(*h) } else { None });
        let by_callee = by(|act| if let Act::CalleeHolds(h) = act { Some(*h) } else { None });
        let of_callees: Vec<bool> =
            call.callees.iter().flat_map(|(_, phone)| held(self.facts(call, *phone))).collect();
        let of_caller = held(self.facts(call, call.caller));
        (of_callees != by_caller || of_caller != by_callee).then(|| {
            format!(
                "held {of_callees:?} and {of_caller:?}, and not {by_caller:?} and {by_callee:?}"
            )
        })
    }

    /// In a wild world everybody sees something that can come of it. `up` counts the calls that should be answered, and those of
    /// them that were.
    fn against_chance(&self, call: &Call, up: &mut (usize, usize)) -> Vec<String> {
        let mut wrong = Vec::new();
        let caller = self.facts(call, call.caller);
        let finals: Vec<_> =
            caller.iter().filter(|f| matches!(f, PhoneFact::Up | PhoneFact::Refused(_))).collect();
        let answered =
            call.callees.iter().any(|(_, phone)| self.facts(call, *phone).contains(&PhoneFact::Up));
        match finals.as_slice() {
            [PhoneFact::Up] if answered => {}
            [PhoneFact::Refused(status)] if may_see(&call.script, *status) => {}
            [PhoneFact::Refused(603)] if call.script.lie == Lie::Refuse(603) => {}
            _ => {
                wrong.push(format!("the caller saw {finals:?}, and somebody answered: {answered}"))
            }
        }
        if matches!(outcome(&call.script).caller, Verdict::Up(_)) {
            up.1 += 1;
            up.0 += usize::from(caller.contains(&PhoneFact::Up));
        }
        wrong
    }
}
