//! The Interaction Proxy: every call for one client of each group, evenly (seed 001).
//!
//! A call is given to a client of a group that may have calls of its type: to the one that has the fewest, of equal ones to the one whose turn is
//! longest ago. It stays with it until it is deleted; a consultation call goes where its main call is. The calls of a client that goes are given to others, who are told what is
//! known of them, one call after the other as they have room ([`InteractionProxy::waiting`]). Drain [`InteractionProxy::poll_output`] after every
//! input.

mod io;
mod known;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use tlib::{Attribute, ErrorCode, Event, Message, MessageType};

pub use io::{Input, InteractionProxySettings, Output};

use crate::{
    CallEvent, ClientId, Deliver, Filter, Grant, Handler, MonitorEvent, Now, Refusal, ServerFacts,
    Token, answer::acknowledged, deliver::Numbering, now::stamped, requests::Request, server,
};
use known::Known;

/// Calls that are looked at with the work of one request.
const LOOKS_PER_REQUEST: usize = 64;

/// The machine.
#[derive(Debug)]
pub struct InteractionProxy {
    settings: InteractionProxySettings,
    facts: ServerFacts,
    clients: BTreeMap<ClientId, Member>,
    /// Those who have calls that they are not told of.
    waiting: BTreeSet<ClientId>,
    /// Indexed by CallUUID.
    calls: BTreeMap<Arc<str>, Call>,
    /// Counts calls that were given to somebody.
    turns: u64,
    calls_missed: u64,
    numbering: Numbering,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
struct Member {
    group: Arc<str>,
    /// What it gets; `None` while it has not subscribed.
    filter: Option<Filter>,
    /// How many calls it has.
    calls: usize,
    /// When it was last given one.
    turn: u64,
    /// Calls that it was given by somebody else and is not told of yet, by CallUUID.
    untold: BTreeSet<Arc<str>>,
    /// Itself, as a list.
    list: Arc<[ClientId]>,
}

impl Member {
    /// Whether it has subscribed to calls of this type.
    fn may_have(&self, call_type: Option<i64>) -> bool {
        self.filter.is_some_and(|filter| filter.takes_calls(call_type))
    }
}

#[derive(Debug)]
struct Call {
    known: Known,
    /// Who has it, indexed by group.
    clients: BTreeMap<Arc<str>, ClientId>,
}

impl InteractionProxy {
    /// One without clients.
    pub fn new(settings: InteractionProxySettings, facts: ServerFacts) -> Self {
        Self {
            settings,
            facts,
            clients: BTreeMap::new(),
            waiting: BTreeSet::new(),
            calls: BTreeMap::new(),
            turns: 0,
            calls_missed: 0,
            numbering: Numbering::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes something in.
    pub fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::Connected { client } => self.on_connected(client),
            Input::Request { client, message } => {
                self.on_request(Request::new(now, client, &message, &Grant::default()));
            }
            Input::Subscribe { client, message, grant } => {
                self.on_request(Request::new(now, client, &message, &grant));
            }
            Input::Gone { client } => {
                self.leave(client);
                self.clients.remove(&client);
            }
            Input::Room { client } => self.on_room(now, client),
            Input::Call(event) => self.on_call(now, event),
            Input::Monitor(event) => self.on_monitor(now, &event),
        }
    }

    /// Follows as many calls at once from now on; those over it stay.
    pub const fn set_calls_max(&mut self, calls_max: usize) {
        self.settings.calls_max = calls_max;
    }

    /// What is to be done, in order; `None` when there is nothing more.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Who was given calls and waits to be told of them: tell it with [`Input::Room`] as it has room, once for each.
    pub fn waiting(&self) -> impl Iterator<Item = ClientId> {
        self.waiting.iter().copied()
    }

    /// Calls that are followed.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Calls of which nobody was told anything, because there were too many (`calls_max`), since the start.
    pub const fn calls_missed(&self) -> u64 {
        self.calls_missed
    }

