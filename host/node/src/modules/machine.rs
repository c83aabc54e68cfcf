//! What a module does, apart from its sockets and its thread.

use std::sync::Arc;

use cti::{
    ClientId, Deliver, Grant, LogLine, Now,
    t_controller::{DnState, OwnerQuestion, OwnerVerdict},
};
use model::Instant;
use switch::Control;
use tlib::Message;

use super::{Letter, ModuleSettings};

/// A module.
pub trait Machine: Send {
    /// What it holds now.
    fn holdings(&self) -> Holdings;

    /// Goes by these settings from now on.
    fn configure(&mut self, now: Now, settings: &ModuleSettings);

    /// Another thread says something.
    fn on_letter(&mut self, now: Now, letter: Letter);

    /// A client has said who it is, and may connect.
    fn on_client(&mut self, now: Now, client: ClientId, application: Arc<str>);

    /// A client asks for something. Of a subscription `grant` says what it may have, if anybody has said so.
    fn on_request(&mut self, now: Now, client: ClientId, message: Message, grant: Option<Grant>);

    /// Whose a DN is, after [`Effect::AskOwner`].
    fn on_owner(&mut self, _: Now, _question: OwnerQuestion, _verdict: OwnerVerdict) {}

    /// Clients that there is more for than may wait for them: each is told by [`Self::on_room`] as it reads.
    fn waiting(&self) -> Vec<ClientId> {
        Vec::new()
    }

    /// A client that waits has room for more.
    fn on_room(&mut self, _: Now, _: ClientId) {}

    /// A client is gone.
    fn on_gone(&mut self, now: Now, client: ClientId);

    /// The next thing to do, until there is none.
    fn poll_effect(&mut self) -> Option<Effect>;

    /// When [`Self::on_time`] wants to be called.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Does what is due.
    fn on_time(&mut self, now: Now);
}

/// Something that a module wants done.
#[derive(Debug)]
pub enum Effect {
    /// An event for clients of the module.
    Deliver(Deliver),
    /// A message for one client of the module.
    Answer(ClientId, Message),
    /// What a client of the module has asked for was the work of so many requests more.
    Charge(ClientId, u32),
    /// A client is to be sent away.
    Close(ClientId, &'static str),
    /// Something for another module.
    Post(cti::Module, Letter),
    /// Something for the call engine.
    Control(Control),
    /// Somebody is to say whose a DN is.
    AskOwner(OwnerQuestion),
    /// How a DN is now, for calls.
    Publish(DnState),
    /// A DN is no more.
    Unpublish(Arc<str>),
    /// The T-Controller is to be told which DNs have a registered phone.
    TellPhones,
    /// A line of the log.
    Log(LogLine),
}

/// What a module holds now, and what it had no room for since the start.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Holdings {
    /// Registrations of clients on DNs by name.
    pub registrations: usize,
    /// Agents that are logged in.
    pub agents: usize,
    /// Calls.
    pub calls: usize,
    /// Calls that found no room.
    pub calls_missed: u64,
    /// Requests that wait for a call.
    pub requests_waiting: usize,
}
