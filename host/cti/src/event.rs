//! What modules tell one another: T-events of calls, made once.

use std::sync::Arc;

use model::ConnId;
use tlib::{Attribute, CallType, DNRole, ErrorCode, Message};

use crate::{Refusal, Token};

/// An event for the clients of one DN, from the Session Controller's calls. Without EventSequenceNumber and ReferenceID: whoever
/// distributes it gives the one, and who asked for it the other.
#[derive(Clone, Debug, PartialEq)]
pub struct CallEvent {
    /// The event; its ThisDN is `dn`.
    pub message: Arc<Message>,
    /// The DN whose clients get it.
    pub dn: Arc<str>,
    /// The call, by the ConnID that the event has.
    pub conn: ConnId,
    /// The call, for as long as it lives.
    pub uuid: Arc<str>,
    /// Who asked for what has happened.
    pub asked_by: Option<Token>,
    /// How the party on `dn` is after it in this call; `None` when it is not in it any more.
    pub party: Option<PartyStatus>,
    /// What the route that led here said is to become of an agent that does not answer; `None` leaves it to the agent's options.
    pub no_answer: Option<NoAnswerAction>,
}

/// What becomes of an agent that did not answer (NO_ANSWER_ACTION of TRouteCall, option `agent-no-answer-action`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoAnswerAction {
    /// Nothing.
    None,
    /// It is not ready.
    NotReady,
    /// It is logged out.
    Logout,
}

impl NoAnswerAction {
    /// What a TRouteCall says; `None` where it says nothing.
    ///
    /// # Errors
    ///
    /// 53 for a name that is none.
    pub(crate) fn of_route(request: &Message) -> Result<Option<Self>, Refusal> {
        let extensions = request.list(Attribute::Extensions);
        let Some(name) = extensions.and_then(|list| list.text("NO_ANSWER_ACTION")) else {
            return Ok(None);
        };
        let action = Self::named(name).ok_or_else(|| {
            let text = format!("NO_ANSWER_ACTION is `{name}`: give none, notready or logout");
            Refusal::new(ErrorCode::InvalidAttribute, text)
        })?;
        Ok(Some(action))
    }

    /// The action of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "notready" => Some(Self::NotReady),
            "logout" => Some(Self::Logout),
            _ => None,
        }
    }
}

/// A party of a call as who keeps the states of DNs must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyStatus {
    /// The state as one number (`tlib::party_state`).
    pub state: u32,
    /// What it is in the call.
    pub role: DNRole,
    /// The kind of call.
    pub call_type: CallType,
    /// The queue or Routing Point that the call came through to this party, if it did.
    pub queue: Option<Arc<str>>,
}

/// An event of the call-monitoring stream (EventCallCreated and its like, section 2.9), of no DN.
#[derive(Clone, Debug, PartialEq)]
pub struct MonitorEvent {
    /// The event.
    pub message: Arc<Message>,
    /// The call.
    pub uuid: Arc<str>,
}
