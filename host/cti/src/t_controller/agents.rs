//! What clients ask for agents: login, logout, ready, not ready (sections 1.7, 2.7 and 4.12).

use std::{collections::BTreeSet, sync::Arc};

use tlib::{AgentWorkMode, Attribute, ErrorCode, KvList, Message, MessageType};

use super::{
    TController,
    agent_table::{AgentEvent, AgentStatus, AgentStep},
    line::{Agent, Line, Standing},
};
use crate::{ClientId, Dn, DnType, Now, Refusal, Token, option_names};

impl TController {
    pub(super) fn on_agent_request(
        &mut self,
        now: Now,
        token: Token,
        message: &Arc<Message>,
    ) -> Result<(), Refusal> {
        if message.kind() == MessageType::RequestReserveAgent {
            return self.reserve(now, token, message);
        }
        let dn = self.held_dn(token.client, message)?;
        let kind = self.lines.get(&dn).map(|line| line.dn.kind);
        if kind != Some(DnType::Extension) {
            return Err(Refusal::new(ErrorCode::BadDNType, "agents work on Extensions only"));
        }
        match message.kind() {
            MessageType::RequestAgentLogin => self.log_in(now, token, &dn, message),
            MessageType::RequestAgentLogout => self.log_out_asked(now, token, &dn, message),
            MessageType::RequestAgentReady => {
                let mode = work_mode(message, AgentWorkMode::ManualIn)?;
                self.ask(now, token, &dn, message, AgentEvent::AskedReady, mode)
            }
            MessageType::RequestAgentNotReady => {
                let mode = work_mode(message, AgentWorkMode::AuxWork)?;
                let event = if mode == AgentWorkMode::AfterCallWork {
                    AgentEvent::AskedAfterCallWork
                } else {
                    AgentEvent::AskedNotReady
                };
                self.ask(now, token, &dn, message, event, mode)
            }
            MessageType::RequestAgentSetIdleReason => {
                self.set_idle_reason(now, token, &dn, message)
            }
            _ => Err(ErrorCode::Unsupported.into()),
        }
    }

    fn log_in(
        &mut self,
        now: Now,
        token: Token,
        dn: &Arc<str>,
        message: &Message,
    ) -> Result<(), Refusal> {
        let id = message.text(Attribute::AgentID).filter(|id| !id.is_empty());
        let id = Arc::clone(id.ok_or_else(|| Refusal::new(ErrorCode::AgentId, "give AgentID"))?);
        let mode = work_mode(message, AgentWorkMode::ManualIn)?;
        let queue = message.text(Attribute::ThisQueue).filter(|queue| !queue.is_empty()).cloned();
        self.check_queue(queue.as_deref())?;
        if self.join_queue(&id, dn, queue.as_ref())? {
            let event = self.agent_event(MessageType::EventAgentLogin, dn, queue.as_ref(), message);
            self.emit(now, dn, event, Some(token));
            return Ok(());
        }
        self.check_login(&id, dn, queue.as_deref(), message)?;
        let extensions = message.list(Attribute::Extensions);
        let wrap_up = extensions.and_then(|list| list.int("WrapUpTime"));
        let mut standing = asked_standing(message, mode);
        standing.extensions = KvList::new();
        let is_ready = mode == AgentWorkMode::AutoIn;
        let agent = Agent {
            id: Arc::clone(&id),
            client: token.client,
            queues: queue.iter().cloned().collect::<BTreeSet<_>>(),
            status: AgentStatus::NotReady,
            before: standing.clone(),
            standing,
            before_is_ready: false,
            idle_reason: None,
            wrap_up_s: wrap_up.and_then(|seconds| u64::try_from(seconds).ok()),
            call_is_over: false,
            since_s: now.unix_s(),
        };
        self.agents.insert(id, Arc::clone(dn));
        if let Some(line) = self.lines.get_mut(dn) {
            line.agent = Some(agent);
        }
        let event = self.agent_event(MessageType::EventAgentLogin, dn, queue.as_ref(), message);
        self.emit(now, dn, event, Some(token));
        let status = if is_ready { AgentStatus::Ready } else { AgentStatus::NotReady };
        self.enter(now, dn, status, Standing::plain(mode), None);
        Ok(())
    }

    /// A queue must be one.
    fn check_queue(&self, queue: Option<&str>) -> Result<(), Refusal> {
        let Some(queue) = queue else { return Ok(()) };
        let line = self.lines.get(queue).ok_or_else(|| {
            Refusal::new(ErrorCode::NotConfigured, format!("ThisQueue {queue} is not configured"))
        })?;
        if line.is_queue() {
            return Ok(());
        }
        Err(Refusal::new(ErrorCode::BadDNType, format!("ThisQueue {queue} is no queue")))
    }

