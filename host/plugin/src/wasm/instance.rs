use std::{cell::Cell, fmt::Write, sync::Arc};

use model::{
    Moment,
    hook::{
        Ask, Attempt, CallFacts, Destination, Failure, FailureKind, Party, Question, Reason, Target,
    },
};
use wasmtime::{Store, Trap, WasmBacktrace};

use super::{
    access,
    bindings::{
        exports::jackfield::plugin::{
            admission, authenticate, authorise_request, call_event,
            dial_plan::{self, Verdict as DialPlanVerdict},
            dn_owner, fan_out, header_policy, register,
            route::{self, Verdict as RouteVerdict},
            route_on_failure::{self, Verdict as FailureVerdict},
        },
        jackfield::plugin::types as wit,
    },
    body::Counted,
    clients, event, headers,
    state::{Ended, State},
};
use crate::{
    amendment::ProposedAmendment,
    body::{Instance, failure},
    metrics::nanos,
    proposal::{Proposal, Proposed, ProposedTarget, clean},
    ticker::Slot,
};

/// The hooks an instance exports.
pub(crate) struct Guest {
    pub(crate) admission: Option<admission::Guest>,
    pub(crate) authenticate: Option<authenticate::Guest>,
    pub(crate) register: Option<register::Guest>,
    pub(crate) dial_plan: Option<dial_plan::Guest>,
    pub(crate) route: Option<route::Guest>,
    pub(crate) route_on_failure: Option<route_on_failure::Guest>,
    pub(crate) call_event: Option<call_event::Guest>,
    pub(crate) header_policy: Option<header_policy::Guest>,
    pub(crate) dn_owner: Option<dn_owner::Guest>,
    pub(crate) fan_out: Option<fan_out::Guest>,
    pub(crate) authorise_request: Option<authorise_request::Guest>,
}

/// A component at work.
pub(crate) struct WasmInstance {
    store: Store<State>,
    guest: Guest,
    slot: Arc<Slot>,
    /// Buffers for the facts that are made into text.
    conn_id: String,
    source: String,
    _counted: Counted,
}

impl WasmInstance {
    pub(crate) fn new(
        store: Store<State>,
        guest: Guest,
        slot: Arc<Slot>,
        counted: Counted,
    ) -> Self {
        let (conn_id, source) = (String::new(), String::new());
        Self { store, guest, slot, conn_id, source, _counted: counted }
    }
}

impl Instance for WasmInstance {
    fn ask(&mut self, question: &Question, moment: Moment) -> Result<Proposal, Failure> {
        let Self { store, guest, slot, conn_id, source, .. } = self;
        let state = store.data_mut();
        state.facts = Some(Arc::clone(&question.call));
        state.last_words = None;
        store.set_epoch_deadline(1);
        conn_id.clear();
        source.clear();
        // Writing to a string cannot fail.
        let _written = write!(conn_id, "{}", question.call.conn_id);
        let _written = write!(source, "{}", question.call.source);
        let facts = facts(&question.call, moment, conn_id, source);
        let in_guest = slot.enter();
        let answer = match &question.ask {
            Ask::Admission => {
                let guest = guest.admission.as_ref().ok_or_else(not_exported)?;
                guest.call_decide(&mut *store, facts).map(access::from_admission)
            }
            Ask::Authenticate => {
                let guest = guest.authenticate.as_ref().ok_or_else(not_exported)?;
                guest.call_decide(&mut *store, facts).map(access::from_authenticate)
            }
            Ask::Register { contacts } => {
                let guest = guest.register.as_ref().ok_or_else(not_exported)?;
                let contacts: Vec<_> = contacts.iter().map(access::contact).collect();
                guest.call_decide(&mut *store, facts, &contacts).map(access::from_register)
            }
            Ask::DialPlan => {
                let guest = guest.dial_plan.as_ref().ok_or_else(not_exported)?;
                guest.call_decide(&mut *store, facts).map(from_dial_plan)
            }
            Ask::Route => {
                let guest = guest.route.as_ref().ok_or_else(not_exported)?;
                guest.call_decide(&mut *store, facts).map(from_route)
            }
            Ask::RouteOnFailure { attempts, remaining } => {
                let guest = guest.route_on_failure.as_ref().ok_or_else(not_exported)?;
                let tried: Vec<_> = attempts.iter().map(|attempt| attrs(&attempt.target)).collect();
                let left: Vec<_> = remaining.iter().map(attrs).collect();
                let attempts: Vec<_> = attempts.iter().zip(&tried).map(attempt).collect();
                let remaining: Vec<_> = remaining.iter().zip(&left).map(target).collect();
                guest.call_decide(&mut *store, facts, &attempts, &remaining).map(from_failure)
            }
            Ask::HeaderPolicy(outgoing) => {
                let guest = guest.header_policy.as_ref().ok_or_else(not_exported)?;
                let (of_target, said) = (attrs(&outgoing.target), headers::attrs(outgoing));
                let at = target((&outgoing.target, &of_target));
                let outgoing = headers::outgoing(outgoing, at, &said);
                guest.call_decide(&mut *store, facts, outgoing).map(headers::from_edits)
            }
            Ask::CallEvent(happened) => {
                let guest = guest.call_event.as_ref().ok_or_else(not_exported)?;
                let attrs = happened.attrs();
                let attrs: Vec<_> = attrs.iter().map(|(name, value)| (*name, &**value)).collect();
                let event = event::event(happened, &attrs);
                guest.call_decide(&mut *store, facts, event).map(event::from_commands)
            }
            Ask::DnOwner(change) => clients::dn_owner(guest, store, change)?,
            Ask::FanOut(subscription) => clients::fan_out(guest, store, subscription)?,
            Ask::AuthoriseRequest(request) => clients::authorise(guest, store, request)?,
        };
        drop(in_guest);
        answer.map_err(|error| ended(&error, store.data_mut()))
    }
}

