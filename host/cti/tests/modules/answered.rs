//! Whatever clients send, every request is answered once and once only, by every module, and the same input gives the same output.

use std::sync::Arc;

use jackfield_cti::{
    ClientId, Dns, Module,
    interaction_proxy::{self, InteractionProxy, InteractionProxySettings},
    session_controller::{self, SessionController, SessionControllerSettings},
    smart_proxy::{self, SmartProxy, SmartProxySettings},
    t_controller::{self, Configuration, MonitorRequest, TController, TControllerSettings},
};
use model::ConnId;
use proptest::prelude::*;
use tlib::{Attribute, KvList, Message, MessageType, Value};

use crate::{all_dns, at, client, facts};

/// What others need to have been asked before they do anything.
const OFTEN: &[MessageType] = &[
    MessageType::RequestRegisterAddress,
    MessageType::RequestUnregisterAddress,
    MessageType::RequestRegisterAll,
    MessageType::RequestAgentLogin,
    MessageType::RequestAgentReady,
];

/// Any message, made of attributes that mean something to somebody and values that mostly do.
fn message() -> impl Strategy<Value = Message> {
    let number = prop_oneof![
        4 => 0..20_i64, 1 => 50..60_i64, 1 => any::<i64>()
    ];
    let text = prop_oneof![
        Just(""),
        Just("1001"),
        Just("1002"),
        Just("7000"),
        Just("8000"),
        Just("4711"),
        Just("A1"),
        Just("A2"),
        Just("\u{7f}\u{0}é"),
    ];
    let list = prop_oneof![
        Just(KvList::new()),
        Just(KvList::new().with("WrapUpTime", -1)),
        Just(KvList::new().with("filter-events", "EventRinging,,")),
        Just(KvList::new().with("ReasonCode", KvList::new())),
    ];
    let attribute = prop::sample::select(Attribute::ALL);
    let kind = prop_oneof![
        1 => prop::sample::select(MessageType::ALL),
        4 => prop::sample::select(jackfield_cti::DONE),
        4 => prop::sample::select(OFTEN),
    ];
    let dn = prop_oneof![2 => Just("1001"), 1 => text.clone()];
    let values = prop::collection::vec((attribute, number, text, list), 0..6);
    let values = prop_oneof![2 => Just(Vec::new()), 1 => values];
    (kind, dn, values).prop_map(|(kind, dn, values)| {
        let mut message =
            Message::new(kind).with(Attribute::ThisDN, dn).with(Attribute::AgentID, "A1");
        for (attribute, number, text, list) in values {
            let value: Value = match attribute.kind() {
                tlib::Kind::Text => text.into(),
                tlib::Kind::List => list.into(),
                tlib::Kind::ConnId | tlib::Kind::Sequence => ConnId(number as u64).into(),
                tlib::Kind::Bytes => bytes::Bytes::from_static(b"\xff\x00").into(),
                tlib::Kind::Int | tlib::Kind::Enum => number.into(),
            };
            message.set(attribute, value);
        }
        message
    })
}

/// The four machines; mailboxes between them are emptied at once.
struct Node {
    session: SessionController,
    controller: TController,
    smart: SmartProxy,
    recorders: InteractionProxy,
    /// Answers, and events that answer, with their ReferenceID.
    answers: Vec<(ClientId, u32)>,
    log: String,
    ms: u64,
}

impl Node {
    fn new() -> Self {
        let mut node = Self {
            session: SessionController::new(SessionControllerSettings::default(), facts(), 1),
            controller: TController::new(TControllerSettings::default(), facts()),
            smart: SmartProxy::new(SmartProxySettings::default(), facts()),
            recorders: InteractionProxy::new(InteractionProxySettings::default(), facts()),
            answers: Vec::new(),
            log: String::new(),
            ms: 0,
        };
        node.configure(&all_dns());
        for module in Module::ALL {
            for number in 1..=2 {
                node.connect(client(module, number));
            }
        }
        node.run();
        node
    }

    fn configure(&mut self, dns: &Arc<Dns>) {
        let configuration = Configuration { dns: Arc::clone(dns), ..Configuration::default() };
        let now = at(self.ms);
        let input = t_controller::Input::Configure(Box::new(configuration));
        self.controller.handle_input(now, input);
        self.session.handle_input(now, session_controller::Input::Configure(Arc::clone(dns)));
        self.smart.handle_input(now, smart_proxy::Input::Configure(Arc::clone(dns)));
    }

    fn connect(&mut self, client: ClientId) {
        let (now, application) = (at(self.ms), Arc::from("some"));
        match client.module {
            Module::SessionController => {
                self.session.handle_input(now, session_controller::Input::Connected { client });
            }
            Module::TController => {
                let input = t_controller::Input::Connected { client, application };
                self.controller.handle_input(now, input);
            }
            Module::SmartProxy => {
                self.smart.handle_input(now, smart_proxy::Input::Connected { client });
            }
            Module::InteractionProxy => {
                let input = interaction_proxy::Input::Connected { client };
                self.recorders.handle_input(now, input);
            }
        }
    }

    fn ask(&mut self, client: ClientId, message: Message) {
        let (now, message) = (at(self.ms), Arc::new(message));
        match client.module {
            Module::SessionController => self
                .session
                .handle_input(now, session_controller::Input::Request { client, message }),
            Module::TController => {
                self.controller.handle_input(now, t_controller::Input::Request { client, message });
            }
            Module::SmartProxy => {
                self.smart.handle_input(now, smart_proxy::Input::Request { client, message });
            }
            Module::InteractionProxy => self
                .recorders
                .handle_input(now, interaction_proxy::Input::Request { client, message }),
        }
        self.run();
    }

