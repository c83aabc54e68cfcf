//! A third party has the phone answer that rings: by a NOTIFY within its early dialog where it takes that, else by another INVITE to the
//! same contact that asks it to answer by itself.

use model::{Directory, Instant, LegId};
use sip::{Message, Method, Name, Writer};

use super::{
    Branch, Call,
    attempt::{Failed, Hop},
    ticket::{Awaited, Ticket},
};
use crate::{
    Unfit,
    controls::Progress,
    tables::{ClientUse, Tables},
};

/// Whether a phone says that a NOTIFY with this event has it answer.
pub(super) fn takes_talk(response: &Message) -> bool {
    let mut events = response.fields().filter(|field| {
        let name = field.raw_name;
        name.eq_ignore_ascii_case("Allow-Events") || name.eq_ignore_ascii_case("u")
    });
    events.any(|field| {
        let mut names = field.value.split(|byte| *byte == b',');
        names.any(|name| name.trim_ascii().eq_ignore_ascii_case(TALK.as_bytes()))
    })
}

/// Says in an INVITE that the phone is to answer by itself: with Answer-Mode (RFC 5373), and in the ways of phones
/// that do not know that.
pub(super) fn write_auto_answer(draft: &mut Writer) {
    draft.other("Answer-Mode", b"Auto");
    draft.other("Call-Info", b"<http://www.notused.com>;answer-after=0");
    draft.other("Alert-Info", b"<http://www.notused.com>;info=alert-autoanswer;delay=0");
}

const TALK: &str = "talk";

impl Call {
    /// Has the phone of a leg answer that rings.
    pub(crate) fn answer_for(
        &mut self,
        tables: &mut Tables,
        (now, dir): (Instant, &dyn Directory),
        ticket: u64,
        leg: LegId,
    ) -> Result<Progress, Unfit> {
        if self.callee.as_ref().is_some_and(|callee| callee.id == leg) {
            return Err(Unfit::State);
        }
        let at = self.ringing(leg).ok_or(Unfit::NoLeg)?;
        if self.ticket.is_some() || !self.is_looking() {
            return Err(Unfit::State);
        }
        self.ticket = Some(Box::new(Ticket { number: ticket, awaits: Awaited::Answer(leg) }));
        if !self.tell_to_talk(tables, now, at) {
            self.call_anew(tables, (now, dir), leg);
        }
        Ok(Progress::Open)
    }

    fn ringing(&self, leg: LegId) -> Option<usize> {
        self.branches.iter().position(|branch| branch.leg == leg && !branch.cancelled)
    }

    /// Sends a NOTIFY that has the phone of a branch answer; gives whether it takes one.
    fn tell_to_talk(&mut self, tables: &mut Tables, now: Instant, at: usize) -> bool {
        let Some(branch) = self.branches.get_mut(at) else { return false };
        let (leg, contact) = (branch.leg, branch.contact.clone());
        let early = branch.early.iter_mut().rfind(|early| early.takes_talk);
        let Some(early) = early else { return false };
        let flow = early.dialog.flow;
        let mut draft = early.dialog.request(Method::Notify, &contact);
        draft.header(Name::Event, TALK);
        draft.header(Name::SubscriptionState, "active");
        tables.sign_draft(&mut draft);
        let sent = tables.endpoint.send_request(now, flow, draft);
        if let Ok(tx) = sent {
            tables.uses_by_client_tx.insert(tx, ClientUse::Talk(leg));
        }
        sent.is_ok()
    }

    /// The phone has said this to the NOTIFY. When it takes it, its 200 to the INVITE follows.
    pub(crate) fn on_talk_answered(
        &mut self,
        tables: &mut Tables,
        (now, dir): (Instant, &dyn Directory),
        leg: LegId,
        status: u16,
    ) {
        if status >= 300 && self.ringing(leg).is_some() && self.is_looking() {
            self.call_anew(tables, (now, dir), leg);
        }
    }

    /// The branch of a leg is given up, and its contact called once more under the same name, to answer by itself.
    fn call_anew(
        &mut self,
        tables: &mut Tables,
        (now, dir): (Instant, &dyn Directory),
        leg: LegId,
    ) {
        let Some(at) = self.ringing(leg) else { return };
        let hidden = self.new_leg();
        let Some(branch) = self.branches.get_mut(at) else { return };
        let of = branch.of;
        let hop = Hop {
            of,
            uri: branch.uri.clone(),
            path: branch.path.clone(),
            flow: branch.facts.flow,
            others: std::mem::take(&mut branch.others),
            spares: std::mem::take(&mut branch.spares),
            is_large: branch.is_large,
            trunk: branch.trunk.clone(),
            auto: true,
            as_leg: Some(leg),
        };
        Self::give_up_quietly(tables, now, branch, hidden);
        if let Err(status) = self.open_somewhere(tables, now, hop) {
            let failed = Failed { leg, of, status, redirect: Vec::new() };
            self.branch_failed(tables, now, dir, failed);
        }
    }

    /// Cancels a branch of which nothing is told any more.
    fn give_up_quietly(tables: &mut Tables, now: Instant, branch: &mut Branch, hidden: LegId) {
        branch.leg = hidden;
        branch.is_quiet = true;
        branch.cancelled = true;
        tables.uses_by_client_tx.insert(branch.tx(), ClientUse::Branch(hidden));
        if let Some(leg) = tables.legs_by_tag.get_mut(&branch.tag) {
            *leg = hidden;
        }
        tables.endpoint.cancel(now, branch.tx());
    }

    /// A leg has answered: a third party that waits for that is told, or that another one was first.
    pub(super) fn answered(&mut self, tables: &mut Tables, leg: LegId) {
        let is_of_answer = |ticket: &mut Box<Ticket>| matches!(ticket.awaits, Awaited::Answer(_));
        let Some(ticket) = self.ticket.take_if(is_of_answer) else { return };
        let is_it = matches!(ticket.awaits, Awaited::Answer(wanted) if wanted == leg);
        let outcome = if is_it { Ok(self.conn) } else { Err(Unfit::NoLeg) };
        tables.controlled(ticket.number, outcome);
    }

    /// A leg has failed that a third party may have wanted to answer.
    pub(super) fn not_answered(&mut self, tables: &mut Tables, leg: LegId, status: u16) {
        let is_it = |ticket: &mut Box<Ticket>| matches!(ticket.awaits, Awaited::Answer(wanted) if wanted == leg);
        if let Some(ticket) = self.ticket.take_if(is_it) {
            tables.controlled(ticket.number, Err(Unfit::Phone(status)));
        }
    }
}

#[cfg(test)]
#[path = "answer_for_test.rs"]
mod tests;