    /// Whether the agent is logged in on this DN and is now in one more queue.
    fn join_queue(
        &mut self,
        id: &Arc<str>,
        dn: &Arc<str>,
        queue: Option<&Arc<str>>,
    ) -> Result<bool, Refusal> {
        let max = self.settings.queues_per_agent_max;
        let agent = self.lines.get_mut(dn).and_then(|line| line.agent.as_mut());
        match (agent, self.agents.get(id)) {
            (Some(agent), _) if agent.id == *id => {
                let queue = queue.filter(|queue| !agent.queues.contains(*queue));
                let queue = queue.ok_or(ErrorCode::AlreadyLoggedIn)?;
                if agent.queues.len() >= max {
                    let text = format!("queues_per_agent_max is {max}; log out of another queue");
                    return Err(Refusal::new(ErrorCode::TooManyRequests, text));
                }
                agent.queues.insert(Arc::clone(queue));
                Ok(true)
            }
            (Some(_), _) => Err(ErrorCode::AlreadyLoggedIn.into()),
            (None, Some(elsewhere)) => Err(Refusal::new(
                ErrorCode::AgentIdInUse,
                format!("the agent is logged in on {elsewhere}"),
            )),
            (None, None) => Ok(false),
        }
    }

    fn check_login(
        &self,
        id: &str,
        dn: &Arc<str>,
        queue: Option<&str>,
        message: &Message,
    ) -> Result<(), Refusal> {
        let Some(line) = self.lines.get(dn) else { return Err(ErrorCode::InvalidDN.into()) };
        let places = self.places_of(Some(id), Some(&line.dn));
        let extensions = message.list(Attribute::Extensions);
        let on_rp = queue
            .and_then(|queue| self.lines.get(queue))
            .is_some_and(|line| line.dn.kind == DnType::RoutingPoint);
        let emulates = extensions
            .and_then(|list| list.text("EmulateLogin"))
            .unwrap_or_else(|| places.text(option_names::emulate_login));
        if emulates.eq_ignore_ascii_case("false") || (emulates == "on-RP" && !on_rp) {
            let text = "agents do not log in here (option emulate-login)";
            return Err(Refusal::new(ErrorCode::NotSupportedHere, text));
        }
        self.check_on_call(line, message)?;
        if !line.in_service() && places.flag(option_names::logout_on_out_of_service) {
            return Err(ErrorCode::OutOfService.into());
        }
        let login = self.configuration.logins.get(id);
        match (places.text(option_names::agent_strict_id), login) {
            ("false", _) | ("true", Some(_)) => Ok(()),
            (_, None) => Err(ErrorCode::WrongAgentId.into()),
            (_, Some(login)) => {
                let password = message.text(Attribute::Password).map_or("", |text| &**text);
                if login.admits(password) {
                    Ok(())
                } else {
                    Err(ErrorCode::PasswordMismatch.into())
                }
            }
        }
    }

    /// Nobody logs in or out while a call is on the device, unless that is allowed.
    fn check_on_call(&self, line: &Line, message: &Message) -> Result<(), Refusal> {
        let extensions = message.list(Attribute::Extensions);
        let id = message.text(Attribute::AgentID).map(|id| &**id);
        let places = self.places_of(id, Some(&line.dn));
        let allowed = extensions.and_then(|list| list.text("AgentEmuLoginOnCall")).map_or_else(
            || places.flag(option_names::agent_emu_login_on_call),
            |text| text.eq_ignore_ascii_case("true"),
        );
        if allowed || line.parties.is_empty() {
            return Ok(());
        }
        Err(Refusal::new(ErrorCode::DNBusy, "a call is on the DN (option agent-emu-login-on-call)"))
    }

    fn log_out_asked(
        &mut self,
        now: Now,
        token: Token,
        dn: &Arc<str>,
        message: &Message,
    ) -> Result<(), Refusal> {
        let Some(line) = self.lines.get(dn) else { return Err(ErrorCode::InvalidDN.into()) };
        let agent = line.agent.as_ref().ok_or(ErrorCode::NotLoggedIn)?;
        let queue = message.text(Attribute::ThisQueue).filter(|queue| !queue.is_empty()).cloned();
        if queue.as_ref().is_some_and(|queue| !agent.queues.contains(queue)) {
            return Err(ErrorCode::NotLoggedIn.into());
        }
        if let Some(queue) = queue.as_ref().filter(|_| agent.queues.len() > 1) {
            let event = self.agent_event(MessageType::EventQueueLogout, dn, Some(queue), message);
            if let Some(agent) = self.lines.get_mut(dn).and_then(|line| line.agent.as_mut()) {
                agent.queues.remove(queue);
            }
            self.emit(now, dn, event, Some(token));
            return Ok(());
        }
        self.check_on_call(line, message)?;
        let event = self.agent_event(MessageType::EventAgentLogout, dn, queue.as_ref(), message);
        self.log_out(now, dn, Some((event, token)));
        Ok(())
    }

