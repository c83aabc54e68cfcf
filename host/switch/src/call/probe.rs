//! Whether the parties of a call are still there, asked with OPTIONS within their dialogs (RFC 3261 section 11), for parties that
//! know no session timers.

use media::Side;
use model::Instant;
use sip::{Message, Method, Name};

use super::{Call, State};
use crate::{
    Cause, Reason,
    tables::{ClientUse, Tables},
};

impl Call {
    /// Asks both parties after a while, if the settings say so.
    pub(super) fn probe_later(&mut self, tables: &mut Tables, now: Instant) {
        let interval = tables.config.sessions.probe;
        if interval.is_zero() {
            self.stop_timer(tables, Reason::Probe);
        } else {
            self.start_timer(tables, now + interval, Reason::Probe);
        }
    }

    /// It is time to ask.
    pub(crate) fn on_probe_timer(&mut self, tables: &mut Tables, now: Instant) {
        self.stop_timer(tables, Reason::Probe);
        let State::Established { .. } = self.state else { return };
        for side in [Side::A, Side::B] {
            self.send_probe(tables, now, side);
        }
        self.probe_later(tables, now);
    }

    fn send_probe(&mut self, tables: &mut Tables, now: Instant, side: Side) {
        let conn = self.conn;
        let Some(dialog) = self.dialog_mut(side) else { return };
        let flow = dialog.flow;
        let mut draft = dialog.request(Method::Options, "");
        if !tables.config.server_header.is_empty() {
            draft.header(Name::UserAgent, &tables.config.server_header);
        }
        // With no room for a transaction it is asked the next time.
        if let Ok(tx) = tables.endpoint.send_request(now, flow, draft) {
            tables.uses_by_client_tx.insert(tx, ClientUse::Probe { conn });
        }
    }

    /// A party has answered, or has not; the error is the status. Whatever it says, it is there, unless it knows no such dialog.
    //= RFC 3261 section 12.2.1.2
    //# If the response for a request within a dialog is a 481 (Call/Transaction Does Not Exist) or a 408 (Request Timeout), the UAC
    //# SHOULD terminate the dialog.
    pub(crate) fn on_probe_response(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        response: Result<&Message, u16>,
    ) {
        let State::Established { .. } = self.state else { return };
        let status = response.map_or_else(|status| status, Message::status);
        if response.is_err() || matches!(status, 408 | 481) {
            self.release(tables, now, Cause::PartyGone, None);
        }
    }
}
