//! What plugins of `call-event` want done about calls, and the questions they are asked.

use std::sync::Arc;

use model::{
    ConnId, Directory, GenerationRef, Instant,
    hook::{
        Answer, Ask, Command, Decision, Order, Question, Reason as Why, Release, StepOutcome,
        Verdict,
    },
};

use crate::{
    Fact, Output, Switch,
    call::{Call, State, side_of},
    followed::OVER,
    tables::Tables,
};

impl Switch {
    /// Tells the plugins the next event of every call that has one.
    pub(crate) fn tell_followed(&mut self, now: Instant) {
        while let Some(conn) = self.tables.followed.next_ready() {
            let facts = self.calls.get(&conn).map(|call| &call.facts);
            let Some(telling) = self.tables.followed.next_event(conn, facts) else { continue };
            let id = self.tables.mint_question();
            let deadline = now + self.tables.config.question_timeout;
            self.tables.followed.asked(conn, id, deadline);
            self.tables.stats.call_events += 1;
            self.tables.outputs.push_back(Output::Ask(Question {
                id,
                call: telling.facts,
                ask: Ask::CallEvent(telling.event),
                pin: telling.pin,
            }));
        }
    }

    /// Timers of plugins that are over, and plugins that have not answered: an event that nobody has answered changes nothing.
    pub(crate) fn wake_followed(&mut self, now: Instant) {
        let Tables { followed, config, stats, .. } = &mut self.tables;
        let (lost, left_out) = followed.wake(now, &config.call_events);
        stats.questions_timed_out += lost;
        stats.call_events_missed += left_out;
    }

    /// Takes in an answer about an event; gives it back when it is about none.
    pub(crate) fn on_told_event(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        answer: Answer,
    ) -> Option<Answer> {
        let Some(conn) = self.tables.followed.answered(answer.id, answer.pin.as_ref()) else {
            return Some(answer);
        };
        let Answer { verdict, decision, .. } = answer;
        let orders = if let Verdict::Orders(orders) = verdict { orders } else { Vec::new() };
        let has_failed = |outcome: &StepOutcome| matches!(outcome, StepOutcome::Failed(_));
        // An event that all pass is not worth a line in the journal.
        if !orders.is_empty() || decision.steps.iter().any(|step| has_failed(&step.outcome)) {
            self.obey(now, dir, conn, orders, decision);
        }
        None
    }

    /// Carries out what plugins want of a call, as far as it can be done, and notes what came of each command.
    fn obey(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        conn: ConnId,
        orders: Vec<Order>,
        mut decision: Decision,
    ) {
        let mut release = None;
        for Order { by, command } in orders {
            let is_release = matches!(command, Ok(Command::Release(_)));
            let config = self.tables.config.call_events;
            if !self.tables.followed.may_command(conn, &config) && !is_release {
                let most = config.commands_max;
                let text = format!(
                    "{by}: more than {most} commands on one call (call_events.commands_max)"
                );
                self.tables.stats.commands_refused += 1;
                decision.reasons.push(Why { code: REFUSED.to_owned(), text });
                break;
            }
            let shown = command.as_ref().map_or_else(Clone::clone, ToString::to_string);
            let done = command
                .and_then(|command| self.carry_out((now, dir), (conn, &by), command, &mut release));
            let (code, text) = match done {
                Ok(()) => ("command", shown),
                Err(why) if why == shown => (REFUSED, format!("{by}: {why}")),
                Err(why) => (REFUSED, format!("{by}: {shown}: {why}")),
            };
            match code {
                REFUSED => self.tables.stats.commands_refused += 1,
                _ => self.tables.stats.commands_done += 1,
            }
            decision.reasons.push(Why { code: code.to_owned(), text });
        }
        // Before the end of the call, so that the record of the call has it.
        self.tables.emit(Fact::Decided { conn, decision });
        if let Some(release) = release {
            self.with_call(conn, |call, tables| call.release_for(tables, now, &release));
        }
    }

    fn carry_out(
        &mut self,
        (now, dir): (Instant, &dyn Directory),
        (conn, by): (ConnId, &GenerationRef),
        command: Command,
        release: &mut Option<Release>,
    ) -> Result<(), String> {
        let Self { calls, tables, .. } = self;
        let call = calls.get_mut(&conn).filter(|call| call.state != State::Ending);
        let call = call.ok_or(OVER)?;
        if release.is_some() {
            return Err("the call is being released".to_owned());
        }
        let config = tables.config.call_events;
        match command {
            Command::Tag { name, value } => call.tag(tables, name, value),
            Command::Timer { name, after } => {
                tables.followed.start_timer(conn, &by.plugin, (&name, after), &config)
            }
            Command::StopTimer { name } => tables.followed.stop_timer(conn, &by.plugin, &name),
            Command::Hold { party } => call.hold_for(tables, now, party, true),
            Command::Resume { party } => call.hold_for(tables, now, party, false),
            Command::Transfer { party, to } => {
                let sent = self.send_on(now, dir, (conn, side_of(party)), &to);
                sent.map(|_| ()).map_err(|(_, text)| text)
            }
            Command::Release(how) => {
                call.may_release()?;
                *release = Some(how);
                Ok(())
            }
        }
    }
}

/// The code of the reason that tells of a command which was not carried out.
const REFUSED: &str = "refused";

impl Call {
    /// Has plugins of `call-event` follow this call, if there are any. An emergency is none of theirs.
    pub(crate) fn follow(&self, tables: &mut Tables, dir: &dyn Directory) {
        if dir.answers(model::hook::Hook::CallEvent, self.pinned()) && !self.facts.emergency {
            tables.followed.begin(Arc::clone(&self.facts), self.pinned().cloned());
        }
    }

    /// Sets a label.
    fn tag(&mut self, tables: &mut Tables, name: String, value: String) -> Result<(), String> {
        let have = self.facts.labels.iter().position(|(have, _)| *have == name);
        let most = tables.config.call_events.labels_max;
        match have {
            Some(at) if self.facts.labels[at].1 == value => return Ok(()),
            Some(at) => Arc::make_mut(&mut self.facts).labels[at].1 = value,
            None if self.facts.labels.len() >= most => {
                return Err(format!("the call has {most} labels already (call_events.labels_max)"));
            }
            None => Arc::make_mut(&mut self.facts).labels.push((name, value)),
        }
        tables.emit(Fact::Amended { facts: Arc::clone(&self.facts) });
        Ok(())
    }

    /// Whether a plugin may end this call.
    fn may_release(&self) -> Result<(), String> {
        match self.proxied {
            Some(_) => Err("the call is forwarded as a proxy does: its parties end it".to_owned()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "orders_test.rs"]
pub(crate) mod tests;
