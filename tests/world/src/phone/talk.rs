//! The calls of a phone.

use std::net::SocketAddr;

use super::{
    prack::{Early, Rung},
    session::Session,
};
use sip::{ClientTx, Dialog, DialogSeed, Message, ServerTx};

/// One call.
pub(super) enum Call {
    /// Its own INVITE is out.
    Calling {
        tx: ClientTx,
        seed: DialogSeed,
        offered: bool,
        way: Way,
        tag: Option<String>,
        early: Vec<Early>,
    },
    /// An INVITE came in.
    Ringing { tx: ServerTx, invite: Box<Message>, tag: String, rung: Option<Box<Rung>> },
    /// Up.
    Up(Box<Talk>),
}

impl Call {
    /// The value of Replaces that names its dialog to the node.
    pub(super) fn replaces(&self) -> Option<String> {
        let (id, to, from) = match self {
            Self::Calling { seed, tag, .. } => (&*seed.call_id, tag.clone()?, &*seed.local_tag),
            Self::Ringing { invite, tag, .. } => {
                (invite.call_id(), invite.from().ok()?.tag()?.to_owned(), &**tag)
            }
            Self::Up(talk) => {
                let id = &talk.dialog.id;
                (&*id.call_id, id.remote_tag.clone(), &*id.local_tag)
            }
        };
        Some(format!("{id};to-tag={to};from-tag={from}"))
    }
}

/// How a call of its own came about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It is the one call of the phone.
    Plain,
    /// The phone asks whether it may send another party on.
    Consult,
}

/// A call that is up.
pub(super) struct Talk {
    pub(super) dialog: Dialog,
    /// Where its media goes, as it was told last.
    pub(super) told: Option<SocketAddr>,
    /// It has sent a REFER, and is told what comes of it.
    pub(super) watching: bool,
    pub(super) way: Way,
    pub(super) session: Option<Session>,
}

impl Talk {
    /// A call whose other party has said this.
    pub(super) fn new(dialog: Dialog, said: &[u8]) -> Self {
        Self { dialog, told: address(said), watching: false, way: Way::Plain, session: None }
    }

    /// Takes a description of the other party, if it is one.
    pub(super) fn hear(&mut self, said: &[u8]) {
        self.told = address(said).or(self.told);
    }
}

/// Where a description wants its media.
fn address(sdp: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(sdp).ok()?;
    let value = |begin: &str| text.lines().find_map(|line| line.strip_prefix(begin));
    let ip = value("c=IN IP4 ")?.trim().parse().ok()?;
    let port = value("m=audio ")?.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::new(ip, port))
}
