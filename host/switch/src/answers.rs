//! Responses to requests of ours that stand on their own, and 2xx that nobody waits for.

use model::Instant;
use sip::{ClientTx, Dialog, DialogSeed, Message, Method, Name};

use crate::{
    Switch,
    call::{Call, Stray, hang_up_stray},
    tables::ClientUse,
};

impl Switch {
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
