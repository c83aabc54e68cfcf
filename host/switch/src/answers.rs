//! Responses to requests of ours, and what comes instead of them.

use model::{Directory, Instant};
use sip::{ClientTx, Dialog, DialogSeed, Message, Method, Name};

use crate::{
    Switch,
    call::{Call, Stray, hang_up_stray},
    in_dialog::pass_back,
    tables::ClientUse,
};

impl Switch {
    /// A response to a request of ours goes to what the request was for.
    // table: what each kind of request was for.
    pub(crate) fn on_response(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        tx: ClientTx,
        message: &Message,
    ) {
        match self.tables.uses_by_client_tx.get(&tx) {
            Some(ClientUse::Branch(leg)) => {
                let leg = *leg;
                if message.status() >= 200 {
                    self.tables.uses_by_client_tx.remove(&tx);
                }
                self.with_call(leg.conn, |call, tables| {
                    call.on_branch_response(tables, now, dir, leg, message);
                });
            }
            Some(ClientUse::Reinvite { conn }) => {
                let conn = *conn;
                self.with_call(conn, |call, tables| {
                    call.on_reinvite_response(tables, now, tx, message);
                });
            }
            Some(ClientUse::OwnOffer { conn }) => {
                let conn = *conn;
                self.with_call(conn, |call, tables| {
                    call.on_own_offer_response(tables, now, tx, message);
                });
            }
            Some(
                ClientUse::Report { .. }
                | ClientUse::LastReport(_)
                | ClientUse::GivenUp { .. }
                | ClientUse::Over(_),
            ) if message.status() < 200 => {}
            Some(ClientUse::Over(_)) => self.tables.on_over(now, tx, message),
            Some(ClientUse::GivenUp { .. }) => self.on_given_up(now, tx, Some(message)),
            Some(ClientUse::Report { .. } | ClientUse::LastReport(_)) => {
                self.on_report_answered(now, tx, message.status());
            }
            Some(ClientUse::Relayed { .. }) if message.status() < 200 => {}
            Some(ClientUse::Relayed { .. }) => self.pass_back(now, tx, Some(message)),
            Some(
                ClientUse::Prack(_)
                | ClientUse::Talk(_)
                | ClientUse::Digit { .. }
                | ClientUse::EarlyUpdate(_)
                | ClientUse::Probe { .. }
                | ClientUse::Refresh { .. }
                | ClientUse::Bye(_),
            ) if message.status() < 200 => {}
            Some(ClientUse::Refresh { .. }) => self.on_refresh_response(now, tx, Ok(message)),
            Some(ClientUse::Talk(_) | ClientUse::Digit { .. }) => {
                self.on_asked(now, dir, tx, message.status());
            }
            Some(ClientUse::Prack(_)) => self.on_prack_response(now, tx, Ok(message)),
            Some(ClientUse::EarlyUpdate(_)) => {
                self.on_early_update_response(now, tx, Ok(message));
            }
            Some(ClientUse::Probe { .. }) => self.on_probe_response(now, tx, Ok(message)),
            Some(ClientUse::Bye(_)) => self.tables.on_bye_response(now, tx, message),
            Some(ClientUse::Notify(_) | ClientUse::Text(_)) if message.status() < 200 => {}
            Some(ClientUse::Text(_)) => self.on_text_answer(now, tx, Ok(message)),
            Some(ClientUse::Notify(id)) => {
                let id = *id;
                self.tables.uses_by_client_tx.remove(&tx);
                self.events.on_response(&mut self.tables, now, dir, id, message);
            }
            Some(ClientUse::Passage { .. }) => self.on_passage_response(now, tx, message),
            Some(ClientUse::Trunk { .. }) => {
                self.keeper.on_response(&mut self.tables, now, tx, message);
            }
            Some(ClientUse::Device(_)) => {
                self.devices.on_response(&mut self.tables, now, tx, message);
            }
            None => self.on_stray_response(now, tx, message),
        }
    }

    fn pass_back(&mut self, now: Instant, tx: ClientTx, response: Option<&Message>) {
        if let Some(ClientUse::Relayed { conn, server, request }) =
            self.tables.uses_by_client_tx.remove(&tx)
        {
            if let Some(call) = self.calls.get_mut(&conn) {
                call.relayed = call.relayed.saturating_sub(1);
            }
            pass_back(&mut self.tables, now, server, &request, response);
        }
    }

