//! Has the modules take a configuration while they run.

use std::{
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, sync_channel},
    },
    time::{Duration, Instant},
};

use cti::Module;
use tracing::error;

use super::{Configured, Letter, ModuleSettings};
use crate::mailbox::Postbox;

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

    /// Has every module take this, and waits until all have.
    pub fn configure(&self, settings: &Arc<ModuleSettings>) {
        let (done, taken) = sync_channel(self.0.len());
        let until = Instant::now() + PATIENCE;
        // The Session Controller tells the T-Controller of phones, which must know the DNs by then.
        let is_last =
            |(module, _): &&(Module, Postbox<Letter>)| *module == Module::SessionController;
        let order = self.0.iter().filter(|one| !is_last(one)).chain(self.0.iter().filter(is_last));
        for (_, postbox) in order {
            let configured = Configured { settings: settings.clone(), done: done.clone() };
            let mut letter = Letter::Configure(Box::new(configured));
            // A full mailbox is being emptied. A module that is gone needs no telling.
            while let Err(back) = postbox.post(letter) {
                if Instant::now() >= until {
                    break;
                }
                letter = back;
                std::thread::yield_now();
            }
        }
        drop(done);
        let mut missing = self.0.len();
        while missing > 0 {
            match taken.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(()) => missing -= 1,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    error!(missing, "T-Library modules have not taken the configuration yet");
                    return;
                }
            }
        }
    }
}
