//! What is said to a module.

use std::sync::Arc;

use cti::{
    CallEvent, ClientId, MonitorEvent, Token,
    t_controller::{MonitorFeed, MonitorRequest},
};
use switch::Fact;
use tlib::Message;

use crate::mailbox::Postbox;

/// Something for a module's thread.
#[derive(Debug)]
pub enum Letter {
    /// To the Session Controller: this has happened to a call or a registration.
    Fact(Fact),
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
    /// To the module of this client: something that it alone is told.
    Tell(ClientId, Message),
    /// To the T-Controller: a DN has a registered phone, or none any more.
    Phone(Arc<str>, bool),
    /// To the T-Controller: what the Smart Proxy wants.
    Watch(MonitorRequest),
    /// To the Smart Proxy: what the T-Controller has for it.
    Feed(MonitorFeed),
    /// Stop.
    Stop,
}

/// Where workers tell of calls and registrations.
#[derive(Clone)]
pub struct FactPort(Postbox<Letter>);

impl FactPort {
    /// The port of the Session Controller with this mailbox.
    pub const fn new(postbox: Postbox<Letter>) -> Self {
        Self(postbox)
    }

    /// Tells of `fact`, which has just happened; `false` when there was no room. What no module looks at is not told.
    pub fn tell(&self, fact: &Fact) -> bool {
        let is_seen = !matches!(
            fact,
            Fact::Decided { .. }
                | Fact::Judged { .. }
                | Fact::LegOnTrunk { .. }
                | Fact::TrunkPassed { .. }
                | Fact::NotAuthenticated { .. }
        );
        !is_seen || self.0.post(Letter::Fact(fact.clone())).is_ok()
    }
}
