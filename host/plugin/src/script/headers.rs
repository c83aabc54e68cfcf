//! The hook `header-policy` as a script sees it: the INVITE that is about to go out, and the edits that answer it.

use std::sync::Arc;

use model::hook::{End, Outgoing};
use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString};

use super::verdict::{TargetValue, VerdictValue};
use crate::{header_edit::ProposedEdit, proposal::Proposed};

/// An INVITE that is about to go out.
#[derive(Clone, Debug)]
pub(crate) struct OutgoingValue(pub(crate) Arc<Outgoing>);

type Said = Result<VerdictValue, Box<EvalAltResult>>;

pub(crate) fn register(engine: &mut Engine) {
    let text = |text: Option<&str>| text.map_or_else(ImmutableString::new, Into::into);
    engine
        .register_type_with_name::<OutgoingValue>("Outgoing")
        .register_get("target", |out: &mut OutgoingValue| TargetValue::from(&out.0.target))
        .register_get("uri", |out: &mut OutgoingValue| ImmutableString::from(&*out.0.uri))
        .register_get("trunk", move |out: &mut OutgoingValue| text(out.0.trunk.as_deref()))
        .register_get("direction", move |out: &mut OutgoingValue| text(Some(out.0.direction())))
        .register_get("trusted", |out: &mut OutgoingValue| out.0.trusted)
        .register_get("hidden", |out: &mut OutgoingValue| out.0.hidden)
        .register_fn("edit", || VerdictValue::new(Proposed::Edits(Vec::new())))
        .register_fn("to_caller", |verdict: VerdictValue| verdict.toward(End::Caller))
        .register_fn("to_callee", |verdict: VerdictValue| verdict.toward(End::Callee))
        .register_fn("remove", |verdict: VerdictValue, name: &str| and(verdict, "remove", name, ""))
        .register_fn("keep", |verdict: VerdictValue, name: &str| and(verdict, "keep", name, ""))
        .register_fn("set", |verdict: VerdictValue, name: &str, value: Dynamic| {
            and(verdict, "set", name, &value.to_string())
        })
        .register_fn("add", |verdict: VerdictValue, name: &str, value: Dynamic| {
            and(verdict, "add", name, &value.to_string())
        });
}

/// What a script says, with one edit more.
fn and(verdict: VerdictValue, kind: &str, name: &str, value: &str) -> Said {
    let toward = verdict.end().name().to_owned();
    let [kind, name, value] = [kind, name, value].map(str::to_owned);
    verdict.edit(ProposedEdit { toward, kind, name, value })
}
