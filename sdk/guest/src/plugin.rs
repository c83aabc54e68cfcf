use crate::{
    Acceptance, Admission, Answer, Authorisation, Call, ClientRequest, Commands, Config, Contact,
    Edits, Event, Failure, FanOut, Identification, Outgoing, OwnerChange, Ownership, Request,
    Rewrite, Subscription,
};

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

    /// Brings what the plugin keeps ([`state`](crate::state)) from the schema of another version into that of this one; named `migration`
    /// in [`register_plugin!`](crate::register_plugin).
    ///
    /// # Errors
    ///
    /// Why it cannot: the version before, and what it keeps, stay in service.
    fn migrate(from: u32, to: u32) -> Result<(), String> {
        let _ = (from, to);
        Ok(())
    }

    /// Hook `admission`: may a request that begins a call or a registration come in at all?
    fn admission(&self, request: &Request) -> Admission {
        let _ = request;
        Admission::pass()
    }

    /// Hook `authenticate`: who is a request from, and what proof of that is needed?
    fn authenticate(&self, request: &Request) -> Identification {
        let _ = request;
        Identification::pass()
    }

    /// Hook `register`: may these contacts be bound to the address-of-record in `request.callee`?
    fn register(&self, request: &Request, contacts: &[Contact]) -> Acceptance {
        let _ = (request, contacts);
        Acceptance::pass()
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

    /// Hook `header-policy`: an INVITE is about to go out; which header fields go to the other side? Every
    /// plugin of the hook is asked; an emergency call, or one that is forwarded by a proxy, is not asked about.
    fn header_policy(&self, call: &Call, outgoing: &Outgoing) -> Edits {
        let _ = (call, outgoing);
        Edits::none()
    }

    /// Hook `route-on-failure`: a target failed, what now?
    fn route_on_failure(&self, call: &Call, failure: &Failure) -> Answer {
        let _ = (call, failure);
        Answer::pass()
    }

    /// Hook `call-event`: something has happened to a call, what is to be done? Told after it was
    /// routed, one event at a time; an emergency call is not told.
    fn call_event(&self, call: &Call, event: &Event) -> Commands {
        let _ = (call, event);
        Commands::none()
    }

    /// Hook `dn-owner`: something has happened that may change whose a DN is. Whose is it now? Asked
    /// once for each change, those of a DN one after another.
    fn dn_owner(&self, change: &OwnerChange) -> Ownership {
        let _ = change;
        Ownership::pass()
    }

    /// Hook `fan-out`: a T-Library client subscribes. What does it get? The host carries the answer out
    /// for each event without asking again.
    fn fan_out(&self, subscription: &Subscription) -> FanOut {
        let _ = subscription;
        FanOut::pass()
    }

    /// Hook `authorise-request`: may a T-Library client ask for this? Each plugin sees what the one
    /// before it changed; a request that calls an emergency number is not asked about.
    fn authorise_request(&self, request: &ClientRequest) -> Authorisation {
        let _ = request;
        Authorisation::pass()
    }
}
