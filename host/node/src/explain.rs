//! What the plugins would do with a call that nobody makes.

use std::sync::Arc;

use model::{
    Aor, ConnId, HeaderBlock, Transport,
    hook::{Ask, CallFacts, Decision, Party, Question, QuestionId, RequestKind},
};
use plugin::{PluginHost, party_of_uri};

use crate::{clock::Calendar, config::Config};

/// A call that is only thought of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// Who is called: a number of the first domain, or a SIP or tel URI.
    pub to: String,
    /// Who calls: the same; `None` is nobody in particular.
    pub from: Option<String>,
    /// The trunk it comes over.
    pub trunk: Option<String>,
    /// Header fields of its INVITE.
    pub headers: Vec<(String, String)>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// The caller's URI.
    pub caller: String,
    /// The URI that was called.
    pub callee: String,
    /// It is a number of `[emergency]` that has a route: no plugin is asked.
    pub emergency: bool,
    /// Who decided what, in order: the dial plan, if there is one, and the route.
    pub decisions: Vec<Decision>,
}

/// Asks the plugins that serve about a call as it would be asked now. Nothing of it is counted, and it is held against nobody.
///
/// # Errors
///
/// Which address cannot be read, or that there is no such trunk.
pub fn rehearse(
    host: &Arc<PluginHost>,
    config: &Config,
    domain: &str,
    what: &Rehearsal,
) -> Result<Rehearsed, String> {
    let said = what.headers.iter().flat_map(|(name, value)| [name, value]);
    let said = said.chain([&what.to]).chain(&what.from);
    if let Some(wrong) = said.into_iter().find(|text| text.contains(char::is_control)) {
        return Err(format!("`{}` has control characters in it", wrong.escape_debug()));
    }
    let callee = party(&what.to, domain)?;
    let caller = party(what.from.as_deref().unwrap_or("somebody"), domain)?;
    let trunk = what.trunk.as_deref();
    if let Some(unknown) = trunk.filter(|name| !config.trunk.iter().any(|t| t.name == **name)) {
        return Err(format!("there is no trunk `{unknown}`"));
    }
    let (from, to) = (caller.uri.clone(), callee.uri.clone());
    let emergency = config.emergency.to_switch().is_ok_and(|it| it.takes(&callee));
    let mut decisions = Vec::new();
    if !emergency {
        let question = question(what, domain, caller, callee);
        let moment = Calendar::new(config.node.zone.as_deref()).moment();
        let answer = host.worker().rehearse(&question, moment);
        decisions.extend(answer.amended.map(|amended| amended.decision));
        decisions.push(answer.decision);
    }
    Ok(Rehearsed { caller: from, callee: to, emergency, decisions })
}

fn party(text: &str, domain: &str) -> Result<Party, String> {
    let uri = if text.contains(':') {
        text.to_owned()
    } else if text.contains('@') {
        format!("sip:{text}")
    } else {
        format!("sip:{text}@{domain}")
    };
    party_of_uri(&uri)
        .ok_or_else(|| format!("`{}` is no address; write a number or a URI", text.escape_debug()))
}

fn question(what: &Rehearsal, domain: &str, caller: Party, callee: Party) -> Question {
    let headers = what.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    // A user of ours is taken to have proved it; anybody else proves nothing.
    let is_ours = what.trunk.is_none() && what.from.is_some() && caller.host == domain;
    let identity = is_ours.then(|| Aor::new(&caller.user, &caller.host));
    let call = CallFacts {
        conn_id: ConnId(0),
        request: RequestKind::Invite,
        call_id: "explain".to_owned(),
        tenant: "default".to_owned(),
        ingress: "explain".to_owned(),
        transport: Transport::Udp,
        source: ([127, 0, 0, 1], 5060).into(),
        trunk: what.trunk.clone(),
        identity,
        caller,
        callee,
        dialled: None,
        labels: Vec::new(),
        privacy: None,
        redirections: Vec::new(),
        emergency: false,
        transfer: None,
        headers: HeaderBlock::from_pairs(headers),
    };
    Question { id: QuestionId(0), call: Arc::new(call), ask: Ask::Route, pin: None }
}
