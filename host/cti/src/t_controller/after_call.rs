//! How agents go from one status to another, by themselves, by calls and by time (section 4.12).

use std::{sync::Arc, time::Duration};

use tlib::{AgentWorkMode, Attribute, Message, MessageType};

use super::{
    TController,
    agent_table::{AgentEvent, AgentStatus, AgentStep, Facts, step},
    line::Standing,
    timers::Timer,
};
use crate::{NoAnswerAction, Now, Party, Token, option_names};

impl TController {
    /// What the table says of the agent on a DN; `None` when there is none.
    pub(super) fn step(
        &self,
        dn: &Arc<str>,
        event: AgentEvent,
        is_same: bool,
    ) -> Option<AgentStep> {
        let agent = self.lines.get(dn)?.agent.as_ref()?;
        let facts = Facts {
            wraps_up: self.wrap_up_s(dn, None) > 0,
            is_guarded: self.places(dn).number(option_names::legal_guard) > 0,
            goes_ready: agent.before_is_ready,
            is_timed: self.timers.is_armed(dn, Timer::AfterCallWork),
            is_same,
        };
        Some(step(agent.status, event, facts))
    }

    /// Seconds of after-call work: as a request says, or the login, or the options.
    fn wrap_up_s(&self, dn: &Arc<str>, asked: Option<&Standing>) -> u64 {
        let asked = asked.and_then(|standing| standing.extensions.int("WrapUpTime"));
        let asked = asked.and_then(|seconds| u64::try_from(seconds).ok());
        let agent = self.lines.get(dn).and_then(|line| line.agent.as_ref());
        let by_login = agent.and_then(|agent| agent.wrap_up_s);
        let seconds = asked.or(by_login);
        seconds.unwrap_or_else(|| self.places(dn).number(option_names::wrap_up_time)).min(86_400)
    }

    /// After-call work is asked for: what it leads to.
    pub(super) fn ask_after_call_work(&mut self, dn: &Arc<str>, event: AgentEvent) {
        if event != AgentEvent::AskedAfterCallWork {
            return;
        }
        let forces = self.places(dn).flag(option_names::acw_in_idle_force_ready);
        let Some(line) = self.lines.get_mut(dn) else { return };
        let is_idle = !line.parties.has_queue_call();
        let Some(agent) = &mut line.agent else { return };
        let was = agent.status;
        if was != AgentStatus::AfterCallWork {
            agent.before = if was == AgentStatus::LegalGuard {
                agent.before.clone()
            } else {
                agent.standing.clone()
            };
            agent.before_is_ready = was != AgentStatus::NotReady;
        }
        if is_idle && forces {
            if !agent.before_is_ready {
                agent.before = Standing::plain(AgentWorkMode::ManualIn);
            }
            agent.before_is_ready = true;
        }
    }

    /// Brings the agent on a DN into a status, arms what runs in it and says so.
    pub(super) fn enter(
        &mut self,
        now: Now,
        dn: &Arc<str>,
        status: AgentStatus,
        standing: Standing,
        asked_by: Option<Token>,
    ) {
        self.timers.cancel(dn, Timer::AfterCallWork);
        self.timers.cancel(dn, Timer::LegalGuard);
        let Some(line) = self.lines.get_mut(dn) else { return };
        let is_idle = !line.parties.has_queue_call();
        let Some(agent) = &mut line.agent else { return };
        agent.status = status;
        agent.standing = standing;
        agent.idle_reason = None;
        agent.since_s = now.unix_s();
        let asked = agent.standing.clone();
        if status == AgentStatus::AfterCallWork && is_idle {
            self.run_after_call_work(now, dn, &asked, asked_by.is_some());
        }
        if status == AgentStatus::LegalGuard {
            self.run_legal_guard(now, dn);
        }
        let message = self.status_event(dn, status);
        self.emit(now, dn, Arc::new(message), asked_by);
        self.arm_auto_logout(now, dn);
        self.publish(dn);
    }