    fn on_given_up(&mut self, now: Instant, tx: ClientTx, response: Option<&Message>) {
        if let Some(ClientUse::GivenUp { conn }) = self.tables.uses_by_client_tx.remove(&tx) {
            self.with_call(conn, |call, tables| call.on_given_up(tables, now, tx, response));
        }
    }

    /// No final response came: `status` says how.
    pub(crate) fn on_lost(&mut self, now: Instant, dir: &dyn Directory, tx: ClientTx, status: u16) {
        match self.tables.uses_by_client_tx.get(&tx) {
            Some(ClientUse::Branch(leg)) => {
                let leg = *leg;
                self.tables.uses_by_client_tx.remove(&tx);
                self.with_call(leg.conn, |call, tables| {
                    call.on_branch_lost(tables, now, dir, leg, status);
                });
            }
            Some(ClientUse::Reinvite { conn }) => {
                let conn = *conn;
                self.tables.uses_by_client_tx.remove(&tx);
                self.with_call(conn, |call, tables| call.on_reinvite_lost(tables, now, tx));
            }
            Some(ClientUse::OwnOffer { conn }) => {
                let conn = *conn;
                self.tables.uses_by_client_tx.remove(&tx);
                self.with_call(conn, |call, tables| {
                    call.on_own_offer_lost(tables, now, tx, status);
                });
            }
            Some(ClientUse::GivenUp { .. }) => self.on_given_up(now, tx, None),
            Some(ClientUse::Report { .. } | ClientUse::LastReport(_)) => {
                self.on_report_answered(now, tx, status);
            }
            Some(ClientUse::Relayed { .. }) => self.pass_back(now, tx, None),
            Some(ClientUse::Refresh { .. }) => self.on_refresh_response(now, tx, Err(status)),
            Some(ClientUse::Talk(_) | ClientUse::Digit { .. }) => {
                self.on_asked(now, dir, tx, status);
            }
            Some(ClientUse::Prack(_)) => self.on_prack_response(now, tx, Err(status)),
            Some(ClientUse::EarlyUpdate(_)) => {
                self.on_early_update_response(now, tx, Err(status));
            }
            Some(ClientUse::Probe { .. }) => self.on_probe_response(now, tx, Err(status)),
            Some(ClientUse::Bye(_) | ClientUse::Over(_)) => {
                self.tables.uses_by_client_tx.remove(&tx);
            }
            Some(ClientUse::Text(_)) => self.on_text_answer(now, tx, Err(status)),
            Some(ClientUse::Notify(id)) => {
                let id = *id;
                self.tables.uses_by_client_tx.remove(&tx);
                self.events.on_lost(&mut self.tables, now, dir, id);
            }
            Some(ClientUse::Passage { .. }) => self.on_passage_lost(now, tx, status),
            Some(ClientUse::Trunk { .. }) => {
                self.keeper.on_lost(&mut self.tables, now, tx, status);
            }
            Some(ClientUse::Device(_)) => {
                self.devices.on_lost(&mut self.tables, now, tx, status);
            }
            None => {}
        }
    }

    /// A response that nothing waits for. Of a request that was forwarded there is a Via below ours.
    pub(crate) fn on_stray_response(&mut self, now: Instant, tx: ClientTx, response: &Message) {
        let is_ours = response.values(Name::Via).nth(1).is_none();
        if is_ours && response.method() == Method::Invite {
            return self.on_stray_answer(now, tx, response);
        }
        self.tables.pass_back_stray(response);
    }

