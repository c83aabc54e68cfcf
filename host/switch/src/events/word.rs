//! What shards say to each other.

use bytes::Bytes;
use media::RelayEvent;
use model::{Aor, ConnId, Flow, Shard};

use super::DialogInfo;
use crate::{Control, MovedCall, Noted};

/// Something one shard has another know; it arrives as [`crate::Input::Told`], in the order it was said.
#[derive(Clone, PartialEq, Debug)]
pub enum Word {
    /// Asks for the dialogs of a user. The answer is a whole [`Self::Report`].
    Inquiry {
        /// Who asks.
        from: Shard,
        /// Whose dialogs.
        aor: Aor,
    },
    /// What the [`model::Directory`] says of the messages or the registration of a user has changed.
    Changed {
        /// Whose.
        aor: Aor,
    },
    /// Dialogs of a user, from the shard their calls are on.
    Report {
        /// Who tells.
        from: Shard,
        /// Whose dialogs.
        aor: Aor,
        /// Whether these are all that are there; else those that have changed.
        whole: bool,
        /// Those that are over are among them once, unless the report is whole.
        dialogs: Vec<DialogInfo>,
    },
    /// Hands a call over. It is nowhere else, so that it must come there, as [`Self::Noted`] and [`Self::Over`] must: there are never
    /// more of them on their way than [`crate::Limits::moved_max`] allows.
    Call(Box<MovedCall>),
    /// Passes a message on that belongs to a dialog there, or that begins something there.
    Message {
        /// The flow it came by.
        flow: Flow,
        /// The message.
        bytes: Bytes,
        /// It goes there because of a dialog that it names, and no further if that is not there.
        seeks: bool,
        /// How often it has been passed on.
        hops: u8,
    },
    /// Passes on an event of the relay of a call that is there.
    Relay(RelayEvent),
    /// Passes on the operator's wish to end a call that is there.
    Hangup(ConnId),
    /// Passes on what a third party wants of a call that is there.
    Control(Control),
    /// Says that something whose home is there is elsewhere.
    Noted {
        /// What.
        noted: Noted,
        /// Where it is.
        at: Shard,
        /// How often its call had moved.
        moves: u16,
    },
    /// Says that it is over.
    Over {
        /// What.
        noted: Noted,
        /// Where it was.
        at: Shard,
    },
}
