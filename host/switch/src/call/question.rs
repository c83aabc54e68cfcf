//! Questions to the plugins, and what their answers do to the call.

use std::{sync::Arc, time::Duration};

use model::{
    Aor, Directory, Instant, Membership,
    hook::{
        Amended, Answer, Ask, CallFacts, Decision, Destination, Hook, MediaMode, Plan, Question,
        Reason as Why, Target, Verdict,
    },
};

use super::{Call, State};
use crate::{Cause, Fact, Output, Reason, tables::Tables};

impl Call {
    pub(super) fn ask_route(&mut self, tables: &mut Tables, now: Instant) {
        self.ask(tables, now, Ask::Route);
    }

    pub(super) fn ask_route_on_failure(&mut self, tables: &mut Tables, now: Instant) {
        let ask = Ask::RouteOnFailure {
            attempts: self.attempts.clone(),
            remaining: self.plan.iter().cloned().collect(),
        };
        self.ask(tables, now, ask);
    }

    fn ask(&mut self, tables: &mut Tables, now: Instant, ask: Ask) {
        let id = tables.mint_question_id(self.conn);
        self.state = State::Asking(id);
        let deadline = now + tables.config.question_timeout;
        self.start_timer(tables, deadline, Reason::Question);
        let question = Question { id, call: self.facts.clone(), ask, pin: self.pin.clone() };
        tables.outputs.push_back(Output::Ask(question));
    }

    /// The host routes this call itself.
    pub(super) fn take_emergency(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        plan: Plan,
    ) {
        let mut decision = Decision::of(Hook::Route, 0);
        let text =
            "a number of an emergency service: by [emergency] route, without asking a plugin";
        decision.reasons.push(Why { code: "emergency".to_owned(), text: text.to_owned() });
        tables.emit(Fact::Decided { conn: self.conn, decision });
        self.take_plan(tables, now, dir, plan);
    }

    /// Takes the answer this call waits for; the caller of this has checked that it does.
    pub(crate) fn on_answer(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        answer: Answer,
    ) {
        self.stop_timer(tables, Reason::Question);
        if self.pin.is_none() {
            self.pin = answer.pin;
        }
        let hook = answer.decision.hook;
        if hook == Hook::Route {
            self.routed_by.clone_from(&answer.decision.decided_by);
        }
        if let Some(amended) = answer.amended {
            let Amended { facts, decision } = *amended;
            tables.emit(Fact::Decided { conn: self.conn, decision });
            tables.emit(Fact::Amended { facts: facts.clone() });
            self.shown = (facts.caller != *facts.dialled_caller()).then(|| facts.caller.clone());
            if let Some(decided) = facts.privacy {
                self.privacy[0] = self.privacy[0].decided(decided);
            }
            self.facts = self.still_transferred(facts);
        }
        tables.emit(Fact::Decided { conn: self.conn, decision: answer.decision });
        if hook == Hook::Route {
            self.follow(tables, dir);
        }
        self.act_on(tables, now, dir, hook, answer.verdict);
    }

    /// The facts as the dial plan left them, of a call that another caller has come to while it was asked.
    fn still_transferred(&self, facts: Arc<CallFacts>) -> Arc<CallFacts> {
        if self.facts.transfer.is_none() || facts.transfer.is_some() {
            return facts;
        }
        let CallFacts { caller, identity, trunk, transfer, .. } = CallFacts::clone(&self.facts);
        Arc::new(CallFacts { caller, identity, trunk, transfer, ..CallFacts::clone(&facts) })
    }

    /// Nobody answered in time: the built-in default decides.
    pub(crate) fn on_question_timeout(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
    ) {
        let State::Asking(id) = self.state else {
            return self.on_policy_timeout(tables, now, dir);
        };
        tables.calls_by_question.remove(&id);
        tables.stats.questions_timed_out += 1;
        let hook = if self.attempts.is_empty() { Hook::Route } else { Hook::RouteOnFailure };
        let decision = Decision::of(hook, 0);
        tables.emit(Fact::Decided { conn: self.conn, decision });
        if hook == Hook::Route {
            self.follow(tables, dir);
        }
        self.act_on(tables, now, dir, hook, Verdict::BuiltIn);
    }

    fn act_on(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        hook: Hook,
        verdict: Verdict,
    ) {
        let verdict = match verdict {
            // A plugin may find a way for an emergency that has none, but not close one.
            Verdict::Refuse(_) if self.facts.emergency => Verdict::BuiltIn,
            verdict => verdict,
        };
        match (hook, verdict) {
            (_, Verdict::Refuse(status)) => self.refuse_route(tables, now, status, None),
            (_, Verdict::Plan(plan)) => self.take_plan(tables, now, dir, plan),
            (Hook::RouteOnFailure, _) => self.try_next(tables, now, dir),
            _ => {
                match self.built_in_plan(tables, dir) {
                    Ok(plan) => self.take_plan(tables, now, dir, plan),
                    // Not that there is no such number, but that this switch cannot reach it.
                    Err(_) if self.facts.emergency => {
                        self.refuse_route(tables, now, 503, Some("No emergency route"));
                    }
                    Err(status) => self.refuse_route(tables, now, status, None),
                }
            }
        }
    }

