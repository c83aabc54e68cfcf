//! The two kinds of leg that stand in a call: the caller's, and the one that answered.

use model::{Aor, Flow, LegId};
use sip::{Dialog, Message, ServerTx};

use super::{CallerEarly, Reliability, over_trunk::OnTrunk};

/// The caller's leg, from its INVITE on.
pub(crate) struct CallerLeg {
    pub(crate) flow: Flow,
    /// Our tag towards the caller, in every response but 100.
    pub(crate) tag: Box<str>,
    pub(crate) contact: Box<str>,
    /// The INVITE and its transaction, until its final response is sent.
    pub(crate) invite: Option<(ServerTx, Message)>,
    /// What it says of reliable provisional responses.
    pub(crate) reliability: Reliability,
    /// Until the 2xx, once something was sent reliably.
    pub(crate) early: Option<Box<CallerEarly>>,
    /// From the 2xx on.
    pub(crate) dialog: Option<Dialog>,
    pub(crate) holding: bool,
    /// A 2xx of ours waits for its ACK; a BYE must wait with it (RFC 3261 section 15).
    pub(crate) awaits_ack: Option<ServerTx>,
    pub(crate) bye_after_ack: bool,
    /// The trunk it goes over, of a leg that was called before a transfer made it this call's caller.
    pub(crate) trunk: Option<OnTrunk>,
    /// It was called by us, and not the other way round, before a transfer made it this call's caller.
    pub(crate) was_called: bool,
}

impl CallerLeg {
    /// A leg whose INVITE has not been answered.
    pub(crate) fn new(
        flow: Flow,
        (tag, contact): (Box<str>, Box<str>),
        invite: (ServerTx, Message),
        reliability: Reliability,
    ) -> Self {
        Self {
            flow,
            tag,
            contact,
            invite: Some(invite),
            reliability,
            early: None,
            dialog: None,
            holding: false,
            awaits_ack: None,
            bye_after_ack: false,
            trunk: None,
            was_called: false,
        }
    }
}

/// The leg that answered.
pub(crate) struct Leg {
    pub(crate) id: LegId,
    /// The Request-URI it was called with.
    pub(crate) uri: String,
    pub(crate) contact: Box<str>,
    /// Whose phone it is, if it is one of ours.
    pub(crate) user: Option<Aor>,
    pub(crate) dialog: Dialog,
    pub(crate) holding: bool,
    /// As of the caller's leg; a re-INVITE of this side is answered by us too.
    pub(crate) awaits_ack: Option<ServerTx>,
    pub(crate) bye_after_ack: bool,
    /// The trunk it goes over, until the call ends.
    pub(crate) trunk: Option<OnTrunk>,
}