    /// After-call work of an idle agent ends in time: always after a call, and where it was asked for if the options say so or the
    /// request named a time.
    fn run_after_call_work(&mut self, now: Now, dn: &Arc<str>, asked: &Standing, was_asked: bool) {
        let named = was_asked && asked.extensions.int("WrapUpTime").is_some();
        let timed = self.places(dn).flag(option_names::timed_acw_in_idle);
        let seconds = self.wrap_up_s(dn, Some(asked));
        if seconds > 0 && (!was_asked || named || timed) {
            self.timers.arm(dn, Timer::AfterCallWork, now.at + Duration::from_secs(seconds));
        }
    }

    fn run_legal_guard(&mut self, now: Now, dn: &Arc<str>) {
        let seconds = self.places(dn).number(option_names::legal_guard);
        self.timers.arm(dn, Timer::LegalGuard, now.at + Duration::from_secs(seconds));
    }

    /// EventAgentReady or EventAgentNotReady of the agent on a DN.
    pub(super) fn status_event(&self, dn: &Arc<str>, status: AgentStatus) -> Message {
        let kind = match status {
            AgentStatus::Ready => MessageType::EventAgentReady,
            AgentStatus::NotReady | AgentStatus::AfterCallWork | AgentStatus::LegalGuard => {
                MessageType::EventAgentNotReady
            }
        };
        let Some(agent) = self.lines.get(dn).and_then(|line| line.agent.as_ref()) else {
            return Message::new(kind).with(Attribute::ThisDN, dn);
        };
        let standing = &agent.standing;
        let some = |list: &tlib::KvList| (!list.is_empty()).then(|| list.clone());
        Message::new(kind)
            .with_some(Attribute::Extensions, some(&standing.extensions))
            .with_some(Attribute::Reason, some(&standing.reasons))
            .with(Attribute::AgentWorkMode, standing.mode)
            .with(Attribute::AgentID, &agent.id)
            .with(Attribute::ThisDN, dn)
    }

    /// A call has left a DN, or is another: after-call work begins when the last one that counts is gone.
    pub(super) fn on_parties_changed(&mut self, now: Now, dn: &Arc<str>, left: Option<&Party>) {
        let Some(line) = self.lines.get_mut(dn) else { return };
        let no_calls = line.parties.is_empty();
        let no_queue_calls = !line.parties.has_queue_call();
        let Some(agent) = &mut line.agent else { return };
        if left.is_some_and(|party| party.status.queue.is_some() && party.has_talked) {
            agent.call_is_over = true;
        }
        if no_calls && std::mem::take(&mut agent.call_is_over) {
            self.on_call_over(now, dn);
        } else if left.is_some() && no_queue_calls && !agent.call_is_over {
            self.on_unanswered(now, dn);
        }
        self.arm_auto_logout(now, dn);
    }

    fn on_call_over(&mut self, now: Now, dn: &Arc<str>) {
        let Some(step) = self.step(dn, AgentEvent::CallOver, false) else { return };
        let Some(agent) = self.lines.get_mut(dn).and_then(|line| line.agent.as_mut()) else {
            return;
        };
        match step {
            AgentStep::To(status) => {
                if agent.status != AgentStatus::LegalGuard {
                    agent.before = agent.standing.clone();
                    agent.before_is_ready = agent.status == AgentStatus::Ready;
                }
                self.enter(now, dn, status, automatic(status), None);
            }
            AgentStep::Stay if agent.status == AgentStatus::AfterCallWork => {
                let asked = agent.standing.clone();
                self.run_after_call_work(now, dn, &asked, false);
            }
            AgentStep::Stay if agent.status == AgentStatus::LegalGuard => {
                self.run_legal_guard(now, dn);
            }
            AgentStep::Stay | AgentStep::Noted | AgentStep::Refused(_) => {}
        }
    }

    /// The last call through a queue is gone without having been answered: after-call work that was asked for meanwhile is that of an idle
    /// agent now.
    fn on_unanswered(&mut self, now: Now, dn: &Arc<str>) {
        let agent = self.lines.get(dn).and_then(|line| line.agent.as_ref());
        let Some(agent) = agent.filter(|agent| agent.status == AgentStatus::AfterCallWork) else {
            return;
        };
        if !self.timers.is_armed(dn, Timer::AfterCallWork) {
            let asked = agent.standing.clone();
            self.run_after_call_work(now, dn, &asked, true);
        }
    }

