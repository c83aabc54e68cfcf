use crate::{Answer, Call, Config, Failure, Rewrite};

/// What an author writes: one function a hook, each passing unless written. Those that are written are
/// named in [`register_plugin!`](crate::register_plugin).
///
/// The host calls them one at a time, so a plugin may keep a cache in a `Cell` or `RefCell`.
pub trait Plugin: Default + 'static {
    /// Reads the configuration, once for each instance, before its first hook.
    ///
    /// # Errors
    ///
    /// A sentence for the operator when the configuration cannot be used: which key, and what to
    /// write instead. The host then refuses this version of the plugin.
    fn configure(&mut self, config: &Config) -> Result<(), String> {
        let _ = config;
        Ok(())
    }

    /// Hook `dial-plan`: what was dialled, in the form that routing understands? Asked before
    /// `route`; each plugin sees what the one before it rewrote.
    fn dial_plan(&self, call: &Call) -> Rewrite {
        let _ = call;
        Rewrite::pass()
    }

    /// Hook `route`: where does a new call go?
    fn route(&self, call: &Call) -> Answer {
        let _ = call;
        Answer::pass()
    }

    /// Hook `route-on-failure`: a target failed, what now?
    fn route_on_failure(&self, call: &Call, failure: &Failure) -> Answer {
        let _ = (call, failure);
        Answer::pass()
    }
}
