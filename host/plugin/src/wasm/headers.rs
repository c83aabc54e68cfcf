//! The hook `header-policy`: what goes in and what comes out.

use model::hook::Outgoing;

use super::{
    bindings::{
        exports::jackfield::plugin::header_policy::{self, Verdict},
        jackfield::plugin::types::{Reason, TargetParam},
    },
    instance::from_reasons,
};
use crate::{
    header_edit::ProposedEdit,
    proposal::{Proposal, Proposed},
};

/// What of an outgoing INVITE has no place of its own in the contract.
pub(super) fn attrs(outgoing: &Outgoing) -> Vec<(&str, &str)> {
    let said = [("direction", Some(outgoing.direction())), ("trunk", outgoing.trunk.as_deref())];
    let said = said.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let flags = [("trusted", outgoing.trusted), ("hidden", outgoing.hidden)];
    let flags = flags.into_iter().filter(|(_, is_so)| *is_so).map(|(name, _)| (name, "true"));
    said.chain(flags).collect()
}

pub(super) fn outgoing<'a>(
    outgoing: &'a Outgoing,
    target: TargetParam<'a>,
    attrs: &'a [(&'a str, &'a str)],
) -> header_policy::Outgoing<'a> {
    header_policy::Outgoing { target, uri: &outgoing.uri, attrs }
}

pub(super) fn from_edits((verdict, reasons): (Verdict, Vec<Reason>)) -> Proposal {
    let verdict = match verdict {
        Verdict::Pass => Proposed::Pass,
        Verdict::Edit(edits) => {
            let edits = edits.into_iter().map(|edit| ProposedEdit {
                toward: edit.toward,
                kind: edit.kind,
                name: edit.name,
                value: edit.value,
            });
            Proposed::Edits(edits.collect())
        }
    };
    Proposal { verdict, reasons: from_reasons(reasons) }
}
