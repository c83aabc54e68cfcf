//! Routing clients of the Session Controller, and what it hands to the other modules.

use std::sync::Arc;

use jackfield_cti::{
    ClientId, Module, Token,
    session_controller::{Input, Output, SessionController, SessionControllerSettings},
};
use model::ConnId;
use switch::Fact;
use tlib::{AddressInfoType, Attribute, KvList, Message, MessageType};

use crate::{
    NONE, all_dns, at, client, facts, request,
    show::{delivered, text},
};

pub(crate) struct Bench {
    pub(crate) inner: SessionController,
    /// The time, in milliseconds.
    pub(crate) ms: u64,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(SessionControllerSettings::default())
    }

    pub(crate) fn with(settings: SessionControllerSettings) -> Self {
        let inner = SessionController::new(settings, facts(), 7);
        let mut bench = Self { inner, ms: 0 };
        bench.put(Input::Configure(all_dns()));
        for number in 1..=2 {
            bench.put(Input::Connected { client: router(number) });
        }
        bench
    }

    pub(crate) fn put(&mut self, input: Input) -> Vec<String> {
        self.inner.handle_input(at(self.ms), input);
        self.shown()
    }

    /// What a shard of the call engine tells.
    pub(crate) fn told(&mut self, fact: &Fact) -> Vec<String> {
        self.inner.on_fact(at(self.ms), fact);
        self.shown()
    }

    /// It is so many seconds past the beginning.
    pub(crate) fn at_second(&mut self, second: u64) -> Vec<String> {
        self.ms = second * 1_000;
        self.inner.handle_timeout(at(self.ms));
        self.shown()
    }

    fn shown(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.inner.poll_output()).map(|output| show(&output)).collect()
    }

    pub(crate) fn ask(&mut self, number: u64, message: Message) -> Vec<String> {
        self.put(Input::Request { client: router(number), message: Arc::new(message) })
    }
}

pub(crate) fn router(number: u64) -> ClientId {
    client(Module::SessionController, number)
}

fn show(output: &Output) -> String {
    match output {
        Output::Deliver(deliver) => delivered(deliver),
        Output::Answer { client, message } => format!("{client:?}: {}", text(message)),
        Output::Forward { token, message } => format!("for {:?}: {}", token.client, text(message)),
        Output::Call(event) => {
            assert!(event.message.get(Attribute::TimeinSecs).is_some());
            let route = event.no_answer.map_or_else(String::new, |action| format!(" [{action:?}]"));
            format!("call event of {}: {}{route}", event.dn, text(&event.message))
        }
        Output::Monitor(event) => format!("monitor: {}", text(&event.message)),
        Output::Control(control) => format!("control: {:?}", control.action),
        Output::AgentRequest { client, message } => {
            format!("agents, by {client:?}: {}", text(message))
        }
        Output::Log(line) => format!("log {}: {}", line.id, line.text),
        Output::ClientGone { client } => format!("gone: {client:?}"),
        Output::Left { dn, conn } => format!("left {dn}: {}", conn.0),
        Output::Close { client, reason } => format!("close {client:?}: {reason}"),
    }
}

fn queued(kind: MessageType, conn: u64) -> Message {
    request(MessageType::RequestDistributeEvent, "8000", u32::MAX)
        .with(Attribute::UserEvent, i64::from(kind.number()))
        .with(Attribute::ConnID, ConnId(conn))
        .with(Attribute::CallUUID, "U5")
}

#[test]
fn routing_clients_register_and_are_told_of_calls() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.ask(1, request(MessageType::RequestRegisterAddress, "7000", 3)),
        [
            "CTI1: EventRegistered Extensions={status=1} AddressInfoStatus=4 AddressInfoType=8 ThisDN=7000 ReferenceID=3"
        ]
    );
    assert_eq!(
        bench.ask(1, request(MessageType::RequestRegisterAddress, "4711", 3)),
        [
            "CTI1: EventError ErrorCode=59 ErrorMessage=DN 4711 is not configured ThisDN=4711 ReferenceID=3"
        ]
    );
    assert_eq!(
        bench.ask(1, request(MessageType::RequestRegisterAddress, "7000", 3)),
        [
            "CTI1: EventError ErrorCode=125 ErrorMessage=the DN is registered already ThisDN=7000 ReferenceID=3"
        ]
    );
    assert_eq!(
        bench.ask(2, request(MessageType::RequestRouteCall, "7000", 3)),
        [
            "CTI2: EventError ErrorCode=41 ErrorMessage=the client has not registered the DN ThisDN=7000 ReferenceID=3"
        ]
    );
    assert_eq!(
        bench.ask(1, request(MessageType::RequestUnregisterAddress, "7000", 4)),
        ["CTI1: EventUnregistered ThisDN=7000 ReferenceID=4"]
    );
    // It reaches the calls.
    bench.ask(1, request(MessageType::RequestRegisterAddress, "7000", 3));
    assert_eq!(
        bench.ask(1, request(MessageType::RequestRouteCall, "7000", 3)),
        [
            "CTI1: EventError ErrorCode=56 ErrorMessage=invalid connection id ThisDN=7000 ReferenceID=3"
        ]
    );
}

