//! Has the modules take a configuration while they run.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cti::Module;
use tokio::sync::oneshot;
use tracing::error;

use super::{ClientView, Configured, Letter, ModuleSettings};
use crate::mailbox::{Postbox, Untaken, post_to_all};

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

    /// Which modules there are.
    pub fn all(&self) -> Vec<Module> {
        self.0.iter().map(|(module, _)| *module).collect()
    }

    /// Has these modules take this, and waits until they have, for at most so long altogether. Gives which of them had no room for it: they
    /// are to be told again.
    #[must_use]
    pub fn configure(
        &self,
        settings: &Arc<ModuleSettings>,
        whom: &[Module],
        patience: Duration,
    ) -> Vec<Module> {
        let until = Instant::now() + patience;
        // The Session Controller tells the T-Controller of phones, which must know the DNs by then.
        let (last, first): (Vec<Module>, Vec<Module>) =
            whom.iter().partition(|module| **module == Module::SessionController);
        let mut late = self.tell(settings, &first, patience);
        match late.is_empty() {
            true => {
                let patience = until.saturating_duration_since(Instant::now());
                late.extend(self.tell(settings, &last, patience));
            }
            false => late.extend(last),
        }
        late
    }

    fn tell(
        &self,
        settings: &Arc<ModuleSettings>,
        whom: &[Module],
        patience: Duration,
    ) -> Vec<Module> {
        let told: Vec<_> = self.0.iter().filter(|(module, _)| whom.contains(module)).collect();
        let postboxes: Vec<_> = told.iter().map(|(_, postbox)| postbox).collect();
        let Untaken { unposted, unsaid } = post_to_all(&postboxes, patience, |done| {
            Letter::Configure(Box::new(Configured { settings: settings.clone(), done }))
        });
        if unsaid > 0 && !patience.is_zero() {
            error!(unsaid, "T-Library modules have got the configuration and not taken it yet");
        }
        unposted.into_iter().filter_map(|at| Some(told.get(at)?.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        config::Config,
        mailbox::{Mailbox, mailbox},
    };

    /// How many configurations wait, and whatever else.
    fn waits(mailbox: &Mailbox<Letter>) -> (usize, usize) {
        let (configured, others): (Vec<_>, Vec<_>) =
            mailbox.take(9).partition(|letter| matches!(letter, Letter::Configure(_)));
        (configured.len(), others.len())
    }

    /// It was never told, and the same configuration read again was no change.
    #[test]
    fn a_module_without_room_is_told_again_and_the_session_controller_after_it() {
        let settings = Arc::new(ModuleSettings::of(&Config::default(), Vec::new()));
        let order = [Module::SessionController, Module::TController, Module::SmartProxy];
        let (postboxes, mailboxes): (Vec<_>, Vec<_>) =
            order.map(|_| mailbox::<Letter>(1).unwrap()).into_iter().unzip();
        postboxes[1].post(Letter::Sweep).unwrap();
        let control = ModuleControl::new(order.into_iter().zip(postboxes).collect());
        assert_eq!(control.all(), order);
        let tell = |whom: &[Module]| control.configure(&settings, whom, Duration::ZERO);
        let late = tell(&control.all());
        assert_eq!(late, [Module::TController, Module::SessionController]);
        assert_eq!(mailboxes.iter().map(waits).collect::<Vec<_>>(), [(0, 0), (0, 1), (1, 0)]);
        assert_eq!(tell(&late), []);
        assert_eq!(mailboxes.iter().map(waits).collect::<Vec<_>>(), [(1, 0), (1, 0), (0, 0)]);
    }
}
