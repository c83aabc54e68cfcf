//! Offers within a call that nobody waits for any more while their dialog stands: their answers are acknowledged even so, and until
//! they are there no other offer follows (RFC 3261 section 14.1).

use bytes::Bytes;
use media::Side;
use model::Instant;
use sip::{ClientTx, Dialog, Message, Method};

use super::{Call, media::SDP_TYPE};
use crate::tables::{ClientUse, Tables};

/// A re-INVITE or an UPDATE of ours that was given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct GivenUp {
    to: Side,
    tx: ClientTx,
    /// It had no description: its answer has an offer, which the ACK must answer.
    asks: bool,
}

impl GivenUp {
    /// Its dialog ends: a 2xx that comes yet needs an ACK, and no BYE but the one there is.
    pub(super) fn outlive(self, tables: &mut Tables, dialog: &Dialog) {
        let over = ClientUse::Over(Box::new(dialog.clone()));
        tables.uses_by_client_tx.insert(self.tx, over);
    }
}

impl Call {
    /// Gives up what is open towards `to`.
    pub(super) fn give_up_offer(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        (to, tx, asks): (Side, ClientTx, bool),
    ) {
        tables.endpoint.cancel(now, tx);
        self.put_given_up(tables, to, Some(GivenUp { to, tx, asks }));
    }

    /// Whether what was given up towards `to` is not answered yet.
    pub(super) fn has_given_up(&self, to: Side) -> bool {
        self.given_up.iter().any(|open| open.to == to)
    }

    /// What was given up goes with the leg to another call.
    pub(super) fn take_given_up(&mut self, to: Side) -> Option<GivenUp> {
        let at = self.given_up.iter().position(|open| open.to == to)?;
        Some(self.given_up.swap_remove(at))
    }

    pub(super) fn put_given_up(
        &mut self,
        tables: &mut Tables,
        to: Side,
        given_up: Option<GivenUp>,
    ) {
        let Some(given_up) = given_up else { return };
        let conn = self.conn;
        tables.uses_by_client_tx.insert(given_up.tx, ClientUse::GivenUp { conn });
        self.given_up.push(GivenUp { to, ..given_up });
    }

    /// The call ends, and its dialogs with it: a 2xx that comes yet needs an ACK, and no BYE but the one there is.
    pub(super) fn end_given_up(&mut self, tables: &mut Tables) {
        for open in std::mem::take(&mut self.given_up) {
            match self.dialog_mut(open.to).map(|dialog| Box::new(dialog.clone())) {
                Some(dialog) => tables.uses_by_client_tx.insert(open.tx, ClientUse::Over(dialog)),
                None => tables.uses_by_client_tx.remove(&open.tx),
            };
        }
    }

    /// The final response to an offer that was given up, or `None` when none came.
    pub(crate) fn on_given_up(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        tx: ClientTx,
        response: Option<&Message>,
    ) {
        let Some(at) = self.given_up.iter().position(|open| open.tx == tx) else { return };
        let GivenUp { to, asks, .. } = self.given_up.swap_remove(at);
        if let Some(response) = response.filter(|response| response.status() < 300) {
            let told = self.media.told_elsewhere(to).map(Bytes::copy_from_slice);
            let told = told.or_else(|| self.told(tables, to).map(|told| told.into_vec().into()));
            let contact = self.contact(to).to_owned();
            if let Some(dialog) = self.dialog_mut(to) {
                dialog.refresh_target(response);
                if response.method() == Method::Invite {
                    let answer = told.filter(|_| asks).map(|told| (SDP_TYPE.to_owned(), told));
                    let ack = dialog.ack(response.cseq().number, &contact).with_body(answer);
                    tables.endpoint.send_ack(now, tx, dialog.flow, ack);
                }
            }
        }
        self.try_own_offer(tables, now);
    }
}

impl Tables {
    /// The final response to an INVITE in a dialog that is over.
    pub(crate) fn on_over(&mut self, now: Instant, tx: ClientTx, response: &Message) {
        let Some(ClientUse::Over(dialog)) = self.uses_by_client_tx.remove(&tx) else { return };
        if response.status() < 300 && response.method() == Method::Invite {
            let ack = dialog.ack(response.cseq().number, "");
            self.endpoint.send_ack(now, tx, dialog.flow, ack);
        }
    }
}
