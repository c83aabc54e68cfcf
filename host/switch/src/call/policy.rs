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

use super::{Call, Crossing, attempt::Hop, names::Names};
use crate::{Reason, tables::Tables};

/// What is to be changed of the header fields of a leg, in order.
pub(crate) type Edits = Option<Arc<[HeaderEdit]>>;

/// The header policy of a call that plugins have a say in. It is gone when the call stands.
#[derive(Default)]
pub(crate) struct Policy {
    /// What was said of the targets being tried.
    known: Vec<(Way, Edits)>,
    /// INVITEs that wait for what is said.
    waiting: Vec<Waiting>,
}

/// What one answer is for: the INVITEs of a target that go over one trunk, or over none, to places of which all may be told who wants
/// not to be known, or none.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Way {
    of: usize,
    trunk: Option<TrunkId>,
    told: bool,
}

struct Waiting {
    question: QuestionId,
    way: Way,
    /// What was asked about.
    outgoing: Arc<Outgoing>,
    /// When the plugins have had long enough.
    until: Instant,
    hops: Vec<Hop>,
}

impl Call {
    /// From now on plugins are asked for this call's header fields, if any of those that the call is pinned to answers, and the switch
    /// writes its INVITEs.
    pub(super) fn begin_policy(&mut self, dir: &dyn Directory, media: MediaMode) {
        let is_ours = media != MediaMode::Proxy && !self.facts.emergency;
        let answers = || dir.answers(Hook::HeaderPolicy, self.pinned());
        if is_ours && self.policy.is_none() && answers() {
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
        if policy.waiting.is_empty() {
            return;
        }
        for waiting in &policy.waiting {
            tables.calls_by_question.remove(&waiting.question);
        }
        self.stop_timer(tables, Reason::Question);
    }

    /// Drops the INVITEs of a target that wait.
    pub(super) fn leave_policy_of(&mut self, tables: &mut Tables, of: usize) {
        let mut left = false;
        while let Some(waiting) = self.take_waiting(|waiting| waiting.way.of == of) {
            tables.calls_by_question.remove(&waiting.question);
            left = true;
        }
        if left {
            self.await_policy(tables);
        }
    }

    /// Whether an INVITE to this target waits for what plugins say.
    pub(super) fn awaits_policy(&self, of: usize) -> bool {
        let waits = |policy: &Policy| policy.waiting.iter().any(|waiting| waiting.way.of == of);
        self.policy.as_deref().is_some_and(waits)
    }

    /// What plugins said of the way that a hop takes.
    pub(super) fn edits_of(&self, tables: &Tables, hop: &Hop) -> Edits {
        let known = &self.policy.as_deref()?.known;
        let (way, _) = self.way_of(tables, hop);
        let found = known.iter().find(|(known, _)| *known == way);
        found.and_then(|(.., edits)| edits.clone())
    }

    /// The way that a hop takes, and what of the caller's messages may be read there.
    fn way_of(&self, tables: &Tables, hop: &Hop) -> (Way, Crossing) {
        let trunk = hop.trunk.as_ref().map(|on| on.id);
        let crossing = self.crossing_to(tables, trunk, hop.flow);
        (Way { of: hop.of, trunk, told: crossing.told }, crossing)
    }

    /// Gives the hop back when its INVITE can go out; else it goes when the plugins have said what is in it.
    pub(super) fn with_policy(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        hop: Hop,
    ) -> Option<Hop> {
        if self.policy.is_none() {
            return Some(hop);
        }
        let (way, crossing) = self.way_of(tables, &hop);
        let policy = self.policy.as_deref_mut()?;
        if policy.known.iter().any(|(known, _)| *known == way) {
            return Some(hop);
        }
        if let Some(waiting) = policy.waiting.iter_mut().find(|waiting| waiting.way == way) {
            waiting.hops.push(hop);
            return None;
        }
        let Some(target) = self.tried(hop.of).map(|tried| tried.target().clone()) else {
            return Some(hop);
        };
        let outgoing = Arc::new(self.outgoing(tables, &hop, target, crossing));
        let question = tables.mint_question_id(self.conn);
        let (call, pin) = (Arc::clone(&self.facts), self.pin.clone());
        let ask = Ask::HeaderPolicy(Arc::clone(&outgoing));
        tables.outputs.push_back(crate::Output::Ask(Question { id: question, call, ask, pin }));
        let until = now + tables.config.question_timeout;
        let hops = vec![hop];
        let waiting = Waiting { question, way, outgoing, until, hops };
        self.policy.as_deref_mut()?.waiting.push(waiting);
        self.await_policy(tables);
        None
    }

    fn outgoing(&self, tables: &Tables, hop: &Hop, target: Target, crossing: Crossing) -> Outgoing {
        let on = hop.trunk.as_ref().map(|on| on.id);
        Outgoing {
            target,
            uri: hop.uri.clone(),
            from_trunk: self.facts.trunk.clone(),
            trunk: on.and_then(|id| Some(tables.trunks.get(id)?.name.clone())),
            trusted: crossing.told,
            hidden: crossing.hides(),
        }
    }

    /// Wakes the call when the plugins have had long enough for the INVITE that has waited longest.
    fn await_policy(&mut self, tables: &mut Tables) {
        let waiting = self.policy.iter().flat_map(|policy| &policy.waiting);
        match waiting.map(|waiting| waiting.until).min() {
            Some(until) => self.start_timer(tables, until, Reason::Question),
            None => self.stop_timer(tables, Reason::Question),
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
        let Answer { id, verdict, mut decision, pin, .. } = answer;
        let mut edits = match verdict {
            Verdict::Edit(edits) => edits,
            _ => Vec::new(),
        };
        let Some(waiting) = self.take_waiting(|waiting| waiting.question == id) else { return };
        if self.pin.is_none() {
            // Nobody answered for its route in time. From here on it keeps to who answered first.
            self.pin = pin;
        }
        if waiting.outgoing.hidden && edits.iter().any(says_something) {
            decision.reasons.extend(keep_hidden(&self.names_of_caller(), &mut edits));
        }
        tables.emit(crate::Fact::Decided { conn: self.conn, decision });
        self.go_on_with(tables, now, dir, waiting, (!edits.is_empty()).then(|| edits.into()));
        self.await_policy(tables);
        self.try_next(tables, now, dir);
    }

    /// The plugins say nothing: the INVITEs that have waited long enough go out as the switch writes them by itself.
    pub(super) fn on_policy_timeout(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
    ) {
        let mut is_late = false;
        while let Some(waiting) = self.take_waiting(|waiting| waiting.until <= now) {
            is_late = true;
            tables.calls_by_question.remove(&waiting.question);
            tables.stats.questions_timed_out += 1;
            let mut decision = Decision::of(Hook::HeaderPolicy, 0);
            decision.about = Some(waiting.outgoing.to_string().into());
            tables.emit(crate::Fact::Decided { conn: self.conn, decision });
            self.go_on_with(tables, now, dir, waiting, None);
        }
        if is_late {
            self.await_policy(tables);
            self.try_next(tables, now, dir);
        }
    }

    fn go_on_with(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        waiting: Waiting,
        edits: Edits,
    ) {
        if !self.is_looking() {
            return;
        }
        let Waiting { way, hops, .. } = waiting;
        if let Some(policy) = self.policy.as_deref_mut() {
            policy.known.push((way, edits));
        }
        for hop in hops {
            self.open_or_next_trunk(tables, now, dir, hop);
        }
    }

    /// Takes one that waits, of those that are meant.
    fn take_waiting(&mut self, is_meant: impl Fn(&Waiting) -> bool) -> Option<Waiting> {
        let waiting = &mut self.policy.as_deref_mut()?.waiting;
        let at = waiting.iter().position(is_meant)?;
        Some(waiting.remove(at))
    }

    /// What the caller is known by.
    fn names_of_caller(&self) -> Names {
        Names::of_caller(&self.facts, self.caller.invite.as_ref().map(|(_, invite)| invite))
    }

    /// Writes the fields of the caller's INVITE that the called party gets, and what plugins add to them.
    pub(super) fn write_invite_fields(
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
        for (edit, value) in written(edits, End::Callee) {
            draft.other(&edit.name, value.as_bytes());
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

/// Whether it writes a field for the called party.
fn says_something(edit: &HeaderEdit) -> bool {
    edit.toward == End::Callee && edit.value().is_some()
}

/// Takes out of edits what says one of these names to the called party, and gives the reasons. A field that it was to stand for
/// does not pass for that.
fn keep_hidden(names: &Names, edits: &mut Vec<HeaderEdit>) -> Vec<Why> {
    let mut reasons = Vec::new();
    edits.retain_mut(|edit| {
        let value = edit.value().filter(|_| edit.toward == End::Callee);
        if !value.is_some_and(|value| names.are_in(value)) {
            return true;
        }
        reasons.push(told(edit));
        let is_added = matches!(edit.change, HeaderChange::Add(_));
        edit.change = HeaderChange::Remove;
        !is_added
    });
    reasons
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
