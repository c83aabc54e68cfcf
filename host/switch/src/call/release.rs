//! How a call ends.

use media::Side;
use model::{Instant, LegId, TrunkId, hook::Release};
use sip::{ClientTx, Dialog, Message, Method, Name, RequestDraft, ServerTx};

use super::{Branch, Call, Crossing, Privacy, State, pair::by};
use crate::{
    Cause, Fact, ReleasedBy, Unfit,
    errand::Errand,
    tables::{ClientUse, Tables},
    trunk::Challenged,
};

impl Call {
    /// Ends everything of the call that still stands. `bye` is the BYE that ended it, whose sender needs none of ours.
    pub(crate) fn release(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        cause: Cause,
        bye: Option<(Side, &Message)>,
    ) {
        self.release_as(tables, now, cause, bye.map(|(from, _)| from), bye.map(|(_, bye)| bye));
    }

    /// The same; `sender` is the side that needs no BYE, `bye` what others learn of why.
    pub(super) fn release_as(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        cause: Cause,
        sender: Option<Side>,
        bye: Option<&Message>,
    ) {
        if self.state == State::Ending {
            return;
        }
        self.leave_ticket(tables);
        self.leave_dial(tables, Unfit::NoCall);
        self.leave_pair(tables, now, sender);
        self.leave_transfer(tables, now, sender);
        self.leave_origin(tables);
        self.leave_replaced(tables);
        if let State::Asking(question) = self.state {
            tables.calls_by_question.remove(&question);
        }
        self.state = State::Ending;
        self.leave_policy(tables);
        self.stop_all_timers(tables);
        self.respond_to_caller(tables, now, 487, "", &[]);
        self.cancel_branches(tables, now, None);
        self.abandon_held(tables, now);
        self.leave_early_dialogs(tables, None);
        self.abandon_reinvite(tables, now);
        self.abandon_own_offer(tables, now);
        self.end_given_up(tables);
        self.abandon_pending_ack(tables, now);
        let anchored = self.media.is_anchored();
        self.media.close(tables, self.conn);
        for side in [Side::A, Side::B] {
            if sender != Some(side) {
                self.bye(tables, now, side, bye);
            }
            self.forget_tag(tables, side);
        }
        self.plan.clear();
        self.groups.clear();
        self.leave_seats();
        if let Some(proxied) = &mut self.proxied {
            proxied.leave_seat();
            tables.proxied.remove(&(self.facts.call_id.as_str().into(), self.conn));
        }
        // The pin goes with the call, not with its last retransmission.
        let table = self.pin.take().map(|pin| pin.table());
        tables.emit(Fact::Released { conn: self.conn, cause, anchored, table });
    }

    /// Ends the call because a plugin wants it: what rings is cancelled and the caller refused, parties that talk get a BYE, and
    /// all are told why (RFC 3326).
    pub(crate) fn release_for(&mut self, tables: &mut Tables, now: Instant, how: &Release) {
        let is_up = matches!(self.state, State::Established { .. } | State::Joining);
        let status = how.status.unwrap_or(UNAVAILABLE);
        let isup = how.cause.map(|cause| reason("Q.850", cause.into(), &how.text));
        let sip = |status| reason("SIP", status, &how.text);
        if is_up {
            let said: Vec<_> = how.status.map(sip).into_iter().chain(isup).collect();
            self.parting = (!said.is_empty()).then(|| said.join(", ").into_boxed_str());
            self.release(tables, now, Cause::Plugin(None), None);
        } else {
            let said: Vec<_> = [sip(status)].into_iter().chain(isup.clone()).collect();
            self.cancel_because(tables, now, None, &said.join(", "));
            // The status of a response says the rest.
            self.parting = isup.map(String::into_boxed_str);
            self.respond_to_caller(tables, now, status, "", &[]);
            self.release(tables, now, Cause::Plugin(Some(status)), None);
        }
    }

    /// The caller gave up (RFC 3261 section 9.2).
    pub(crate) fn on_cancel(&mut self, tables: &mut Tables, now: Instant, reason: &str) {
        self.cancel_because(tables, now, None, reason);
        if self.proxied.is_some() && !self.branches.is_empty() {
            return self.cancel_proxied(tables, now);
        }
        self.release(tables, now, Cause::Cancelled, None);
    }

    /// The ACK of our 2xx to `side` never came (RFC 3261 section 13.3.1.4).
    pub(crate) fn on_ack_missing(&mut self, tables: &mut Tables, now: Instant, side: Side) {
        self.ack_came(tables, side);
        self.release(tables, now, Cause::AckMissing, None);
        self.send_awaited_bye(tables, now, side);
    }

