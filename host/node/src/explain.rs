//! What the plugins would do with a call that nobody makes.

use std::sync::Arc;

use model::{
    Aor, ConnId, HeaderBlock, Transport,
    hook::{
        Answer, Ask, CallFacts, Decision, Destination, Hook, MediaMode, Outgoing, Party, Privacy,
        Question, QuestionId, RequestKind, Target, Verdict,
    },
};
use plugin::{PluginHost, party_of_uri};
use switch::Network;

use crate::{
    clock::Calendar,
    config::{Config, TrunkSection},
};

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
    /// Who decided what, in order: the dial plan, if there is one, the route, and what becomes of the header fields of each INVITE that
    /// may follow.
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
        let mut question = question(what, domain, caller, callee);
        let moment = Calendar::new(config.node.zone.as_deref()).moment();
        let mut worker = host.worker();
        let answer = worker.rehearse(&question, moment);
        let Answer { verdict, amended, decision, .. } = answer;
        if let Some(amended) = amended {
            decisions.push(amended.decision);
            question.call = amended.facts;
        }
        decisions.push(decision);
        if host.answers(Hook::HeaderPolicy, None) {
            for outgoing in outgoing(config, &question.call, verdict) {
                question.ask = Ask::HeaderPolicy(Arc::new(outgoing));
                decisions.push(worker.rehearse(&question, moment).decision);
            }
        }
    }
    Ok(Rehearsed { caller: from, callee: to, emergency, decisions })
}

/// Every INVITE that may follow from a verdict on the route, as far as it is known where it goes: which contacts a user has, and where a
/// name leads, is not, and these are not taken for trusted.
fn outgoing(config: &Config, call: &CallFacts, verdict: Verdict) -> Vec<Outgoing> {
    let targets = match verdict {
        Verdict::Plan(plan) if plan.media != MediaMode::Proxy => plan.targets,
        Verdict::BuiltIn if config.node.domains.contains(&call.callee.host) => {
            vec![Target::new(Destination::Aor(Aor::new(&call.callee.user, &call.callee.host)))]
        }
        _ => Vec::new(),
    };
    let is_private = is_private(call);
    let over = |target: Target| {
        let trunks: Vec<_> = match target.to {
            Destination::Trunk { .. } => trunks_of(config, &target).into_iter().map(Some).collect(),
            Destination::Aor(_) | Destination::Uri(_) => vec![None],
            // Nothing goes out before somebody has said where to.
            Destination::RoutingPoint(_) => Vec::new(),
        };
        let one = move |trunk: Option<&TrunkSection>| {
            let any = Outgoing::to(target.clone());
            let trusted = trunk.map_or_else(|| is_trusted(config, &any), |trunk| trunk.trusted);
            Outgoing {
                uri: trunk.map_or_else(|| any.uri.clone(), |trunk| uri_on(trunk, &target, call)),
                from_trunk: call.trunk.clone(),
                trunk: trunk.map(|trunk| trunk.name.clone()),
                trusted,
                hidden: is_private && !trusted,
                ..any
            }
        };
        trunks.into_iter().map(one)
    };
    targets.into_iter().flat_map(over).take(config.limits.attempts_max).collect()
}

/// Whether the address in a Request-URI, if there is one, is of `sip.trusted`.
fn is_trusted(config: &Config, outgoing: &Outgoing) -> bool {
    let ip = sip::Uri::parse(&outgoing.uri).ok().and_then(|uri| uri.host_ip());
    let mut networks = config.sip.trusted.iter().filter_map(|text| text.parse::<Network>().ok());
    ip.is_some_and(|ip| networks.any(|network| network.holds(ip)))
}

/// The trunks that a target stands for, in the order of their priority.
fn trunks_of<'a>(config: &'a Config, target: &Target) -> Vec<&'a TrunkSection> {
    let Destination::Trunk { name, .. } = &target.to else { return Vec::new() };
    let is_meant = |trunk: &&TrunkSection| {
        trunk.name == *name || trunk.group.as_deref() == Some(name.as_str())
    };
    let mut trunks: Vec<_> = config.trunk.iter().filter(is_meant).collect();
    trunks.sort_by_key(|trunk| trunk.priority);
    trunks
}

/// The Request-URI over a trunk.
fn uri_on(trunk: &TrunkSection, target: &Target, call: &CallFacts) -> String {
    let user = match &target.to {
        Destination::Trunk { user: Some(user), .. } => user,
        _ => &call.callee.user,
    };
    trunk.to_switch().request_uri(user)
}

/// Whether the caller wants not to be known (RFC 3323 section 4.2), if the dial plan does not say otherwise.
fn is_private(call: &CallFacts) -> bool {
    const VALUES: [&str; 5] = ["id", "user", "header", "session", "history"];
    match call.privacy {
        Some(decided) => decided == Privacy::Id,
        None => {
            let mut asked = call.headers.get("Privacy").flat_map(|value| value.split(';'));
            call.caller.host == "anonymous.invalid"
                || asked.any(|value| VALUES.contains(&value.trim().to_ascii_lowercase().as_str()))
        }
    }
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
    let came = (Transport::Udp, ([127, 0, 0, 1], 5060).into());
    let call = CallFacts {
        call_id: "explain".to_owned(),
        ingress: "explain".to_owned(),
        trunk: what.trunk.clone(),
        identity,
        caller,
        callee,
        headers: HeaderBlock::from_pairs(headers),
        ..CallFacts::new(ConnId(0), RequestKind::Invite, came)
    };
    Question { id: QuestionId(0), call: Arc::new(call), ask: Ask::Route, pin: None }
}