    /// Everything that is due within a second, which is more than reservations are collected for.
    fn wait(&mut self) {
        self.ms += 1_000;
        self.controller.handle_timeout(at(self.ms));
        self.session.handle_timeout(at(self.ms));
        self.run();
    }

    fn answered(&mut self, client: ClientId, message: &Message) {
        self.log += &format!("{client:?} {message:?}\n");
        if let Some(reference) = message.reference_id() {
            self.answers.push((client, reference));
        }
    }

    fn delivered(&mut self, deliver: &jackfield_cti::Deliver) {
        self.log += &format!("{:?} {:?}\n", deliver.clients, deliver.event.message());
        if let Some(token) = deliver.asked_by
            && deliver.clients.contains(&token.client)
        {
            self.answers.push((token.client, token.reference));
        }
    }

    fn run(&mut self) {
        let now = at(self.ms);
        let mut is_busy = true;
        while is_busy {
            is_busy = false;
            while let Some(output) = self.session.poll_output() {
                is_busy = true;
                self.on_session(output);
            }
            while let Some(output) = self.controller.poll_output() {
                is_busy = true;
                self.on_controller(output);
            }
            while let Some(output) = self.smart.poll_output() {
                is_busy = true;
                match output {
                    smart_proxy::Output::Ask(request) => {
                        let _: &MonitorRequest = &request;
                        let input = t_controller::Input::Monitor(request);
                        self.controller.handle_input(now, input);
                    }
                    smart_proxy::Output::Answer { client, message } => {
                        self.answered(client, &message);
                    }
                    smart_proxy::Output::Deliver(deliver) => self.delivered(&deliver),
                    smart_proxy::Output::Close { .. } => panic!("nobody is too many"),
                }
            }
            while let Some(client) = { self.recorders.waiting().next() } {
                self.recorders.handle_input(now, interaction_proxy::Input::Room { client });
            }
            while let Some(output) = self.recorders.poll_output() {
                is_busy = true;
                match output {
                    interaction_proxy::Output::Answer { client, message } => {
                        self.answered(client, &message);
                    }
                    interaction_proxy::Output::Deliver(deliver) => self.delivered(&deliver),
                    interaction_proxy::Output::Charge { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    fn on_session(&mut self, output: session_controller::Output) {
        use session_controller::Output as O;
        let now = at(self.ms);
        match output {
            O::Deliver(deliver) => self.delivered(&deliver),
            O::Answer { client, message } => self.answered(client, &message),
            O::Forward { token, message } => {
                assert_eq!(token.client.module, Module::TController);
                let input = t_controller::Input::Answer { token, message };
                self.controller.handle_input(now, input);
            }
            O::Call(event) => {
                let input = interaction_proxy::Input::Call(event.clone());
                self.recorders.handle_input(now, input);
                self.controller.handle_input(now, t_controller::Input::Call(event));
            }
            O::Monitor(event) => {
                let input = interaction_proxy::Input::Monitor(event);
                self.recorders.handle_input(now, input);
            }
            // A call is made; nobody answers here.
            O::Control(control) => self.log += &format!("{control:?}\n"),
            O::AgentRequest { client, message } => {
                let input = t_controller::Input::Request { client, message };
                self.controller.handle_input(now, input);
            }
            O::ClientGone { client } => {
                self.controller.handle_input(now, t_controller::Input::Gone { client });
            }
            O::Left { dn, conn } => {
                self.controller.handle_input(now, t_controller::Input::Left { dn, conn });
            }
            O::Log(line) => panic!("nothing is lost: {}", line.text),
            O::Close { .. } => panic!("nobody is too many"),
        }
    }

    fn on_controller(&mut self, output: t_controller::Output) {
        use t_controller::Output as O;
        let now = at(self.ms);
        match output {
            O::Deliver(deliver) => self.delivered(&deliver),
            O::Answer { client, message } => self.answered(client, &message),
            O::CallRequest { token, message } => {
                let input = session_controller::Input::CallRequest { token, message };
                self.session.handle_input(now, input);
            }
            O::Monitor(feed) => self.smart.handle_input(now, smart_proxy::Input::Feed(feed)),
            O::ClientGone { client } => {
                self.session.handle_input(now, session_controller::Input::Gone { client });
            }
            O::Publish(_) | O::Unpublish { .. } | O::Charge { .. } | O::Log(_) => {}
            O::Ask(_) | O::Close { .. } => panic!("nobody is asked or too many"),
        }
    }
}

fn run(sent: &[(usize, u64, Message)]) -> String {
    let mut node = Node::new();
    for dn in ["1001", "7000"] {
        let register = crate::request(MessageType::RequestRegisterAddress, dn, 1);
        node.ask(client(Module::TController, 1), register);
    }
    for (number, (module, who, message)) in (100_u32..).zip(sent) {
        node.answers.clear();
        let who = client(Module::ALL[*module], *who);
        let message = message.clone().with(Attribute::ReferenceID, number);
        let makes_a_call = message.kind() == MessageType::RequestMakeCall;
        node.ask(who, message);
        if node.answers.is_empty() && !makes_a_call {
            node.wait();
        }
        if !makes_a_call {
            let its: Vec<_> = node.answers.iter().filter(|answer| answer.1 == number).collect();
            assert_eq!(its, [&(who, number)], "after\n{}", node.log);
        }
    }
    node.log
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_answered_once_whatever_it_says(
        sent in prop::collection::vec((0..4_usize, 1..3_u64, message()), 1..60)
    ) {
        assert_eq!(run(&sent), run(&sent));
    }
}
