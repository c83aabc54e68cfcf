use std::sync::Arc;

use model::{
    LocalTime, Moment,
    hook::{Attempt, CallFacts, ContactFacts, Party},
};
use rhai::{Array, Dynamic, Engine, FLOAT, INT, ImmutableString, Map};

use super::verdict::TargetValue;
use crate::metrics::nanos;

/// A call as a script sees it: nothing is copied until it is read.
#[derive(Clone, Debug)]
pub(crate) struct CallValue {
    pub(crate) facts: Arc<CallFacts>,
    pub(crate) moment: Moment,
}

/// One end of a call.
#[derive(Clone, Debug)]
struct PartyValue {
    facts: Arc<CallFacts>,
    end: End,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Caller,
    Callee,
    /// The called party as the INVITE named it.
    Dialled,
    /// The caller as the INVITE named it.
    Calling,
}

/// The civil time of the question.
#[derive(Clone, Copy, Debug)]
struct LocalValue(LocalTime);

/// A contact of a REGISTER.
#[derive(Clone, Debug)]
pub(crate) struct ContactValue(pub(crate) ContactFacts);

/// A target that was tried.
#[derive(Clone, Debug)]
pub(crate) struct AttemptValue {
    target: TargetValue,
    status: u16,
    lasted_ms: u64,
}

impl From<&Attempt> for AttemptValue {
    fn from(attempt: &Attempt) -> Self {
        Self {
            target: (&attempt.target).into(),
            status: attempt.status,
            lasted_ms: nanos(attempt.lasted) / 1_000_000,
        }
    }
}

impl PartyValue {
    fn party(&self) -> &Party {
        match self.end {
            End::Caller => &self.facts.caller,
            End::Callee => &self.facts.callee,
            End::Dialled => self.facts.dialled_callee(),
            End::Calling => self.facts.dialled_caller(),
        }
    }
}

pub(crate) fn register(engine: &mut Engine) {
    register_call(engine);
    register_party(engine);
    register_local(engine);
    register_contact(engine);
    engine
        .register_type_with_name::<AttemptValue>("Attempt")
        .register_get("target", |attempt: &mut AttemptValue| attempt.target.clone())
        .register_get("status", |attempt: &mut AttemptValue| INT::from(attempt.status))
        .register_get("lasted_ms", |attempt: &mut AttemptValue| saturated(attempt.lasted_ms));
}

fn register_call(engine: &mut Engine) {
    let party = |call: &mut CallValue, end| PartyValue { facts: Arc::clone(&call.facts), end };
    engine
        .register_type_with_name::<CallValue>("Call")
        .register_get("conn_id", |call: &mut CallValue| call.facts.conn_id.to_string())
        .register_get("method", |call: &mut CallValue| call.facts.request.method())
        .register_get("transport", |call: &mut CallValue| call.facts.transport.to_string())
        .register_get("from", move |call: &mut CallValue| party(call, End::Caller))
        .register_get("to", move |call: &mut CallValue| party(call, End::Callee))
        .register_get("call_id", |call: &mut CallValue| string(&call.facts.call_id))
        .register_get("tenant", |call: &mut CallValue| string(&call.facts.tenant))
        .register_get("ingress", |call: &mut CallValue| string(&call.facts.ingress))
        .register_get("source", |call: &mut CallValue| call.facts.source.to_string())
        .register_get("source_ip", |call: &mut CallValue| call.facts.source.ip().to_string())
        .register_get("caller", move |call: &mut CallValue| party(call, End::Caller))
        .register_get("callee", move |call: &mut CallValue| party(call, End::Callee))
        .register_get("dialled", move |call: &mut CallValue| party(call, End::Dialled))
        .register_get("calling", move |call: &mut CallValue| party(call, End::Calling))
        .register_get("identity", |call: &mut CallValue| {
            call.facts
                .identity
                .as_ref()
                .map_or_else(ImmutableString::new, |aor| string(aor.as_str()))
        })
        .register_get("trunk", |call: &mut CallValue| {
            call.facts.trunk.as_deref().map_or_else(ImmutableString::new, string)
        })
        .register_get("privacy", |call: &mut CallValue| {
            call.facts.privacy.map_or_else(ImmutableString::new, |privacy| string(privacy.name()))
        })
        .register_get("transfer", |call: &mut CallValue| {
            let transfer = call.facts.transfer.as_deref();
            transfer.map_or_else(ImmutableString::new, |transfer| string(transfer.kind.name()))
        })
        .register_get("transferred_by", |call: &mut CallValue| {
            let transfer = call.facts.transfer.as_deref();
            transfer.map_or_else(ImmutableString::new, |transfer| string(&transfer.by.uri))
        })
        .register_get("redirections", |call: &mut CallValue| {
            saturated(call.facts.redirections.len() as u64)
        })
        .register_get("redirected_by", |call: &mut CallValue| {
            let last = call.facts.redirections.last();
            last.map_or_else(ImmutableString::new, |last| string(&last.by.uri))
        })
        .register_get("redirected_because", |call: &mut CallValue| {
            let last = call.facts.redirections.last();
            last.map_or_else(ImmutableString::new, |last| string(last.why.name()))
        })
        .register_get("emergency", |call: &mut CallValue| call.facts.emergency)
        .register_get("labels", |call: &mut CallValue| labels(&call.facts))
        .register_fn("label", |call: &mut CallValue, name: &str| {
            call.facts.label(name).map_or_else(ImmutableString::new, string)
        })
        .register_get("at_ms", |call: &mut CallValue| saturated(call.moment.at_ms))
        .register_get("local", |call: &mut CallValue| LocalValue(call.moment.local))
        .register_fn("header", |call: &mut CallValue, name: &str| {
            call.facts.headers.get(name).next().map_or_else(ImmutableString::new, string)
        })
        .register_fn("headers", |call: &mut CallValue, name: &str| {
            call.facts
                .headers
                .get(name)
                .map(|value| Dynamic::from(string(value)))
                .collect::<Array>()
        })
        .register_fn("has_header", |call: &mut CallValue, name: &str| {
            call.facts.headers.get(name).next().is_some()
        });
}

