//! How a phone sends the other party of its call on, and hears what comes of it (RFC 3515).

use model::Instant;
use sip::{Message, Method, Name, ServerTx};

use super::{Call, Phone, PhoneFact};

impl Phone {
    /// Sends the other party of the call on; `told` says whether this phone wants to know what comes of it (RFC 4488).
    pub(super) fn refer(&mut self, now: Instant, user: &str, told: bool) {
        let contact = self.contact();
        let to = format!("<sip:{user}@{}>", self.host);
        let Some(Call::Up(talk)) = self.calls.last_mut() else { return };
        let mut draft = talk.dialog.request(Method::Refer, &contact);
        draft.header(Name::ReferTo, to);
        if !told {
            draft.other("Refer-Sub", b"false");
        }
        talk.watching |= told;
        if let Ok(tx) = self.endpoint.send_request(now, talk.dialog.flow, draft) {
            self.refers.push(tx);
        }
    }

    /// Takes a NOTIFY of what became of its REFER.
    pub(super) fn on_report(&mut self, now: Instant, tx: ServerTx, notify: &Message, tag: &str) {
        let left = self.left.iter().position(|talk| talk.dialog.is_of(notify));
        let talk = match left {
            Some(at) => self.left.get_mut(at),
            None => self.talk_of(notify),
        };
        let Some(talk) = talk.filter(|talk| talk.watching) else {
            return self.respond(now, tx, notify, 481, tag, None);
        };
        if let Err(status) = talk.dialog.check_request(notify) {
            return self.respond(now, tx, notify, status, tag, None);
        }
        let state = notify.header(Name::SubscriptionState).unwrap_or_default();
        if state.starts_with("terminated") {
            talk.watching = false;
            if let Some(at) = left {
                self.left.remove(at);
            }
        }
        let text = String::from_utf8_lossy(notify.body());
        let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse().ok());
        self.facts.push(PhoneFact::Told(status.unwrap_or_default()));
        self.respond(now, tx, notify, 200, tag, None);
    }
}
