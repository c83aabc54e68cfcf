//! What shards say to each other about the calls of a user.

use model::{Aor, Shard};

use super::DialogInfo;

/// Something one shard has another know; it arrives as [`crate::Input::Told`], in the order it was said.
#[derive(Clone, PartialEq, Eq, Debug)]
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
}
