//! How a storm's parties send one another on, and what is held against the reference of it.

use std::time::Duration;

use super::{
    Call, End, Event, Lie, Storm,
    joining::{CONSULT, TIDY, Way},
    transfer::{Asks, TRANSFER, Then, Transfer, Twist},
};
use crate::{Manner, PhoneFact};

/// A transfer that is under way.
pub(super) struct Sending {
    nth: usize,
    by: usize,
    other: usize,
    /// How much every phone of the call had seen before.
    marks: Vec<(usize, usize)>,
}

/// How many transfers there were, of those that must come about, and how many did.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Moved {
    pub(super) wanted: usize,
    pub(super) were: usize,
}

/// The phones that a transfer goes to.
fn targets_of<'a>(
    call: &'a Call,
    transfer: &'a Transfer,
) -> impl Iterator<Item = (&'a (String, usize), usize)> {
    let is_it = |((user, _), _): &&((String, usize), usize)| *user == transfer.to.user;
    call.targets.iter().filter(is_it).map(|(who, phone)| (who, *phone))
}

impl Storm {
    /// What happens of the transfers of a call.
    pub(super) fn events_of_transfers(&self, n: usize) -> Vec<(Duration, usize, Event)> {
        let mut events = Vec::new();
        let script = &self.calls[n].script;
        for (nth, transfer) in script.transfers.iter().enumerate() {
            let at = script.start + transfer.after;
            events.push((at, n, Event::Transfer(nth)));
            if matches!(transfer.way, Way::Asked { .. }) {
                events.push((at + CONSULT, n, Event::Consult));
                events.push((at + transfer.refer_at(), n, Event::Join));
                events.push((at + TIDY, n, Event::Tidy));
            }
            events.extend(transfer.twist_at(self.still).map(|twist| (at + twist, n, Event::Twist)));
            events.push((at + TRANSFER, n, Event::Transferred));
        }
        events
    }

    /// All phones of a call: the caller, the called ones, those that the parties are sent on to.
    pub(super) fn phones_of(&self, n: usize) -> Vec<usize> {
        let call = &self.calls[n];
        let others = call.callees.iter().chain(&call.targets).map(|(_, phone)| *phone);
        std::iter::once(call.caller).chain(others).collect()
    }

    /// Those of them that talk.
    pub(super) fn talking(&self, n: usize) -> Vec<usize> {
        let mut phones = self.phones_of(n);
        phones.retain(|phone| self.world.phones[*phone].is_up());
        phones
    }

    pub(super) fn marks(&self, n: usize) -> Vec<(usize, usize)> {
        let mark = |phone| (phone, self.world.facts_of(phone).len());
        self.phones_of(n).into_iter().map(mark).collect()
    }

    pub(super) fn begin_transfer(&mut self, n: usize, nth: usize) {
        let marks = self.marks(n);
        let [first, second] = self.talking(n)[..] else { return };
        let call = &mut self.calls[n];
        if call.vanished {
            return;
        }
        if call.first_marks.is_empty() {
            call.first_marks.clone_from(&marks);
        }
        let Some(transfer) = call.script.transfers.get(nth).cloned() else { return };
        let (by, other) = match transfer.by {
            Asks::First | Asks::Both => (first, second),
            Asks::Second => (second, first),
        };
        call.sending = Some(Sending { nth, by, other, marks });
        match transfer.way {
            Way::Blind => self.refer(n),
            Way::Asked { holds, .. } => {
                if holds {
                    self.world.act(by, Manner::Hold(true));
                }
            }
            Way::Taken => self.take_over(n),
        }
    }

    /// The parties get ready for what is to come between.
    fn prepare(&mut self, n: usize) -> Option<(usize, usize, Transfer)> {
        let call = &mut self.calls[n];
        let sending = call.sending.as_ref()?;
        let (by, other) = (sending.by, sending.other);
        let transfer = call.script.transfers.get(sending.nth).cloned()?;
        let targets: Vec<usize> = targets_of(call, &transfer).map(|(_, phone)| phone).collect();
        match transfer.twist {
            Twist::Vanished => {
                call.vanished = true;
                self.world.unplug(other);
            }
            Twist::RefusesOffer => self.world.act(other, Manner::RefuseOffers(Some(488))),
            Twist::TargetRefuses => {
                for target in targets {
                    self.world.act(target, Manner::RefuseOffers(Some(488)));
                }
            }
            _ => {}
        }
        Some((by, other, transfer))
    }

