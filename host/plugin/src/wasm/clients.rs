//! The hooks about T-Library clients and the owners of DNs: what goes in and what comes out.

use model::hook::{ClientRequest, DnOwner, Failure, OwnerChange, OwnerRuling, Subscription};
use wasmtime::Store;

use super::{
    bindings::{
        exports::jackfield::plugin::{authorise_request, dn_owner, fan_out},
        jackfield::plugin::types::Reason,
    },
    instance::{Guest, from_reasons, not_exported},
    state::State,
};
use crate::{
    access::ProposedAccess,
    client::ProposedFanOut,
    proposal::{Proposal, Proposed},
};

/// The attribute of a filter that says for which group calls are.
const GROUP: &str = "group";

/// A list of names with values, as the contract passes it.
fn pairs(list: &[(String, String)]) -> Vec<(&str, &str)> {
    list.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// What came of a call of the guest, or that it does not export the hook.
type Answered = Result<wasmtime::Result<Proposal>, Failure>;

pub(super) fn dn_owner(guest: &Guest, store: &mut Store<State>, change: &OwnerChange) -> Answered {
    let guest = guest.dn_owner.as_ref().ok_or_else(not_exported)?;
    let (owner, owner_application) = DnOwner::names(change.owner.as_ref());
    let applications: Vec<&str> = change.applications.iter().map(|name| &**name).collect();
    let change = dn_owner::Change {
        dn: &change.dn,
        kind: change.what.name(),
        application: change.what.application().map_or("", |name| &**name),
        sip: change.is_sip,
        owner,
        owner_application,
        by_owner: change.is_by_owner,
        applications: &applications,
        attrs: &[],
    };
    Ok(guest.call_decide(store, change).map(from_owner))
}

pub(super) fn fan_out(
    guest: &Guest,
    store: &mut Store<State>,
    subscription: &Subscription,
) -> Answered {
    let guest = guest.fan_out.as_ref().ok_or_else(not_exported)?;
    let extensions = pairs(&subscription.extensions);
    let subscription = fan_out::Subscription {
        kind: subscription.kind.name(),
        port: &subscription.port,
        application: &subscription.application,
        dn: subscription.dn.as_deref().unwrap_or_default(),
        dn_type: subscription.dn_type.as_deref().unwrap_or_default(),
        extensions: &extensions,
        attrs: &[],
    };
    Ok(guest.call_decide(store, subscription).map(from_fan_out))
}

pub(super) fn authorise(
    guest: &Guest,
    store: &mut Store<State>,
    request: &ClientRequest,
) -> Answered {
    let guest = guest.authorise_request.as_ref().ok_or_else(not_exported)?;
    let attributes = pairs(&request.attributes);
    let request = authorise_request::Request {
        name: &request.name,
        port: &request.port,
        application: &request.application,
        dn: request.attribute("ThisDN").unwrap_or_default(),
        attributes: &attributes,
        attrs: &[],
    };
    Ok(guest.call_decide(store, request).map(from_request))
}

fn from_owner((verdict, reasons): (dn_owner::Verdict, Vec<Reason>)) -> Proposal {
    use dn_owner::Verdict;
    let verdict = match verdict {
        Verdict::Pass => Proposed::Pass,
        Verdict::Claim => Proposed::Owner(OwnerRuling::Claim),
        Verdict::Keep => Proposed::Owner(OwnerRuling::Keep),
        Verdict::Release => Proposed::Owner(OwnerRuling::Release),
    };
    Proposal { verdict, reasons: from_reasons(reasons) }
}

fn from_fan_out((verdict, reasons): (fan_out::Verdict, Vec<Reason>)) -> Proposal {
    use fan_out::Verdict;
    let verdict = match verdict {
        Verdict::Pass => Proposed::Pass,
        Verdict::Deliver(filter) => {
            let fan_out::Filter { events, without, call_types, attrs } = filter;
            let group = attrs.into_iter().find(|(name, _)| name == GROUP).map(|(_, value)| value);
            Proposed::Deliver(ProposedFanOut { events, without, call_types, group })
        }
        Verdict::Refuse(code) => Proposed::Refuse(code.into()),
    };
    Proposal { verdict, reasons: from_reasons(reasons) }
}

fn from_request((verdict, reasons): (authorise_request::Verdict, Vec<Reason>)) -> Proposal {
    use authorise_request::Verdict;
    let verdict = match verdict {
        Verdict::Pass => Proposed::Pass,
        Verdict::Allow => Proposed::Access(ProposedAccess::Allow(None)),
        Verdict::Change(changes) => Proposed::Changes(changes),
        Verdict::Refuse(code) => Proposed::Refuse(code.into()),
    };
    Proposal { verdict, reasons: from_reasons(reasons) }
}
