use std::collections::BTreeSet;

use model::Flow;
use sip::{Message, NameAddr, Uri};

/// Call-IDs remembered by one watch; beyond it a dialog is known by its users only.
const CALL_IDS_MAX: usize = 10_000;

/// What a watch is after.
#[derive(Clone, Debug, Default)]
pub struct What {
    text: String,
    call_ids: BTreeSet<String>,
}

impl What {
    /// Everything, when `text` is empty; else the messages from, to or about a user, with a Call-ID, or from or to an address
    /// (`192.0.2.1` or `192.0.2.1:5060`). `call_ids` are watched as well.
    pub fn new(text: &str, call_ids: impl IntoIterator<Item = String>) -> Self {
        Self { text: text.to_owned(), call_ids: call_ids.into_iter().collect() }
    }

    /// Whether this message is one of them. What belongs to the dialog of a message that was is one too.
    pub(super) fn takes(&mut self, flow: Flow, message: &Message) -> bool {
        if self.text.is_empty() && self.call_ids.is_empty() {
            return true;
        }
        let call_id = message.call_id();
        if self.call_ids.contains(call_id) {
            return true;
        }
        let peer = flow.peer;
        let by_text = !self.text.is_empty()
            && (call_id == self.text
                || peer.ip().to_string() == self.text
                || peer.to_string() == self.text
                || self.is_user_of(message));
        if by_text && self.call_ids.len() < CALL_IDS_MAX {
            self.call_ids.insert(call_id.to_owned());
        }
        by_text
    }

    fn is_user_of(&self, message: &Message) -> bool {
        let is_user =
            |uri: &str| Uri::parse(uri).is_ok_and(|uri| uri.user_unescaped() == self.text.as_str());
        let is_party = |party: Result<NameAddr<'_>, _>| party.is_ok_and(|party| is_user(party.uri));
        (message.is_request() && is_user(message.request_uri()))
            || is_party(message.from().map_err(|_| ()))
            || is_party(message.to().map_err(|_| ()))
    }
}
