//! Responses to the caller, and the moment the parties are joined.

use media::Side;
use model::Instant;
use sip::{ClientTx, Dialog, Message, Name, reliable::OPTION_100REL, response_to};

use super::{
    Branch, Call, Crossing, Edits, Leg, PendingAck, State,
    early::Confirmed,
    headers::{ALLOW, OPTION_REPLACES},
    media::Body,
    policy::write_response_fields,
};
use crate::{Fact, Reason, tables::Tables};

/// A dialog that was answered and is not wanted: it must be acknowledged and ended.
pub(crate) struct Stray {
    pub(crate) tx: ClientTx,
    pub(crate) contact: Box<str>,
    pub(crate) dialog: Dialog,
    /// The CSeq number of its INVITE.
    pub(crate) cseq: u32,
}

impl Call {
    /// Joins the caller to the branch that answered, or gives the branch back when its answer cannot be relayed.
    pub(super) fn answer(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        branch: Branch,
        dialog: Dialog,
        response: &Message,
    ) -> Result<(), Box<Stray>> {
        if self.origin.is_some() {
            return self.answer_transfer(tables, now, branch, dialog, response);
        }
        let (tx, cseq) = (branch.tx(), branch.facts.cseq);
        self.media.note_path(Side::B, dialog.flow);
        let Some((server_tx, invite)) = self.caller.invite.take() else {
            return Err(Box::new(Stray { tx, contact: branch.contact, dialog, cseq }));
        };
        let confirmed = self.confirm_caller(tables, &invite, &branch, &dialog);
        let agreed = confirmed.as_ref().is_ok_and(|confirmed| confirmed.agreed);
        let body = self.answer_body(tables, &branch, response, agreed);
        let (Ok(Confirmed { dialog: caller_dialog, .. }), Ok(body)) = (confirmed, body) else {
            // Without a usable Contact in the INVITE nothing could ever be sent to the caller.
            self.caller.invite = Some((server_tx, invite));
            return Err(Box::new(Stray { tx, contact: branch.contact, dialog, cseq }));
        };
        self.stop_timer(tables, Reason::Ring);
        self.cancel_because(tables, now, None, super::headers::ELSEWHERE);
        let tag = self.caller.tag.clone();
        self.leave_early_dialogs(tables, Some(&tag));
        let crossing = self.crossing_from(tables, branch.trunk.as_ref(), dialog.flow, response);
        self.privacy[1] = crossing.privacy;
        let mut accept = response_to(&invite, 200, response.reason(), Some(&self.caller.tag));
        accept.header(Name::Contact, &self.caller.contact);
        accept.header(Name::Allow, ALLOW);
        write_response_fields(response, crossing, &branch.edits, &mut accept);
        self.accept_session(tables, now, Side::A, &invite, &mut accept);
        accept.header(Name::Supported, OPTION_REPLACES);
        self.note_session(tables, now, Side::B, response);
        self.watch_over(tables, now);
        tables.sign_edited_response(&mut accept, &branch.edits);
        tables.endpoint.respond(now, server_tx, finish(accept, body));
        if invite.body().is_empty() && !agreed {
            // Delayed offer: the answer is in the caller's ACK, so the called side's ACK waits for it.
            self.pending_ack = Some(PendingAck { from: Side::A, tx, cseq });
        } else {
            let ack = dialog.ack(cseq, &branch.contact);
            tables.endpoint.send_ack(now, tx, dialog.flow, ack);
        }
        self.caller.dialog = Some(caller_dialog);
        self.caller.awaits_ack = Some(server_tx);
        tables.legs_by_tag.insert(branch.tag, branch.leg);
        self.callee = Some(Leg {
            id: branch.leg,
            uri: branch.uri,
            contact: branch.contact,
            user: branch.user,
            dialog,
            holding: false,
            awaits_ack: None,
            bye_after_ack: false,
            trunk: branch.trunk,
        });
        self.state = State::Established { since: now };
        self.forget_plan(tables);
        tables.stats.calls_established += 1;
        tables.emit(Fact::Established { conn: self.conn, leg: branch.leg });
        self.answered(tables, branch.leg);
        Ok(())
    }

