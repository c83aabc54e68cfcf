//! The hook `call-event`: what goes in and what comes out.

use model::hook::CallEvent;

use super::{
    bindings::{
        exports::jackfield::plugin::call_event::{Command, Event},
        jackfield::plugin::types::Reason,
    },
    instance::from_reasons,
};
use crate::{
    command::ProposedCommand,
    metrics::nanos,
    proposal::{Proposal, Proposed},
};

pub(super) fn event<'a>(happened: &CallEvent, attrs: &'a [(&'a str, &'a str)]) -> Event<'a> {
    Event { kind: happened.what.kind(), after_ms: nanos(happened.after) / 1_000_000, attrs }
}

pub(super) fn from_commands((commands, reasons): (Vec<Command>, Vec<Reason>)) -> Proposal {
    let proposed = |command: Command| ProposedCommand { kind: command.kind, attrs: command.attrs };
    let commands = commands.into_iter().map(proposed).collect();
    Proposal { verdict: Proposed::Commands(commands), reasons: from_reasons(reasons) }
}
