//! What the parties of one call are to do, by chance.

use std::time::Duration;

use super::transfer::{TRANSFER, Transfer, Twist};
use crate::{Random, Reaction};

/// One call: who is called how, what goes wrong on purpose, and how it ends.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its number; the caller is `a<number>`, who is called first `c<number>`.
    pub number: usize,
    /// When the caller calls.
    pub start: Duration,
    /// The offer comes with the 2xx, and the answer with its ACK.
    pub delayed_offer: bool,
    /// Tried one group after another; the targets of a group ring together.
    pub groups: Vec<Vec<Callee>>,
    /// How the plugin that routes it behaves.
    pub lie: Lie,
    /// The caller gives up so long after it called.
    pub cancel: Option<Duration>,
    /// What is done within the call, counted from its start, in order.
    pub acts: Vec<(Duration, Act)>,
    /// While it rings another phone takes it, so long after its start: that of the user `p<number>`.
    pub pickup: Option<Duration>,
    /// Parties sent on, one transfer after another, after all acts.
    pub transfers: Vec<Transfer>,
    /// Who ends it, counted from its start.
    pub end: (Duration, End),
}

/// One target.
#[derive(Clone, Debug)]
pub struct Callee {
    /// The user of its address-of-record.
    pub user: String,
    /// What each of its phones does; none is registered when there is none.
    pub phones: Vec<Reaction>,
}

/// What a plugin does with the question where the call goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// It answers at once.
    Truth,
    /// It never answers: the built-in default decides after two seconds, and calls who was called.
    Silent,
    /// It answers this late.
    Late(Duration),
    /// It answers, and then says the opposite.
    Twice,
    /// It refuses with this status.
    Refuse(u16),
    /// It names a target that is registered nowhere, before the others.
    Nobody,
}

/// What is done within an established call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// The caller holds (or takes back).
    CallerHolds(bool),
    /// The called party holds (or takes back).
    CalleeHolds(bool),
    /// Both hold at the same moment.
    BothHold,
    /// The called phone is gone for good: nothing of it and to it arrives any more.
    CalleeVanishes,
}

/// Who ends an established call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The caller.
    Caller,
    /// The called party.
    Callee,
    /// Both at the same moment.
    Both,
    /// The operator.
    Operator,
}

pub(super) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

impl Script {
    /// A call by chance. Whole seconds part what its parties do, so that in a still world each happening is over before the next.
    pub fn random(number: usize, random: &mut Random) -> Self {
        let start = random.between(ms(2000), ms(120_000));
        let mut names = 0;
        let count = [1, 1, 1, 2, 3];
        let groups = (0..*random.pick(&count).unwrap_or(&1))
            .map(|_| {
                let targets = *random.pick(&[1, 1, 2, 3]).unwrap_or(&1);
                (0..targets).map(|_| callee(number, &mut names, random)).collect()
            })
            .collect();
        let lie = match random.below(16) {
            0 => Lie::Silent,
            1 => Lie::Late(ms(300)),
            2 => Lie::Twice,
            3 => Lie::Refuse(603),
            4 => Lie::Nobody,
            _ => Lie::Truth,
        };
        let cancel = (random.below(4) == 0).then(|| ms(500 + 1000 * random.below(12)));
        let (acts, end) = within(random);
        let delayed_offer = random.below(5) == 0;
        let transfers = Vec::new();
        Self {
            number,
            start,
            delayed_offer,
            groups,
            lie,
            cancel,
            acts,
            pickup: None,
            transfers,
            end,
        }
    }

    /// The same with transfers, two calls in five.
    pub(super) fn with_transfers(mut self, random: &mut Random) -> Self {
        let is_alone = self.acts.iter().any(|(_, act)| *act == Act::CalleeVanishes);
        if random.below(5) > 1 || is_alone {
            return self;
        }
        let mut at = self.acts.last().map_or(ms(110_250), |(at, _)| *at);
        for nth in 1..=*random.pick(&[1, 1, 2, 3]).unwrap_or(&1) {
            at += ms(3000);
            self.transfers.push(Transfer::random(self.number, nth, at, random));
            at += TRANSFER;
        }
        self.end.0 = at + ms(5000);
        self
    }

    /// The same where dialogs are replaced: by transfers to whom one has called, and by pick-up.
    pub(super) fn with_replaces(mut self, random: &mut Random) -> Self {
        let rewrite = |transfer: Transfer| transfer.with_replaces(random);
        self.transfers = self.transfers.into_iter().map(rewrite).collect();
        if random.below(10) > 0 {
            return self;
        }
        let rings = [Reaction::Ring, Reaction::AnswerAfter(ms(9000))];
        let count = usize::try_from(1 + random.below(2)).unwrap_or(1);
        self.groups = vec![vec![Callee {
            user: self.dialled(),
            phones: rings.into_iter().take(count).collect(),
        }]];
        (self.delayed_offer, self.lie, self.cancel) = (false, Lie::Truth, None);
        self.pickup = Some(ms(500 + 1000 * random.below(12)));
        self
    }

    /// Whether a party is gone for good at some time.
    pub(super) fn has_vanishing(&self) -> bool {
        self.acts.iter().any(|(_, act)| *act == Act::CalleeVanishes)
            || self.transfers.iter().any(|transfer| transfer.twist == Twist::Vanished)
    }

    /// The user who picks it up.
    pub fn picker(&self) -> String {
        format!("p{}", self.number)
    }

    /// The user who calls.
    pub fn caller(&self) -> String {
        format!("a{}", self.number)
    }

    /// The user whose number is dialled.
    pub fn dialled(&self) -> String {
        format!("c{}x1", self.number)
    }
}

fn callee(number: usize, names: &mut usize, random: &mut Random) -> Callee {
    *names += 1;
    let phones = (0..*random.pick(&[0, 1, 1, 1, 1, 2]).unwrap_or(&1))
        .map(|_| match random.below(10) {
            0 => Reaction::Ring,
            1 => Reaction::Ignore,
            2 => Reaction::Refuse(*random.pick(&[404, 486, 500, 603]).unwrap_or(&486)),
            3 => Reaction::Refuse(486),
            _ => Reaction::AnswerAfter(ms(1000 * (1 + random.below(8)))),
        })
        .collect();
    Callee { user: format!("c{number}x{names}"), phones }
}

/// What happens within the call: not before any target can have answered, and the end last.
fn within(random: &mut Random) -> (Vec<(Duration, Act)>, (Duration, End)) {
    let mut at = ms(110_250);
    let mut acts = Vec::new();
    for _ in 0..random.below(4) {
        at += ms(3000);
        let act = match random.below(8) {
            0..=2 => Act::CallerHolds(random.below(2) == 0),
            3..=5 => Act::CalleeHolds(random.below(2) == 0),
            6 => Act::BothHold,
            _ => Act::CalleeVanishes,
        };
        acts.push((at, act));
        if act == Act::CalleeVanishes {
            break;
        }
    }
    at += ms(40_000);
    let is_alone = acts.iter().any(|(_, act)| *act == Act::CalleeVanishes);
    let end = match random.below(6) {
        3 | 4 if is_alone => End::Caller,
        0..=2 => End::Caller,
        3 => End::Callee,
        4 => End::Both,
        _ => End::Operator,
    };
    (acts, (at, end))
}