    fn on_connected(&mut self, client: ClientId) {
        if self.clients.len() >= self.settings.clients_max {
            let reason = "clients_max of the Interaction Proxy is reached";
            self.outputs.push_back(Output::Close { client, reason });
            return;
        }
        let member = Member {
            group: Arc::from(""),
            filter: None,
            calls: 0,
            turn: 0,
            untold: BTreeSet::new(),
            list: Arc::from([client]),
        };
        self.clients.insert(client, member);
    }

    fn on_request(&mut self, request: Request<'_>) {
        let Request { now, token, message, .. } = request;
        if self.clients.contains_key(&token.client)
            && let Err(refusal) = self.dispatch(request)
        {
            self.answer(now, token, &refusal.event(token, message));
        }
    }

    fn dispatch(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        let Request { now, token, message, .. } = request;
        match (request.kind(), request.handler()?) {
            (MessageType::RequestStartCallMonitoring, _) => self.start(request),
            (MessageType::RequestStopCallMonitoring, _) => {
                let member = self.clients.get_mut(&token.client);
                member.and_then(|member| member.filter.take()).ok_or(ErrorCode::NotRegistered)?;
                self.answer(now, token, &acknowledged(token, request.kind()));
                let given = self.leave(token.client);
                self.charge(token.client, given);
                Ok(())
            }
            (
                MessageType::RequestQueryServer
                | MessageType::RequestQuerySwitch
                | MessageType::RequestQueryLocation,
                _,
            ) => {
                let answer = server::answer(&self.facts, now, message)?;
                self.answer(now, token, &answer.with(Attribute::ReferenceID, token.reference));
                Ok(())
            }
            (_, Handler::Monitoring | Handler::Session) => Err(ErrorCode::Unsupported.into()),
            _ => Err(Refusal::new(
                ErrorCode::NotSupportedHere,
                "the Interaction Proxy shows calls; DNs and agents are on the port of the T-Controller (TCport)",
            )),
        }
    }

    /// A client gets calls from now on, and those at once that nobody of its group has.
    fn start(&mut self, request: Request<'_>) -> Result<(), Refusal> {
        let Request { now, token, .. } = request;
        let Some(member) = self.clients.get_mut(&token.client) else { return Ok(()) };
        if member.filter.is_some() {
            return Err(ErrorCode::SameState.into());
        }
        member.filter = Some(request.filter()?);
        let group = request.group().cloned().unwrap_or_else(|| Arc::from(""));
        member.group = Arc::clone(&group);
        self.answer(now, token, &acknowledged(token, request.kind()));
        let nobodys: Vec<Arc<str>> = self
            .calls
            .iter()
            .filter(|(_, call)| !call.clients.contains_key(&group))
            .map(|(uuid, _)| Arc::clone(uuid))
            .collect();
        self.charge(token.client, nobodys.len());
        for uuid in &nobodys {
            self.hand_over(uuid, &group);
        }
        Ok(())
    }

    /// A client has had all calls looked at and so many given to somebody.
    fn charge(&mut self, client: ClientId, given: usize) {
        let requests = given + self.calls.len() / LOOKS_PER_REQUEST;
        if requests > 0 {
            let requests = u32::try_from(requests).unwrap_or(u32::MAX);
            self.outputs.push_back(Output::Charge { client, requests });
        }
    }

    /// A client gets nothing more: its calls go to others of its group. Gives how many it had.
    fn leave(&mut self, client: ClientId) -> usize {
        let Some(member) = self.clients.get_mut(&client) else { return 0 };
        member.filter = None;
        member.calls = 0;
        member.untold.clear();
        self.waiting.remove(&client);
        let group = Arc::clone(&member.group);
        let has = |call: &Call| call.clients.get(&group) == Some(&client);
        let its: Vec<Arc<str>> = self
            .calls
            .iter()
            .filter(|(_, call)| has(call))
            .map(|(uuid, _)| Arc::clone(uuid))
            .collect();
        for uuid in &its {
            if let Some(call) = self.calls.get_mut(uuid) {
                call.clients.remove(&group);
            }
            self.hand_over(uuid, &group);
        }
        its.len()
    }