    fn refer(&mut self, n: usize) {
        let Some((by, other, transfer)) = self.prepare(n) else { return };
        let refer = Manner::Refer(transfer.to.user.clone(), transfer.told);
        self.world.act(by, refer.clone());
        if transfer.twist == Twist::AsksTwice {
            self.world.act(by, refer.clone());
        }
        if transfer.by == Asks::Both {
            self.world.act(other, refer);
        }
    }

    pub(super) fn consult(&mut self, n: usize) {
        let call = &self.calls[n];
        let Some(sending) = &call.sending else { return };
        let Some(transfer) = call.script.transfers.get(sending.nth) else { return };
        let (by, user) = (sending.by, transfer.to.user.clone());
        self.world.act(by, Manner::Consult(user));
    }

    pub(super) fn join(&mut self, n: usize) {
        let Some((by, _, transfer)) = self.prepare(n) else { return };
        self.world.act(by, Manner::Join(transfer.told));
        if transfer.twist == Twist::AsksTwice {
            self.world.act(by, Manner::Join(transfer.told));
        }
    }

    pub(super) fn tidy(&mut self, n: usize) {
        if let Some(by) = self.calls[n].sending.as_ref().map(|sending| sending.by) {
            self.world.act(by, Manner::EndConsult);
        }
    }

    /// Another phone of who asks takes the call over.
    fn take_over(&mut self, n: usize) {
        let Some((by, _, transfer)) = self.prepare(n) else { return };
        let taker = targets_of(&self.calls[n], &transfer).next();
        let (Some((_, taker)), Some(replaces)) = (taker, self.world.phones[by].dialog()) else {
            return;
        };
        let user = self.world.phones[by].user().to_owned();
        self.world.act(taker, Manner::TakeOver(replaces, user));
    }

    /// Another phone takes the call that rings.
    pub(super) fn pick_up(&mut self, n: usize) {
        let call = &self.calls[n];
        let mut rings = call.callees.iter().map(|(_, phone)| *phone);
        let replaces = rings.find_map(|phone| {
            let phone = &self.world.phones[phone];
            phone.dialog().filter(|_| !phone.is_up())
        });
        let picker = call.callees.last().map(|(_, phone)| *phone);
        if let (Some(replaces), Some(picker)) = (replaces, picker) {
            let user = call.script.picker();
            self.world.act(picker, Manner::TakeOver(replaces, user));
        }
    }

    pub(super) fn twist(&mut self, n: usize) {
        let call = &self.calls[n];
        let Some(sending) = &call.sending else { return };
        let (by, other) = (sending.by, sending.other);
        match call.script.transfers.get(sending.nth).map(|transfer| transfer.twist) {
            Some(Twist::Leaves(_)) => self.world.act(by, Manner::HangUp),
            Some(Twist::OtherLeaves(_)) => self.world.act(other, Manner::HangUp),
            Some(Twist::Holds(_)) => self.world.act(by, Manner::Hold(true)),
            _ => {}
        }
    }

