//! Calls that go to somebody else because that was set for who is called, as if its phone had answered with a 302.

use model::{
    Aor, Directory, ForwardWhen,
    hook::{Destination, Diversion, Party},
};

use super::{Call, attempt::Tried, offer::party_of_uri, routing_point::callee_of};
use crate::tables::Tables;

/// Where a call goes that somebody does not take.
pub(crate) struct Forward {
    /// Who does not.
    pub(super) by: Aor,
    /// Who is called in its place.
    pub(super) to: Party,
    /// Why.
    pub(super) why: Diversion,
}

impl Call {
    /// Where calls to a target go in this case, if this one may go there: not a call to a phone for its own user, nor one whose signalling
    /// is the parties' own, nor an emergency; not too often, and by nobody twice.
    pub(super) fn forward(
        &self,
        tables: &Tables,
        dir: &dyn Directory,
        target: &Destination,
        when: ForwardWhen,
    ) -> Option<Forward> {
        let Destination::Aor(aor) = target else { return None };
        if !self.may_be_sent_on(tables) {
            return None;
        }
        let sent_by = |party: &Party| Aor::new(&party.user, &party.host) == *aor;
        if self.facts.redirections.iter().any(|redirection| sent_by(&redirection.by)) {
            return None;
        }
        let to = callee_of(&dir.forward(aor, when)?, aor.host())?;
        let why = match when {
            ForwardWhen::Always => Diversion::Unconditional,
            ForwardWhen::Busy if dir.do_not_disturb(aor) => Diversion::DoNotDisturb,
            ForwardWhen::Busy => Diversion::UserBusy,
            ForwardWhen::NoAnswer => Diversion::NoAnswer,
        };
        Some(Forward { by: aor.clone(), to, why })
    }

    /// A target has failed: its calls may go somewhere else then.
    pub(super) fn heed_forward(&self, tables: &Tables, dir: &dyn Directory, tried: &mut Tried) {
        let when = match tried.status() {
            // Who refuses has something else to do (603), whatever its phone calls that.
            486 | 600 | 603 => ForwardWhen::Busy,
            408 | 480 | 503 => ForwardWhen::NoAnswer,
            _ => return,
        };
        let is_there = tried.status() == 408;
        let forward = self.forward(tables, dir, &tried.target().to, when);
        if let Some(mut forward) = forward {
            if when == ForwardWhen::NoAnswer && !is_there {
                forward.why = Diversion::Unavailable;
            }
            tried.sent_on(forward);
        }
    }

    /// Who sends the call on: who was called, unless a target of the plan is somebody else.
    pub(super) fn sent_on_by(&self, by: &Aor) -> Party {
        let callee = &self.facts.callee;
        if Aor::new(&callee.user, &callee.host) == *by {
            return callee.clone();
        }
        party_of_uri(&format!("sip:{}", by.as_str()), "")
    }
}

#[cfg(test)]
#[path = "forward_test.rs"]
mod tests;
