//! Has the modules take a configuration while they run.

use std::{sync::Arc, time::Duration};

use cti::Module;
use tokio::sync::oneshot;
use tracing::error;

use super::{ClientView, Configured, Letter, ModuleSettings};
use crate::mailbox::{Postbox, post_to_all};

/// How long the modules may take, all together.
const PATIENCE: Duration = Duration::from_secs(5);

/// What has the modules take a configuration.
#[derive(Clone)]
pub struct ModuleControl(Vec<(Module, Postbox<Letter>)>);

impl ModuleControl {
    /// Of the modules with these mailboxes.
    pub(super) const fn new(postboxes: Vec<(Module, Postbox<Letter>)>) -> Self {
        Self(postboxes)
    }

    /// Every client of every module, by module and then in the order in which they came. A module that does not answer in this time is left
    /// out.
    pub async fn clients(&self, patience: Duration) -> Vec<ClientView> {
        let mut all = Vec::new();
        for (_, postbox) in &self.0 {
            let (reply, answer) = oneshot::channel();
            // Without room there is no answer.
            let _ = postbox.post(Letter::Describe(reply));
            let answer = tokio::time::timeout(patience, answer).await;
            let mut clients = answer.ok().and_then(Result::ok).unwrap_or_default();
            clients.sort_by_key(|client| client.id.number);
            all.append(&mut clients);
        }
        all
    }

    /// Has every module give back what replaced plugins held on its thread; one that is too busy for this does it with its next question.
    pub fn sweep(&self) {
        for (_, postbox) in &self.0 {
            let _ = postbox.post(Letter::Sweep);
        }
    }

    /// Has every module take this, and waits until all have.
    pub fn configure(&self, settings: &Arc<ModuleSettings>) {
        // The Session Controller tells the T-Controller of phones, which must know the DNs by then.
        let is_last =
            |(module, _): &&(Module, Postbox<Letter>)| *module == Module::SessionController;
        let order = self.0.iter().filter(|one| !is_last(one)).chain(self.0.iter().filter(is_last));
        let postboxes: Vec<_> = order.map(|(_, postbox)| postbox).collect();
        let missing = post_to_all(&postboxes, PATIENCE, |done| {
            Letter::Configure(Box::new(Configured { settings: settings.clone(), done }))
        });
        if missing > 0 {
            error!(missing, "T-Library modules have not taken the configuration yet");
        }
    }
}
