//! A call as those see it who watch one of its users: each leg a dialog (RFC 4235).

use media::Side;
use model::{
    Aor, Flow, LegId,
    hook::{Destination, Party},
};

use super::{Branch, Call, Leg, State};
use crate::events::{DialogInfo, DialogPhase};

/// A party: its user, if it is one of ours, and its phone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Who {
    pub(crate) user: Option<Aor>,
    pub(crate) flow: Option<Flow>,
}

impl Who {
    /// Whether both are one user, or one phone with several.
    pub(crate) fn is(&self, other: &Self) -> bool {
        (self.user.is_some() && self.user == other.user)
            || (self.flow.is_some() && self.flow == other.flow)
    }
}

impl Call {
    /// The users whose phones take part, each once for each leg.
    pub(crate) fn users(&self) -> impl Iterator<Item = Aor> {
        let branches = self.branches.iter().filter_map(|branch| branch.user.clone());
        let callee = self.callee.iter().filter_map(|leg| leg.user.clone());
        self.calling_user().into_iter().chain(branches).chain(callee)
    }

    /// The dialogs of a user; none once the call has ended.
    pub(crate) fn dialogs_of(&self, aor: &Aor) -> Vec<DialogInfo> {
        if self.state == State::Ending {
            return Vec::new();
        }
        let mut dialogs = Vec::new();
        // A party that is being sent on is still in the call it comes from.
        let is_here = self.origin.is_none() || self.caller.dialog.is_some();
        if is_here && self.calling_user().as_ref() == Some(aor) {
            dialogs.push(self.caller_dialog());
        }
        let branches = self.branches.iter().filter(|b| b.user.as_ref() == Some(aor));
        let rings = |branch: &&Branch| !branch.cancelled;
        dialogs.extend(branches.filter(rings).map(|branch| self.branch_dialog(branch)));
        let callee = self.callee.iter().filter(|leg| leg.user.as_ref() == Some(aor));
        dialogs.extend(callee.map(|leg| self.callee_dialog(leg)));
        dialogs
    }

    /// Who calls, if it is a user of ours: who it has proved to be, or who it says it is where it came over no trunk.
    pub(super) fn calling_user(&self) -> Option<Aor> {
        let Party { user, host, .. } = &self.facts.caller;
        let claimed = || (!user.is_empty() && !host.is_empty()).then(|| Aor::new(user, host));
        self.facts.identity.clone().or_else(|| self.facts.trunk.is_none().then(claimed)?)
    }

    /// Who a party is and where it is reached, as far as it is known.
    pub(crate) fn who(&mut self, side: Side) -> Who {
        let user = match side {
            Side::A => self.calling_user(),
            Side::B => self.callee.as_ref().and_then(|leg| leg.user.clone()),
        };
        let flow = match side {
            Side::A => Some(self.caller.flow),
            Side::B => self.callee.as_ref().map(|leg| leg.dialog.flow),
        };
        Who { user, flow }
    }

    /// Whose phones one of the targets being tried is, if it is a user of ours.
    pub(super) fn user_of(&self, of: usize) -> Option<Aor> {
        match self.target_of(of)? {
            Destination::Aor(aor) => Some(aor),
            Destination::Uri(_) | Destination::Trunk { .. } | Destination::RoutingPoint(_) => None,
        }
    }

    fn caller_dialog(&self) -> DialogInfo {
        let phase = match self.state {
            State::Asking(_) => DialogPhase::Trying,
            State::OpeningMedia | State::Locating(_) | State::Trying { alerting: false } => {
                DialogPhase::Proceeding
            }
            State::Waiting | State::Joining | State::Trying { alerting: true } => {
                DialogPhase::Early
            }
            State::Established { .. } => DialogPhase::Confirmed,
            State::Ending => DialogPhase::Terminated,
        };
        let tag_of_invite = || {
            let (_, invite) = self.caller.invite.as_ref()?;
            invite.from().ok()?.tag().map(str::to_owned)
        };
        let dialog = self.caller.dialog.as_ref();
        let local_tag = dialog.map(|dialog| dialog.id.remote_tag.clone()).or_else(tag_of_invite);
        let is_told = phase >= DialogPhase::Early;
        let dialled = self.facts.dialled.as_ref().map(|dialled| &dialled.callee);
        DialogInfo {
            leg: LegId { conn: self.conn, number: 0 },
            calls: !self.caller.was_called,
            phase,
            call_id: dialog.map_or(&self.facts.call_id, |dialog| &dialog.id.call_id).clone(),
            local_tag,
            remote_tag: is_told.then(|| self.caller.tag.to_string()),
            remote: shown(dialled.unwrap_or(&self.facts.callee)),
            holds: self.holds(Side::A),
        }
    }

    fn branch_dialog(&self, branch: &Branch) -> DialogInfo {
        let phase = match (&branch.peer_tag, branch.is_silent()) {
            (Some(_), _) => DialogPhase::Early,
            (None, false) => DialogPhase::Proceeding,
            (None, true) => DialogPhase::Trying,
        };
        DialogInfo {
            leg: branch.leg,
            calls: false,
            phase,
            call_id: branch.call_id().to_owned(),
            local_tag: branch.peer_tag.as_deref().map(str::to_owned),
            remote_tag: Some(branch.tag.to_string()),
            remote: self.caller_for_watchers(),
            holds: false,
        }
    }

    fn callee_dialog(&self, leg: &Leg) -> DialogInfo {
        let id = &leg.dialog.id;
        DialogInfo {
            leg: leg.id,
            calls: false,
            phase: DialogPhase::Confirmed,
            call_id: id.call_id.clone(),
            local_tag: Some(id.remote_tag.clone()),
            remote_tag: Some(id.local_tag.clone()),
            remote: self.caller_for_watchers(),
            holds: self.holds(Side::B),
        }
    }

    /// The caller as a watcher may know of it: one who asked for privacy (RFC 3323, RFC 3325) is nobody.
    fn caller_for_watchers(&self) -> (String, String) {
        if self.privacy[0].hides_party() {
            return ("sip:anonymous@anonymous.invalid".to_owned(), "Anonymous".to_owned());
        }
        shown(self.shown_caller())
    }
}

/// A party without what its URI has for parameters: they are of its route, and of no interest to a watcher.
fn shown(party: &Party) -> (String, String) {
    let uri = party.uri.split([';', '?']).next().unwrap_or_default();
    (uri.to_owned(), party.display.clone())
}