#[test]
fn a_virtual_queue_holds_what_clients_report() {
    let mut bench = Bench::new();
    bench.ask(2, request(MessageType::RequestRegisterAddress, "8000", 3));
    assert_eq!(
        bench.ask(1, queued(MessageType::EventQueued, 5)),
        [
            "#1 CTI2: EventQueued ThisDN=8000 ConnID=5 CallUUID=U5",
            "call event of 8000: EventQueued ThisDN=8000 ConnID=5 CallUUID=U5",
            "CTI1: EventACK UserEvent=49 ReferenceID=4294967295"
        ]
    );
    let query = |info: AddressInfoType| {
        request(MessageType::RequestQueryAddress, "8000", 6).with(Attribute::AddressInfoType, info)
    };
    assert_eq!(
        bench.ask(2, query(AddressInfoType::QueueStatus)),
        [
            "CTI2: EventAddressInfo Extensions={conn-1='0000000000000005' call-uuid-1='U5' ct-1=0 ps-1=9 status=1} AddressInfoStatus=1 AddressInfoType=18 ThisDN=8000 ReferenceID=6"
        ]
    );
    bench.ask(1, queued(MessageType::EventDiverted, 5));
    assert_eq!(
        bench.ask(2, query(AddressInfoType::NumberOfCallsInQueue)),
        ["CTI2: EventAddressInfo AddressInfoStatus=0 AddressInfoType=7 ThisDN=8000 ReferenceID=6"]
    );
    let code = |shown: Vec<String>| shown[0].split("ErrorCode=").nth(1).unwrap()[..3].to_owned();
    let mut report = queued(MessageType::EventQueued, 5);
    report.remove(Attribute::ConnID);
    assert_eq!(code(bench.ask(1, report)), "56 ");
    assert_eq!(code(bench.ask(1, queued(MessageType::EventRinging, 5))), "53 ");
    let elsewhere = queued(MessageType::EventQueued, 5).with(Attribute::ThisDN, "7000");
    assert_eq!(code(bench.ask(1, elsewhere)), "128");
    assert_eq!(code(bench.ask(1, query(AddressInfoType::AgentStatus))), "41 ");
    assert_eq!(code(bench.ask(2, query(AddressInfoType::AgentStatus))), "258");
}

#[test]
fn what_clients_of_other_modules_ask_is_answered_through_them() {
    let mut bench = Bench::new();
    bench.ask(1, request(MessageType::RequestRegisterAddress, "1001", 3));
    let token = Token { client: client(Module::TController, 9), reference: 12 };
    let send = request(MessageType::RequestDistributeUserEvent, "1001", 12)
        .with(Attribute::ConnID, ConnId(5))
        .with(Attribute::UserData, KvList::new().with("a", 1));
    assert_eq!(
        bench.put(Input::CallRequest { token, message: Arc::new(send) }),
        [
            "#1 CTI1: EventUserEvent ThisDN=1001 ConnID=5 UserData={a=1}",
            "call event of 1001: EventUserEvent ThisDN=1001 ConnID=5 UserData={a=1}",
            "for TCO9: EventACK UserEvent=48 ReferenceID=12"
        ]
    );
    let make = request(MessageType::RequestMakeCall, "1001", 12);
    let shown = bench.put(Input::CallRequest { token, message: Arc::new(make) });
    assert!(shown[0].starts_with("for TCO9: EventError "), "{shown:?}");
}

#[test]
fn routing_clients_reserve_agents_and_do_nothing_else_with_them() {
    let mut bench = Bench::new();
    let reserve = Message::new(MessageType::RequestReserveAgent).with(Attribute::AgentID, "A1");
    assert_eq!(bench.ask(1, reserve), ["agents, by CTI1: RequestReserveAgent AgentID=A1"]);
    for kind in [
        MessageType::RequestAgentLogin,
        MessageType::RequestSetDNDOn,
        MessageType::RequestRegisterAll,
        MessageType::RequestMonitorNextCall,
        MessageType::RequestStartCallMonitoring,
    ] {
        assert!(bench.ask(1, request(kind, "1001", 1))[0].contains("ErrorCode=258 "), "{kind:?}");
    }
    assert!(
        bench.ask(1, request(MessageType::EventRinging, "1001", 1))[0].contains("ErrorCode=53 ")
    );
    assert!(
        bench.ask(1, Message::new(MessageType::RequestQueryServer))[0].contains("EventServerInfo")
    );
}

#[test]
fn a_dn_that_is_no_more_is_unregistered_and_a_client_too_many_is_sent_away() {
    let settings = SessionControllerSettings { clients_max: 2, ..Default::default() };
    let mut bench = Bench::with(settings);
    bench.ask(1, request(MessageType::RequestRegisterAddress, "7000", 3));
    bench.ask(1, request(MessageType::RequestRegisterAddress, "1001", 3));
    let without = crate::dns().into_iter().filter(|dn| &*dn.number != "7000").collect::<Vec<_>>();
    let dns = Arc::new(jackfield_cti::Dns::new(without, Vec::new()));
    assert_eq!(bench.put(Input::Configure(dns)), ["#1 CTI1: EventUnregistered ThisDN=7000"]);
    assert_eq!(
        bench.put(Input::Connected { client: router(3) }),
        ["close CTI3: clients_max of the Session Controller is reached"]
    );
    assert_eq!(bench.ask(3, Message::new(MessageType::RequestQueryServer)), NONE);
    // What it has reserved is free from now on; of who was sent away nothing was known.
    assert_eq!(bench.put(Input::Gone { client: router(1) }), ["gone: CTI1"]);
    assert_eq!(bench.put(Input::Gone { client: router(3) }), NONE);
    assert_eq!(bench.ask(1, Message::new(MessageType::RequestQueryServer)), NONE);
}