pub(super) fn not_exported() -> Failure {
    failure(FailureKind::Trap, "the component does not export this hook")
}

thread_local! {
    /// Where the last guest that trapped on this thread was.
    static BACKTRACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// Where the last guest that trapped on this thread was, once.
pub(crate) fn take_backtrace() -> Option<String> {
    BACKTRACE.take()
}

/// What an error of the engine means.
pub(crate) fn ended(error: &wasmtime::Error, state: &mut State) -> Failure {
    const LAST_WORDS_BYTES_MAX: usize = 300;
    if let Some(ended) = error.downcast_ref::<Ended>() {
        let kind = match ended {
            Ended::Time => FailureKind::Time,
            Ended::Memory { .. } | Ended::Elements { .. } => FailureKind::Memory,
        };
        let limit = match ended {
            Ended::Time => "cpu_limit",
            Ended::Memory { .. } => "memory_limit",
            Ended::Elements { .. } => "table_elements_max",
        };
        return failure(kind, format!("{ended}, more than {limit} allows"));
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => {
            failure(FailureKind::Trap, "overflowed its stack (stack_bytes); recursion without end?")
        }
        Some(trap) => {
            BACKTRACE.set(error.downcast_ref::<WasmBacktrace>().map(ToString::to_string));
            let last_words = state.last_words.take().map_or_else(String::new, |text| {
                format!("; its last words: {}", clean(text, LAST_WORDS_BYTES_MAX))
            });
            failure(FailureKind::Trap, format!("trapped: {trap}{last_words}"))
        }
        // Neither ended nor trapped: the values it passed cannot be read (RFC-less, the canonical ABI).
        None => failure(
            FailureKind::BadAnswer,
            format!("its values cannot be read: {}", clean(format!("{error:#}"), 500)),
        ),
    }
}

fn facts<'a>(
    call: &'a CallFacts,
    moment: Moment,
    conn_id: &'a str,
    source: &'a str,
) -> wit::CallFacts<'a> {
    let local = moment.local;
    wit::CallFacts {
        conn_id,
        call_id: &call.call_id,
        tenant: &call.tenant,
        ingress: &call.ingress,
        source,
        caller: party(&call.caller),
        callee: party(&call.callee),
        at_ms: moment.at_ms,
        local: wit::LocalTime {
            year: local.year,
            month: local.month,
            day: local.day,
            weekday: local.weekday,
            hour: local.hour,
            minute: local.minute,
            second: local.second,
            utc_offset_min: local.utc_offset_min,
        },
    }
}

fn party(party: &Party) -> wit::Party<'_> {
    wit::Party { uri: &party.uri, user: &party.user, host: &party.host, display: &party.display }
}

