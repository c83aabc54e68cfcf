//! A case: what the plugin is told of a call, and what must come of each question about it.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use model::{
    Aor, ConnId, HeaderBlock, Moment, Transport,
    hook::{
        Ask, Attempt, CallEvent, CallFacts, ContactFacts, Destination, Hook, Outgoing, Party,
        RequestKind, Target,
    },
};

use crate::{
    clients, event,
    expect::Expectation,
    scenario::{Entry, StepEntry, Tried},
    setup::Setup,
    time,
};

/// What a single question of `call-event` is about when it does not say.
const ANSWERED: &str = "answered leg=1";
/// How long after the routing a single event happens.
const SINGLE_AFTER: Duration = Duration::from_secs(1);

/// A case of a scenario file.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) file: String,
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) name: String,
    /// What the plugin is told first.
    pub(crate) call: CallFacts,
    /// When the call begins.
    pub(crate) moment: Moment,
    pub(crate) setup: Setup,
    /// What the plugin keeps when it begins.
    pub(crate) state: Vec<(String, String)>,
    /// What it must keep when it is over, if that is looked at.
    pub(crate) keeps: Option<BTreeMap<String, String>>,
    /// Never empty.
    pub(crate) steps: Vec<Step>,
    /// Whether it follows a call over several questions and its clock goes by itself.
    pub(crate) is_walk: bool,
}

/// A question of a case.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Counted from 1.
    pub(crate) line: usize,
    /// When, from the beginning.
    pub(crate) at: Option<Duration>,
    pub(crate) ask: Ask,
    pub(crate) hook: Hook,
    pub(crate) expect: Expectation,
}

impl Case {
    /// The case that an entry of a file describes; `lines` are those of its steps.
    ///
    /// # Errors
    ///
    /// What in it cannot be read.
    pub(crate) fn of(
        file: &str,
        line: usize,
        entry: &Entry,
        lines: &[usize],
    ) -> Result<Self, String> {
        let name = entry.name.clone().ok_or("a case wants a name = \"…\"")?;
        let within = |what: String| format!("{name}: {what}");
        let hook = hook(entry.hook.as_deref().unwrap_or("route")).map_err(within)?;
        let now = entry.now.as_deref().unwrap_or("2026-11-18T12:00:00");
        let moment =
            time::parse(now).ok_or_else(|| within(format!("now = \"{now}\" is no time")))?;
        let setup = Setup::of(entry).map_err(within)?;
        let steps = if entry.step.is_empty() {
            vec![Step::single(line, hook, entry).map_err(within)?]
        } else if entry.expect.is_some() || entry.event.is_some() {
            return Err(within(
                "a case with steps has its event and its expect in them".to_owned(),
            ));
        } else {
            let steps = entry.step.iter().zip(lines);
            let steps = steps.map(|(step, line)| Step::of(*line, hook, step.get_ref(), entry));
            steps.collect::<Result<_, _>>().map_err(within)?
        };
        let call = facts(entry, &steps, &setup).map_err(within)?;
        let is_walk = !entry.step.is_empty();
        let state = entry.state.clone().into_iter().collect();
        let (file, keeps) = (file.to_owned(), entry.keeps.clone());
        Ok(Self { file, line, name, call, moment, setup, state, keeps, steps, is_walk })
    }
}

impl Step {
    fn single(line: usize, hook: Hook, entry: &Entry) -> Result<Self, String> {
        let expect = entry.expect.clone().ok_or("it has no expect: what must come out?")?;
        let step = StepEntry {
            event: entry.event.clone(),
            attempts: entry.attempts.clone().unwrap_or_default(),
            remaining: entry.remaining.clone().unwrap_or_default(),
            target: entry.target.clone(),
            hidden: entry.hidden,
            expect,
            ..StepEntry::default()
        };
        let contacts = entry.contacts.as_deref().unwrap_or_default();
        let ask = ask(hook, &step, (contacts, entry), SINGLE_AFTER)?;
        Ok(Self { line, at: None, ask, hook, expect: step.expect })
    }

    fn of(line: usize, default: Hook, entry: &StepEntry, case: &Entry) -> Result<Self, String> {
        let hook = entry.hook.as_deref().map_or(Ok(default), hook)?;
        if hook == Hook::CallEvent && entry.event.is_none() {
            return Err("a step of call-event wants an event = \"…\"".to_owned());
        }
        let at = entry.at.as_deref().map(|at| {
            time::duration(at)
                .ok_or_else(|| format!("at = \"{at}\" is no time such as 5s or 250ms"))
        });
        let ask = ask(hook, entry, (&[], case), Duration::ZERO)?;
        Ok(Self { line, at: at.transpose()?, ask, hook, expect: entry.expect.clone() })
    }
}

fn hook(name: &str) -> Result<Hook, String> {
    let found = Hook::ALL.into_iter().find(|hook| hook.name() == name);
    found.ok_or_else(|| {
        let names = Hook::ALL.map(Hook::name).join(", ");
        format!("hook = \"{name}\" is not known; the hooks are {names}")
    })
}

