//! What plugins of `header-policy` say of the header fields of a call.

use std::sync::Arc;

use model::{
    Directory, Instant, TrunkId,
    hook::{
        Answer, Ask, Decision, End, FieldOwner, HeaderChange, HeaderEdit, Hook, MediaMode,
        Outgoing, Question, QuestionId, Reason as Why, Target, Verdict, owner_of,
    },
};
use sip::{Message, Name, Writer};

use super::{Call, Crossing, State, attempt::Hop};
use crate::{Reason, tables::Tables};

/// What is to be changed of the header fields of a leg, in order.
pub(crate) type Edits = Option<Arc<[HeaderEdit]>>;

/// The header policy of a call that plugins have a say in. It is gone when the call stands.
#[derive(Default)]
pub(crate) struct Policy {
    /// What was said of the targets being tried, by target and trunk.
    known: Vec<(usize, Option<TrunkId>, Edits)>,
    /// INVITEs that wait for what is said.
    waiting: Vec<Waiting>,
}

struct Waiting {
    question: QuestionId,
    of: usize,
    trunk: Option<TrunkId>,
    hops: Vec<Hop>,
}

impl Call {
    /// From now on plugins are asked for this call's header fields, if any of them answers and the switch writes its INVITEs.
    pub(super) fn begin_policy(&mut self, dir: &dyn Directory, media: MediaMode) {
        let is_ours = media != MediaMode::Proxy && !self.facts.emergency;
        if is_ours && self.policy.is_none() && dir.answers(Hook::HeaderPolicy) {
            self.policy = Some(Box::default());
        }
    }

    /// What was said of the ways of the targets before counts no more.
    pub(super) fn renew_policy(&mut self) {
        if let Some(policy) = &mut self.policy {
            policy.known.clear();
        }
    }

    /// Nothing of it is wanted any more.
    pub(super) fn leave_policy(&mut self, tables: &mut Tables) {
        let Some(policy) = self.policy.take() else { return };
        for waiting in &policy.waiting {
            tables.calls_by_question.remove(&waiting.question);
        }
    }

    /// Drops the INVITEs of a target that wait.
    pub(super) fn leave_policy_of(&mut self, of: usize) {
        if let Some(policy) = &mut self.policy {
            policy.waiting.retain(|waiting| waiting.of != of);
        }
    }

    /// Whether an INVITE to this target waits for what plugins say.
    pub(super) fn awaits_policy(&self, of: usize) -> bool {
        let waits = |policy: &Policy| policy.waiting.iter().any(|waiting| waiting.of == of);
        self.policy.as_deref().is_some_and(waits)
    }

    /// What plugins said of the way that a hop takes.
    pub(super) fn edits_of(&self, hop: &Hop) -> Edits {
        let trunk = hop.trunk.as_ref().map(|on| on.id);
        let known = &self.policy.as_deref()?.known;
        let found = known.iter().find(|(of, on, _)| (*of, *on) == (hop.of, trunk));
        found.and_then(|(.., edits)| edits.clone())
    }

    /// Gives the hop back when its INVITE can go out; else it goes when the plugins have said what is in it.
    pub(super) fn with_policy(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        hop: Hop,
    ) -> Option<Hop> {
        let trunk = hop.trunk.as_ref().map(|on| on.id);
        let Some(policy) = self.policy.as_deref_mut() else { return Some(hop) };
        if policy.known.iter().any(|(of, on, _)| (*of, *on) == (hop.of, trunk)) {
            return Some(hop);
        }
        let same = |waiting: &&mut Waiting| (waiting.of, waiting.trunk) == (hop.of, trunk);
        if let Some(waiting) = policy.waiting.iter_mut().find(same) {
            waiting.hops.push(hop);
            return None;
        }
        let Some(target) = self.tried(hop.of).map(|tried| tried.target().clone()) else {
            return Some(hop);
        };
        let outgoing = Arc::new(self.outgoing(tables, &hop, target));
        let id = tables.mint_question_id(self.conn);
        self.start_timer(tables, now + tables.config.question_timeout, Reason::Question);
        let (call, pin) = (Arc::clone(&self.facts), self.pin.clone());
        let question = Question { id, call, ask: Ask::HeaderPolicy(outgoing), pin };
        tables.outputs.push_back(crate::Output::Ask(question));
        let waiting = Waiting { question: id, of: hop.of, trunk, hops: vec![hop] };
        self.policy.as_deref_mut()?.waiting.push(waiting);
        None
    }

