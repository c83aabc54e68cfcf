//! The reference: what must come of a call, told from its script alone, by the rules the documentation gives.

use std::{collections::BTreeMap, time::Duration};

use super::script::{Callee, Lie, Script};
use crate::{PhoneFact, Reaction};

/// How long a target rings when nothing says otherwise, and how long a plugin is waited for; as the world's node is configured.
const RING: Duration = Duration::from_secs(30);
const QUESTION: Duration = Duration::from_secs(2);

/// What must come of a call in a world where no datagram is lost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What becomes of the caller's INVITE.
    pub caller: Verdict,
    /// When that is, counted from its start.
    pub after: Duration,
    /// What each called phone sees, by user and number.
    pub phones: BTreeMap<(String, usize), Seen>,
}

/// What becomes of an INVITE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is answered, by one of these phones.
    Up(Vec<(String, usize)>),
    /// It is refused with one of these statuses.
    Refused(Vec<u16>),
}

/// What a called phone sees of a call.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Seen {
    /// An INVITE.
    pub rang: bool,
    /// Its CANCEL, before it was answered.
    pub cancelled: bool,
}

impl Seen {
    /// What a phone has seen.
    pub fn of(facts: &[PhoneFact]) -> Self {
        Self {
            rang: facts.iter().any(|fact| matches!(fact, PhoneFact::Rang(_))),
            cancelled: facts.contains(&PhoneFact::Cancelled),
        }
    }
}

/// What came of the targets tried together.
struct Group {
    /// When it was over, and how; `None` for answered.
    failed: Option<Vec<u16>>,
    lasted: Duration,
    winners: Vec<(String, usize)>,
}

/// What must come of the call.
pub fn outcome(script: &Script) -> Outcome {
    let mut phones = BTreeMap::new();
    for callee in script.groups.iter().flatten() {
        for n in 0..callee.phones.len() {
            phones.insert((callee.user.clone(), n), Seen::default());
        }
    }
    let pickup = script.pickup.filter(|at| !answers_before(script, *at));
    let mut out = Outcome { caller: Verdict::Refused(vec![480]), after: Duration::ZERO, phones };
    if script.pickup.is_some() {
        phones_of_picker(script, &mut out.phones);
    }
    if let Some(at) = pickup {
        out.phones.values_mut().for_each(|seen| *seen = Seen { rang: true, cancelled: true });
        phones_of_picker(script, &mut out.phones);
        out.caller = Verdict::Up(vec![(script.picker(), 0)]);
        out.after = at;
        return out;
    }
    let (groups, mut now): (Vec<Vec<Callee>>, Duration) = match script.lie {
        Lie::Refuse(status) => {
            out.caller = Verdict::Refused(vec![status]);
            return out;
        }
        Lie::Silent => {
            (script.groups.first().map(|g| vec![g[..1].to_vec()]).unwrap_or_default(), QUESTION)
        }
        Lie::Late(late) => (script.groups.clone(), late),
        Lie::Truth | Lie::Twice | Lie::Nobody => (script.groups.clone(), Duration::ZERO),
    };
    let gives_up = script.cancel.unwrap_or(Duration::MAX);
    for group in &groups {
        if gives_up < now {
            break;
        }
        let tried = try_group(group, gives_up.saturating_sub(now), &mut out.phones);
        now += tried.lasted;
        match tried.failed {
            None => {
                if gives_up >= now {
                    out.after = now;
                    out.caller = Verdict::Up(tried.winners);
                    return out;
                }
            }
            Some(statuses) => out.caller = Verdict::Refused(statuses),
        }
        // A plugin that says nothing is waited for after each failure, too.
        if script.lie == Lie::Silent {
            now += QUESTION;
        }
    }
    out.after = now.min(gives_up);
    if gives_up < now {
        out.caller = Verdict::Refused(vec![487]);
    } else if let Verdict::Refused(statuses) = &mut out.caller {
        // That nobody answered is not this switch's failure but the called party's.
        statuses.iter_mut().filter(|status| **status == 408).for_each(|status| *status = 480);
    }
    out
}