    /// The time of after-call work, or of the legal guard, is over.
    pub(super) fn on_time_over(&mut self, now: Now, dn: &Arc<str>, event: AgentEvent) {
        let Some(AgentStep::To(status)) = self.step(dn, event, false) else { return };
        let Some(agent) = self.lines.get(dn).and_then(|line| line.agent.as_ref()) else { return };
        let standing = match status {
            AgentStatus::LegalGuard | AgentStatus::AfterCallWork => automatic(status),
            AgentStatus::Ready | AgentStatus::NotReady => agent.before.clone(),
        };
        self.enter(now, dn, status, standing, None);
    }

    /// A call that was routed to the agent on a DN was not answered.
    pub(super) fn on_no_answer(&mut self, now: Now, dn: &Arc<str>, action: Option<NoAnswerAction>) {
        let by_option = || {
            let word = self.places(dn).text(option_names::agent_no_answer_action);
            NoAnswerAction::named(word).unwrap_or(NoAnswerAction::None)
        };
        match action.unwrap_or_else(by_option) {
            NoAnswerAction::None => {}
            NoAnswerAction::Logout => self.log_out(now, dn, None),
            NoAnswerAction::NotReady => {
                if let Some(AgentStep::To(status)) = self.step(dn, AgentEvent::NoAnswer, false) {
                    self.enter(now, dn, status, automatic(status), None);
                }
            }
        }
    }

    /// Arms the time after which an agent that does nothing is logged out, or cancels it while there are calls.
    fn arm_auto_logout(&mut self, now: Now, dn: &Arc<str>) {
        if self.lines.get(dn).is_none_or(|line| line.agent.is_none()) {
            return;
        }
        self.timers.cancel(dn, Timer::AutoLogout);
        let places = self.places(dn);
        let minutes = places.number(option_names::auto_logout_timeout);
        let in_ready = places.flag(option_names::auto_logout_ready);
        let Some(line) = self.lines.get(dn) else { return };
        let Some(agent) = &line.agent else { return };
        let counts = match agent.status {
            AgentStatus::NotReady | AgentStatus::AfterCallWork => true,
            AgentStatus::Ready => in_ready,
            AgentStatus::LegalGuard => false,
        };
        if minutes > 0 && counts && line.parties.is_empty() {
            self.timers.arm(dn, Timer::AutoLogout, now.at + Duration::from_secs(minutes * 60));
        }
    }

    /// Logs the agent of a DN out, and says so: with the event that answers a request, or with one of its own.
    pub(super) fn log_out(
        &mut self,
        now: Now,
        dn: &Arc<str>,
        asked: Option<(Arc<Message>, Token)>,
    ) {
        let Some(agent) = self.lines.get_mut(dn).and_then(|line| line.agent.take()) else { return };
        self.agents.remove(&agent.id);
        for timer in [Timer::AfterCallWork, Timer::LegalGuard, Timer::AutoLogout] {
            self.timers.cancel(dn, timer);
        }
        let (event, token) = match asked {
            Some((event, token)) => (event, Some(token)),
            None => {
                let event = Message::new(MessageType::EventAgentLogout)
                    .with(Attribute::AgentID, &agent.id)
                    .with(Attribute::ThisDN, dn);
                (Arc::new(event), None)
            }
        };
        self.emit(now, dn, event, token);
        self.drop_reservations(now, dn);
        self.publish(dn);
    }
}

/// How an agent is in a status that nobody asked for.
fn automatic(status: AgentStatus) -> Standing {
    Standing::plain(match status {
        AgentStatus::Ready => AgentWorkMode::ManualIn,
        AgentStatus::NotReady => AgentWorkMode::AuxWork,
        AgentStatus::AfterCallWork => AgentWorkMode::AfterCallWork,
        AgentStatus::LegalGuard => AgentWorkMode::AutoIn,
    })
}
