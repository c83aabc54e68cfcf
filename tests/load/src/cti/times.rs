//! How long after a SIP message its event came, beside the message itself at who it was sent on to.

use std::{sync::Arc, time::Instant};

use serde_json::{Value, json};
use tlib::MessageType;

use super::{
    Cti,
    client::{Client, Role},
    pair::Pair,
};
use crate::call::Step;

/// A SIP message, who sends it, and the event that follows from it.
struct Row {
    step: Step,
    name: &'static str,
    event: MessageType,
    from_caller: bool,
    /// Whether the event is of the caller's DN.
    of_caller: bool,
}

const ROWS: [Row; 4] = [
    Row {
        step: Step::Invite,
        name: "INVITE",
        event: MessageType::EventDialing,
        from_caller: true,
        of_caller: true,
    },
    Row {
        step: Step::Ringing,
        name: "180",
        event: MessageType::EventRinging,
        from_caller: false,
        of_caller: false,
    },
    Row {
        step: Step::Answer,
        name: "200",
        event: MessageType::EventEstablished,
        from_caller: false,
        of_caller: false,
    },
    Row {
        step: Step::Bye,
        name: "BYE",
        event: MessageType::EventReleased,
        from_caller: true,
        of_caller: false,
    },
];

/// The times of every message and role, in microseconds.
pub(super) fn all(cti: &Cti, pairs: &[Pair], clients: &[Client]) -> Result<Value, String> {
    let mut found = Vec::new();
    for role in [Role::Desk, Role::All] {
        if !clients.iter().any(|client| client.role() == role) {
            continue;
        }
        for row in ROWS.iter().filter(|row| cti.caller_dns || !row.of_caller) {
            found.push(one(cti, row, role, pairs, clients)?);
        }
    }
    Ok(found.into())
}

fn one(
    cti: &Cti,
    row: &Row,
    role: Role,
    pairs: &[Pair],
    clients: &[Client],
) -> Result<Value, String> {
    let (mut forwarded, mut told) = (Vec::new(), Vec::new());
    for pair in pairs {
        let (out, back) = (pair.at_caller(row.step), pair.at_callee(row.step));
        let (sent, seen) = if row.from_caller { (out, back) } else { (back, out) };
        forwarded.extend(after(row, "passed on", &sent, &seen)?);
        let first = if row.of_caller { cti.callers } else { cti.callees };
        let dn: Arc<str> = (first + pair.number()).to_string().into();
        for client in clients.iter().filter(|client| client.role() == role) {
            let arrivals = client.arrivals();
            let of = arrivals.iter().filter(|came| came.kind == row.event && came.dn == dn);
            let came: Vec<Instant> = of.map(|came| came.at).collect();
            // A desk is on the DNs of its own pair only.
            if role == Role::All || !came.is_empty() {
                told.extend(after(row, row.event.name(), &sent, &came)?);
            }
        }
    }
    Ok(json!({
        "message": row.name,
        "event": row.event.name(),
        "client": role.name(),
        "passed_on": quantiles(forwarded),
        "told": quantiles(told),
    }))
}

/// The times from each to each, in microseconds. What came before it was sent is a fault of who measures.
fn after(row: &Row, what: &str, from: &[Instant], to: &[Instant]) -> Result<Vec<u64>, String> {
    if from.len() != to.len() {
        return Err(format!("{}: {} were sent, {what} {}", row.name, from.len(), to.len()));
    }
    let us = |(from, to): (&Instant, &Instant)| {
        let time = to.checked_duration_since(*from)?;
        u64::try_from(time.as_micros()).ok()
    };
    let all: Option<Vec<u64>> = from.iter().zip(to).map(us).collect();
    all.ok_or_else(|| format!("{}: {what} before it was sent", row.name))
}

fn quantiles(mut times: Vec<u64>) -> Value {
    times.sort_unstable();
    let at = |share: f64| {
        // Of 1,000 values the 990th, which has ten above it.
        let nth = (share * times.len() as f64) as usize;
        times.get(nth.min(times.len().saturating_sub(1))).copied()
    };
    json!({ "count": times.len(), "p50": at(0.5), "p99": at(0.99), "max": times.last() })
}
