//! The reference for transfers that name a dialog: who asks has talked to the target before, or has it ring (RFC 3891); and for one
//! who takes a call over on another phone.

use std::{collections::BTreeMap, time::Duration};

use super::{
    model::Seen,
    script::{Callee, Lie, ms},
    transfer::{Asks, Facts, Sent, Then, Transfer, Twist, half, in_order},
};
use crate::{PhoneFact, Random, Reaction};

/// How a party is sent on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// To an address.
    Blind,
    /// To whom the one who asks has called meanwhile.
    Asked {
        /// While that one rings yet, if it takes so long.
        rings: bool,
        /// The other is on hold meanwhile.
        holds: bool,
    },
    /// Not at all: another phone of who asks takes the call over.
    Taken,
}

/// When who asks calls the target, counted from the hold.
pub(super) const CONSULT: Duration = ms(1000);
/// When it ends what has come of that and stands yet.
pub(super) const TIDY: Duration = Duration::from_secs(70);
/// How long a target rings.
const RING: Duration = Duration::from_secs(30);
/// How long a phone is waited for that does not answer a re-INVITE.
const LOST: Duration = Duration::from_secs(32);

impl Transfer {
    /// Makes another of a blind one, or not.
    pub(super) fn with_replaces(mut self, random: &mut Random) -> Self {
        let after = Reaction::AnswerAfter(ms(1000 * (1 + random.below(7))));
        let (rings, holds) = (random.below(2) == 0, random.below(3) > 0);
        let way = match random.below(8) {
            0..=2 => Way::Asked { rings, holds },
            3 => Way::Taken,
            _ => return self,
        };
        let reaction = match random.below(8) {
            _ if way == Way::Taken => Reaction::Ring,
            0 => Reaction::Refuse(486),
            1 => Reaction::Ring,
            _ => after,
        };
        let twist = match random.below(12) {
            0 => Twist::RefusesOffer,
            1 => Twist::Vanished,
            _ if way == Way::Taken => Twist::Nothing,
            2 | 3 => Twist::TargetRefuses,
            4 => Twist::AsksTwice,
            5 => Twist::Leaves(half(random.below(9))),
            6 => Twist::OtherLeaves(half(random.below(9))),
            _ => Twist::Nothing,
        };
        let by = if self.by == Asks::Both { Asks::First } else { self.by };
        self.to = Callee { user: self.to.user, phones: vec![reaction] };
        Self { way, by, twist, lie: Lie::Truth, ..self }
    }

    /// When the REFER is sent, counted from the beginning: between whole and half seconds, when all else is.
    pub(super) fn refer_at(&self) -> Duration {
        match self.way {
            Way::Blind | Way::Taken => Duration::ZERO,
            Way::Asked { rings: true, .. } => CONSULT + ms(250),
            Way::Asked { rings: false, .. } => CONSULT + ms(8250),
        }
    }

    /// When the target answers who asks, or would.
    pub(super) fn consult_answers(&self) -> Option<Duration> {
        match self.to.phones.first() {
            Some(Reaction::AnswerAfter(after)) => Some(CONSULT + *after),
            _ => None,
        }
    }

    fn sent_of(&self, by: Facts, other: Facts, seen: Seen, up: Option<bool>, then: Then) -> Sent {
        let who = (self.to.user.clone(), 0);
        Sent {
            by: in_order(by),
            other: in_order(other),
            phones: BTreeMap::from([(who.clone(), seen)]),
            winner: up.map(|ended| (who, ended)),
            then,
        }
    }

    /// What must come of it when another phone takes the call over.
    pub(super) fn taken(&self) -> Sent {
        let at = Duration::ZERO;
        let seen = Seen::default();
        match self.twist {
            Twist::RefusesOffer => self.sent_of(vec![], vec![], seen, None, Then::Same),
            Twist::Vanished => {
                let by = vec![(at, PhoneFact::Ended)];
                self.sent_of(by, vec![], seen, None, Then::Over)
            }
            _ => {
                let by = vec![(at, PhoneFact::Ended)];
                let other = vec![(at, PhoneFact::Held(false))];
                self.sent_of(by, other, seen, Some(false), Then::Moved)
            }
        }
    }

