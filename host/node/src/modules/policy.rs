//! What plugins say of T-Library clients: what a subscriber gets, what may be asked for, and whose a DN is.
//!
//! They are asked on the module's own thread and answer at once, so that what a client is told stays in the order in which it asked.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use cti::{
    ClientId, Filter, Grant, Module, Refusal, called, not_configured,
    t_controller::{Owner, OwnerEvent, OwnerQuestion, OwnerVerdict, built_in},
};
use model::{
    ConnId, Shard, Transport,
    hook::{
        Ask, CallFacts, ClientRequest, Decision, DnOwner, FanOut, Hook, OwnerChange,
        OwnerHappening, OwnerRuling, Party, Question, QuestionId, RequestKind, Subscription,
        SubscriptionKind, Verdict,
    },
};
use switch::Fact;
use tlib::{Attribute, CallType, ErrorCode, KvValue, Message, MessageType, Value};
use tracing::warn;

use super::refusals::{Like, Refusals};
use crate::{
    clock::{Calendar, Clock},
    directory::NodeDirectory,
    journal::FactSender,
    worker::Decide,
};

/// Bytes of one attribute that plugins are shown. A request with a longer one is refused, and a longer pair of Extensions not shown.
const SHOWN_BYTES_MAX: usize = 1_024;
/// Pairs of Extensions that plugins are shown.
const SHOWN_MAX: usize = 64;
/// The shard in the ids of decisions that are of no call. No worker has it.
const NO_SHARD: Shard = Shard(u16::MAX);

/// A client that asks for something.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Which.
    pub id: ClientId,
    /// The name of its application.
    pub application: Arc<str>,
    /// Its address.
    pub peer: SocketAddr,
}

/// What a module needs to ask plugins.
pub struct PolicyParts {
    /// Who answers.
    pub decide: Box<dyn Decide>,
    /// Which plugins there are, and the DNs.
    pub directory: Arc<NodeDirectory>,
    /// The time of the tenant.
    pub calendar: Calendar,
    /// The process's clock.
    pub clock: Clock,
    /// The journal.
    pub facts: FactSender,
}

/// What the plugins of a module's thread say.
pub struct Policy {
    parts: PolicyParts,
    module: Module,
    /// Decisions that were of no call.
    asked: u64,
    /// Those that are counted before the journal is told.
    refusals: Refusals,
}

/// What is to become of a request.
#[derive(Debug)]
pub struct Judged {
    /// The request, maybe with other attributes than it came with.
    pub message: Message,
    /// Of a subscription: what the client may have, if anybody said so.
    pub grant: Option<Grant>,
}

impl Policy {
    /// That of a module.
    pub fn new(parts: PolicyParts, module: Module) -> Self {
        Self { parts, module, asked: 0, refusals: Refusals::default() }
    }

    /// Gives back what replaced plugins held on this thread.
    pub fn sweep(&mut self) {
        self.parts.decide.sweep();
    }

    /// Asks whether a client may ask for this, and what it gets if it subscribes.
    ///
    /// # Errors
    ///
    /// Why it may not.
    pub fn judge(&mut self, caller: &Caller, message: Message) -> Result<Judged, Box<Refused>> {
        let message = self.authorise(caller, message)?;
        match self.subscribe(caller, &message) {
            Ok(grant) => Ok(Judged { message, grant }),
            Err(refusal) => Err(Box::new(Refused { message, refusal })),
        }
    }

    fn authorise(&mut self, caller: &Caller, message: Message) -> Result<Message, Box<Refused>> {
        if !message.kind().is_request() || !self.answers(Hook::AuthoriseRequest) {
            return Ok(message);
        }
        if self.calls_an_emergency(&message) {
            return Ok(message);
        }
        if let Some(refusal) = too_long(&message) {
            return Err(Box::new(Refused { message, refusal }));
        }
        let request = ClientRequest {
            name: message.kind().name().into(),
            port: self.module.port().into(),
            application: Arc::clone(&caller.application),
            attributes: shown(&message),
        };
        let dn = message.text(Attribute::ThisDN).cloned();
        let conn = message.conn(Attribute::ConnID);
        let ask = Ask::AuthoriseRequest(Arc::new(request));
        match self.ask(Some(caller), dn.as_ref(), conn, ask) {
            Verdict::Authorised(changes) => changed(message, &changes),
            Verdict::Refuse(code) => {
                Err(Box::new(Refused { message, refusal: refusal(code, Hook::AuthoriseRequest) }))
            }
            _ => Ok(message),
        }
    }

