//! Between the contract and an author's plugin. Not for authors: [`register_plugin!`] uses it.
//!
//! [`register_plugin!`]: crate::register_plugin

use std::{marker::PhantomData, panic, process, time::Duration};

use crate::bindings::{
    admission::exports::jackfield::plugin::admission,
    authenticate::exports::jackfield::plugin::authenticate,
    call_event::exports::jackfield::plugin::call_event,
    dial_plan::exports::jackfield::plugin::dial_plan,
    header_policy::exports::jackfield::plugin::header_policy, imports::jackfield::plugin::types,
    migration::exports::jackfield::plugin::migration,
    register::exports::jackfield::plugin::register, route::exports::jackfield::plugin::route,
    route_on_failure::exports::jackfield::plugin::route_on_failure,
};
use crate::{
    Acceptance, AcceptanceVerdict, Admission, AdmissionVerdict, Attempt, Config, Contact,
    Destination, Diversion, Event, Failure, Identification, IdentificationVerdict, Level, Media,
    Outgoing, Plan, Plugin, Privacy, Reason, Target, Verdict, log, rewrite::Outcome, text,
};

/// Names the plugin of a crate: a type that implements [`Plugin`](crate::Plugin), and behind a
/// colon the hooks it answers. The host asks no others, so a hook that is written but not named
/// here is never called.
///
/// ```
/// use jackfield_guest::{Call, Plugin, Rewrite, register_plugin};
///
/// #[derive(Default)]
/// struct Outside;
///
/// impl Plugin for Outside {
///     fn dial_plan(&self, call: &Call) -> Rewrite {
///         match call.callee.user.strip_prefix("9") {
///             Some(number) => Rewrite::callee(number).because("outside", "9 gets a line"),
///             None => Rewrite::pass(),
///         }
///     }
/// }
///
/// register_plugin!(Outside: dial_plan);
/// # fn main() {}
/// ```
///
/// Without a list it answers `route` and `route_on_failure`.
#[macro_export]
macro_rules! register_plugin {
    ($plugin:ty) => {
        $crate::register_plugin!($plugin: route, route_on_failure);
    };
    ($plugin:ty: $($hook:ident),+ $(,)?) => {
        const _: () = {
            ::std::thread_local! {
                static PLUGIN: ::std::cell::OnceCell<$plugin> =
                    const { ::std::cell::OnceCell::new() };
            }

            impl $crate::export::Registered for $plugin {
                fn with<R>(ask: impl FnOnce(&Self) -> R) -> R {
                    PLUGIN.with(|plugin| ask(plugin.get_or_init($crate::export::start)))
                }
            }

            // Elsewhere than in WebAssembly linkers do not know what to make of the names.
            #[cfg(target_arch = "wasm32")]
            const _: () = {
                type Exported = $crate::export::Exported<$plugin>;
                $($crate::bindings::$hook::export!(
                    Exported with_types_in $crate::bindings::$hook
                );)+
            };
        };
    };
}

/// A plugin with its one instance.
pub trait Registered: Plugin {
    /// Asks the instance, which is made when it is asked first.
    fn with<R>(ask: impl FnOnce(&Self) -> R) -> R;
}

/// Carries the contract's interfaces for a plugin.
#[derive(Debug)]
pub struct Exported<P>(PhantomData<P>);

/// Makes an instance; ends it when the plugin cannot use its configuration, which is how a guest
/// refuses to serve.
pub fn start<P: Plugin>() -> P {
    panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("it gave no message");
        let file = info.location().map_or("", panic::Location::file);
        log(Level::Error, &text(&["panicked in ", file, ": ", message]));
    }));
    let mut plugin = P::default();
    if let Err(problem) = plugin.configure(&Config) {
        log(Level::Error, &problem);
        process::abort();
    }
    plugin
}

impl<P: Registered> admission::Guest for Exported<P> {
    fn decide(request: types::CallFacts) -> (admission::Verdict, Vec<Reason>) {
        let Admission { verdict, reasons } = P::with(|plugin| plugin.admission(&request));
        let verdict = match verdict {
            AdmissionVerdict::Pass => admission::Verdict::Pass,
            AdmissionVerdict::Allow => admission::Verdict::Allow,
            AdmissionVerdict::Refuse(status) => admission::Verdict::Refuse(status),
            AdmissionVerdict::Drop => admission::Verdict::Drop,
        };
        (verdict, reasons)
    }
}