    /// There is no way to who is called: a call that was sent there from a routing point is back at it, any other is refused.
    fn refuse_route(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        status: u16,
        reason: Option<&str>,
    ) {
        if !self.wait_again(tables, now, status) {
            self.refuse_caller(tables, now, status, reason);
        }
    }

    /// What the switch does by itself: a call for a routing point waits there, a subscriber of ours is called at its contacts, and
    /// nothing else is called.
    fn built_in_plan(&self, tables: &Tables, dir: &dyn Directory) -> Result<Plan, u16> {
        let callee = &self.facts.callee;
        let aor = Aor::new(&callee.user, &callee.host);
        if dir.routing_point(&aor) && !self.facts.emergency {
            let targets = vec![Target::new(Destination::RoutingPoint(aor))];
            return Ok(Plan { targets, media: tables.config.media });
        }
        match dir.membership(&aor) {
            Membership::Subscriber => Ok(Plan {
                targets: vec![Target::new(Destination::Aor(aor))],
                media: tables.config.media,
            }),
            Membership::UnknownUser | Membership::ForeignHost => Err(404),
        }
    }

    fn take_plan(&mut self, tables: &mut Tables, now: Instant, dir: &dyn Directory, plan: Plan) {
        let may_begin = match plan.media {
            MediaMode::Proxy => self.begin_proxy(tables, now),
            _ => self.proxied.is_some() || !self.refuse_extensions(tables, now),
        };
        if !may_begin {
            return;
        }
        self.begin_policy(dir, plan.media);
        self.plan = plan.targets.into();
        self.groups.clear();
        // An emergency waits for nobody, and its targets ring as long as the route says.
        let is_ordinary = !self.facts.emergency;
        if is_ordinary {
            self.plan.iter_mut().for_each(|target| mean_routing_point(target, dir));
        }
        if let Some(ring) = self.ring_of_route().filter(|_| is_ordinary) {
            self.plan.iter_mut().for_each(|target| target.ring = Some(ring));
        }
        let mode = match plan.media {
            MediaMode::Default | MediaMode::Bypass if self.privacy[0].hides_media() => {
                MediaMode::Anchor
            }
            MediaMode::Default => tables.config.media,
            MediaMode::Anchor | MediaMode::Bypass | MediaMode::Proxy => plan.media,
        };
        // A call that waits takes no ports.
        let waits =
            matches!(self.plan.front(), Some(Target { to: Destination::RoutingPoint(_), .. }));
        if !waits && self.open_media(tables, now, mode) {
            self.state = State::OpeningMedia;
        } else {
            self.try_next(tables, now, dir);
        }
    }

    /// The relay's ports are there: the first target can be tried.
    pub(crate) fn on_media_open(&mut self, tables: &mut Tables, now: Instant, dir: &dyn Directory) {
        if self.state == State::OpeningMedia {
            self.stop_timer(tables, Reason::Relay);
            if self.origin.as_ref().is_some_and(|origin| origin.callee.is_some()) {
                return self.take_parties(tables);
            }
            if self.replaced.is_some() {
                return self.take_replaced(tables);
            }
            self.try_next(tables, now, dir);
        }
    }

    /// The relay refused, or did not answer.
    pub(crate) fn on_media_refused(&mut self, tables: &mut Tables, now: Instant) {
        if self.state == State::OpeningMedia {
            self.stop_timer(tables, Reason::Relay);
            self.refuse_route(tables, now, 503, Some("No media port"));
        }
    }

    /// Ends the call with a final status for the caller.
    pub(crate) fn refuse_caller(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        status: u16,
        reason: Option<&str>,
    ) {
        self.respond_to_caller(tables, now, status, reason.unwrap_or(""), &[]);
        self.release(tables, now, Cause::Refused(status), None);
    }
}

/// A call may ring this long at the most, whatever its plan says.
pub(super) const RING_MAX: Duration = Duration::from_secs(3600);

/// An address-of-record that is a Routing Point has no contacts: who names it as one of ours means that the call waits there.
fn mean_routing_point(target: &mut Target, dir: &dyn Directory) {
    if let Destination::Aor(aor) = &target.to
        && dir.routing_point(aor)
    {
        target.to = Destination::RoutingPoint(aor.clone());
    }
}