/// What of a target has no place of its own in the contract.
fn attrs(target: &Target) -> Vec<(&str, &str)> {
    let number = match &target.to {
        Destination::Trunk { user, .. } => user.as_deref().map(|number| ("number", number)),
        Destination::Aor(_) | Destination::Uri(_) | Destination::RoutingPoint(_) => None,
    };
    let together = target.together.then_some((TOGETHER, "true"));
    let diverted = target.diverted.map(|why| (DIVERTED, why.name()));
    number.into_iter().chain(together).chain(diverted).collect()
}

fn attempt<'a>((attempt, attrs): (&'a Attempt, &'a Vec<(&str, &str)>)) -> wit::Attempt<'a> {
    wit::Attempt {
        target: target((&attempt.target, attrs)),
        status: attempt.status,
        lasted_ms: nanos(attempt.lasted) / 1_000_000,
    }
}

fn target<'a>((target, attrs): (&'a Target, &'a Vec<(&str, &str)>)) -> wit::TargetParam<'a> {
    let (kind, value) = match &target.to {
        Destination::Aor(aor) => ("aor", aor.as_str()),
        Destination::Uri(uri) => ("uri", uri.as_str()),
        Destination::Trunk { name, .. } => ("trunk", name.as_str()),
        Destination::RoutingPoint(aor) => ("routing-point", aor.as_str()),
    };
    let ring_ms = target.ring.map_or(0, |ring| ring.as_millis());
    wit::TargetParam { kind, value, ring_ms: u32::try_from(ring_ms).unwrap_or(u32::MAX), attrs }
}

/// The attribute of a target that is tried together with the one before it.
const TOGETHER: &str = "together";

/// The attribute that says why a call is diverted to a target.
const DIVERTED: &str = "diverted";

fn from_dial_plan((verdict, reasons): (DialPlanVerdict, Vec<wit::Reason>)) -> Proposal {
    let verdict = match verdict {
        DialPlanVerdict::Pass => Proposed::Pass,
        DialPlanVerdict::Amend(amendment) => Proposed::Amend(ProposedAmendment {
            callee: amendment.callee,
            caller: amendment.caller,
            caller_name: amendment.caller_name,
            labels: amendment.labels,
            privacy: amendment
                .attrs
                .into_iter()
                .find(|(name, _)| name == "privacy")
                .map(|(_, v)| v),
        }),
        DialPlanVerdict::Refuse(status) => Proposed::Refuse(status.into()),
    };
    Proposal { verdict, reasons: from_reasons(reasons) }
}

fn from_route((verdict, reasons): (RouteVerdict, Vec<wit::Reason>)) -> Proposal {
    let verdict = match verdict {
        RouteVerdict::Pass => Proposed::Pass,
        RouteVerdict::Plan(plan) => from_plan(plan),
        RouteVerdict::Refuse(status) => Proposed::Refuse(status.into()),
    };
    Proposal { verdict, reasons: from_reasons(reasons) }
}

fn from_failure((verdict, reasons): (FailureVerdict, Vec<wit::Reason>)) -> Proposal {
    let verdict = match verdict {
        FailureVerdict::Pass => Proposed::Pass,
        FailureVerdict::Proceed => Proposed::Proceed,
        FailureVerdict::Replan(plan) => from_plan(plan),
        FailureVerdict::Refuse(status) => Proposed::Refuse(status.into()),
    };
    Proposal { verdict, reasons: from_reasons(reasons) }
}

fn from_plan(plan: wit::Plan) -> Proposed {
    let targets = plan.targets.into_iter().map(|target| {
        let attr = |wanted: &str| {
            target.attrs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
        };
        ProposedTarget {
            together: attr(TOGETHER).is_some_and(|value| value == "true"),
            diverted: attr(DIVERTED),
            number: attr("number"),
            kind: target.kind,
            value: target.value,
            ring_ms: target.ring_ms.into(),
        }
    });
    let attr = |wanted: &str| {
        plan.attrs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
    };
    Proposed::Plan { targets: targets.collect(), media: attr("media"), mode: attr("mode") }
}

pub(super) fn from_reasons(reasons: Vec<wit::Reason>) -> Vec<Reason> {
    let reasons = reasons.into_iter();
    reasons.map(|reason| Reason { code: reason.code, text: reason.text }).collect()
}