    /// Gives a call to a client of a group, which is told what is known of the call when it has room.
    fn hand_over(&mut self, uuid: &Arc<str>, group: &Arc<str>) {
        let Some(call_type) = self.calls.get(uuid).map(|call| call.known.call_type()) else {
            return;
        };
        let Some(client) = self.choose(group, (None, call_type)) else { return };
        let Some(call) = self.calls.get_mut(uuid) else { return };
        call.clients.insert(Arc::clone(group), client);
        if let Some(member) = self.clients.get_mut(&client) {
            member.untold.insert(Arc::clone(uuid));
            self.waiting.insert(client);
        }
    }

    fn on_room(&mut self, now: Now, client: ClientId) {
        let member = self.clients.get(&client);
        let next = member.and_then(|member| member.untold.first()).cloned();
        if let Some(uuid) = next {
            self.tell_known(now, client, &uuid);
        }
    }

    /// Something happens to a call: who was given it and was not told of it learns first how it is.
    fn tell_first(&mut self, now: Now, uuid: &Arc<str>) {
        if self.waiting.is_empty() {
            return;
        }
        let Some(call) = self.calls.get(uuid) else { return };
        let clients: Vec<ClientId> =
            call.clients.values().filter(|client| self.waiting.contains(client)).copied().collect();
        for client in clients {
            self.tell_known(now, client, uuid);
        }
    }

    /// Tells a client what is known of a call, if it waits for that.
    fn tell_known(&mut self, now: Now, client: ClientId, uuid: &Arc<str>) {
        let Some(member) = self.clients.get_mut(&client) else { return };
        if !member.untold.remove(uuid) {
            return;
        }
        if member.untold.is_empty() {
            self.waiting.remove(&client);
        }
        let call = self.calls.get(uuid);
        let told: Vec<Message> = call.into_iter().flat_map(|call| call.known.told()).collect();
        for message in told {
            let event = self.numbering.next(Arc::new(message), now);
            self.deliver(client, &event);
        }
    }

    /// Who of a group is given a call of a type, of those that may have it: who has its main call, or who has the fewest, of these the one
    /// whose turn is longest ago.
    fn choose(
        &mut self,
        group: &Arc<str>,
        (main, call_type): (Option<ClientId>, Option<i64>),
    ) -> Option<ClientId> {
        let members = self.clients.iter();
        let open = members
            .filter(|(_, member)| member.may_have(call_type) && member.group == *group)
            .min_by_key(|(client, member)| (main != Some(**client), member.calls, member.turn));
        let client = open.map(|(client, _)| *client)?;
        self.turns += 1;
        let member = self.clients.get_mut(&client)?;
        member.calls += 1;
        member.turn = self.turns;
        Some(client)
    }

    fn on_monitor(&mut self, now: Now, event: &MonitorEvent) {
        let kind = event.message.kind();
        if kind == MessageType::EventCallCreated {
            self.begin(event);
        }
        self.tell_first(now, &event.uuid);
        if let Some(to) = event.message.text(Attribute::NewCallUUID) {
            self.tell_first(now, to);
        }
        let Some(call) = self.calls.get_mut(&event.uuid) else { return };
        let was = call.known.call_type();
        call.known.update(&event.message);
        let is_another = call.known.call_type() != was;
        let mut clients: Vec<ClientId> = call.clients.values().copied().collect();
        if kind == MessageType::EventCallPartyMoved {
            clients.extend(self.move_party(event));
        }
        self.tell(now, clients, Arc::clone(&event.message));
        if is_another {
            self.give_away(&event.uuid);
        }
        if kind == MessageType::EventCallDeleted {
            self.end(&event.uuid);
        }
    }