    fn ask(
        &mut self,
        now: Now,
        token: Token,
        dn: &Arc<str>,
        message: &Message,
        event: AgentEvent,
        mode: AgentWorkMode,
    ) -> Result<(), Refusal> {
        let standing = asked_standing(message, mode);
        let is_same = match event {
            AgentEvent::AskedAfterCallWork => standing.extensions.get("WrapUpTime").is_none(),
            _ => {
                let agent = self.lines.get(dn).and_then(|line| line.agent.as_ref());
                agent.is_some_and(|agent| {
                    let have = &agent.standing;
                    have.mode == mode
                        && have.reasons == standing.reasons
                        && have.reason_code() == standing.reason_code()
                })
            }
        };
        match self.step(dn, event, is_same).ok_or(ErrorCode::NotLoggedIn)? {
            AgentStep::Refused(code) => Err(code.into()),
            AgentStep::Stay => Ok(()),
            AgentStep::Noted => {
                let message = Arc::new(self.status_event(dn, AgentStatus::AfterCallWork));
                if let Some(agent) = self.lines.get_mut(dn).and_then(|line| line.agent.as_mut()) {
                    agent.before = standing;
                    agent.before_is_ready = false;
                }
                self.emit(now, dn, message, Some(token));
                Ok(())
            }
            AgentStep::To(status) => {
                self.ask_after_call_work(dn, event);
                self.enter(now, dn, status, standing, Some(token));
                Ok(())
            }
        }
    }

    fn set_idle_reason(
        &mut self,
        now: Now,
        token: Token,
        dn: &Arc<str>,
        message: &Message,
    ) -> Result<(), Refusal> {
        let reason = message
            .text(Attribute::AgentIdleReason)
            .cloned()
            .ok_or_else(|| Refusal::new(ErrorCode::InvalidAttribute, "give AgentIdleReason"))?;
        let agent = self.lines.get_mut(dn).and_then(|line| line.agent.as_mut());
        let agent = agent.ok_or(ErrorCode::NotLoggedIn)?;
        if agent.status == AgentStatus::Ready {
            let text = "the agent is ready; a reason is given for being not ready";
            return Err(Refusal::new(ErrorCode::WrongState, text));
        }
        agent.idle_reason = Some(Arc::clone(&reason));
        let event = Message::new(MessageType::EventAgentIdleReasonSet)
            .with(Attribute::AgentIdleReason, reason)
            .with(Attribute::AgentID, &agent.id)
            .with(Attribute::ThisDN, dn);
        self.emit(now, dn, Arc::new(event), Some(token));
        Ok(())
    }

    /// An event of a request about the agent of a DN, with what the request said of it.
    fn agent_event(
        &self,
        kind: MessageType,
        dn: &Arc<str>,
        queue: Option<&Arc<str>>,
        request: &Message,
    ) -> Arc<Message> {
        let agent = self.lines.get(dn).and_then(|line| line.agent.as_ref());
        let mode = (kind == MessageType::EventAgentLogin)
            .then(|| agent.map(|agent| agent.standing.mode))
            .flatten();
        let event = Message::new(kind)
            .with_some(Attribute::Extensions, request.list(Attribute::Extensions).cloned())
            .with_some(Attribute::Reason, request.list(Attribute::Reason).cloned())
            .with_some(Attribute::AgentWorkMode, mode)
            .with_some(Attribute::AgentID, agent.map(|agent| &agent.id))
            .with_some(Attribute::ThisQueue, queue)
            .with(Attribute::ThisDN, dn);
        Arc::new(event)
    }

    /// A client has unregistered from a DN, or is gone: the agent that it logged in goes with it, where an option says so.
    pub(super) fn on_client_left_dn(&mut self, now: Now, client: ClientId, dn: &Arc<str>) {
        let is_its = self
            .lines
            .get(dn)
            .and_then(|line| line.agent.as_ref())
            .is_some_and(|agent| agent.client == client);
        if is_its && self.places(dn).text(option_names::agent_logout_on_unreg) != "false" {
            self.log_out(now, dn, None);
        }
    }

    /// The options of the agent on a DN.
    pub(super) fn places(&self, dn: &str) -> crate::OptionPlaces<'_> {
        let line = self.lines.get(dn);
        let id = line.and_then(|line| line.agent.as_ref()).map(|agent| &*agent.id);
        self.places_of(id, line.map(|line| &*line.dn))
    }

    fn places_of<'a>(&'a self, id: Option<&str>, dn: Option<&'a Dn>) -> crate::OptionPlaces<'a> {
        crate::OptionPlaces {
            login: id.and_then(|id| self.configuration.logins.get(id)),
            dn,
            application: &self.configuration.application,
        }
    }
}

/// The work mode of a request, or the usual one.
fn work_mode(message: &Message, usual: AgentWorkMode) -> Result<AgentWorkMode, Refusal> {
    let Some(number) = message.int(Attribute::AgentWorkMode) else { return Ok(usual) };
    match AgentWorkMode::of(number) {
        Some(AgentWorkMode::Unknown) => Ok(usual),
        Some(mode) => Ok(mode),
        None => Err(Refusal::new(
            ErrorCode::InvalidAttribute,
            format!("AgentWorkMode {number} is none; give 0 to 7"),
        )),
    }
}

fn asked_standing(message: &Message, mode: AgentWorkMode) -> Standing {
    Standing {
        mode,
        reasons: message.list(Attribute::Reason).cloned().unwrap_or_default(),
        extensions: message.list(Attribute::Extensions).cloned().unwrap_or_default(),
    }
}
