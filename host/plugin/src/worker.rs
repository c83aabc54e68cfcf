use std::{
    cell::Cell,
    marker::PhantomData,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use model::{
    GenerationRef, Moment,
    hook::{
        Amended, Answer, Ask, Decision, Failure, FailureKind, Hook, Order, OwnerRuling, Question,
        Reason, Step, StepOutcome, Verdict,
    },
};

use record::{Recorded, Said};
use tracing::field;

use crate::{
    PluginHost,
    amendment::told,
    body::failure,
    cpu,
    generation::Generation,
    metrics::nanos,
    observe::{self, Observed},
    pool::Pool,
    proposal::{Checked, Ruling},
    quarantine::Caught,
    settings::About,
    shelves::{Reads, Sitting},
    tables::{HookTable, Post},
    trial::{Side, is_refusal},
};

mod clients;

/// Answers questions on one thread, with instances of its own.
pub struct Worker {
    host: Arc<PluginHost>,
    pool: Pool,
    /// The host's count of sweeps when the pool was last cleaned.
    sweeps_seen: u64,
    /// Nobody makes the call that is asked about.
    rehearses: bool,
    /// One thread uses it; it may move to that thread.
    _not_sync: PhantomData<Cell<()>>,
}

impl Worker {
    pub(crate) fn new(host: Arc<PluginHost>, number: u64) -> Self {
        let pool = Pool::new(&host, number);
        Self { host, pool, sweeps_seen: 0, rehearses: false, _not_sync: PhantomData }
    }

    /// The host it works for.
    pub const fn host(&self) -> &Arc<PluginHost> {
        &self.host
    }

    /// Puts the question to the plugins of its hook, in order, until one decides.
    ///
    /// It never panics and never waits. At worst it uses `cpu_limit` of CPU time and an eighth for each plugin of the hook (twice
    /// `cpu_limit` for WebAssembly, which is looked at in steps). Where no plugin decides the verdict is [`Verdict::BuiltIn`].
    pub fn answer(&mut self, question: &Question, moment: Moment) -> Answer {
        let _about = About::call(&question.call);
        self.sweep();
        let tables = self.host.tables.load();
        let (table, is_pinned) = tables.pick(question.pin.as_ref());
        let pin = Some(table.token.clone());
        let (verdict, amended, mut decision) = self.answer_from(table, question, moment);
        decision.verdict = verdict.told();
        if !is_pinned {
            let text = "the plugins this call began with were dropped (generations_max); the current ones were asked";
            decision.reasons.insert(0, Reason { code: "unpinned".into(), text: text.into() });
        }
        Answer { id: question.id, verdict, amended, pin, decision }
    }

    /// As [`Self::answer`], of a call that nobody makes: nothing of it is counted, nothing held against a plugin, and what is on trial
    /// is not asked.
    pub fn rehearse(&mut self, question: &Question, moment: Moment) -> Answer {
        self.rehearses = true;
        let answer = self.answer(question, moment);
        self.rehearses = false;
        answer
    }

    /// A new call goes through the chain of `dial-plan`, where there is one, before that of `route`.
    fn answer_from(
        &mut self,
        table: &HookTable,
        question: &Question,
        moment: Moment,
    ) -> (Verdict, Option<Box<Amended>>, Decision) {
        let is_dialled = match question.ask {
            Ask::DialPlan => true,
            Ask::Route => !question.call.emergency && !table.chain(Hook::DialPlan).is_empty(),
            Ask::RouteOnFailure { .. }
            | Ask::Admission
            | Ask::Authenticate
            | Ask::Register { .. } => false,
            Ask::HeaderPolicy(ref outgoing) => {
                let (verdict, mut decision) = self.edit(table, question, moment);
                decision.about = Some(outgoing.to_string().into());
                return (verdict, None, decision);
            }
            Ask::CallEvent(ref event) => {
                let only = event.only.clone();
                let (verdict, decision) = self.tell(table, question, moment, only.as_deref());
                return (verdict, None, decision);
            }
            Ask::DnOwner(ref change) => {
                let keep = Verdict::Owner(OwnerRuling::Keep);
                let (verdict, mut decision) = self.decide_or(table, question, moment, keep);
                decision.about = Some(change.to_string().into());
                return (verdict, None, decision);
            }
            Ask::FanOut(ref subscription) => {
                let refuse = Verdict::Refuse(clients::NOT_AUTHORISED);
                let (verdict, mut decision) = self.decide_or(table, question, moment, refuse);
                decision.about = Some(subscription.to_string().into());
                return (verdict, None, decision);
            }
            Ask::AuthoriseRequest(ref request) => {
                let (verdict, mut decision) = self.authorise(table, question, moment, request);
                decision.about = Some(request.to_string().into());
                return (verdict, None, decision);
            }
        };
        if !is_dialled {
            let (verdict, decision) = self.decide(table, question, moment);
            return (verdict, None, decision);
        }
        let (refused, amended) = self.rewrite(table, question, moment);
        match (refused, &question.ask) {
            (Some(verdict), _) => (verdict, None, amended.decision),
            (None, Ask::Route) => {
                let question = Question { call: Arc::clone(&amended.facts), ..question.clone() };
                let (verdict, decision) = self.decide(table, &question, moment);
                (verdict, Some(Box::new(amended)), decision)
            }
            (None, _) => {
                let decision = amended.decision.clone();
                (Verdict::BuiltIn, Some(Box::new(amended)), decision)
            }
        }
    }

    /// Asks the chain of `dial-plan`, each plugin seeing what those before it rewrote, until one refuses the call.
    fn rewrite(
        &mut self,
        table: &HookTable,
        question: &Question,
        moment: Moment,
    ) -> (Option<Verdict>, Amended) {
        let limits = self.host.config.answer;
        let chain = table.chain(Hook::DialPlan);
        let mut question = Question { ask: Ask::DialPlan, ..question.clone() };
        let mut decision = Decision::of(Hook::DialPlan, chain.len());
        for post in chain {
            let Some(checked) = self.put(post, &question, moment, &mut decision) else { continue };
            let Checked { ruling, reasons } = checked;
            match ruling {
                Ruling::Pass | Ruling::Command(_) | Ruling::Edit(_) | Ruling::Change(_) => {}
                Ruling::Amend(amendment) => {
                    decision.decided_by = answered(&decision);
                    decision.reasons.extend(reasons);
                    decision.reasons.extend(told(&question.call, &amendment, &limits));
                    Arc::make_mut(&mut question.call).amend(amendment);
                }
                Ruling::Decide(verdict) => {
                    decision.decided_by = answered(&decision);
                    decision.reasons.extend(reasons);
                    return (Some(verdict), Amended { facts: question.call, decision });
                }
            }
        }
        (None, Amended { facts: question.call, decision })
    }

    /// Drops instances of generations that no table holds. [`answer`](Self::answer) does it by itself; a worker that is idle
    /// calls it about once a second so that a replaced plugin's memory is given back.
    pub fn sweep(&mut self) {
        let sweeps = self.host.sweeps.load(Ordering::Relaxed);
        if sweeps != self.sweeps_seen {
            self.sweeps_seen = sweeps;
            self.pool.sweep();
        }
    }

    fn decide(
        &mut self,
        table: &HookTable,
        question: &Question,
        moment: Moment,
    ) -> (Verdict, Decision) {
        let hook = question.hook();
        let chain = table.chain(hook);
        let mut decision = Decision::of(hook, chain.len());
        for post in chain {
            let answer = self.put(post, question, moment, &mut decision);
            if let Some(Checked { ruling: Ruling::Decide(verdict), reasons }) = answer {
                decision.decided_by = answered(&decision);
                decision.reasons = reasons;
                return (verdict, decision);
            }
        }
        (Verdict::BuiltIn, decision)
    }

    /// Tells every plugin of `call-event`, or the only one that is to know, and gathers what they want done.
    fn tell(
        &mut self,
        table: &HookTable,
        question: &Question,
        moment: Moment,
        only: Option<&str>,
    ) -> (Verdict, Decision) {
        let chain = table.chain(Hook::CallEvent);
        let mut decision = Decision::of(Hook::CallEvent, chain.len());
        let mut orders = Vec::new();
        for post in chain.iter().filter(|post| only.is_none_or(|plugin| post.is_of(plugin))) {
            let answer = self.put(post, question, moment, &mut decision);
            let Some(Checked { ruling: Ruling::Command(commands), reasons }) = answer else {
                continue;
            };
            let Some(by) = answered(&decision) else { continue };
            decision.decided_by.get_or_insert_with(|| by.clone());
            decision.reasons.extend(reasons);
            orders.extend(commands.into_iter().map(|command| Order { by: by.clone(), command }));
        }
        let verdict = if orders.is_empty() { Verdict::BuiltIn } else { Verdict::Orders(orders) };
        (verdict, decision)
    }

    /// Asks every plugin of `header-policy`, and puts their edits one behind another, as many as there may be of all together. Nobody is asked
    /// about an emergency.
    fn edit(
        &mut self,
        table: &HookTable,
        question: &Question,
        moment: Moment,
    ) -> (Verdict, Decision) {
        let chain = table.chain(Hook::HeaderPolicy);
        let mut decision = Decision::of(Hook::HeaderPolicy, chain.len());
        let mut edits = Vec::new();
        for post in chain.iter().filter(|_| !question.call.emergency) {
            let answer = self.put(post, question, moment, &mut decision);
            let Some(Checked { ruling: Ruling::Edit(more), reasons }) = answer else { continue };
            let Some(by) = answered(&decision) else { continue };
            let (have, most) = (edits.len(), self.host.config.answer.header_edits_total_max);
            if have + more.len() > most {
                decision.reasons.push(too_many(&by, more.len(), have, most));
                continue;
            }
            decision.decided_by = Some(by);
            decision.reasons.extend(reasons);
            edits.extend(more);
        }
        let verdict = if edits.is_empty() { Verdict::BuiltIn } else { Verdict::Edit(edits) };
        (verdict, decision)
    }

    /// Asks one plugin: of a version on trial the calls that are its, and the serving one where that fails. Who answered is in the last
    /// step of the decision.
    fn put(
        &mut self,
        post: &Post,
        question: &Question,
        moment: Moment,
        decision: &mut Decision,
    ) -> Option<Checked> {
        let (generation, side) = match self.rehearses {
            true => (post.serving()?, Side::Serving),
            false => post.choose(question)?,
        };
        let trial = post.trial.as_ref().filter(|_| !self.rehearses);
        if trial.is_some() {
            cpu::look_closely();
        }
        let (checked, step) = self.step(&generation, question, moment);
        if let Some(trial) = trial {
            let policy = &self.host.config.trial;
            let spent = nanos(cpu::spent(Duration::from_nanos(step.took_ns)));
            let why = trial.count(side, question.hook(), (checked.as_ref(), &step, spent), policy);
            let tripped = || generation.tripped().filter(|_| side == Side::Candidate);
            if let Some(why) = why.or_else(|| Some(format!("{} failed too often", tripped()?))) {
                trial.end(why);
            }
        }
        decision.steps.push(step);
        if checked.is_some() || side == Side::Serving {
            return checked;
        }
        let (checked, step) = self.step(&*post.serving()?, question, moment);
        decision.steps.push(step);
        checked
    }

    /// Asks one generation and keeps the books.
    fn step(
        &mut self,
        generation: &Arc<Generation>,
        question: &Question,
        moment: Moment,
    ) -> (Option<Checked>, Step) {
        let hook = question.hook();
        // Where nobody wants it, it costs a look at a number.
        let span = tracing::debug_span!(
            "hook", plugin = %generation.reference, %hook, conn_id = %question.call.conn_id,
            call_id = question.call.call_id, outcome = field::Empty, took_us = field::Empty
        );
        let _inside = span.enter();
        let started = Instant::now();
        let now = self.host.nanos_at(started);
        let quarantine = generation.quarantine(hook);
        let result = match quarantine.rest(now, &question.call, hook) {
            Some((what, rest)) => {
                let rest_s = rest.as_secs_f64();
                let detail = format!("{what} is in quarantine for another {rest_s:.1} s");
                Err(failure(FailureKind::Quarantined, detail))
            }
            None => {
                let result = self.ask(generation, question, moment, started);
                match &result {
                    _ if self.rehearses => {}
                    Err(failure) if !failure.kind.is_its_own() => {
                        if self.host.census.may_say(now) {
                            let detail = &failure.detail;
                            tracing::warn!(plugin = %generation.reference, %hook, detail, "plugin not asked");
                        }
                    }
                    Ok(_) => {
                        let policy = &self.host.config.quarantine;
                        quarantine.succeed(now, (&question.call, hook), policy);
                    }
                    Err(failure) => {
                        self.strike(generation, question, failure, now);
                        let took_ns = nanos(started.elapsed());
                        let asked = (question, moment, self.pool.reads());
                        self.host.keeper.keep(generation, asked, failure, took_ns);
                    }
                }
                result
            }
        };
        let took_ns = nanos(started.elapsed());
        let outcome = match &result {
            Ok(Checked { ruling: Ruling::Decide(_) | Ruling::Command(_), .. }) => {
                StepOutcome::Decided
            }
            Ok(Checked {
                ruling: Ruling::Amend(_) | Ruling::Edit(_) | Ruling::Change(_), ..
            }) => StepOutcome::Amended,
            Ok(Checked { ruling: Ruling::Pass, .. }) => StepOutcome::Passed,
            Err(failure) => StepOutcome::Failed(failure.clone()),
        };
        if !self.rehearses {
            let is_refusal = result.as_ref().is_ok_and(|checked| is_refusal(&checked.ruling));
            generation.metrics.count(hook, &outcome, took_ns);
            generation.tally.count(hook, &outcome, is_refusal, took_ns);
        }
        span.record("outcome", named(&outcome));
        span.record("took_us", took_ns / 1000);
        let step = Step { generation: generation.reference.clone(), outcome, took_ns };
        (result.ok(), step)
    }

    /// Asks one generation, and tells those who look on.
    fn ask(
        &mut self,
        generation: &Arc<Generation>,
        question: &Question,
        moment: Moment,
        started: Instant,
    ) -> Result<Checked, Failure> {
        let Self { host, pool, rehearses, .. } = self;
        if *rehearses {
            let sitting = Sitting::idle(generation);
            return pool.ask(host, generation, (question, moment), started, sitting);
        }
        let is_watched = host.watch.looks_at(generation, question);
        let sitting = Sitting::earnest(generation, is_watched || host.keeper.is_on());
        if !is_watched {
            return pool.ask(host, generation, (question, moment), started, sitting);
        }
        let before = cpu::thread_time();
        let result = pool.ask(host, generation, (question, moment), started, sitting);
        let cpu_ns = nanos(cpu::thread_time().saturating_sub(before));
        let took_ns = nanos(started.elapsed());
        let observed = || Observed {
            question: Question { pin: None, ..question.clone() },
            moment,
            generation: generation.reference.clone(),
            came: result.clone(),
            took_ns,
            cpu_ns,
            reads: pool.reads().clone(),
        };
        if result.as_ref().err().is_none_or(|failure| failure.kind.is_its_own()) {
            host.watch.observe(generation, question, observed);
        }
        result
    }

    /// Asks one plugin that serves what was asked before, alone and whether it is in quarantine or not, and gives what came of it. Nothing
    /// is counted, and of what it keeps it finds what was found then. `None` when there is no such plugin, or it is not asked at this hook.
    pub fn consult(&mut self, plugin: &str, recorded: &Recorded) -> Option<Said> {
        let Recorded { question, moment, reads, .. } = recorded;
        let _about = About::call(&question.call);
        let table = Arc::clone(&self.host.tables.load().current);
        let generation = table.generations.iter().find(|g| *g.reference.plugin == *plugin)?;
        generation.priority(question.hook())?;
        let started = Instant::now();
        let reads = Reads::of(reads);
        let sitting = Sitting::again(generation, &reads);
        let came = self.pool.ask(&self.host, generation, (question, *moment), started, sitting);
        let took_ns = nanos(started.elapsed());
        Some(Said::by(&generation.reference, took_ns, observe::spoken(&came)))
    }

    fn strike(&self, generation: &Generation, question: &Question, failure: &Failure, now: u64) {
        let hook = question.hook();
        let policy = &self.host.config.quarantine;
        let caught = generation.quarantine(hook).fail(now, (&question.call, hook), policy);
        // The journal warns of it, off the path of calls.
        tracing::debug!(
            plugin = %generation.reference, %hook, conn_id = %question.call.conn_id,
            call_id = question.call.call_id,
            kind = failure.kind.name(), detail = failure.detail, "plugin failed a decision"
        );
        match caught {
            Some(Caught::Key(key)) => {
                let rest_s = policy.key_rest.as_secs_f64();
                tracing::warn!(plugin = %generation.reference, %hook, %key, rest_s, "plugin quarantined for some calls");
            }
            Some(Caught::Hook) => {
                generation.trip(hook);
                let rest_s = policy.rest.as_secs_f64();
                tracing::warn!(plugin = %generation.reference, %hook, rest_s, "plugin quarantined");
            }
            None => {}
        }
    }
}

/// What a span calls it.
const fn named(outcome: &StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Passed => "passed",
        StepOutcome::Amended => "amended",
        StepOutcome::Decided => "decided",
        StepOutcome::Failed(failure) => failure.kind.name(),
    }
}

/// Why the edits of a plugin are not made.
fn too_many(by: &GenerationRef, edits: usize, have: usize, most: usize) -> Reason {
    let text = format!(
        "{edits} edits of {by} were left out: after {have} of others that is more than {most} (header_edits_total_max)"
    );
    Reason { code: "too-many-edits".into(), text }
}

/// Who was asked last.
fn answered(decision: &Decision) -> Option<GenerationRef> {
    decision.steps.last().map(|step| step.generation.clone())
}