    /// A call is of another type than it was: who may not have it any more has learned that last, and who may has it from now on.
    fn give_away(&mut self, uuid: &Arc<str>) {
        let Some(call) = self.calls.get_mut(uuid) else { return };
        let call_type = call.known.call_type();
        let clients = &mut self.clients;
        call.clients.retain(|_, client| {
            let Some(member) = clients.get_mut(client) else { return false };
            let keeps = member.may_have(call_type);
            member.calls -= usize::from(!keeps && member.calls > 0);
            keeps
        });
        let mut groups = self.groups();
        groups.retain(|group| self.calls.get(uuid).is_some_and(|c| !c.clients.contains_key(group)));
        groups.iter().for_each(|group| self.hand_over(uuid, group));
    }

    /// The groups that anybody has subscribed in.
    fn groups(&self) -> Vec<Arc<str>> {
        let members = self.clients.values().filter(|member| member.filter.is_some());
        let mut groups: Vec<_> = members.map(|member| Arc::clone(&member.group)).collect();
        groups.sort();
        groups.dedup();
        groups
    }

    fn begin(&mut self, event: &MonitorEvent) {
        if self.calls.len() >= self.settings.calls_max {
            self.calls_missed += 1;
            return;
        }
        let main = event.message.text(Attribute::OrigCallUUID);
        let of_main = main.and_then(|main| self.calls.get(main)).map(|call| call.clients.clone());
        let known = Known::new(&event.message);
        let mut clients = BTreeMap::new();
        for group in self.groups() {
            let main = of_main.as_ref().and_then(|of_main| of_main.get(&group)).copied();
            if let Some(client) = self.choose(&group, (main, known.call_type())) {
                clients.insert(group, client);
            }
        }
        self.calls.insert(Arc::clone(&event.uuid), Call { known, clients });
    }

    fn end(&mut self, uuid: &Arc<str>) {
        let Some(call) = self.calls.remove(uuid) else { return };
        for client in call.clients.values() {
            if let Some(member) = self.clients.get_mut(client) {
                member.calls = member.calls.saturating_sub(1);
            }
        }
    }

    /// A party goes from one call to another: who has the other one must know, if that is somebody else.
    fn move_party(&mut self, event: &MonitorEvent) -> Vec<ClientId> {
        let from = self.calls.get_mut(&event.uuid);
        let party = from.and_then(|call| call.known.take(&event.message));
        let to = event.message.text(Attribute::NewCallUUID).cloned();
        let Some((to, call)) = to.and_then(|to| self.calls.get_mut(&to).map(|call| (to, call)))
        else {
            return Vec::new();
        };
        if let Some(party) = party {
            call.known.put(party, &to);
        }
        call.clients.values().copied().collect()
    }

    fn on_call(&mut self, now: Now, event: CallEvent) {
        self.tell_first(now, &event.uuid);
        let Some(call) = self.calls.get(&event.uuid) else { return };
        let clients = call.clients.values().copied().collect();
        self.tell(now, clients, event.message);
    }

    fn tell(&mut self, now: Now, mut clients: Vec<ClientId>, message: Arc<Message>) {
        clients.sort();
        clients.dedup();
        if clients.is_empty() {
            return;
        }
        let event = self.numbering.next(message, now);
        for client in clients {
            self.deliver(client, &event);
        }
    }

    fn deliver(&mut self, client: ClientId, event: &Event) {
        let Some(member) = self.clients.get(&client) else { return };
        // Who has a call may have calls of its type, also where its event does not say which that is.
        if member.filter.is_some_and(|filter| filter.passes_kind(event.message().kind())) {
            let clients = Arc::clone(&member.list);
            let event = event.clone();
            self.outputs.push_back(Output::Deliver(Deliver {
                event,
                clients,
                filters: None,
                asked_by: None,
            }));
        }
    }

    fn answer(&mut self, now: Now, token: Token, message: &Message) {
        let message = stamped(message, now);
        self.outputs.push_back(Output::Answer { client: token.client, message });
    }
}
