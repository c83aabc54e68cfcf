//! UPDATE in a confirmed dialog (RFC 3311). It goes across as what it is where the other party takes it, else as a re-INVITE; without
//! a session description it is a matter of one leg alone.

use media::Side;
use model::Instant;
use sip::{Message, Name, ServerTx, response_to};

use super::{Call, State, headers::ALLOW, offer::refuse};
use crate::tables::Tables;

impl Call {
    /// An UPDATE came from `side`; its CSeq has been checked.
    pub(crate) fn on_update(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        side: Side,
        server: ServerTx,
        request: Message,
    ) {
        // A party that is sent on has its dialog while its new peer is looked for, and refreshes it.
        if self.state == State::Ending {
            return refuse(tables, now, server, &request, 481, "");
        }
        if !request.body().is_empty() {
            // An offer: what holds of a re-INVITE's holds of it.
            return self.on_reinvite(tables, now, side, server, request);
        }
        let mut accept = response_to(&request, 200, "", None);
        accept.header(Name::Contact, self.contact(side));
        accept.header(Name::Allow, ALLOW);
        self.accept_session(tables, now, side, &request, &mut accept);
        tables.sign_response(&mut accept);
        tables.endpoint.respond(now, server, accept.finish(None));
    }
}