impl<P: Registered> authenticate::Guest for Exported<P> {
    fn decide(request: types::CallFacts) -> (authenticate::Verdict, Vec<Reason>) {
        use IdentificationVerdict as Said;
        let Identification { verdict, reasons } = P::with(|plugin| plugin.authenticate(&request));
        let verdict = match verdict {
            Said::Pass => authenticate::Verdict::Pass,
            Said::Allow(user) => authenticate::Verdict::Allow(user),
            Said::Challenge => authenticate::Verdict::Challenge,
            Said::Password(password) => authenticate::Verdict::Password(password),
            Said::Ha1(hex) => authenticate::Verdict::Ha1(hex),
            Said::Refuse(status) => authenticate::Verdict::Refuse(status),
        };
        (verdict, reasons)
    }
}

impl<P: Registered> register::Guest for Exported<P> {
    fn decide(
        request: types::CallFacts,
        contacts: Vec<register::Contact>,
    ) -> (register::Verdict, Vec<Reason>) {
        let contacts: Vec<Contact> = contacts
            .into_iter()
            .map(|contact| Contact {
                uri: contact.uri,
                expires_secs: contact.expires_s,
                q_milli: contact.q_milli,
            })
            .collect();
        let Acceptance { verdict, reasons } =
            P::with(|plugin| plugin.register(&request, &contacts));
        let verdict = match verdict {
            AcceptanceVerdict::Pass => register::Verdict::Pass,
            AcceptanceVerdict::Accept { expires_secs, contacts } => {
                let attrs = Vec::new();
                register::Verdict::Accept(register::Acceptance {
                    expires_s: expires_secs,
                    contacts,
                    attrs,
                })
            }
            AcceptanceVerdict::Refuse(status) => register::Verdict::Refuse(status),
        };
        (verdict, reasons)
    }
}

/// The attribute of an amendment that says whether the caller is to be known.
fn privacy(privacy: Privacy) -> (String, String) {
    let value = match privacy {
        Privacy::None => "none",
        Privacy::Id => "id",
    };
    ("privacy".to_owned(), value.to_owned())
}

impl<P: Registered> dial_plan::Guest for Exported<P> {
    fn decide(call: types::CallFacts) -> (dial_plan::Verdict, Vec<Reason>) {
        let rewrite = P::with(|plugin| plugin.dial_plan(&call));
        let verdict = match rewrite.outcome {
            Outcome::Pass => dial_plan::Verdict::Pass,
            Outcome::Refuse(status) => dial_plan::Verdict::Refuse(status),
            Outcome::Amend(amend) => dial_plan::Verdict::Amend(dial_plan::Amendment {
                callee: amend.callee,
                caller: amend.caller,
                caller_name: amend.caller_name,
                labels: amend.labels,
                attrs: amend.privacy.map(privacy).into_iter().collect(),
            }),
        };
        (verdict, rewrite.reasons)
    }
}

impl<P: Registered> route::Guest for Exported<P> {
    fn decide(call: types::CallFacts) -> (route::Verdict, Vec<Reason>) {
        let answer = P::with(|plugin| plugin.route(&call));
        let verdict = match answer.verdict {
            // Before any target was tried there is nothing to proceed with.
            Verdict::Pass | Verdict::Proceed => route::Verdict::Pass,
            Verdict::Plan(plan) => route::Verdict::Plan(plan.into()),
            Verdict::Refuse(status) => route::Verdict::Refuse(status),
        };
        (verdict, answer.reasons)
    }
}

impl<P: Registered> migration::Guest for Exported<P> {
    fn migrate(from: u32, to: u32) -> Result<(), String> {
        P::migrate(from, to)
    }
}

impl<P: Registered> header_policy::Guest for Exported<P> {
    fn decide(
        call: types::CallFacts,
        outgoing: header_policy::Outgoing,
    ) -> (header_policy::Verdict, Vec<Reason>) {
        let header_policy::Outgoing { target, uri, attrs } = outgoing;
        let outgoing = Outgoing { target: target.into(), uri, attrs };
        let wanted = P::with(|plugin| plugin.header_policy(&call, &outgoing));
        if wanted.edits.is_empty() {
            return (header_policy::Verdict::Pass, wanted.reasons);
        }
        let edits = wanted.edits.into_iter().map(|edit| header_policy::Edit {
            toward: edit.toward.name().to_owned(),
            kind: edit.kind.to_owned(),
            name: edit.name,
            value: edit.value,
            attrs: Vec::new(),
        });
        (header_policy::Verdict::Edit(edits.collect()), wanted.reasons)
    }
}

