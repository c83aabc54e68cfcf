use std::{net::SocketAddr, sync::Arc};

use cti::ClientId;
use tlib::{Session, log::Peer, session::Input};

use crate::modules::{Caller, ClientView, connection::Connection};

/// A client of a module, from its connection on.
pub(super) struct Client {
    pub(super) id: ClientId,
    pub(super) application: Arc<str>,
    pub(super) peer: SocketAddr,
    /// The same as text.
    pub(super) address: Box<str>,
    pub(super) connection: Connection,
    /// The handshakes of its connection are done, and its session has begun.
    pub(super) is_open: bool,
    pub(super) session: Session,
    /// The module knows it.
    pub(super) is_known: bool,
    /// The poller tells when more can be written.
    pub(super) waits_to_write: bool,
    /// It is among those to be written to.
    pub(super) is_dirty: bool,
    /// It is among those who have sent more than one turn takes.
    pub(super) is_behind: bool,
    /// How it has ended, while what it asked for before that is done.
    pub(super) end: Option<Input>,
}

impl Client {
    /// The client as who decides about it knows it.
    pub(super) fn caller(&self) -> Caller {
        Caller { id: self.id, application: Arc::clone(&self.application), peer: self.peer }
    }

    /// The client as logs name it.
    pub(super) fn named(&self) -> Peer<'_> {
        Peer {
            socket: self.id.number,
            id: self.id.number,
            application: &self.application,
            address: &self.address,
        }
    }

    /// What is told of it.
    pub(super) fn view(&self) -> ClientView {
        ClientView {
            id: self.id,
            application: Arc::clone(&self.application),
            peer: self.peer,
            stats: self.session.stats(),
            queued: self.session.queued(),
        }
    }
}
