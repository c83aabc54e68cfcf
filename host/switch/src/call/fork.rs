//! The early dialogs of one branch: a proxy downstream may fork our INVITE, and then several answer it (RFC 3261 sections 12.1.2
//! and 13.2.2.4).

use media::Side;
use model::{Instant, LegId};
use sip::{Dialog, Message, Name, reliable::RAck};

use super::{
    Branch, Call, State,
    answer_for::takes_talk,
    branch::hang_up_stray,
    early::{Asked, EarlyId, Held, Provisional},
    media::{Body, describes, is_description},
};
use crate::{Fact, Reason, tables::Tables};

/// An early dialog with one who was called.
pub(crate) struct EarlyLeg {
    pub(super) dialog: Dialog,
    /// The number of the last reliable response (RFC 3262 section 4).
    rseq: Option<u32>,
    /// What it takes for the session, as it was said last.
    pub(super) description: Option<Message>,
    /// Whether that was said reliably, so that it need not be said again in the 2xx.
    pub(super) agreed: bool,
    /// It takes UPDATE (RFC 3311 section 4).
    pub(super) takes_update: bool,
    /// It takes a NOTIFY that has it answer.
    pub(super) takes_talk: bool,
}

/// What a provisional response is.
pub(super) enum Heard {
    /// Nothing new.
    Again,
    /// One that needs no acknowledgement.
    Plain(EarlyId),
    /// One that does.
    Reliable(Asked),
}

impl Branch {
    /// The early dialog with this tag of the peer's.
    pub(super) fn early_mut(&mut self, tag: &str) -> Option<&mut EarlyLeg> {
        self.early.iter_mut().find(|early| early.dialog.id.remote_tag == tag)
    }

    /// Takes in a response 101 to 199. A dialog is kept of what is reliable, has a description or can be told to answer; of a plain
    /// 180 there is nothing to know.
    pub(super) fn hear(&mut self, response: &Message, most: usize) -> Heard {
        let tag = response.to().ok().and_then(|to| to.tag().map(Box::from)).unwrap_or_default();
        let id = EarlyId { leg: self.leg.number, tag };
        let rseq = sip::reliable::rseq(response);
        let described = describes(response);
        let talks = takes_talk(response);
        if id.tag.is_empty() || (rseq.is_none() && !described && !talks) {
            return Heard::Plain(id);
        }
        if self.early_mut(&id.tag).is_none() {
            let dialog = Dialog::from_response(&self.facts, response);
            let Some(dialog) = dialog.ok().filter(|_| self.early.len() < most) else {
                // What cannot be acknowledged is not to be processed (RFC 3262 section 4).
                return if rseq.is_some() { Heard::Again } else { Heard::Plain(id) };
            };
            let (description, takes_update, takes_talk) = (None, false, false);
            self.early.push(EarlyLeg {
                dialog,
                rseq: None,
                description,
                agreed: false,
                takes_update,
                takes_talk,
            });
        }
        let cseq = self.facts.cseq;
        let Some(early) = self.early_mut(&id.tag) else { return Heard::Plain(id) };
        //= RFC 3262 section 4
        //# if the UAC receives another reliable provisional response to the same request, and its RSeq value is not one higher
        //# than the value of the sequence number, that response MUST NOT be acknowledged with a PRACK, and MUST NOT be processed
        //# further by the UAC.
        if let (Some(rseq), Some(last)) = (rseq, early.rseq)
            && last.checked_add(1) != Some(rseq)
        {
            return Heard::Again;
        }
        early.takes_update |= takes_update(response);
        early.takes_talk |= talks;
        if described && !early.agreed {
            early.description = Some(response.clone());
            early.agreed = rseq.is_some();
        }
        match rseq {
            Some(rseq) => {
                early.rseq = Some(rseq);
                Heard::Reliable(Asked { of: id, rack: RAck { rseq, cseq } })
            }
            None => Heard::Plain(id),
        }
    }
}