impl<P: Registered> route_on_failure::Guest for Exported<P> {
    fn decide(
        call: types::CallFacts,
        attempts: Vec<types::Attempt>,
        remaining: Vec<types::Target>,
    ) -> (route_on_failure::Verdict, Vec<Reason>) {
        let failure = Failure {
            attempts: attempts.into_iter().map(Attempt::from).collect(),
            remaining: remaining.into_iter().map(Target::from).collect(),
        };
        let answer = P::with(|plugin| plugin.route_on_failure(&call, &failure));
        let verdict = match answer.verdict {
            Verdict::Pass => route_on_failure::Verdict::Pass,
            Verdict::Proceed => route_on_failure::Verdict::Proceed,
            Verdict::Plan(plan) => route_on_failure::Verdict::Replan(plan.into()),
            Verdict::Refuse(status) => route_on_failure::Verdict::Refuse(status),
        };
        (verdict, answer.reasons)
    }
}

impl<P: Registered> call_event::Guest for Exported<P> {
    fn decide(
        call: types::CallFacts,
        event: call_event::Event,
    ) -> (Vec<call_event::Command>, Vec<Reason>) {
        let after = Duration::from_millis(event.after_ms);
        let event = Event { kind: event.kind, after, attrs: event.attrs };
        let wanted = P::with(|plugin| plugin.call_event(&call, &event));
        let commands = wanted.commands.into_iter().map(|command| call_event::Command {
            kind: command.kind.to_owned(),
            attrs: command
                .attrs
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        });
        (commands.collect(), wanted.reasons)
    }
}

/// The attribute of a target that is tried together with the one before it.
const TOGETHER: &str = "together";

/// The attribute that says why a call is diverted to a target.
const DIVERTED: &str = "diverted";

impl From<Plan> for types::Plan {
    fn from(plan: Plan) -> Self {
        let attrs = match plan.media {
            Media::Default => Vec::new(),
            Media::Anchor => vec![("media".to_owned(), "anchor".to_owned())],
            Media::Bypass => vec![("media".to_owned(), "bypass".to_owned())],
            Media::Proxy => vec![("mode".to_owned(), "proxy".to_owned())],
        };
        Self { targets: plan.targets.into_iter().map(types::Target::from).collect(), attrs }
    }
}

impl From<Target> for types::Target {
    fn from(target: Target) -> Self {
        let (kind, value, number) = match target.to {
            Destination::Aor(aor) => ("aor", aor, None),
            Destination::Uri(uri) => ("uri", uri, None),
            Destination::Trunk { name, number } => ("trunk", name, number),
            Destination::RoutingPoint(aor) => ("routing-point", aor, None),
        };
        let ring_ms = target.ring.map_or(0, |ring| ring.as_millis().try_into().unwrap_or(u32::MAX));
        let together = target.together.then(|| (TOGETHER.to_owned(), "true".to_owned()));
        let number = number.map(|number| ("number".to_owned(), number));
        let diverted = target.diverted.map(|why| (DIVERTED.to_owned(), why.name().to_owned()));
        let attrs = together.into_iter().chain(number).chain(diverted).collect();
        Self { kind: kind.to_owned(), value, ring_ms, attrs }
    }
}

impl From<types::Target> for Target {
    fn from(target: types::Target) -> Self {
        let ring = (target.ring_ms != 0).then(|| Duration::from_millis(target.ring_ms.into()));
        let together = target.attrs.iter().any(|(name, value)| name == TOGETHER && value == "true");
        let diverted = target.attrs.iter().find(|(name, _)| name == DIVERTED);
        let diverted = diverted.and_then(|(_, why)| Diversion::of(why));
        let number = || target.attrs.into_iter().find(|(name, _)| name == "number").map(|a| a.1);
        let to = match target.kind.as_str() {
            "aor" => Destination::Aor(target.value),
            "trunk" => Destination::Trunk { number: number(), name: target.value },
            "routing-point" => Destination::RoutingPoint(target.value),
            _ => Destination::Uri(target.value),
        };
        Self { to, ring, together, diverted }
    }
}

impl From<types::Attempt> for Attempt {
    fn from(attempt: types::Attempt) -> Self {
        Self {
            target: attempt.target.into(),
            status: attempt.status,
            lasted: Duration::from_millis(attempt.lasted_ms),
        }
    }
}