    /// A 2xx of a dialog that is not wanted: what is called has forked, and another one was the first to answer.
    //= RFC 3261 section 13.2.2.4
    //# If, after acknowledging any 2xx response to an INVITE, the UAC does not want to continue with that dialog, then the UAC
    //# MUST terminate the dialog by sending a BYE request as described in Section 15.
    fn on_stray_answer(&mut self, now: Instant, tx: ClientTx, response: &Message) {
        let Some(flow) = self.tables.endpoint.flow_of(tx) else { return };
        let (Ok(from), Ok(to)) = (response.from(), response.to()) else { return };
        let local_tag = from.tag().unwrap_or_default();
        let is_known = self.tables.legs_by_tag.get(local_tag).is_some_and(|leg| {
            let call = self.calls.get(&leg.conn);
            call.is_some_and(|call| call.has_dialog(*leg, to.tag().unwrap_or_default()))
        });
        if !(200..=299).contains(&response.status()) || is_known {
            return;
        }
        if self.tables.endpoint.has_forked_enough(tx) {
            return;
        }
        let cseq = response.cseq().number;
        let seed = DialogSeed {
            call_id: response.call_id().to_owned(),
            local_tag: local_tag.to_owned(),
            local_uri: from.without_tag(),
            remote_uri: response.header(Name::To).unwrap_or_default().to_owned(),
            cseq,
            flow,
        };
        let Ok(dialog) = Dialog::from_response(&seed, response) else { return };
        let stray = Stray { tx, contact: "".into(), dialog, cseq };
        hang_up_stray(&mut self.tables, now, stray, None);
    }

    /// What came of a PRACK of ours; the error is the status when nothing came.
    pub(crate) fn on_prack_response(
        &mut self,
        now: Instant,
        tx: ClientTx,
        response: Result<&Message, u16>,
    ) {
        let Some(ClientUse::Prack(prack)) = self.tables.uses_by_client_tx.get(&tx) else { return };
        match self.calls.contains_key(&prack.conn) {
            true => {
                let conn = prack.conn;
                self.with_call(conn, |call, tables| {
                    call.on_prack_response(tables, now, tx, response);
                });
            }
            // The caller's PRACK is answered even so.
            false => Call::forget_prack(&mut self.tables, now, tx),
        }
    }

    /// What came of an UPDATE that was sent across before the call is answered; the error is the status when nothing came.
    fn on_early_update_response(
        &mut self,
        now: Instant,
        tx: ClientTx,
        response: Result<&Message, u16>,
    ) {
        let used = self.tables.uses_by_client_tx.remove(&tx);
        let Some(ClientUse::EarlyUpdate(update)) = used else { return };
        let conn = update.conn;
        match self.calls.contains_key(&conn) {
            true => self.with_call(conn, |call, tables| {
                call.on_early_update_response(tables, now, *update, response);
            }),
            // It is answered even so.
            false => update.forget(&mut self.tables, now),
        }
    }

    /// What came of an OPTIONS of ours; the error is the status when nothing came.
    fn on_probe_response(&mut self, now: Instant, tx: ClientTx, response: Result<&Message, u16>) {
        let used = self.tables.uses_by_client_tx.remove(&tx);
        let Some(ClientUse::Probe { conn }) = used else { return };
        self.with_call(conn, |call, tables| call.on_probe_response(tables, now, response));
    }

    /// What a phone says that a third party has asked something of; 408 or 503 when it says nothing.
    fn on_asked(&mut self, now: Instant, dir: &dyn Directory, tx: ClientTx, status: u16) {
        match self.tables.uses_by_client_tx.remove(&tx) {
            Some(ClientUse::Talk(leg)) => self.with_call(leg.conn, |call, tables| {
                call.on_talk_answered(tables, (now, dir), leg, status);
            }),
            Some(ClientUse::Digit { conn }) => {
                self.with_call(conn, |call, tables| call.on_digit_taken(tables, now, status));
            }
            _ => {}
        }
    }

    /// What came of an UPDATE of ours; the error is the status when nothing came.
    pub(crate) fn on_refresh_response(
        &mut self,
        now: Instant,
        tx: ClientTx,
        response: Result<&Message, u16>,
    ) {
        let used = self.tables.uses_by_client_tx.remove(&tx);
        let Some(ClientUse::Refresh { conn, side }) = used else { return };
        self.with_call(conn, |call, tables| {
            call.on_refresh_response(tables, now, side, response);
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::call::talk::Talk;

    #[test]
    fn who_is_called_makes_so_many_dialogs_and_no_more() {
        let mut talk = Talk::begin("", "offer", 1);
        let mut byes = 0;
        for n in 0..100 {
            let sent = talk.respond(0, "200 OK", &format!("t{n}"), "", "answer");
            byes += sent.iter().filter(|sent| sent.text.starts_with("BYE")).count();
        }
        // The first is the call.
        assert_eq!(byes, 7);
        let again = talk.respond(0, "200 OK", "t7", "", "answer");
        assert_eq!(again.len(), 1, "it is acknowledged again");
    }
}