    /// What routing needed is not needed any more: an established call is small.
    pub(super) fn forget_plan(&mut self, tables: &mut Tables) {
        self.plan = std::collections::VecDeque::new();
        self.groups = std::collections::VecDeque::new();
        self.attempts = Vec::new();
        self.last_redirect = Vec::new();
        self.last_forward = None;
        self.waiting = None;
        self.trying = None;
        self.leave_policy(tables);
    }

    /// A provisional response of the called side, as the caller shall see it.
    pub(super) fn pass_response_to_caller(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        response: &Message,
        (crossing, edits): (Crossing, &Edits),
        body: Body,
    ) {
        if let Some(origin) = &self.origin {
            let of = origin.of;
            return tables.tell_transfer(of, self.conn, response.status(), response.reason());
        }
        let Some((tx, invite)) = &self.caller.invite else { return };
        let mut writer =
            response_to(invite, response.status(), response.reason(), Some(&self.caller.tag));
        writer.header(Name::Contact, &self.caller.contact);
        write_response_fields(response, crossing, edits, &mut writer);
        tables.sign_edited_response(&mut writer, edits);
        tables.endpoint.respond(now, *tx, finish(writer, body));
    }

    /// A final status for the caller's INVITE, if it still waits for one. `contacts` go with a redirection.
    pub(super) fn respond_to_caller(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        status: u16,
        reason: &str,
        contacts: &[String],
    ) {
        let Some((tx, invite)) = self.caller.invite.take() else { return };
        if let Some(origin) = &self.origin {
            return tables.tell_transfer(origin.of, self.conn, status, reason);
        }
        let mut writer = response_to(&invite, status, reason, Some(&self.caller.tag));
        if (300..400).contains(&status) {
            for contact in contacts {
                writer.header(Name::Contact, contact);
            }
        }
        if status == 421 {
            // RFC 3261 section 21.4.17: what the called side wants is said with it.
            writer.header(Name::Require, OPTION_100REL);
        }
        if status == 503 {
            writer.header(Name::RetryAfter, tables.config.limits.retry_after_s);
        }
        if let Some(reason) = &self.parting {
            writer.header(Name::Reason, reason);
        }
        tables.sign_response(&mut writer);
        tables.invites_by_server_tx.remove(&tx);
        tables.endpoint.respond(now, tx, writer.finish(None));
    }

    /// An ACK of one of our 2xx came from `side`.
    pub(crate) fn on_ack(&mut self, tables: &mut Tables, now: Instant, side: Side, ack: &Message) {
        self.ack_came(tables, side);
        if self.pending_ack.as_ref().is_some_and(|pending| pending.from == side) {
            self.pass_ack(tables, now, ack);
        }
        self.reinvite_after_ack(tables, now, side);
        self.try_own_offer(tables, now);
        self.send_awaited_bye(tables, now, side);
    }

    /// The called side's ACK goes out with the answer that came in the caller's, or the other way round.
    pub(super) fn pass_ack(&mut self, tables: &mut Tables, now: Instant, ack: &Message) {
        let Some(pending) = self.pending_ack.take() else { return };
        let body = self.body_across(tables, pending.from, ack).unwrap_or_default();
        let to = pending.from.other();
        let contact = self.contact(to).to_owned();
        let Some(dialog) = self.dialog_mut(to) else { return };
        let flow = dialog.flow;
        let draft = dialog.ack(pending.cseq, &contact).with_body(body);
        tables.endpoint.send_ack(now, pending.tx, flow, draft);
    }

    /// Ends a 2xx that was never passed on: its ACK carries no answer, and a BYE follows.
    pub(super) fn abandon_pending_ack(&mut self, tables: &mut Tables, now: Instant) {
        let Some(pending) = self.pending_ack.take() else { return };
        let to = pending.from.other();
        let contact = self.contact(to).to_owned();
        let Some(dialog) = self.dialog_mut(to) else { return };
        let flow = dialog.flow;
        let draft = dialog.ack(pending.cseq, &contact);
        tables.endpoint.send_ack(now, pending.tx, flow, draft);
    }
}

/// Finishes a response with a body that may be absent.
pub(super) fn finish(writer: sip::Writer, body: Body) -> bytes::Bytes {
    writer.finish(body.as_ref().map(|(kind, body)| (kind.as_str(), body.as_ref())))
}
