//! The door: what a request that begins a call or a registration goes through before it is either.
//!
//! Plugins may be asked three times, each time only if one answers the hook: whether it may come in at all (`admission`), who it
//! is from (`authenticate`, below which the digest of the configuration stands), and, of a REGISTER, whether its contacts are
//! taken (`register`). Emergency calls do not pass here.

use std::{collections::BTreeMap, sync::Arc};

use model::{
    Aor, ConnId, Directory, Flow, Instant,
    hook::{
        Access, Answer, Ask, CallFacts, ContactFacts, Decision, Hook, Question, QuestionId, Verdict,
    },
};
use sip::{Message, Method, Name, NameAddr, ServerTx};

use crate::{
    Fact, Output, Switch,
    authenticate::{Proof, Standing, claimed, in_from},
    call::{facts_of, refuse},
};

/// A request that begins something.
pub(crate) struct Arrival {
    pub(crate) tx: ServerTx,
    pub(crate) flow: Flow,
    pub(crate) request: Message,
    /// The name it has in the journal, once it has one.
    pub(crate) conn: Option<ConnId>,
    /// Who it has proved to be from.
    pub(crate) identity: Option<Aor>,
}

/// Where at the door a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Station {
    Admission,
    Authenticate,
    Register,
}

impl Station {
    const fn hook(self) -> Hook {
        match self {
            Self::Admission => Hook::Admission,
            Self::Authenticate => Hook::Authenticate,
            Self::Register => Hook::Register,
        }
    }
}

/// Requests that wait for the plugins.
#[derive(Default)]
pub(crate) struct Door {
    /// Questions are numbered in the order of their deadlines.
    waiting: BTreeMap<QuestionId, Waiting>,
}

struct Waiting {
    arrival: Arrival,
    station: Station,
    facts: Arc<CallFacts>,
    deadline: Instant,
}

impl Door {
    /// When the oldest question is given up.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|(_, waiting)| waiting.deadline)
    }

    fn take_overdue(&mut self, now: Instant) -> Option<Waiting> {
        let overdue = self.deadline().is_some_and(|deadline| deadline <= now);
        overdue.then(|| self.waiting.pop_first())?.map(|(_, waiting)| waiting)
    }

    fn take_cancelled(&mut self, tx: ServerTx) -> Option<Waiting> {
        let id = self.waiting.iter().find(|(_, waiting)| waiting.arrival.tx == tx);
        let id = id.map(|(id, _)| *id)?;
        self.waiting.remove(&id)
    }
}