    /// The transfer is over, one way or the other.
    pub(super) fn end_transfer(&mut self, n: usize) {
        let Some(mut sending) = self.calls[n].sending.take() else { return };
        for phone in self.phones_of(n) {
            self.world.act(phone, Manner::RefuseOffers(None));
        }
        let call = &self.calls[n];
        if self.is_restarted(call) {
            return;
        }
        let Some(transfer) = call.script.transfers.get(sending.nth).cloned() else { return };
        let by = sending.by;
        // Both at once: the messages of a call that has moved take a moment longer from one side than from the other.
        let mut answers = self.since(&sending.marks, sending.by).iter();
        let first = answers.find(|fact| matches!(fact, PhoneFact::Referred(_)));
        let refused = first == Some(&PhoneFact::Referred(491));
        if self.shards > 1 && transfer.by == Asks::Both && refused {
            std::mem::swap(&mut sending.by, &mut sending.other);
        }
        // Then the twist is that of the wrong one, or the first is over when the second comes.
        let was_other = sending.by != by && transfer.twist != Twist::Nothing;
        let is_over_at_once = matches!(transfer.lie, Lie::Refuse(_));
        let is_both = self.shards > 1 && transfer.by == Asks::Both;
        let wrong = if self.still && !was_other && !(is_both && is_over_at_once) {
            self.sent_against_reference(call, &sending, &transfer)
        } else {
            self.sent_against_chance(n, &sending, &transfer)
        };
        let wrong = wrong.into_iter().map(|wrong| {
            format!("call {n}: {wrong}\n{transfer:?} by {} of {}", sending.by, sending.other)
        });
        let wrong: Vec<String> = wrong.collect();
        self.broken.extend(wrong);
        self.audit_media(n);
    }

