//! A T-Controller with clients, and what it gives as text.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jackfield_cti::{
    AgentLogin, CallEvent, ClientId, Dn, DnType, Dns, Module, NoAnswerAction, Now, PartyStatus,
    ServerFacts,
    t_controller::{Configuration, Input, MonitorFeed, Output, TController, TControllerSettings},
};
use model::{ConnId, Instant};
use tlib::{Attribute, CallState, CallType, DNRole, Message, MessageType};

use crate::show::{delivered, text};

/// The start of the wall clock of tests: 1,700,000,000.25 s.
pub(crate) const START: Duration = Duration::from_millis(1_700_000_000_250);

pub(crate) fn tco(number: u64) -> ClientId {
    ClientId { module: Module::TController, number }
}

pub(crate) fn dn(number: &str, kind: DnType, options: &[(&str, &str)]) -> Dn {
    Dn {
        number: number.into(),
        kind,
        sip_owned: false,
        options: options.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
    }
}

pub(crate) fn phone(number: &str) -> Dn {
    dn(number, DnType::Extension, &[])
}

/// Extensions 1001 to 1003, Routing Point 7000, queues 8000 (virtual) and 8001 (ACD), a trunk, the cluster's DN.
pub(crate) fn usual() -> Vec<Dn> {
    let mut dns = vec![
        phone("1001"),
        phone("1002"),
        phone("1003"),
        dn("7000", DnType::RoutingPoint, &[]),
        dn("8000", DnType::VirtualQueue, &[]),
        dn("8001", DnType::AcdQueue, &[]),
        dn("trunk-a", DnType::Trunk, &[]),
        dn("cluster", DnType::VoipService, &[("service-type", "sip-cluster-nodes")]),
    ];
    dns[2].sip_owned = true;
    dns
}

pub(crate) struct Bench {
    pub(crate) machine: TController,
    pub(crate) at_ms: u64,
    pub(crate) dns: Vec<Dn>,
    pub(crate) application: BTreeMap<Arc<str>, Arc<str>>,
    pub(crate) logins: Vec<AgentLogin>,
    /// What events of calls that nobody answers say of the route.
    pub(crate) no_answer: Option<NoAnswerAction>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(TControllerSettings::default(), usual())
    }

    pub(crate) fn with(settings: TControllerSettings, dns: Vec<Dn>) -> Self {
        let facts = ServerFacts {
            application: "jackfield".into(),
            version: "0.1.0".into(),
            location: "here".into(),
            started_s: 1_600_000_000,
        };
        let machine = TController::new(settings, facts);
        let mut bench = Self {
            machine,
            at_ms: 0,
            dns,
            application: BTreeMap::new(),
            logins: Vec::new(),
            no_answer: None,
        };
        bench.configure();
        for number in 1..=3 {
            let application = ["desktop", "gateway", "monitor"][number as usize - 1].into();
            let input = Input::Connected { client: tco(number), application };
            assert_eq!(bench.put(input), Vec::<String>::new());
        }
        bench
    }

    pub(crate) fn option(mut self, name: &str, value: &str) -> Self {
        self.application.insert(name.into(), value.into());
        self.configure();
        self
    }

    pub(crate) fn configure(&mut self) -> Vec<String> {
        let configuration = Configuration {
            dns: Arc::new(Dns::new(self.dns.clone(), Vec::new())),
            application: self.application.clone(),
            logins: Arc::new(self.logins.iter().cloned().collect()),
        };
        self.put(Input::Configure(Box::new(configuration)))
    }

    pub(crate) fn now(&self) -> Now {
        Now::new(Instant::from_nanos(self.at_ms * 1_000_000), START)
    }

    pub(crate) fn put(&mut self, input: Input) -> Vec<String> {
        let now = self.now();
        self.machine.handle_input(now, input);
        self.drain()
    }

    pub(crate) fn drain(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.machine.poll_output()).map(|output| show(&output)).collect()
    }

    /// Lets time go by, with every time that is due on the way.
    pub(crate) fn wait(&mut self, ms: u64) -> Vec<String> {
        let end = self.at_ms + ms;
        let mut shown = Vec::new();
        while let Some((at, _)) = self.machine.poll_timeout() {
            let at_ms = at.as_nanos().div_ceil(1_000_000);
            if at_ms > end {
                break;
            }
            self.at_ms = self.at_ms.max(at_ms);
            let now = self.now();
            self.machine.handle_timeout(now);
            shown.extend(self.drain());
        }
        self.at_ms = end;
        shown
    }

    pub(crate) fn ask(&mut self, client: u64, message: Message) -> Vec<String> {
        self.put(Input::Request { client: tco(client), message: Arc::new(message) })
    }

    pub(crate) fn register(&mut self, client: u64, dn: &str) {
        let shown = self.ask(client, request(MessageType::RequestRegisterAddress, dn, 1));
        let registered = format!("TCO{client}: EventRegistered");
        assert!(shown.iter().any(|line| line.starts_with(&registered)), "{shown:?}");
    }

    /// An agent on a DN that a client has registered and that waits for calls.
    pub(crate) fn log_in(&mut self, client: u64, dn: &str, agent: &str) {
        let login = request(MessageType::RequestAgentLogin, dn, 1).with(Attribute::AgentID, agent);
        let shown = self.ask(client, login);
        assert!(shown[0].contains("EventAgentLogin"), "{shown:?}");
    }

    pub(crate) fn ready(&mut self, client: u64, dn: &str) {
        let shown = self.ask(client, request(MessageType::RequestAgentReady, dn, 1));
        assert!(shown[0].contains("EventAgentReady"), "{shown:?}");
    }

    pub(crate) fn call(
        &mut self,
        kind: MessageType,
        dn: &str,
        conn: u64,
        state: Option<u32>,
        queue: Option<&str>,
    ) -> Vec<String> {
        let message =
            Message::new(kind).with(Attribute::ThisDN, dn).with(Attribute::ConnID, ConnId(conn));
        self.put(Input::Call(CallEvent {
            message: Arc::new(message),
            dn: dn.into(),
            conn: ConnId(conn),
            uuid: format!("U{conn}").into(),
            asked_by: None,
            party: state.map(|state| PartyStatus {
                state,
                role: DNRole::Destination,
                call_type: CallType::Inbound,
                queue: queue.map(Arc::from),
            }),
            no_answer: None,
        }))
    }

    /// A call rings, and nobody answers it in time.
    pub(crate) fn unanswered(&mut self, dn: &str, conn: u64, queue: Option<&str>) -> Vec<String> {
        self.call(MessageType::EventRinging, dn, conn, Some(tlib::party_state::ALERTING), queue);
        let message = Message::new(MessageType::EventReleased)
            .with(Attribute::ThisDN, dn)
            .with(Attribute::CallState, CallState::NoAnswer);
        self.put(Input::Call(CallEvent {
            message: Arc::new(message),
            dn: dn.into(),
            conn: ConnId(conn),
            uuid: format!("U{conn}").into(),
            asked_by: None,
            party: None,
            no_answer: self.no_answer,
        }))
    }

    /// A call that is answered and released.
    pub(crate) fn whole_call(&mut self, dn: &str, conn: u64, queue: Option<&str>) -> Vec<String> {
        use tlib::party_state::{ALERTING, CONNECTED};
        self.call(MessageType::EventRinging, dn, conn, Some(ALERTING), queue);
        self.call(MessageType::EventEstablished, dn, conn, Some(CONNECTED), queue);
        self.call(MessageType::EventReleased, dn, conn, None, None)
    }
}

