//! How a phone sends the other party of its call on, and hears what comes of it (RFC 3515).

use model::Instant;
use sip::{Message, Method, Name, ServerTx};

use super::{Call, Phone, PhoneFact, Way};

impl Phone {
    /// Sends the other party of the call on; `told` says whether this phone wants to know what comes of it (RFC 4488).
    pub(super) fn refer(&mut self, now: Instant, to: &str, told: bool) {
        let contact = self.contact();
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

    /// Calls somebody while there is a call.
    pub(super) fn consult(&mut self, now: Instant, user: &str) {
        if let [Call::Up(_)] = &self.calls[..] {
            self.invite(now, user, true, Way::Consult, None);
        }
    }

    /// Sends the other party of the first call on to that of the second.
    pub(super) fn join(&mut self, now: Instant, told: bool) {
        let contact = self.contact();
        let [Call::Up(talk), second] = &mut self.calls[..] else { return };
        let Some(replaces) = second.replaces() else { return };
        let to = match second {
            Call::Calling { seed, .. } => &seed.remote_uri,
            Call::Up(second) => &second.dialog.remote_uri,
            Call::Ringing { .. } => return,
        };
        let to = to.trim_start_matches('<').trim_end_matches('>');
        let replaces = replaces.replace('@', "%40").replace(';', "%3B").replace('=', "%3D");
        let mut draft = talk.dialog.request(Method::Refer, &contact);
        draft.header(Name::ReferTo, format_args!("<{to}?Replaces={replaces}>"));
        if !told {
            draft.other("Refer-Sub", b"false");
        }
        talk.watching |= told;
        if let Ok(tx) = self.endpoint.send_request(now, talk.dialog.flow, draft) {
            self.refers.push(tx);
        }
    }

    /// Ends the second call, or gives it up.
    pub(super) fn end_consult(&mut self, now: Instant) {
        self.hang_up_those(now, |talk| talk.way == Way::Consult);
        let rings = self.calls.iter().find_map(|call| match call {
            Call::Calling { tx, way: Way::Consult, .. } => Some(*tx),
            Call::Calling { .. } | Call::Ringing { .. } | Call::Up(_) => None,
        });
        if let Some(tx) = rings {
            self.endpoint.cancel(now, tx);
        }
    }

    /// Calls in the place of a dialog, as a phone of this user from now on (RFC 3891).
    pub(super) fn take_over(&mut self, now: Instant, replaces: &str, user: String) {
        if self.calls.is_empty() {
            self.user = user;
            self.invite(now, "replaced", true, Way::Plain, Some(replaces));
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