/// Who picks a call up sees nothing of it before.
fn phones_of_picker(script: &Script, phones: &mut BTreeMap<(String, usize), Seen>) {
    phones.insert((script.picker(), 0), Seen::default());
}

/// Whether a phone of the first group has answered by then.
fn answers_before(script: &Script, at: Duration) -> bool {
    let phones = script.groups.iter().flatten().flat_map(|callee| &callee.phones);
    phones.into_iter().any(|r| matches!(r, Reaction::AnswerAfter(after) if *after <= at))
}

/// Rings the targets of a group, for `left` at the most: then the caller gives up.
fn try_group(
    group: &[Callee],
    left: Duration,
    phones: &mut BTreeMap<(String, usize), Seen>,
) -> Group {
    let mut winners: Vec<(Duration, (String, usize))> = Vec::new();
    let mut best: Option<Vec<u16>> = None;
    let mut rings = false;
    for callee in group {
        let ended = callee.phones.iter().any(|r| matches!(r, Reaction::Refuse(600..)));
        let mut statuses: Vec<u16> = Vec::new();
        let mut waits = false;
        for (n, reaction) in callee.phones.iter().enumerate() {
            match reaction {
                Reaction::Refuse(status) => statuses.push(*status),
                Reaction::AnswerAfter(after) if !ended => {
                    winners.push((*after, (callee.user.clone(), n)));
                }
                Reaction::AnswerAfter(_) | Reaction::Ring | Reaction::Ignore => waits |= !ended,
            }
        }
        rings |= waits;
        let of_target = match () {
            () if waits => vec![408],
            () if statuses.is_empty() => vec![480],
            () => lowest(&statuses),
        };
        let is_better = best.as_ref().is_none_or(|have| rank(of_target[0]) < rank(have[0]));
        if is_better {
            best = Some(of_target);
        }
    }
    let first = winners.iter().map(|(after, _)| *after).min();
    let lasted = first.unwrap_or(if rings { RING } else { Duration::ZERO });
    let cut = left.min(lasted);
    let won: Vec<_> = winners
        .into_iter()
        .filter(|(at, _)| Some(*at) == first && *at <= left)
        .map(|(_, who)| who)
        .collect();
    for callee in group {
        // A 6xx ends the search for whom it was said at once.
        let ended = callee.phones.iter().any(|r| matches!(r, Reaction::Refuse(600..)));
        let cut = if ended { Duration::ZERO } else { cut };
        for (n, reaction) in callee.phones.iter().enumerate() {
            let who = (callee.user.clone(), n);
            let is_winner = won.contains(&who);
            let Some(seen) = phones.get_mut(&who) else { continue };
            seen.rang = true;
            let rings = match reaction {
                Reaction::Ring => true,
                Reaction::AnswerAfter(after) => *after >= cut,
                Reaction::Refuse(_) | Reaction::Ignore => false,
            };
            seen.cancelled = rings && !is_winner;
        }
    }
    Group { failed: if first.is_some() { None } else { best }, lasted, winners: won }
}

/// Those of the lowest class, or the 6xx: whichever of them came first is the best (RFC 3261 section 16.7 step 6).
fn lowest(statuses: &[u16]) -> Vec<u16> {
    let best = statuses.iter().map(|status| rank(*status)).min();
    statuses.iter().copied().filter(|status| Some(rank(*status)) == best).collect()
}

const fn rank(status: u16) -> u16 {
    if status >= 600 { 0 } else { status / 100 }
}

/// Whether a caller may see this final status when datagrams are lost, doubled and overtaken, or the node restarts: what a party
/// said, that one did not answer, or that it was given up.
pub fn may_see(script: &Script, status: u16) -> bool {
    let ideal = match outcome(script).caller {
        Verdict::Refused(statuses) => statuses.contains(&status),
        Verdict::Up(_) => false,
    };
    let said = script.groups.iter().flatten().flat_map(|callee| &callee.phones);
    let is_said = said.into_iter().any(|reaction| *reaction == Reaction::Refuse(status));
    ideal || is_said || matches!(status, 408 | 480) || (status == 487 && script.cancel.is_some())
}