    /// Whether a request calls an emergency number: no plugin is asked about that.
    fn calls_an_emergency(&self, message: &Message) -> bool {
        called(message).is_some_and(|to| self.parts.directory.emergency().is_wanted(&to))
    }

    fn subscribe(&mut self, caller: &Caller, message: &Message) -> Result<Option<Grant>, Refusal> {
        let kind = match message.kind() {
            MessageType::RequestRegisterAddress => SubscriptionKind::Dn,
            MessageType::RequestRegisterAll => SubscriptionKind::AllDns,
            MessageType::RequestStartCallMonitoring => SubscriptionKind::Calls,
            _ => return Ok(None),
        };
        if !self.answers(Hook::FanOut) {
            return Ok(None);
        }
        let number = message.text(Attribute::ThisDN).filter(|_| kind == SubscriptionKind::Dn);
        let dns = self.parts.directory.dns();
        let dn = number.and_then(|number| dns.get(number));
        if kind == SubscriptionKind::Dn && dn.is_none() {
            return self.not_there(number);
        }
        let subscription = Subscription {
            kind,
            port: self.module.port().into(),
            application: Arc::clone(&caller.application),
            dn: dn.map(|dn| Arc::clone(&dn.number)),
            dn_type: dn.map(|dn| dn.kind.name().into()),
            extensions: extensions(message, ""),
        };
        let dn = dn.map(|dn| Arc::clone(&dn.number));
        match self.ask(Some(caller), dn.as_ref(), None, Ask::FanOut(Arc::new(subscription))) {
            Verdict::Deliver(what) => grant(&what).map(Some),
            Verdict::Refuse(code) => Err(refusal(code, Hook::FanOut)),
            _ => Ok(None),
        }
    }

    /// A subscription to a DN that is none. The module says so itself, unless it is about to be told that the DN is no more: nobody
    /// gets it meanwhile without having been asked about.
    fn not_there(&self, number: Option<&Arc<str>>) -> Result<Option<Grant>, Refusal> {
        let number = number.filter(|number| !number.is_empty());
        match number.filter(|_| self.module != Module::InteractionProxy) {
            Some(number) => Err(not_configured(number)),
            None => Ok(None),
        }
    }

    /// Whose a DN is after a change.
    pub fn owner(&mut self, question: &OwnerQuestion) -> OwnerVerdict {
        if !self.answers(Hook::DnOwner) {
            return built_in(question);
        }
        let change = Arc::new(change(question));
        match self.ask(None, Some(&question.dn), None, Ask::DnOwner(change)) {
            Verdict::Owner(OwnerRuling::Claim) => OwnerVerdict::Claim,
            Verdict::Owner(OwnerRuling::Keep) => OwnerVerdict::Keep,
            Verdict::Owner(OwnerRuling::Release) => OwnerVerdict::Release,
            _ => built_in(question),
        }
    }

    fn answers(&self, hook: Hook) -> bool {
        use model::Directory as _;
        self.parts.directory.answers(hook, None)
    }

