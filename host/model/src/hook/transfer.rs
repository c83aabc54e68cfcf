//! What plugins may know of a transfer.

use super::Party;
use crate::ConnId;

/// That a call is there because a party of another call had the other party sent on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// How.
    pub kind: TransferKind,
    /// Who asked for it.
    pub by: Party,
    /// The call that the transferred party was in.
    pub of: ConnId,
    /// Which transfer this is of the transferred party's, from 1.
    pub count: u8,
}

/// How a party is sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferKind {
    /// To somebody whom the transferring party has not spoken to (RFC 5589 section 6).
    Blind,
    /// To somebody the transferring party is in another call with (RFC 5589 section 7).
    Attended,
}

impl TransferKind {
    /// Its name towards plugins and in call records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Attended => "attended",
        }
    }
}
