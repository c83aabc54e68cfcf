//! The phone's side of a call.

use std::net::SocketAddr;

use rsip::{
    Method, Request, Response, Uri,
    headers::{CallId, From, To},
    param::Tag,
    prelude::{HeadersExt, ToTypedHeader},
    typed,
};

use super::message::{Draft, ack_of_refusal, tagged, uri_at};

/// Where a call stands, as the phone sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// The INVITE was sent.
    Calling,
    /// The other side rings, or this phone does.
    Alerting,
    /// Both sides agreed.
    Established,
    /// The BYE was sent.
    Ending,
    /// It is over, with this status.
    Ended(u16),
}

/// One call.
pub(super) struct Call {
    pub(super) call_id: CallId,
    /// Our From.
    from: From,
    /// The To of our requests.
    to: To,
    /// Where our requests go.
    target: Uri,
    pub(super) local_tag: Tag,
    pub(super) cseq: u32,
    pub(super) state: CallState,
    /// The INVITE that was sent or received.
    pub(super) invite: Option<Request>,
}

impl Call {
    pub(super) fn outgoing(from: From, to: To, target: Uri, cseq: u32) -> Self {
        let local_tag = from.typed().ok().and_then(|from| from.tag().cloned()).unwrap_or_default();
        let state = CallState::Calling;
        Self { call_id: CallId::default(), from, to, target, local_tag, cseq, state, invite: None }
    }

    /// A call for `invite`; `None` if it lacks what a call needs.
    pub(super) fn incoming(invite: &Request) -> Option<Self> {
        let local_tag = Tag::default();
        let ours = tagged(invite.to_header().ok()?, &local_tag)?.typed().ok()?;
        let theirs = invite.from_header().ok()?.typed().ok()?;
        Some(Self {
            call_id: invite.call_id_header().ok()?.clone(),
            from: typed::From { display_name: None, uri: ours.uri, params: ours.params }.into(),
            to: typed::To { display_name: None, uri: theirs.uri, params: theirs.params }.into(),
            target: invite.contact_header().ok()?.typed().ok()?.uri,
            local_tag,
            cseq: 0,
            state: CallState::Alerting,
            invite: Some(invite.clone()),
        })
    }

    /// Whether `request` has this call's Call-ID.
    pub(super) fn is_of(&self, request: &Request) -> bool {
        request.call_id_header().is_ok_and(|call_id| *call_id == self.call_id)
    }

    /// What a request of this call is made from.
    pub(super) fn draft(&self, contact: Uri, local: SocketAddr, cseq: u32) -> Draft<'_> {
        Draft {
            target: self.target.clone(),
            from: &self.from,
            to: &self.to,
            call_id: &self.call_id,
            cseq,
            contact,
            local,
        }
    }

    /// Takes a response to our INVITE; gives the ACK it wants.
    pub(super) fn on_response(
        &mut self,
        response: &Response,
        status: u16,
        local: SocketAddr,
    ) -> Option<Request> {
        if status < 200 {
            if status > 100 && self.state == CallState::Calling {
                self.state = CallState::Alerting;
            }
            return None;
        }
        if status >= 300 {
            self.state = CallState::Ended(status);
            return ack_of_refusal(self.invite.as_ref()?, response);
        }
        self.to = response.to_header().ok()?.clone();
        self.target = response.contact_header().ok()?.typed().ok()?.uri;
        if matches!(self.state, CallState::Calling | CallState::Alerting) {
            self.state = CallState::Established;
        }
        let cseq = response.cseq_header().ok()?.seq().ok()?;
        let user = self.from.uri().ok()?.user().unwrap_or("phone").to_owned();
        Some(self.draft(uri_at(&user, local), local, cseq).request(Method::Ack, None))
    }
}
