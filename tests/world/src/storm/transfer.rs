//! Transfers of a script, and the reference for them: what each party must see of one.

use std::{collections::BTreeMap, time::Duration};

use super::{
    joining::Way,
    model::{Outcome, Seen, Verdict, outcome},
    script::{Callee, End, Lie, Script, ms},
};
use crate::{PhoneFact, Random, Reaction};

/// One party has the other sent on.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// When, counted from the call's start.
    pub after: Duration,
    /// How.
    pub way: Way,
    /// Who asks for it.
    pub by: Asks,
    /// Who is to talk to the other: users of this name are no party before.
    pub to: Callee,
    /// How the plugin behaves that routes it.
    pub lie: Lie,
    /// Who asks for it wants to be told what comes of it.
    pub told: bool,
    /// What comes between.
    pub twist: Twist,
    /// In a wild world the twist comes this long after the target's answer, and not when it says.
    pub race: Option<Duration>,
}

/// Who asks for a transfer: of the two that talk, the one who has been in the call for longer comes first, and the caller before who
/// was called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asks {
    /// The first.
    First,
    /// The second.
    Second,
    /// Both at the same moment, the first before the second.
    Both,
}

/// What comes between a REFER and its end, counted from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Twist {
    /// Nothing.
    Nothing,
    /// Who asks asks at once again.
    AsksTwice,
    /// Who asks hangs up.
    Leaves(Duration),
    /// Who is sent on hangs up.
    OtherLeaves(Duration),
    /// Who asks holds the other.
    Holds(Duration),
    /// Who is sent on refuses the media of its new peer.
    RefusesOffer,
    /// The target, who talks to the one who asks, refuses that of its new peer.
    TargetRefuses,
    /// Who is sent on is gone for good by then: nothing of it and to it arrives any more.
    Vanished,
}

/// What must come of a transfer in a world where no datagram is lost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// What who asked for it sees.
    pub by: Vec<PhoneFact>,
    /// What who is sent on sees.
    pub other: Vec<PhoneFact>,
    /// What each phone of the target sees; of the answered one [`Sent::winner`] tells.
    pub phones: BTreeMap<(String, usize), Seen>,
    /// Which phone of the target answers, and whether its call is ended by the switch.
    pub winner: Option<((String, usize), bool)>,
    /// Who talks then.
    pub then: Then,
}

/// Who talks after a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// Those who did before.
    Same,
    /// Who was sent on, and the target.
    Moved,
    /// Nobody.
    Over,
}

/// Everything of a transfer is over so long after it began.
pub(super) const TRANSFER: Duration = Duration::from_secs(75);

/// The twists of chance fall between the full seconds of all else.
pub(super) const fn half(n: u64) -> Duration {
    ms(500 + 1000 * n)
}

impl Transfer {
    /// One of chance, the `nth` of a call, `after` its start.
    pub(super) fn random(number: usize, nth: usize, after: Duration, random: &mut Random) -> Self {
        let phones = match random.below(8) {
            0 => vec![],
            1 => vec![Reaction::Refuse(*random.pick(&[404, 486, 603]).unwrap_or(&486))],
            2 => vec![Reaction::Ring],
            3 => vec![Reaction::AnswerAfter(ms(1000 * (1 + random.below(7)))), Reaction::Ring],
            4 if random.below(2) == 0 => vec![Reaction::Ignore],
            _ => vec![Reaction::AnswerAfter(ms(1000 * (1 + random.below(7))))],
        };
        let lie = match random.below(16) {
            0 => Lie::Silent,
            1 => Lie::Late(ms(300)),
            2 => Lie::Twice,
            3 => Lie::Refuse(603),
            4 => Lie::Nobody,
            _ => Lie::Truth,
        };
        let twist = match random.below(14) {
            0 => Twist::AsksTwice,
            1 | 2 => Twist::Leaves(half(random.below(9))),
            3 => Twist::OtherLeaves(half(random.below(9))),
            4 => Twist::Holds(half(random.below(9))),
            5 => Twist::RefusesOffer,
            6 => Twist::Vanished,
            _ => Twist::Nothing,
        };
        Self {
            after,
            way: Way::Blind,
            by: *random.pick(&[Asks::First, Asks::Second, Asks::Both]).unwrap_or(&Asks::First),
            to: Callee { user: format!("t{number}x{nth}"), phones },
            lie,
            told: random.below(6) > 0,
            twist,
            race: (random.below(2) == 0).then(|| ms(random.below(150))),
        }
    }

    /// When its twist comes, counted from the beginning.
    pub(super) fn twist_at(&self, is_still: bool) -> Option<Duration> {
        let (Twist::Leaves(at) | Twist::OtherLeaves(at) | Twist::Holds(at)) = self.twist else {
            return None;
        };
        let race = self.race.filter(|_| !is_still);
        let target = match self.way {
            Way::Blind | Way::Taken => self.target(None).after,
            Way::Asked { .. } => self.refer_at().max(self.consult_answers().unwrap_or_default()),
        };
        Some(race.map_or_else(|| self.refer_at() + at, |race| target + race))
    }