    fn outgoing(&self, tables: &Tables, hop: &Hop, target: Target) -> Outgoing {
        let on = hop.trunk.as_ref().map(|on| on.id);
        let crossing = self.crossing_to(tables, on, hop.flow);
        Outgoing {
            target,
            uri: hop.uri.clone(),
            from_trunk: self.facts.trunk.clone(),
            trunk: on.and_then(|id| Some(tables.trunks.get(id)?.name.clone())),
            trusted: crossing.told,
            hidden: crossing.hides(),
        }
    }

    /// The plugins have said what is to be changed.
    pub(crate) fn on_header_policy(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        answer: Answer,
    ) {
        let Answer { id, verdict, mut decision, .. } = answer;
        let edits = match verdict {
            Verdict::Edit(edits) => edits,
            _ => Vec::new(),
        };
        let policy = self.policy.as_deref_mut();
        let Some(waiting) = policy.and_then(|policy| policy.take(Some(id))) else { return };
        let waiting_hop = waiting.hops.first();
        let crossing = waiting_hop.map(|hop| self.crossing_to(tables, waiting.trunk, hop.flow));
        if crossing.is_some_and(Crossing::hides) {
            decision.reasons.extend(edits.iter().filter(|edit| self.tells_caller(edit)).map(told));
        }
        tables.emit(crate::Fact::Decided { conn: self.conn, decision });
        self.go_on_with(tables, now, waiting, (!edits.is_empty()).then(|| edits.into()));
        if self.policy.as_deref().is_some_and(|policy| policy.waiting.is_empty()) {
            self.stop_timer(tables, Reason::Question);
        }
        self.try_next(tables, now, dir);
    }

    /// The plugins say nothing: the INVITEs go out as the switch writes them by itself.
    pub(super) fn on_policy_timeout(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
    ) {
        let mut is_late = false;
        while let Some(waiting) = self.policy.as_deref_mut().and_then(|policy| policy.take(None)) {
            is_late = true;
            tables.calls_by_question.remove(&waiting.question);
            tables.stats.questions_timed_out += 1;
            let decision = Decision::of(Hook::HeaderPolicy, 0);
            tables.emit(crate::Fact::Decided { conn: self.conn, decision });
            self.go_on_with(tables, now, waiting, None);
        }
        if is_late {
            self.try_next(tables, now, dir);
        }
    }

    fn go_on_with(&mut self, tables: &mut Tables, now: Instant, waiting: Waiting, edits: Edits) {
        let State::Trying { .. } = self.state else { return };
        let Waiting { of, trunk, hops, .. } = waiting;
        if let Some(policy) = self.policy.as_deref_mut() {
            policy.known.push((of, trunk, edits));
        }
        for hop in hops {
            if let Err(status) = self.open_branch(tables, now, hop) {
                self.note_failure(of, status, Vec::new());
            }
        }
    }

    /// Whether a field that a plugin writes names the caller, who is not to be known.
    fn tells_caller(&self, edit: &HeaderEdit) -> bool {
        let Some(value) = edit.value().filter(|_| edit.toward == End::Callee) else { return false };
        let (caller, calling) = (&self.facts.caller, self.facts.dialled_caller());
        let identity = self.facts.identity.as_ref().map_or("", |identity| identity.user());
        let names = [&*caller.user, &caller.display, &calling.user, &calling.display, identity];
        names.into_iter().any(|name| is_in(name, value))
    }

    /// Writes the fields of the caller's INVITE that the called party gets, and what plugins add to them.
    pub(super) fn write_invite_fields(
        &self,
        invite: &Message,
        crossing: Crossing,
        edits: &Edits,
        draft: &mut Writer,
        leave_out: impl Fn(&str) -> bool,
    ) {
        let edits = edits.as_deref().unwrap_or_default();
        crossing.copy_edited(invite, (edits, End::Callee), |name, value| {
            if !leave_out(name) {
                draft.other(name, value);
            }
        });
        let hides = crossing.hides();
        for (edit, value) in written(edits, End::Callee) {
            if !(hides && self.tells_caller(edit)) {
                draft.other(&edit.name, value.as_bytes());
            }
        }
    }
}