    fn since<'a>(&'a self, marks: &[(usize, usize)], phone: usize) -> &'a [PhoneFact] {
        let mark = marks.iter().find(|(of, _)| *of == phone).map_or(0, |(_, mark)| *mark);
        self.world.facts_of(phone).get(mark..).unwrap_or_default()
    }

    fn sent_against_reference(
        &self,
        call: &Call,
        sending: &Sending,
        transfer: &Transfer,
    ) -> Vec<String> {
        let want = transfer.sent();
        let mut wrong = Vec::new();
        // Which of several phones is heard to ring first, and how often, is chance.
        let is_one = transfer.to.phones.len() < 2;
        let told = |facts: &[PhoneFact]| -> Vec<PhoneFact> {
            let kept = |fact: &&PhoneFact| is_one || **fact != PhoneFact::Told(180);
            facts.iter().filter(kept).cloned().collect()
        };
        let by = self.since(&sending.marks, sending.by);
        if told(by) != told(&want.by) {
            wrong.push(format!("who asked saw {by:?} and not {:?}", want.by));
        }
        let other = self.since(&sending.marks, sending.other);
        let is_vanished = transfer.twist == Twist::Vanished;
        if other != want.other && !is_vanished {
            wrong.push(format!("who was sent on saw {other:?} and not {:?}", want.other));
        }
        let mut talks = match want.then {
            Then::Same => vec![sending.by, sending.other],
            Then::Moved => vec![sending.other],
            Then::Over => vec![],
        };
        let is_called = |(user, _): &(String, usize)| *user == transfer.to.user;
        for (who, phone) in targets_of(call, transfer) {
            let facts = self.since(&sending.marks, phone);
            let up = facts.contains(&PhoneFact::Up);
            let ended = facts.contains(&PhoneFact::Ended);
            let seen = super::Seen::of(facts);
            let won = want.winner.as_ref().filter(|(winner, _)| winner == who);
            let wants = want.phones.get(who).copied().unwrap_or_default();
            if seen != wants || up != won.is_some() || ended != won.is_some_and(|(_, ended)| *ended)
            {
                wrong.push(format!("{who:?} saw {facts:?} and not {wants:?}, {won:?}"));
            }
            talks.extend((won.is_some() && want.then == Then::Moved).then_some(phone));
        }
        let others = call.callees.iter().chain(&call.targets).filter(|(who, phone)| {
            *phone != sending.by && *phone != sending.other && !is_called(who)
        });
        let saw = |phone: usize| !self.since(&sending.marks, phone).is_empty();
        wrong.extend(
            others
                .filter(|(_, phone)| saw(*phone))
                .map(|(who, _)| format!("{who:?} has nothing to do with it, and saw of it")),
        );
        let n = call.script.number;
        let mut are = self.talking(n);
        if is_vanished {
            // It does not know that its call is over.
            are.retain(|phone| *phone != sending.other);
            talks.retain(|phone| *phone != sending.other);
        }
        are.sort_unstable();
        talks.sort_unstable();
        if are != talks {
            wrong.push(format!("{are:?} talk and not {talks:?}"));
        }
        wrong
    }

    /// In a wild world: who asked is told of one end at the most, and what it is told is true.
    fn sent_against_chance(
        &mut self,
        n: usize,
        sending: &Sending,
        transfer: &Transfer,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let talking = self.talking(n);
        // Of two that asked at once either may have been the first.
        let taken = PhoneFact::Referred(202);
        let is_swapped =
            transfer.by == Asks::Both && self.since(&sending.marks, sending.other).contains(&taken);
        let (by, other) = match is_swapped {
            true => (sending.other, sending.by),
            false => (sending.by, sending.other),
        };
        let facts = self.since(&sending.marks, by);
        let told = |fact: &PhoneFact| match fact {
            PhoneFact::Told(status) => Some(*status),
            _ => None,
        };
        let told: Vec<u16> = facts.iter().filter_map(told).collect();
        let finals: Vec<u16> = told.iter().copied().filter(|status| *status >= 200).collect();
        let is_taken = facts.contains(&taken);
        if finals.len() > 1 || told.iter().rev().skip(1).any(|status| *status >= 200) {
            wrong.push(format!("who asked was told {told:?}"));
        }
        if is_taken && transfer.told && finals.is_empty() {
            wrong.push(format!("who asked was told {told:?}, and of no end"));
        }
        if !transfer.told && !told.is_empty() {
            wrong.push(format!("who asked did not want to be told {told:?}"));
        }
        let has_moved = talking.contains(&other) && !talking.contains(&by);
        let has_stayed = talking.contains(&by);
        let is_true = match finals.as_slice() {
            [] => true,
            [200] => !has_stayed,
            [_] => !has_moved,
            _ => false,
        };
        let is_vanished = self.calls[n].vanished;
        if !is_true && !is_vanished {
            wrong.push(format!("who asked was told {told:?}, and {talking:?} talk"));
        }
        // The BYE to whom was asked may not have arrived yet.
        let may_ask = matches!(transfer.way, Way::Asked { .. }) && has_stayed;
        let is_call = matches!(talking.len(), 0 | 2) || (may_ask && talking.len() == 3);
        if !is_vanished && !is_call {
            wrong.push(format!("{talking:?} talk, which is no call"));
        }
        let is_plain = matches!(transfer.twist, Twist::Nothing | Twist::AsksTwice);
        // One that heard nothing of a target that rings cannot name it.
        if is_plain && is_taken && transfer.sent().then == Then::Moved {
            self.moved.wanted += 1;
            self.moved.were += usize::from(has_moved);
        }
        wrong
    }

    /// In a still world, who did not hang up is told of the end of a call that has come about by a transfer, and nobody else is.
    pub(super) fn audit_end_of_transferred(&mut self, n: usize) {
        let call = &self.calls[n];
        if call.last_marks.is_empty() || !self.still || call.vanished {
            return;
        }
        let ended = |(phone, _): &&(usize, usize)| {
            self.since(&call.last_marks, *phone) == [PhoneFact::Ended]
        };
        let told = call.last_marks.iter().filter(ended).count();
        let seen = |(phone, _): &(usize, usize)| !self.since(&call.last_marks, *phone).is_empty();
        let seen = call.last_marks.iter().filter(|mark| seen(mark)).count();
        let talked = call.talked;
        let wants = match call.script.end.1 {
            _ if talked == 0 => 0,
            End::Caller | End::Callee => 1,
            End::Both => 0,
            End::Operator => 2,
        };
        if told != wants || seen != wants {
            self.broken.push(format!(
                "call {n}: of its end {told} were told and {seen} saw something, and not {wants}"
            ));
        }
    }

    /// Two that talk hear each other.
    pub(super) fn audit_media(&mut self, n: usize) {
        let call = &self.calls[n];
        let [first, second] = self.talking(n)[..] else { return };
        if call.vanished || self.is_restarted(call) {
            return;
        }
        let hears = |from: usize, to: usize| {
            self.world.hears(from) == self.world.phones.get(to).map(crate::Phone::media)
        };
        if !hears(first, second) || !hears(second, first) {
            let line = format!(
                "call {n}: {first} and {second} talk, and the media goes to {:?} and {:?}",
                self.world.hears(first),
                self.world.hears(second)
            );
            self.broken.push(line);
        }
    }
}
