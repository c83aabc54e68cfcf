//! The hooks about T-Library clients and the owners of DNs as a script sees them.

use std::sync::Arc;

use model::hook::{ClientRequest, DnOwner, OwnerChange, OwnerRuling, Subscription};
use rhai::{Array, Dynamic, Engine, EvalAltResult, ImmutableString, Map};

use super::verdict::{VerdictValue, error};
use crate::{client::ProposedFanOut, proposal::Proposed};

/// Something has happened that may change whose a DN is.
#[derive(Clone, Debug)]
pub(crate) struct ChangeValue(pub(crate) Arc<OwnerChange>);

/// A T-Library client subscribes.
#[derive(Clone, Debug)]
pub(crate) struct SubscriptionValue(pub(crate) Arc<Subscription>);

/// What a T-Library client asks for.
#[derive(Clone, Debug)]
pub(crate) struct RequestValue(pub(crate) Arc<ClientRequest>);

type Said = Result<VerdictValue, Box<EvalAltResult>>;

pub(crate) fn register(engine: &mut Engine) {
    register_owner(engine);
    register_fan_out(engine);
    register_request(engine);
}

fn register_owner(engine: &mut Engine) {
    let owner = |ruling| VerdictValue::new(Proposed::Owner(ruling));
    engine
        .register_type_with_name::<ChangeValue>("OwnerChange")
        .register_get("dn", |change: &mut ChangeValue| text(&change.0.dn))
        .register_get("kind", |change: &mut ChangeValue| text(change.0.what.name()))
        .register_get("application", |change: &mut ChangeValue| {
            text(change.0.what.application().map_or("", |name| &**name))
        })
        .register_get("sip", |change: &mut ChangeValue| change.0.is_sip)
        .register_get("owner", |change: &mut ChangeValue| {
            text(DnOwner::names(change.0.owner.as_ref()).0)
        })
        .register_get("owner_application", |change: &mut ChangeValue| {
            text(DnOwner::names(change.0.owner.as_ref()).1)
        })
        .register_get("by_owner", |change: &mut ChangeValue| change.0.is_by_owner)
        .register_get("applications", |change: &mut ChangeValue| {
            change.0.applications.iter().map(|name| Dynamic::from(text(name))).collect::<Array>()
        })
        .register_fn("claim", move || owner(OwnerRuling::Claim))
        .register_fn("keep", move || owner(OwnerRuling::Keep))
        .register_fn("disown", move || owner(OwnerRuling::Release));
}

fn register_fan_out(engine: &mut Engine) {
    engine
        .register_type_with_name::<SubscriptionValue>("Subscription")
        .register_get("kind", |to: &mut SubscriptionValue| text(to.0.kind.name()))
        .register_get("port", |to: &mut SubscriptionValue| text(&to.0.port))
        .register_get("application", |to: &mut SubscriptionValue| text(&to.0.application))
        .register_get("dn", |to: &mut SubscriptionValue| {
            text(to.0.dn.as_deref().unwrap_or_default())
        })
        .register_get("dn_type", |to: &mut SubscriptionValue| {
            text(to.0.dn_type.as_deref().unwrap_or_default())
        })
        .register_get("extensions", |to: &mut SubscriptionValue| map(&to.0.extensions))
        .register_fn("deliver", || VerdictValue::new(Proposed::Deliver(ProposedFanOut::default())))
        .register_fn("events", |said: VerdictValue, list: Array| {
            let names = names("events", list)?;
            said.deliver("events", |what| what.events.extend(names))
        })
        .register_fn("without", |said: VerdictValue, list: Array| {
            let names = names("without", list)?;
            said.deliver("without", |what| what.without.extend(names))
        })
        .register_fn("call_types", |said: VerdictValue, list: Array| {
            let names = names("call_types", list)?;
            said.deliver("call_types", |what| what.call_types.extend(names))
        })
        .register_fn("group", |said: VerdictValue, name: &str| {
            said.deliver("a group", |what| what.group = Some(name.to_owned()))
        });
}

fn register_request(engine: &mut Engine) {
    engine
        .register_type_with_name::<RequestValue>("ClientRequest")
        .register_get("name", |request: &mut RequestValue| text(&request.0.name))
        .register_get("port", |request: &mut RequestValue| text(&request.0.port))
        .register_get("application", |request: &mut RequestValue| text(&request.0.application))
        .register_get("dn", |request: &mut RequestValue| {
            text(request.0.attribute("ThisDN").unwrap_or_default())
        })
        .register_get("attributes", |request: &mut RequestValue| map(&request.0.attributes))
        .register_fn("attribute", |request: &mut RequestValue, name: &str| {
            text(request.0.attribute(name).unwrap_or_default())
        })
        .register_fn("change", |name: &str, value: Dynamic| {
            and(VerdictValue::new(Proposed::Changes(Vec::new())), name, &value)
        })
        .register_fn("change", |said: VerdictValue, name: &str, value: Dynamic| {
            and(said, name, &value)
        });
}

/// What a script says, with one change more.
fn and(said: VerdictValue, name: &str, value: &Dynamic) -> Said {
    said.change(name.to_owned(), value.to_string())
}

/// The texts of a list of names.
fn names(method: &str, list: Array) -> Result<Vec<String>, Box<EvalAltResult>> {
    list.into_iter()
        .map(|name| {
            name.into_string()
                .map_err(|kind| error(format!("{method}([…]) takes names, not {kind}")))
        })
        .collect()
}

fn map(list: &[(String, String)]) -> Map {
    list.iter().map(|(name, value)| (name.as_str().into(), Dynamic::from(text(value)))).collect()
}

fn text(text: &str) -> ImmutableString {
    text.into()
}
