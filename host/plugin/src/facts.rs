//! The facts of a call that go by name: what the records of the contract do not hold.

use model::hook::CallFacts;

/// The value of a fact; `None` when it is not known, or no fact of this version.
pub(crate) fn fact(call: &CallFacts, name: &str) -> Option<String> {
    match name {
        "method" => Some(call.request.method().to_owned()),
        "transport" => Some(call.transport.to_string()),
        "identity" => call.identity.as_ref().map(ToString::to_string),
        "dialled-uri" => Some(call.dialled_callee().uri.clone()),
        "dialled-user" => Some(call.dialled_callee().user.clone()),
        "calling-uri" => Some(call.dialled_caller().uri.clone()),
        "calling-user" => Some(call.dialled_caller().user.clone()),
        "trunk" => call.trunk.clone(),
        "transfer" => call.transfer.as_ref().map(|transfer| transfer.kind.name().to_owned()),
        "transferred-by" => call.transfer.as_ref().map(|transfer| transfer.by.uri.clone()),
        "transferred-from" => call.transfer.as_ref().map(|transfer| transfer.of.to_string()),
        "transfers" => call.transfer.as_ref().map(|transfer| transfer.count.to_string()),
        "privacy" => call.privacy.map(|privacy| privacy.name().to_owned()),
        "redirections" => Some(call.redirections.len().to_string()),
        "redirected-by" => call.redirections.last().map(|last| last.by.uri.clone()),
        "redirected-because" => call.redirections.last().map(|last| last.why.name().to_owned()),
        "emergency" => Some(call.emergency.to_string()),
        _ => None,
    }
}