pub(crate) fn request(kind: MessageType, dn: &str, reference: u32) -> Message {
    Message::new(kind).with(Attribute::ThisDN, dn).with(Attribute::ReferenceID, reference)
}

pub(crate) fn show(output: &Output) -> String {
    match output {
        Output::Deliver(deliver) => delivered(deliver),
        Output::Answer { client, message } => {
            assert!(message.get(Attribute::TimeinSecs).is_some(), "an answer has the time");
            format!("{client:?}: {}", text(message))
        }
        Output::CallRequest { token, message } => {
            format!("calls, by {:?} ref {}: {}", token.client, token.reference, text(message))
        }
        Output::Publish(state) => {
            let forwards: Vec<String> =
                state.forwards.iter().map(|(mode, to)| format!("{mode:?}:{to}")).collect();
            let words = [
                ("dnd", state.dnd, String::new()),
                ("fwd", !forwards.is_empty(), forwards.join(",")),
                ("owner", state.owner.is_some(), format!("{:?}", state.owner)),
                ("agent", state.agent.is_some(), state.agent.as_deref().unwrap_or("").into()),
                ("ready", state.is_ready, String::new()),
                ("out", !state.in_service, String::new()),
            ];
            let words = words.iter().filter(|(_, is, _)| *is);
            let words: String = words.map(|(name, _, what)| format!(" {name}{what}")).collect();
            format!("publish {}:{words}", state.dn)
        }
        Output::ClientGone { client } => format!("gone: {client:?}"),
        Output::Unpublish { dn } => format!("unpublish {dn}"),
        Output::Ask(question) => {
            format!("whose is {}? {:?} {:?}", question.dn, question.event, question.owner)
        }
        Output::Monitor(MonitorFeed::Mode { is_bulk }) => format!("SPX: bulk {is_bulk}"),
        Output::Monitor(MonitorFeed::Event { dn, message }) => {
            format!("SPX of {dn}: {}", message.kind().name())
        }
        Output::Monitor(MonitorFeed::Answer { id, token, message }) => {
            format!("SPX for {:?} ({id}): {}", token.client, text(message))
        }
        Output::Charge { client, requests } => format!("charge {client:?} {requests}"),
        Output::Log(line) => format!("log {} {}", line.id, line.text),
        Output::Close { client, reason } => format!("close {client:?}: {reason}"),
    }
}