    /// A BYE came from `side` and has been answered.
    pub(crate) fn on_bye(&mut self, tables: &mut Tables, now: Instant, side: Side, bye: &Message) {
        let is_up = matches!(self.state, State::Established { .. } | State::Joining);
        let cause = match side {
            // It was called by us before somebody else is.
            Side::A if !is_up => Cause::Cancelled,
            Side::A => Cause::Hangup(ReleasedBy::Caller),
            Side::B => Cause::Hangup(ReleasedBy::Callee),
        };
        // Whoever says BYE will not send the ACK any more.
        self.ack_came(tables, side);
        match (side, &mut self.callee) {
            (Side::A, _) => self.caller.bye_after_ack = false,
            (Side::B, Some(leg)) => leg.bye_after_ack = false,
            (Side::B, None) => {}
        }
        if self.transfer.as_ref().is_some_and(|transfer| transfer.by == side) {
            // The other party is on its way to somebody else, and goes on without this one.
            tables.errands.push_back(Errand::Left { of: self.conn });
            return;
        }
        self.release(tables, now, cause, Some((side, bye)));
        self.forget_tag(tables, side);
    }

    /// Sends the BYE of a side, or keeps it until the ACK has come (RFC 3261 section 15: not before the ACK or its time-out).
    fn bye(&mut self, tables: &mut Tables, now: Instant, side: Side, cause: Option<&Message>) {
        let waits = self.awaits_ack_of(side);
        let contact = self.contact(side).to_owned();
        match side {
            Side::A if waits => self.caller.bye_after_ack = true,
            Side::B if waits => {
                if let Some(callee) = &mut self.callee {
                    callee.bye_after_ack = true;
                }
            }
            Side::A | Side::B => {
                let trunk = self.trunk_of_side(tables, side);
                let reason = self.parting.clone();
                if let Some(dialog) = self.dialog_mut(side) {
                    let cause = match reason.as_deref() {
                        Some(reason) => Parting::Reason(reason),
                        None => cause.map_or(Parting::Plain, Parting::As),
                    };
                    tables.send_bye(now, dialog, &contact, trunk, cause);
                }
            }
        }
    }

    /// The BYE that waited for the ACK, if one did.
    pub(super) fn send_awaited_bye(&mut self, tables: &mut Tables, now: Instant, side: Side) {
        let waited = match side {
            Side::A => std::mem::take(&mut self.caller.bye_after_ack),
            Side::B => {
                self.callee.as_mut().is_some_and(|leg| std::mem::take(&mut leg.bye_after_ack))
            }
        };
        if waited {
            self.bye(tables, now, side, None);
            self.forget_tag(tables, side);
        }
    }

    /// A leg whose ACK is still awaited keeps its tag, so that the ACK finds it.
    pub(super) fn forget_tag(&mut self, tables: &mut Tables, side: Side) {
        if self.awaits_ack_of(side) {
            return;
        }
        match side {
            Side::A => {
                tables.forget_leg(&self.caller.tag);
            }
            Side::B => {
                if let Some(callee) = &self.callee {
                    tables.forget_leg(callee.dialog.id.local_tag.as_str());
                }
            }
        }
    }

    pub(super) fn awaits_ack_of(&self, side: Side) -> bool {
        match side {
            Side::A => self.caller.awaits_ack.is_some(),
            Side::B => self.callee.as_ref().is_some_and(|leg| leg.awaits_ack.is_some()),
        }
    }

    pub(super) fn set_awaits_ack(&mut self, side: Side, tx: ServerTx) {
        match (side, &mut self.callee) {
            (Side::A, _) => self.caller.awaits_ack = Some(tx),
            (Side::B, Some(leg)) => leg.awaits_ack = Some(tx),
            (Side::B, None) => {}
        }
    }

    pub(super) fn ack_came(&mut self, tables: &mut Tables, side: Side) {
        let tx = match (side, &mut self.callee) {
            (Side::A, _) => self.caller.awaits_ack.take(),
            (Side::B, Some(leg)) => leg.awaits_ack.take(),
            (Side::B, None) => None,
        };
        if let Some(tx) = tx {
            tables.invites_by_server_tx.remove(&tx);
        }
    }

    /// The side of a leg that has a dialog, or of the caller that waits for one.
    pub(crate) fn side_of_number(&self, number: u16) -> Option<Side> {
        let is_caller = self.caller.dialog.is_some() || self.caller.invite.is_some();
        let is_callee = self.callee.as_ref().is_some_and(|leg| leg.id.number == number);
        match number {
            0 if is_caller => Some(Side::A),
            _ if is_callee => Some(Side::B),
            _ => None,
        }
    }

    /// A third party has a leg leave: the call ends, as if the party had hung up, given up or declined.
    pub(crate) fn release_leg(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        number: u16,
    ) -> Result<(), Unfit> {
        let is_up = matches!(self.state, State::Established { .. } | State::Joining);
        let rings = |branch: &Branch| branch.leg.number == number && !branch.cancelled;
        match self.side_of_number(number) {
            Some(Side::A) if is_up => {
                self.release(tables, now, Cause::Hangup(ReleasedBy::Caller), None);
            }
            Some(Side::B) => self.release(tables, now, Cause::Hangup(ReleasedBy::Callee), None),
            Some(Side::A) => self.release(tables, now, Cause::Cancelled, None),
            None if self.branches.iter().any(rings) => {
                self.respond_to_caller(tables, now, DECLINED, "", &[]);
                self.release(tables, now, Cause::Refused(DECLINED), None);
            }
            None => {
                let side = self.away(number).ok_or(Unfit::NoLeg)?;
                self.release(tables, now, Cause::Hangup(by(side)), None);
            }
        }
        Ok(())
    }

