//! What is said to a module.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc::SyncSender},
};

use cti::{
    CallEvent, ClientId, MonitorEvent, Now, Refusal, Token,
    t_controller::{self, MonitorFeed, MonitorRequest},
};
use model::{ConnId, Shard};
use switch::Fact;
use tlib::{Attribute, ErrorCode, Message};
use tokio::sync::oneshot;

use super::{ClientView, ModuleSettings};

/// Something for a module's thread.
#[derive(Debug)]
pub enum Letter {
    /// To the Session Controller: this has happened to a call or a registration.
    Fact(Fact),
    /// To the Session Controller: something of this call of the engine was not told, and nothing more will be.
    Lost(ConnId),
    /// To the Session Controller: so it is with more calls than could be counted, of those that this shard has named.
    AllLost(Shard),
    /// To the Session Controller: a client of another module asks for this.
    Request(Token, Arc<Message>),
    /// To the T-Controller and the Interaction Proxy: an event of a call.
    Call(CallEvent),
    /// To the Interaction Proxy: an event of the call-monitoring stream.
    Monitor(MonitorEvent),
    /// To the module of the token's client: the answer to its request.
    Answer(Token, Message),
    /// To the T-Controller: a routing client wants something of agents.
    Agent(ClientId, Arc<Message>),
    /// To the Session Controller: who is logged in on this DN.
    AgentOn(Arc<str>, Option<Arc<str>>),
    /// To the T-Controller: this routing client is gone; to the Session Controller: this client of the T-Controller is.
    Gone(ClientId),
    /// To the T-Controller: a call that a client has reported in this virtual queue is over.
    Left(Arc<str>, ConnId),
    /// To the module of this client: something that it alone is told.
    Tell(ClientId, Message),
    /// To the T-Controller: what is known of the device of a DN.
    Device(t_controller::Input),
    /// To the T-Controller: what the Smart Proxy wants.
    Watch(MonitorRequest),
    /// To the Smart Proxy: what the T-Controller has for it.
    Feed(MonitorFeed),
    /// To the T-Controller: the DNs that have a registered phone; no other has.
    Phones(BTreeSet<Arc<str>>),
    /// To every module: the configuration from now on.
    Configure(Box<Configured>),
    /// To every module: who is connected?
    Describe(oneshot::Sender<Vec<ClientView>>),
    /// Give back what replaced plugins held on the thread.
    Sweep,
    /// Stop.
    Stop,
}

/// A configuration that a module is to take.
#[derive(Debug)]
pub struct Configured {
    /// What it says.
    pub settings: Arc<ModuleSettings>,
    /// Who waits for it to be taken.
    pub done: SyncSender<()>,
}

impl Letter {
    /// Whether it is a client's request, which is answered where there is no room for it.
    pub const fn is_request(&self) -> bool {
        matches!(
            self,
            Self::Request(..) | Self::Agent(..) | Self::Watch(MonitorRequest::Ask { .. })
        )
    }

    /// What the Smart Proxy gets for an answer when this is a question of it that finds no room: EventError 111.
    pub fn no_answer(&self) -> Option<Self> {
        let Self::Watch(MonitorRequest::Ask { id, token, message }) = self else { return None };
        let message = too_many().event(*token, message);
        Some(Self::Feed(MonitorFeed::Answer { id: *id, token: *token, message }))
    }

    /// What a client is told whose request this is and who finds no room for it: EventError 111.
    pub fn no_room(&self, now: Now) -> Option<(ClientId, Message)> {
        let (token, request) = match self {
            Self::Request(token, request) => (*token, request),
            Self::Agent(client, request) => {
                let reference = request.reference_id().unwrap_or(0);
                (Token { client: *client, reference }, request)
            }
            _ => return None,
        };
        Some((token.client, refused(now, token, request, &too_many())))
    }
}

fn too_many() -> Refusal {
    let text = "a module is behind: more than tlib.mailbox_max waits for it; ask again later";
    Refusal::new(ErrorCode::TooManyRequests, text)
}

/// EventError for a request that no module has seen.
pub(super) fn refused(now: Now, token: Token, request: &Message, refusal: &Refusal) -> Message {
    refusal
        .event(token, request)
        .with(Attribute::TimeinSecs, now.unix_s())
        .with(Attribute::TimeinuSecs, i64::from(now.unix.subsec_micros()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use cti::Module;
    use model::Instant;
    use tlib::MessageType;

    use super::*;

    #[test]
    fn a_request_that_finds_no_room_is_answered_and_nothing_else_is() {
        let now = Now::new(Instant::ZERO, std::time::Duration::from_secs(7));
        let client = ClientId { module: Module::TController, number: 3 };
        let token = Token { client, reference: 9 };
        let asks = Message::new(MessageType::RequestHoldCall)
            .with(Attribute::ThisDN, "2001")
            .with(Attribute::ReferenceID, 9_u32);
        let asks = Arc::new(asks);
        for letter in
            [Letter::Request(token, Arc::clone(&asks)), Letter::Agent(client, Arc::clone(&asks))]
        {
            assert!(letter.no_answer().is_none());
            let (who, told) = letter.no_room(now).unwrap();
            assert_eq!((who, told.kind()), (client, MessageType::EventError));
            assert_eq!((told.reference_id(), told.int(Attribute::ErrorCode)), (Some(9), Some(111)));
            assert_eq!(told.int(Attribute::TimeinSecs), Some(7));
        }
        let question = Letter::Watch(MonitorRequest::Ask { id: 4, token, message: asks });
        assert!(question.is_request() && question.no_room(now).is_none());
        let Some(Letter::Feed(MonitorFeed::Answer { id, token: of, message: told })) =
            question.no_answer()
        else {
            panic!("no answer")
        };
        assert_eq!((id, of, told.kind()), (4, token, MessageType::EventError));
        assert_eq!((told.reference_id(), told.int(Attribute::ErrorCode)), (Some(9), Some(111)));
        assert!(Letter::Stop.no_room(now).is_none() && Letter::Stop.no_answer().is_none());
    }
}