impl Switch {
    /// Who a request is from, as far as it must say; `None` when it has been answered because it did not prove it.
    #[expect(
        clippy::option_option,
        reason = "whether it goes on, and whether it is known who it is from"
    )]
    pub(crate) fn authenticate(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        flow: Flow,
        tx: ServerTx,
        request: &Message,
        proof: Proof,
    ) -> Option<Option<Aor>> {
        let authenticator = &mut self.authenticator;
        // Who gave a password did so for the name that it was shown.
        let claimed = match &proof {
            Proof::Of(_) => in_from(request),
            Proof::Configured | Proof::Asked => claimed(request),
        };
        let standing = authenticator.judge(now, dir, flow, request, claimed.as_ref(), &proof);
        let trouble = match standing {
            Standing::Allowed(identity) => return Some(identity),
            Standing::Unreadable(why) => {
                refuse(&mut self.tables, now, tx, request, 400, &why);
                return None;
            }
            Standing::Blocked { first } => {
                self.tables.stats.blocked += 1;
                refuse(&mut self.tables, now, tx, request, 403, "Too many failed attempts");
                if !first {
                    return None;
                }
                None
            }
            Standing::Challenged { stale, failed } => {
                self.tables.stats.challenged += 1;
                self.tables.challenge(now, tx, request, |tables| {
                    authenticator.challenges(
                        flow.listener,
                        now,
                        tables.endpoint.mint_number(),
                        stale,
                    )
                });
                // Nothing was wrong with one that has not been asked yet.
                Some(failed?)
            }
        };
        self.tables.stats.not_authenticated += u64::from(trouble.is_some());
        self.tables.emit(Fact::NotAuthenticated {
            source: flow.peer,
            claimed: claimed.map_or_else(String::new, |aor| aor.to_string()),
            method: method_name(request.method()),
            trouble,
        });
        None
    }

    /// Takes in a request that begins something.
    pub(crate) fn arrive(&mut self, now: Instant, dir: &dyn Directory, arrival: Arrival) {
        self.step_up(now, dir, arrival, Station::Admission);
    }

    /// Asks the plugins of a station, or goes on at once when there are none.
    fn step_up(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        mut arrival: Arrival,
        station: Station,
    ) {
        if !dir.answers(station.hook(), None) {
            return self.step_on(now, dir, arrival, station, Verdict::BuiltIn, false);
        }
        if self.door.waiting.len() >= self.tables.config.limits.questions_max {
            self.tables.stats.calls_shed += 1;
            return refuse(&mut self.tables, now, arrival.tx, &arrival.request, 503, "");
        }
        let conn = *arrival.conn.get_or_insert_with(|| self.tables.mint_conn_id());
        let identity = arrival.identity.clone();
        let facts =
            match facts_of(&self.tables, dir, conn, arrival.flow, &arrival.request, identity) {
                Ok(facts) => Arc::new(facts),
                Err(error) => {
                    let why = error.to_string();
                    return refuse(&mut self.tables, now, arrival.tx, &arrival.request, 400, &why);
                }
            };
        let ask = match station {
            Station::Admission => Ask::Admission,
            Station::Authenticate => Ask::Authenticate,
            Station::Register => Ask::Register { contacts: contacts_of(&arrival.request) },
        };
        let id = self.tables.mint_question();
        let question = Question { id, call: Arc::clone(&facts), ask, pin: None };
        let deadline = now + self.tables.config.question_timeout;
        self.door.waiting.insert(id, Waiting { arrival, station, facts, deadline });
        self.tables.outputs.push_back(Output::Ask(question));
    }

    /// Takes in an answer about a request at the door; gives it back when it is about none.
    pub(crate) fn on_judged(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        answer: Answer,
    ) -> Option<Answer> {
        let Some(waiting) = self.door.waiting.remove(&answer.id) else { return Some(answer) };
        let Answer { verdict, decision, .. } = answer;
        let has_failed = decision.has_failed();
        self.judge(now, dir, waiting, verdict, decision, has_failed);
        None
    }

    /// Decides for the plugins that have not answered in time.
    pub(crate) fn give_up_judging(&mut self, now: Instant, dir: &dyn Directory) {
        while let Some(waiting) = self.door.take_overdue(now) {
            self.tables.stats.questions_timed_out += 1;
            let decision = Decision::of(waiting.station.hook(), 0);
            self.judge(now, dir, waiting, Verdict::BuiltIn, decision, true);
        }
    }

    fn judge(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        waiting: Waiting,
        verdict: Verdict,
        decision: Decision,
        has_failed: bool,
    ) {
        let Waiting { arrival, station, facts, .. } = waiting;
        self.tables.emit(Fact::Judged { facts, decision });
        self.step_on(now, dir, arrival, station, verdict, has_failed);
    }

    /// A caller gave up while the plugins were asked; gives whether it was one at the door.
    pub(crate) fn cancel_at_door(&mut self, now: Instant, tx: ServerTx) -> bool {
        let Some(Waiting { arrival, .. }) = self.door.take_cancelled(tx) else { return false };
        refuse(&mut self.tables, now, arrival.tx, &arrival.request, 487, "");
        true
    }

    /// What the verdict of a station does.
    fn step_on(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        mut arrival: Arrival,
        station: Station,
        verdict: Verdict,
        has_failed: bool,
    ) {
        let access = match verdict {
            Verdict::Refuse(status) => {
                return self.turn_away(now, &arrival, status);
            }
            Verdict::Access(access) => Some(access),
            Verdict::BuiltIn
            | Verdict::Plan(_)
            | Verdict::Continue
            | Verdict::Edit(_)
            | Verdict::Orders(_)
            | Verdict::Owner(_)
            | Verdict::Deliver(_)
            | Verdict::Authorised(_) => None,
        };
        match (station, access) {
            (Station::Admission, Some(Access::Drop)) => {
                self.tables.stats.dropped += 1;
                self.tables.endpoint.abandon(arrival.tx);
            }
            (Station::Admission, _) => self.step_up(now, dir, arrival, Station::Authenticate),
            (Station::Authenticate, Some(Access::Allow(identity))) => {
                arrival.identity = identity;
                self.step_in(now, dir, arrival);
            }
            (Station::Authenticate, access) => {
                let proof = match access {
                    Some(Access::Challenge) => Proof::Asked,
                    Some(Access::Verify(credentials)) => Proof::Of(credentials),
                    Some(Access::Allow(_) | Access::Drop | Access::Accept(_)) | None => {
                        Proof::Configured
                    }
                };
                self.prove(now, dir, arrival, proof, has_failed);
            }
            (Station::Register, Some(Access::Accept(rules))) => {
                self.on_register(now, dir, arrival, Some(rules));
            }
            (Station::Register, _) => self.on_register(now, dir, arrival, None),
        }
    }

    /// Refuses a request that plugins were asked about.
    fn turn_away(&mut self, now: Instant, arrival: &Arrival, status: u16) {
        let is_call = arrival.request.method() == Method::Invite;
        if let Some(conn) = arrival.conn.filter(|_| is_call) {
            self.tables.emit(Fact::TurnedAway { conn, status });
        }
        refuse(&mut self.tables, now, arrival.tx, &arrival.request, status, "");
    }

    fn prove(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        mut arrival: Arrival,
        proof: Proof,
        has_failed: bool,
    ) {
        let is_configured = matches!(proof, Proof::Configured);
        let is_call = arrival.request.method() == Method::Invite;
        if is_configured
            && is_call
            && self.tables.trunk_of(dir, arrival.flow, &arrival.request).is_some()
        {
            // A trunk is known by where it is.
            return self.step_in(now, dir, arrival);
        }
        if has_failed && !self.authenticator.is_required() && is_configured {
            // Nothing stands below a plugin that was to keep strangers out, so a broken one keeps the door shut.
            return self.turn_away(now, &arrival, 503);
        }
        let Arrival { tx, flow, request, .. } = &arrival;
        if let Some(identity) = self.authenticate(now, dir, *flow, *tx, request, proof) {
            arrival.identity = identity;
            self.step_in(now, dir, arrival);
        }
    }

    /// It is known who the request is from.
    fn step_in(&mut self, now: Instant, dir: &dyn Directory, arrival: Arrival) {
        match arrival.request.method() {
            Method::Register => self.step_up(now, dir, arrival, Station::Register),
            Method::Subscribe => self.on_subscribe(now, dir, arrival),
            Method::Message => self.on_text(now, dir, arrival),
            _ => self.on_invite(now, dir, arrival),
        }
    }
}

/// The methods of requests that are authenticated.
pub(crate) const fn method_name(kind: Method<'_>) -> &'static str {
    match kind {
        Method::Invite => "INVITE",
        Method::Subscribe => "SUBSCRIBE",
        Method::Message => "MESSAGE",
        _ => "REGISTER",
    }
}

/// The contacts a REGISTER names, as far as they can be read; what cannot is refused by the registrar.
fn contacts_of(request: &Message) -> Vec<ContactFacts> {
    let asked = request.expires();
    let seconds = |s: u32| std::time::Duration::from_secs(s.into());
    let contacts = request.values(Name::Contact).filter_map(|text| {
        if text == "*" {
            let (uri, expires) = ("*".to_owned(), asked.map(seconds));
            return Some(ContactFacts { uri, expires, q_milli: 1000 });
        }
        let contact = NameAddr::parse(text).ok()?;
        let own = contact.params.get("expires").flatten().and_then(|text| text.parse().ok());
        let q_milli = contact.params.get("q").flatten().and_then(crate::registrar::q_milli);
        Some(ContactFacts {
            uri: contact.uri.to_owned(),
            expires: own.or(asked).map(seconds),
            q_milli: q_milli.unwrap_or(1000),
        })
    });
    contacts.collect()
}