    /// Asks the plugins, and tells the journal unless nobody had anything to say.
    fn ask(
        &mut self,
        caller: Option<&Caller>,
        dn: Option<&Arc<str>>,
        conn: Option<ConnId>,
        ask: Ask,
    ) -> Verdict {
        self.asked += 1;
        let number = ConnId::mint(NO_SHARD, self.asked);
        let facts = Arc::new(self.facts(conn.unwrap_or(number), caller, dn));
        let id = QuestionId(self.asked);
        let question = Question { id, call: Arc::clone(&facts), ask, pin: None };
        let moment = self.parts.calendar.moment();
        let answer = self.parts.decide.answer(&question, moment);
        self.tell_due();
        if is_kept(&answer.decision) {
            let at = self.parts.clock.now();
            let like = Like::of(&question.ask, &facts, &answer.decision);
            let told = (facts, answer.decision);
            // Which call it is of is the client's word: it is told of the client. A journal that is behind says so itself.
            let told = match like {
                Some(like) => self.refusals.take(at, like, told),
                None => Some(told),
            };
            if let Some((facts, decision)) = told {
                self.parts.facts.send(at, Fact::Judged { facts, decision });
            }
        }
        answer.verdict
    }

    /// Tells the journal how often clients were refused again, where that is due.
    pub fn tell_due(&mut self) {
        let at = self.parts.clock.now();
        for (facts, decision) in self.refusals.due(at) {
            self.parts.facts.send(at, Fact::Judged { facts, decision });
        }
    }

    fn facts(&self, conn_id: ConnId, caller: Option<&Caller>, dn: Option<&Arc<str>>) -> CallFacts {
        let user = dn.map_or_else(String::new, |dn| (**dn).to_owned());
        let application = caller.map_or_else(String::new, |who| (*who.application).to_owned());
        let source = caller.map_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)), |who| who.peer);
        CallFacts {
            ingress: self.module.port().to_owned(),
            caller: Party { uri: application, ..Party::default() },
            callee: Party { uri: user.clone(), user, ..Party::default() },
            ..CallFacts::new(conn_id, RequestKind::TLibrary, (Transport::Tcp, source))
        }
    }
}

/// A request that is not done, and why.
#[derive(Debug)]
pub struct Refused {
    /// The request.
    pub message: Message,
    /// Why.
    pub refusal: Refusal,
}

/// Whether a decision is kept in the journal: one that lets a client have what it asks for, or leaves an owner without a word, would push
/// those of calls out.
fn is_kept(decision: &Decision) -> bool {
    let plain = match &decision.verdict {
        Verdict::BuiltIn => true,
        Verdict::Authorised(changes) => changes.is_empty(),
        Verdict::Deliver(what) => **what == FanOut::default() && decision.reasons.is_empty(),
        Verdict::Owner(OwnerRuling::Keep) => decision.reasons.is_empty(),
        _ => false,
    };
    !plain || decision.has_failed()
}

/// A refusal with the code that a plugin of this hook gave. One that T-Library does not have here is that of a client that is not authorised.
fn refusal(code: u16, hook: Hook) -> Refusal {
    let code = ErrorCode::of(i64::from(code)).unwrap_or(ErrorCode::NotAuthorised);
    let text = format!("{}: a plugin of {} says so; the journal has why", code.text(), hook.name());
    Refusal::new(code, text)
}

/// What plugins are shown of a request: each attribute, and of Extensions as many as are shown of a subscription.
fn shown(message: &Message) -> Vec<(String, String)> {
    let plain = message.attributes().filter_map(|(attribute, value)| {
        let value = match value {
            _ if attribute == Attribute::Password => return None,
            Value::Int(number) => number.to_string(),
            Value::Id(id) => format!("{id:016x}"),
            Value::Text(text) => text.to_string(),
            Value::Bytes(_) | Value::List(_) => return None,
        };
        Some((attribute.name().to_owned(), value))
    });
    plain.chain(extensions(message, "Extensions.")).collect()
}

/// What a client gives that is too long to be shown: a plugin that bars a number would not see it, and the module would call it.
fn too_long(message: &Message) -> Option<Refusal> {
    let (attribute, _) = message.attributes().find(|(attribute, value)| {
        let is_long = matches!(value, Value::Text(text) if text.len() > SHOWN_BYTES_MAX);
        is_long && *attribute != Attribute::Password
    })?;
    let name = attribute.name();
    let text =
        format!("{name} has more than {SHOWN_BYTES_MAX} bytes: give less, plugins look at it");
    Some(Refusal::new(ErrorCode::InvalidAttribute, text))
}