    /// A third party has the call end.
    pub(crate) fn clear(&mut self, tables: &mut Tables, now: Instant) {
        let cause = match self.state {
            State::Established { .. } | State::Joining => Cause::Hangup(ReleasedBy::Switch),
            _ => Cause::Cancelled,
        };
        self.release(tables, now, cause, None);
    }

    pub(crate) fn leg_id(&self, side: Side) -> LegId {
        if let Some(pair) = self.pair.as_ref().filter(|pair| pair.side == side && !pair.is_here) {
            return LegId { conn: self.conn, number: pair.number };
        }
        match (side, &self.callee) {
            (Side::B, Some(leg)) => leg.id,
            (Side::A, _) | (Side::B, None) => LegId { conn: self.conn, number: 0 },
        }
    }
}

impl Tables {
    /// Sends a BYE; what comes back is of no interest, the endpoint repeats it until something does. Only a trunk may ask who we
    /// are.
    pub(crate) fn send_bye(
        &mut self,
        now: Instant,
        dialog: &mut Dialog,
        contact: &str,
        trunk: Option<TrunkId>,
        parting: Parting<'_>,
    ) {
        let mut draft: RequestDraft = dialog.request(Method::Bye, contact);
        match parting {
            Parting::Plain => {}
            Parting::Reason(reason) => {
                draft.header(Name::Reason, reason);
            }
            // Who ends a call is known to the other; a BYE has no use for these fields.
            Parting::As(cause) => {
                Crossing::of_strangers(Privacy::default()).copy(cause, |name, value| {
                    draft.other(name, value);
                });
            }
        }
        if !self.config.server_header.is_empty() {
            draft.header(Name::UserAgent, &self.config.server_header);
        }
        // At its limit of transactions the switch cannot send it; the peer's session timer or its next request ends the leg.
        let Ok(tx) = self.endpoint.send_request(now, dialog.flow, draft) else { return };
        if let Some(trunk) = trunk.filter(|id| self.can_prove(*id)) {
            let challenged = Challenged::default();
            let bye = Bye { dialog: dialog.clone(), trunk, challenged };
            self.uses_by_client_tx.insert(tx, ClientUse::Bye(Box::new(bye)));
        }
    }

    /// The answer to a BYE that went to a trunk: when it asks who we are, the BYE goes out once more.
    pub(crate) fn on_bye_response(&mut self, now: Instant, tx: ClientTx, response: &Message) {
        let Some(ClientUse::Bye(mut bye)) = self.uses_by_client_tx.remove(&tx) else { return };
        if !matches!(response.status(), 401 | 407) || !bye.challenged.take(response) {
            return;
        }
        let mut draft = bye.dialog.request(Method::Bye, "");
        self.prove(bye.trunk, &mut bye.challenged, &mut draft);
        if !self.config.server_header.is_empty() {
            draft.header(Name::UserAgent, &self.config.server_header);
        }
        if let Ok(tx) = self.endpoint.send_request(now, bye.dialog.flow, draft) {
            self.uses_by_client_tx.insert(tx, ClientUse::Bye(bye));
        }
    }

    /// Whether there is a password to answer a trunk's challenges with.
    pub(crate) fn can_prove(&self, trunk: TrunkId) -> bool {
        self.trunks.get(trunk).is_some_and(|trunk| trunk.login.is_some())
    }

    /// Answers the challenges that a request to a trunk has got, if it got any.
    pub(crate) fn prove(
        &mut self,
        trunk: TrunkId,
        challenged: &mut Challenged,
        draft: &mut RequestDraft,
    ) {
        let Self { trunks, endpoint, .. } = self;
        let Some(login) = trunks.get(trunk).and_then(|trunk| trunk.login.as_ref()) else { return };
        let (method, uri) = (draft.method().as_str().to_owned(), draft.request_uri().to_owned());
        for (name, answer) in challenged.answers(login, &method, &uri, || endpoint.mint_number()) {
            draft.header(name, answer);
        }
    }
}

/// What a BYE of ours says of why.
#[derive(Clone, Copy)]
pub(crate) enum Parting<'a> {
    /// Nothing.
    Plain,
    /// What the BYE of the other side says.
    As(&'a Message),
    /// The value of a Reason (RFC 3326).
    Reason(&'a str),
}

/// The status that a caller gets when a third party has the phone decline that rings (RFC 3261 section 21.6.2).
const DECLINED: u16 = 603;

/// The status that a caller gets whose call a plugin ends without giving one.
const UNAVAILABLE: u16 = 480;

/// One value of a Reason (RFC 3326 section 2).
fn reason(protocol: &str, cause: u16, text: &str) -> String {
    let text: String = text.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
    let text = if text.is_empty() { text } else { format!(";text=\"{text}\"") };
    format!("{protocol};cause={cause}{text}")
}

/// A BYE to a trunk, which may have to be sent once more.
#[derive(Debug)]
pub(crate) struct Bye {
    dialog: Dialog,
    trunk: TrunkId,
    challenged: Challenged,
}