impl Call {
    /// A branch responds 101 to 199.
    pub(super) fn on_branch_provisional(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        leg: LegId,
        response: &Message,
    ) {
        let State::Trying { .. } = self.state else { return };
        let most = tables.config.limits.early_dialogs_max.max(1);
        let Some(branch) = self.branches.iter_mut().find(|b| b.leg == leg && !b.cancelled) else {
            return;
        };
        let (tag, flow) = (branch.tag.clone(), branch.facts.flow);
        let (on, edits) = (branch.trunk.clone(), branch.edits.clone());
        let (from, asked) = match branch.hear(response, most) {
            Heard::Again => return,
            Heard::Plain(id) => (id, None),
            Heard::Reliable(asked) => (asked.of.clone(), Some(asked)),
        };
        if !branch.early.is_empty() || branch.peer_tag.is_some() {
            // What it may ask within an early dialog finds us by this tag.
            tables.legs_by_tag.insert(tag, leg);
        }
        self.state = State::Trying { alerting: true };
        tables.emit(Fact::LegAlerting { leg, status: response.status() });
        let body = self.early_body(tables, &from, response);
        let asked = self.acknowledge_alone(tables, now, asked, &body);
        let from = Some(from);
        let crossing = self.crossing_from(tables, on.as_ref(), flow, response);
        let response = response.clone();
        let provisional = Provisional { response, body, crossing, edits, from, asked };
        self.tell_caller(tables, now, provisional);
    }

    /// The body of a provisional response for the caller. Of several who send early media one is heard: the first, as long as its
    /// branch may still answer, so that the caller does not hear tones and announcements change about. A description that cannot
    /// be read is left out as well; the caller still hears that it rings.
    fn early_body(&mut self, tables: &mut Tables, from: &EarlyId, response: &Message) -> Body {
        if describes(response) {
            let is_offer = self.caller.invite.as_ref().is_some_and(|(_, i)| i.body().is_empty());
            let heard = self.heard().filter(|heard| *heard != from);
            let lives = heard.is_some_and(|heard| {
                self.branches.iter().any(|b| b.leg.number == heard.leg && !b.cancelled)
            });
            // An offer is to be answered, by whomever it is.
            if lives && !is_offer {
                return None;
            }
            if heard.is_some() {
                self.media.forget_callee(tables, self.conn);
            }
            self.set_heard(from.clone());
        }
        self.body_across(tables, Side::B, response).unwrap_or_default()
    }

    /// Acknowledges a reliable response of the called side, unless that waits for the caller's PRACK because an offer or an answer
    /// may be in it; then it gives what is to be acknowledged.
    fn acknowledge_alone(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        asked: Option<Asked>,
        body: &Body,
    ) -> Option<Asked> {
        let asked = asked?;
        if is_description(body) && self.caller.reliability != super::Reliability::Unknown {
            return Some(asked);
        }
        self.send_prack(tables, now, &asked, None);
        None
    }

    /// A branch answered 2xx: its dialog, confirmed if it was early.
    pub(super) fn dialog_of_answer(
        branch: &mut Branch,
        response: &Message,
    ) -> Result<Dialog, sip::DialogError> {
        let tag = response.to().ok().and_then(|to| to.tag()).unwrap_or_default();
        let early = branch.early.iter_mut().find(|early| early.dialog.id.remote_tag == tag);
        match early {
            Some(early) => {
                early.dialog.confirm(response)?;
                Ok(early.dialog.clone())
            }
            None => Dialog::from_response(&branch.facts, response),
        }
    }

    /// Whether a 2xx must wait until the caller has acknowledged what it was told reliably.
    //= RFC 3262 section 3
    //# The UAS MAY send a final response to the initial request before having received PRACKs for all unacknowledged reliable
    //# provisional responses, unless the final response is 2xx and any of the unacknowledged reliable provisional responses
    //# contained a session description.
    pub(super) fn holds_answer(&self) -> bool {
        self.caller.early.as_ref().is_some_and(|early| early.holds_answer())
    }