fn extensions(message: &Message, prefix: &str) -> Vec<(String, String)> {
    let list = message.list(Attribute::Extensions).into_iter().flat_map(tlib::KvList::iter);
    let mut seen = BTreeSet::new();
    // Of a key that is there more than once the first counts, here as with the modules.
    let pairs = list.filter(|pair| seen.insert(&*pair.key)).filter_map(|pair| {
        let value = match &pair.value {
            KvValue::Text(text) | KvValue::Unicode(text) => text.to_string(),
            KvValue::Int(number) => number.to_string(),
            KvValue::Binary(_) | KvValue::List(_) => return None,
        };
        let fits = pair.key.len() <= SHOWN_BYTES_MAX && value.len() <= SHOWN_BYTES_MAX;
        fits.then(|| (format!("{prefix}{}", pair.key), value))
    });
    pairs.take(SHOWN_MAX).collect()
}

/// The request with what a plugin changed of it.
fn changed(mut message: Message, changes: &[(String, String)]) -> Result<Message, Box<Refused>> {
    for (name, value) in changes {
        let attribute = Attribute::named(name);
        let value = Value::from(value.as_str());
        match attribute.filter(|attribute| attribute.kind().takes(&value)) {
            Some(attribute) => message.set(attribute, value),
            None => {
                warn!(
                    attribute = name,
                    "a plugin of authorise-request changed an attribute that no request has as text"
                );
                return Err(Box::new(Refused { message, refusal: refused_by_fault() }));
            }
        }
    }
    Ok(message)
}

/// What a plugin of `fan-out` said, in terms of T-Library.
fn grant(what: &FanOut) -> Result<Grant, Refusal> {
    let mut filter = Filter::ALL;
    if !what.events.is_empty() {
        filter = filter.and(Filter::only(named(&what.events, MessageType::named)?));
    }
    if !what.without.is_empty() {
        filter = filter.and(Filter::without(named(&what.without, MessageType::named)?));
    }
    if !what.call_types.is_empty() {
        filter = filter.and(Filter::of_calls(named(&what.call_types, CallType::named)?));
    }
    Ok(Grant { filter, group: what.group.as_deref().map(Arc::from) })
}

fn named<T>(names: &[String], find: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Refusal> {
    names
        .iter()
        .map(|name| {
            find(name).ok_or_else(|| {
                warn!(name, "a plugin of fan-out names an event or a type of calls that T-Library does not have: who subscribes gets nothing");
                refused_by_fault()
            })
        })
        .collect()
}

fn refused_by_fault() -> Refusal {
    Refusal::new(
        ErrorCode::NotAuthorised,
        "the plugin that decides on this gave no answer that can be used; the switch's log says why",
    )
}

fn change(question: &OwnerQuestion) -> OwnerChange {
    let by = |client: &ClientId| matches!(&question.owner, Some(Owner::Client { client: have, .. }) if have == client);
    let phone = question.owner == Some(Owner::Sip);
    let (what, is_by_owner) = match &question.event {
        OwnerEvent::PhoneRegistered => (OwnerHappening::PhoneRegistered, phone),
        OwnerEvent::PhoneGone => (OwnerHappening::PhoneGone, phone),
        OwnerEvent::ClientRegistered { client, application } => {
            (OwnerHappening::ClientRegistered(Arc::clone(application)), by(client))
        }
        OwnerEvent::ClientGone { client, application } => {
            (OwnerHappening::ClientGone(Arc::clone(application)), by(client))
        }
    };
    OwnerChange {
        dn: Arc::clone(&question.dn),
        what,
        is_sip: question.is_sip,
        owner: question.owner.as_ref().map(|owner| match owner {
            Owner::Sip => DnOwner::Phone,
            Owner::Client { application, .. } => DnOwner::Application(Arc::clone(application)),
        }),
        is_by_owner,
        applications: question.applications.clone(),
    }
}

#[cfg(test)]
#[path = "policy_test.rs"]
mod tests;