    /// What the target makes of it, unless it is given up before.
    fn target(&self, cancel: Option<Duration>) -> Outcome {
        outcome(&Script {
            number: 0,
            start: Duration::ZERO,
            delayed_offer: false,
            groups: vec![vec![self.to.clone()]],
            lie: self.lie,
            cancel,
            acts: Vec::new(),
            transfers: Vec::new(),
            pickup: None,
            end: (Duration::ZERO, End::Caller),
        })
    }

    /// When the target rings, and whether anybody hears of it.
    fn rings(&self) -> Option<Duration> {
        let says_so = |r: &Reaction| matches!(r, Reaction::Ring | Reaction::AnswerAfter(_));
        let after = match self.lie {
            Lie::Refuse(_) => return None,
            Lie::Silent => ms(2000),
            Lie::Late(late) => late,
            Lie::Truth | Lie::Twice | Lie::Nobody => Duration::ZERO,
        };
        self.to.phones.iter().any(says_so).then_some(after)
    }

    /// What must come of it.
    pub fn sent(&self) -> Sent {
        match self.way {
            Way::Blind => self.blind(),
            Way::Asked { holds, .. } => self.asked(holds),
            Way::Taken => self.taken(),
        }
    }

    fn blind(&self) -> Sent {
        let whole = self.target(None);
        let gives_up = match self.twist {
            Twist::OtherLeaves(at) if at < whole.after => Some(at),
            _ => None,
        };
        let out = if gives_up.is_some() { self.target(gives_up) } else { whole };
        let done = gives_up.unwrap_or(out.after);
        let mut by = vec![(Duration::ZERO, PhoneFact::Referred(202))];
        let mut other = Vec::new();
        if self.told {
            by.push((Duration::ZERO, PhoneFact::Told(100)));
        }
        if self.twist == Twist::AsksTwice {
            by.push((Duration::ZERO, PhoneFact::Referred(491)));
        }
        if self.told {
            by.extend(self.rings().filter(|at| *at <= done).map(|at| (at, PhoneFact::Told(180))));
        }
        if self.by == Asks::Both {
            other.push((Duration::ZERO, PhoneFact::Referred(491)));
        }
        let winner = match &out.caller {
            Verdict::Up(winners) => winners.first().cloned(),
            Verdict::Refused(_) => None,
        };
        let status = match &out.caller {
            Verdict::Refused(statuses) => statuses.first().copied().unwrap_or(480),
            Verdict::Up(_) => match self.twist {
                Twist::RefusesOffer => 488,
                Twist::Vanished => 408,
                _ => 200,
            },
        };
        if self.told {
            by.push((done, PhoneFact::Told(status)));
        }
        let is_up = winner.is_some();
        let (then, drops) = self.end(is_up, done, (&mut by, &mut other));
        Sent {
            by: in_order(by),
            other: in_order(other),
            phones: out.phones,
            winner: winner.map(|who| (who, drops)),
            then,
        }
    }

    /// Who talks then, and whether the target's call is ended; the rest of what the two see.
    fn end(
        &self,
        is_up: bool,
        done: Duration,
        (by, other): (&mut Facts, &mut Facts),
    ) -> (Then, bool) {
        let joins = |other: &mut Facts| other.push((done, PhoneFact::Held(false)));
        let ended = |at| (at, PhoneFact::Ended);
        match (self.twist, is_up) {
            (Twist::Leaves(at), true) if at < done => {
                joins(other);
                (Then::Moved, false)
            }
            (Twist::Leaves(at), false) => {
                other.push(ended(done.max(at)));
                (Then::Over, false)
            }
            (Twist::OtherLeaves(_), true) => {
                joins(other);
                by.push(ended(done));
                (Then::Over, true)
            }
            (Twist::OtherLeaves(at), false) => {
                by.push(ended(done.max(at)));
                (Then::Over, false)
            }
            (Twist::RefusesOffer, true) => (Then::Same, true),
            (Twist::Vanished, true) => {
                by.push(ended(done));
                (Then::Over, true)
            }
            (twist, is_up) => {
                if let Twist::Holds(at) = twist
                    && (!is_up || at < done)
                {
                    by.push((at, PhoneFact::Answered(200)));
                    other.push((at, PhoneFact::Held(true)));
                }
                if is_up {
                    joins(other);
                    by.push(ended(done));
                    (Then::Moved, false)
                } else {
                    (Then::Same, false)
                }
            }
        }
    }
}

/// What a party sees, and when.
pub(super) type Facts = Vec<(Duration, PhoneFact)>;

/// The same in order.
pub(super) fn in_order(mut facts: Facts) -> Vec<PhoneFact> {
    facts.sort_by_key(|(at, _)| *at);
    facts.into_iter().map(|(_, fact)| fact).collect()
}