    /// What must come of it when who asks calls the target first.
    pub(super) fn asked(&self, holds: bool) -> Sent {
        let (mut by, mut other) = (Facts::new(), Facts::new());
        if holds {
            by.push((Duration::ZERO, PhoneFact::Answered(200)));
            other.push((Duration::ZERO, PhoneFact::Held(true)));
        }
        let rang = Seen { rang: true, cancelled: false };
        let refer = self.refer_at();
        match self.to.phones.first() {
            Some(Reaction::Refuse(status)) => {
                by.push((CONSULT, PhoneFact::Refused(*status)));
                let then = self.hung_up(&mut by, &mut other);
                return self.sent_of(by, other, rang, None, then);
            }
            Some(Reaction::Ring | Reaction::AnswerAfter(_)) => {
                by.push((CONSULT, PhoneFact::Progress(180)));
            }
            _ => return self.sent_of(by, other, Seen::default(), None, Then::Same),
        }
        let answers = self.consult_answers();
        let is_up = answers.is_some_and(|at| at < refer);
        by.extend(answers.filter(|at| *at < refer).map(|at| (at, PhoneFact::Up)));
        by.push((refer, PhoneFact::Referred(202)));
        by.extend(self.told.then_some((refer, PhoneFact::Told(100))));
        if !is_up {
            by.push((refer, PhoneFact::Refused(487)));
        }
        if self.twist == Twist::AsksTwice {
            by.push((refer, PhoneFact::Referred(491)));
        }
        let done = if is_up { refer } else { answers.unwrap_or(CONSULT + RING) };
        match answers {
            Some(_) => self.joined((is_up, done), by, other),
            None => self.not_answered(done, by, other),
        }
    }

    /// Nothing comes of it: who hangs up then ends the call that there was.
    fn hung_up(&self, by: &mut Facts, other: &mut Facts) -> Then {
        let refer = self.refer_at();
        match self.twist {
            Twist::Leaves(at) => other.push((refer + at, PhoneFact::Ended)),
            Twist::OtherLeaves(at) => by.push((refer + at, PhoneFact::Ended)),
            _ => return Then::Same,
        }
        Then::Over
    }

    /// The target rings for who is sent on, and does not answer.
    fn not_answered(&self, done: Duration, mut by: Facts, mut other: Facts) -> Sent {
        let seen = Seen { rang: true, cancelled: true };
        let refer = self.refer_at();
        let (at, status, then) = match self.twist {
            Twist::OtherLeaves(at) => (refer + at, 487, Then::Over),
            Twist::Leaves(_) => (done, 480, Then::Over),
            _ => (done, 480, Then::Same),
        };
        by.extend(self.told.then_some((at, PhoneFact::Told(status))));
        match self.twist {
            Twist::OtherLeaves(_) => by.push((at, PhoneFact::Ended)),
            Twist::Leaves(_) => other.push((at, PhoneFact::Ended)),
            _ => {}
        }
        self.sent_of(by, other, seen, None, then)
    }

    /// The target has answered, who asks or who is sent on; `done` is when both can be joined.
    fn joined(&self, (was_up, done): (bool, Duration), mut by: Facts, mut other: Facts) -> Sent {
        let rang = Seen { rang: true, cancelled: false };
        let refer = self.refer_at();
        let told = |at, status| self.told.then_some((at, PhoneFact::Told(status)));
        if let Twist::OtherLeaves(at) = self.twist
            && refer + at < done
        {
            by.extend(told(refer + at, 487));
            by.push((refer + at, PhoneFact::Ended));
            return self.sent_of(by, other, Seen { rang: true, cancelled: true }, None, Then::Over);
        }
        let (at, status) = match self.twist {
            Twist::RefusesOffer | Twist::TargetRefuses => (done, 488),
            Twist::Vanished => (done + LOST, 408),
            _ => (done, 200),
        };
        by.extend(told(at, status));
        if !matches!(self.twist, Twist::RefusesOffer | Twist::Vanished) {
            other.push((done, PhoneFact::Held(false)));
        }
        let has_left = matches!(self.twist, Twist::Leaves(after) if refer + after < done);
        let ends = match status {
            200 => usize::from(!has_left) + usize::from(was_up),
            408 => 1,
            _ => 0,
        };
        by.extend(std::iter::repeat_n((at, PhoneFact::Ended), ends));
        let then = match (self.twist, status) {
            (Twist::OtherLeaves(_), _) | (_, 408) => Then::Over,
            (_, 200) => Then::Moved,
            _ => Then::Same,
        };
        self.sent_of(by, other, rang, Some(then != Then::Moved), then)
    }
}