    /// Whether somebody may still be called: a target is being tried, and nobody has answered.
    pub(super) fn is_looking(&self) -> bool {
        matches!(self.state, State::Trying { .. }) && !self.keeps_answer()
    }

    /// Whether somebody has answered whose 2xx waits for a PRACK.
    pub(super) fn keeps_answer(&self) -> bool {
        self.caller.early.as_ref().is_some_and(|early| early.held.is_some())
    }

    /// Keeps a 2xx back; nobody else is waited for any more, and nobody else is called.
    pub(super) fn hold_answer(&mut self, tables: &mut Tables, now: Instant, held: Held) {
        tables.legs_by_tag.insert(held.branch.tag.clone(), held.branch.leg);
        self.caller.early.get_or_insert_default().held = Some(Box::new(held));
        for reason in [Reason::Ring, Reason::Failover, Reason::Locate] {
            self.stop_timer(tables, reason);
        }
        self.groups.clear();
        (0..self.targets_tried()).for_each(|of| self.leave_trunks(of));
        // What waits for a plugin's word is not sent after somebody has answered.
        self.leave_policy(tables);
        self.cancel_branches(tables, now, None);
    }

    /// The 2xx that was kept back is passed.
    pub(super) fn answer_held(&mut self, tables: &mut Tables, now: Instant, held: Held) {
        let Held { branch, dialog, response } = held;
        let (leg, trunk) = (branch.leg, branch.trunk.as_ref().map(|on| on.id));
        if let Err(stray) = self.answer(tables, now, branch, dialog, &response) {
            hang_up_stray(tables, now, *stray, trunk);
            tables.emit(Fact::LegFailed { leg, status: 488 });
            self.respond_to_caller(tables, now, 488, "", &[]);
            self.release(tables, now, crate::Cause::Refused(488), None);
        }
    }

    /// Ends the 2xx that was kept back, because the call ends.
    pub(super) fn abandon_held(&mut self, tables: &mut Tables, now: Instant) {
        let held = self.caller.early.as_mut().and_then(|early| early.held.take());
        let Some(Held { branch, dialog, .. }) = held.map(|held| *held) else { return };
        let trunk = branch.trunk.as_ref().map(|on| on.id);
        tables.forget_leg(&branch.tag);
        tables.emit(Fact::LegFailed { leg: branch.leg, status: 487 });
        let cseq = branch.facts.cseq;
        let stray = super::answer::Stray { tx: branch.tx(), contact: branch.contact, dialog, cseq };
        hang_up_stray(tables, now, stray, trunk);
    }

    /// What the caller is to be told for an answer: what the 2xx says, or what was said before it.
    pub(super) fn answer_body(
        &mut self,
        tables: &mut Tables,
        branch: &Branch,
        response: &Message,
        agreed: bool,
    ) -> Result<Body, super::media::Unreadable> {
        let is_kept = agreed && self.media.said(Side::B).is_some();
        if is_kept || !response.body().is_empty() {
            return self.body_across(tables, Side::B, response);
        }
        let tag = response.to().ok().and_then(|to| to.tag()).unwrap_or_default();
        let early = branch.early.iter().find(|early| early.dialog.id.remote_tag == tag);
        let told = match early.and_then(|early| early.description.clone()) {
            Some(said) => self.body_across(tables, Side::B, &said)?,
            None => None,
        };
        // Where another was heard last, the relay had to be told again; the caller knows it.
        Ok(told.filter(|_| !agreed))
    }
}

/// Whether a message says that its sender takes UPDATE (RFC 3311 section 4).
pub(super) fn takes_update(message: &Message) -> bool {
    message.values(Name::Allow).any(|method| method.trim().eq_ignore_ascii_case("UPDATE"))
}

#[cfg(test)]
#[path = "fork_test.rs"]
mod tests;