/// Writes the fields of a response that the caller gets, and what plugins add to them.
pub(super) fn write_response_fields(
    response: &Message,
    crossing: Crossing,
    edits: &Edits,
    writer: &mut Writer,
) {
    let edits = edits.as_deref().unwrap_or_default();
    crossing.copy_edited(response, (edits, End::Caller), |name, value| {
        writer.other(name, value);
    });
    for (edit, value) in written(edits, End::Caller) {
        writer.other(&edit.name, value.as_bytes());
    }
}

impl Policy {
    /// Takes what waits for this question, or anything.
    fn take(&mut self, id: Option<QuestionId>) -> Option<Waiting> {
        let is_it = |waiting: &Waiting| id.is_none_or(|id| waiting.question == id);
        let at = self.waiting.iter().position(is_it)?;
        Some(self.waiting.remove(at))
    }
}

impl Tables {
    /// Says in a request who wrote it, unless plugins say something else.
    pub(super) fn sign_edited(&self, draft: &mut Writer, edits: &Edits) {
        if !is_edited(edits, End::Callee, Name::UserAgent.as_str()) {
            self.sign_request(draft);
        }
    }

    /// The same of a response for the caller.
    pub(super) fn sign_edited_response(&self, response: &mut Writer, edits: &Edits) {
        if !is_edited(edits, End::Caller, Name::Server.as_str()) {
            self.sign_response(response);
        }
    }
}

/// Whether an edit takes the place of what the switch writes, or leaves it out.
fn is_edited(edits: &Edits, toward: End, name: &str) -> bool {
    let mut list = edits.as_deref().unwrap_or_default().iter();
    list.any(|edit| edit.toward == toward && edit.names(name))
}

/// The fields that edits write, as they stand in the end.
fn written(edits: &[HeaderEdit], toward: End) -> Vec<(&HeaderEdit, &str)> {
    let mut fields: Vec<(&HeaderEdit, &str)> = Vec::new();
    for edit in edits.iter().filter(|edit| edit.toward == toward) {
        match &edit.change {
            HeaderChange::Keep => {}
            HeaderChange::Remove => fields.retain(|(have, _)| !edit.names(&have.name)),
            HeaderChange::Set(value) => {
                fields.retain(|(have, _)| !edit.names(&have.name));
                fields.push((edit, value));
            }
            HeaderChange::Add(value) => fields.push((edit, value)),
        }
    }
    fields
}

/// Whether a value says a name: as it stands, or a number with other signs between its digits.
fn is_in(name: &str, value: &str) -> bool {
    const LENGTH_MIN: usize = 3;
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let number = digits(name);
    name.len() >= LENGTH_MIN && value.to_lowercase().contains(&name.to_lowercase())
        || number.len() >= 2 * LENGTH_MIN && digits(value).contains(&number)
}

fn told(edit: &HeaderEdit) -> Why {
    let text = format!("{} was left out: it names a caller that is not to be known", edit.name);
    Why { code: "hidden-caller".to_owned(), text }
}

/// Whether a field of the other side passes, as edits say; `None` leaves it to the switch.
pub(super) fn fate(edits: &[HeaderEdit], toward: End, name: &str) -> Option<bool> {
    let mut fate = None;
    for edit in edits.iter().filter(|edit| edit.toward == toward && edit.names(name)) {
        match edit.change {
            HeaderChange::Add(_) => {}
            HeaderChange::Keep => fate = Some(true),
            HeaderChange::Set(_) => fate = Some(false),
            // The beginning of names takes no field away that is the switch's.
            HeaderChange::Remove => {
                if !matches!(owner_of(name), FieldOwner::Switch(_)) {
                    fate = Some(false);
                }
            }
        }
    }
    fate
}

#[cfg(test)]
#[path = "policy_test.rs"]
mod tests;