fn ask(
    hook: Hook,
    step: &StepEntry,
    (contacts, case): (&[String], &Entry),
    after: Duration,
) -> Result<Ask, String> {
    Ok(match hook {
        Hook::Admission => Ask::Admission,
        Hook::Authenticate => Ask::Authenticate,
        Hook::Register => {
            Ask::Register { contacts: contacts.iter().map(|uri| contact(uri)).collect() }
        }
        Hook::DialPlan => Ask::DialPlan,
        Hook::Route => Ask::Route,
        Hook::HeaderPolicy => {
            let to = step.target.as_ref().or(case.target.as_ref());
            let to = to.map_or("aor:2000@home.test", String::as_str);
            let out = Outgoing::to(target(to)?);
            let hidden = step.hidden || case.hidden;
            Ask::HeaderPolicy(Arc::new(Outgoing { from_trunk: case.trunk.clone(), hidden, ..out }))
        }
        Hook::RouteOnFailure => Ask::RouteOnFailure {
            attempts: step.attempts.iter().map(attempt).collect::<Result<_, _>>()?,
            remaining: step.remaining.iter().map(|t| target(t)).collect::<Result<_, _>>()?,
        },
        Hook::CallEvent => {
            let (what, missed) = event::read(step.event.as_deref().unwrap_or(ANSWERED))?;
            Ask::CallEvent(Arc::new(CallEvent { what, after, missed, only: None }))
        }
        Hook::DnOwner => clients::change(&clients::joined(&step.change, &case.change))?,
        Hook::FanOut => {
            clients::subscription(&clients::joined(&step.subscription, &case.subscription))?
        }
        Hook::AuthoriseRequest => clients::request(&clients::joined(&step.request, &case.request))?,
    })
}

fn facts(entry: &Entry, steps: &[Step], setup: &Setup) -> Result<CallFacts, String> {
    let first = steps.first();
    if let Some((dn, port)) = first.and_then(|step| clients::facts_of(&step.ask)) {
        return Ok(facts_of_client(entry, dn, port));
    }
    let hook = first.map_or(Hook::Route, |step| step.hook);
    let callee = entry.callee.as_deref().ok_or("it has no callee: who is called?")?;
    let mut caller = party(entry.caller.as_deref().unwrap_or("sip:1000@home.test"));
    caller.display = entry.caller_name.clone().unwrap_or_default();
    let request = match entry.method.as_deref().unwrap_or("INVITE") {
        "INVITE" | "REGISTER" if hook == Hook::Register => RequestKind::Register,
        "INVITE" => RequestKind::Invite,
        "REGISTER" => RequestKind::Register,
        "SUBSCRIBE" => RequestKind::Subscribe,
        "MESSAGE" => RequestKind::Message,
        other => return Err(format!("method = \"{other}\" is not known")),
    };
    let headers = entry.headers.iter().filter(|(name, _)| !setup.hides(name));
    let headers =
        headers.flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value)));
    Ok(CallFacts {
        call_id: entry.call_id.clone().unwrap_or_else(|| "scenario".to_owned()),
        ingress: entry.ingress.clone().unwrap_or_else(|| "udp".to_owned()),
        trunk: entry.trunk.clone(),
        identity: entry.identity.as_deref().map(aor).transpose()?,
        caller,
        callee: party(callee),
        labels: entry.labels.clone().into_iter().collect(),
        headers: HeaderBlock::from_pairs(headers),
        ..CallFacts::new(ConnId(1), request, (Transport::Udp, source(entry)))
    })
}

/// What the host says of a question that is about no call.
fn facts_of_client(entry: &Entry, dn: String, port: String) -> CallFacts {
    CallFacts {
        ingress: port,
        callee: Party { user: dn, ..Party::default() },
        ..CallFacts::new(ConnId(1), RequestKind::TLibrary, (Transport::Tcp, source(entry)))
    }
}

fn source(entry: &Entry) -> SocketAddr {
    entry.source.unwrap_or_else(|| ([192, 0, 2, 1], 5060).into())
}

fn contact(uri: &str) -> ContactFacts {
    ContactFacts { uri: uri.to_owned(), expires: Some(Duration::from_secs(3600)), q_milli: 1000 }
}

fn attempt(tried: &Tried) -> Result<Attempt, String> {
    let lasted = Duration::from_millis(tried.lasted_ms);
    Ok(Attempt { target: target(&tried.target)?, status: tried.status, lasted })
}

fn aor(text: &str) -> Result<Aor, String> {
    let parts = text.split_once('@');
    parts
        .map(|(user, host)| Aor::new(user, host))
        .ok_or_else(|| format!("`{text}` is not user@host"))
}

fn target(text: &str) -> Result<Target, String> {
    let to = match text.split_once(':') {
        Some(("aor", text)) => Destination::Aor(aor(text)?),
        Some(("uri", uri)) => Destination::Uri(uri.to_owned()),
        Some(("routing-point", text)) => Destination::RoutingPoint(aor(text)?),
        Some(("trunk", trunk)) => {
            let (name, user) = trunk.split_once('/').map_or((trunk, None), |(n, u)| (n, Some(u)));
            Destination::Trunk { name: name.to_owned(), user: user.map(str::to_owned) }
        }
        Some(_) | None => {
            return Err(format!(
                "`{text}` is none of aor:user@host, uri:sip:…, trunk:name/number and routing-point:user@host"
            ));
        }
    };
    Ok(Target::new(to))
}

/// The parts of a plain `sip:user@host` or `tel:number`.
fn party(uri: &str) -> Party {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let (user, host) = match rest.split_once('@') {
        Some((user, host)) => (user, host),
        None if uri.starts_with("tel:") => (rest, ""),
        None => ("", rest),
    };
    Party {
        uri: uri.to_owned(),
        user: user.to_owned(),
        host: host.to_owned(),
        display: String::new(),
    }
}