fn labels(facts: &CallFacts) -> Map {
    let labels = facts.labels.iter();
    labels.map(|(name, value)| (name.as_str().into(), Dynamic::from(string(value)))).collect()
}

fn register_party(engine: &mut Engine) {
    engine
        .register_type_with_name::<PartyValue>("Party")
        .register_get("uri", |party: &mut PartyValue| string(&party.party().uri))
        .register_get("user", |party: &mut PartyValue| string(&party.party().user))
        .register_get("host", |party: &mut PartyValue| string(&party.party().host))
        .register_get("display", |party: &mut PartyValue| string(&party.party().display))
        .register_fn("to_string", |party: &mut PartyValue| party.party().uri.clone());
}

fn register_contact(engine: &mut Engine) {
    engine
        .register_type_with_name::<ContactValue>("Contact")
        .register_get("uri", |contact: &mut ContactValue| string(&contact.0.uri))
        // Whoever gives no time leaves it to the switch, which is told from 0, the wish to be forgotten.
        .register_get("expires", |contact: &mut ContactValue| match contact.0.expires {
            Some(expires) => Dynamic::from(saturated(expires.as_secs())),
            None => Dynamic::UNIT,
        })
        .register_get("q", |contact: &mut ContactValue| FLOAT::from(contact.0.q_milli) / 1000.0);
}

fn register_local(engine: &mut Engine) {
    engine
        .register_type_with_name::<LocalValue>("LocalTime")
        .register_get("year", |local: &mut LocalValue| INT::from(local.0.year))
        .register_get("month", |local: &mut LocalValue| INT::from(local.0.month))
        .register_get("day", |local: &mut LocalValue| INT::from(local.0.day))
        .register_get("weekday", |local: &mut LocalValue| INT::from(local.0.weekday))
        .register_get("hour", |local: &mut LocalValue| INT::from(local.0.hour))
        .register_get("minute", |local: &mut LocalValue| INT::from(local.0.minute))
        .register_get("second", |local: &mut LocalValue| INT::from(local.0.second))
        .register_get("minute_of_day", |local: &mut LocalValue| {
            INT::from(local.0.hour) * 60 + INT::from(local.0.minute)
        })
        .register_get("utc_offset_min", |local: &mut LocalValue| INT::from(local.0.utc_offset_min));
}

fn string(text: &str) -> ImmutableString {
    text.into()
}

fn saturated(number: u64) -> INT {
    INT::try_from(number).unwrap_or(INT::MAX)
}
