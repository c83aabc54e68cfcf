//! The Interaction Proxy, one behaviour after the other.

use std::sync::Arc;

use jackfield_cti::{
    CallEvent, ClientId, Filter, Grant, Module, MonitorEvent,
    interaction_proxy::{Input, InteractionProxy, InteractionProxySettings, Output},
};
use model::ConnId;
use tlib::{Attribute, CallType, KvList, Message, MessageType};

use crate::{
    NONE, at, client, facts,
    show::{delivered, text},
};

pub(crate) struct Bench(pub(crate) InteractionProxy);

impl Bench {
    pub(crate) fn new(settings: InteractionProxySettings) -> Self {
        Self(InteractionProxy::new(settings, facts()))
    }

    /// Takes something in where everybody has room.
    pub(crate) fn put(&mut self, input: Input) -> Vec<String> {
        let mut shown = self.put_alone(input);
        while let Some(client) = { self.0.waiting().next() } {
            shown.extend(self.put_alone(Input::Room { client }));
        }
        shown
    }

    fn put_alone(&mut self, input: Input) -> Vec<String> {
        self.0.handle_input(at(0), input);
        std::iter::from_fn(|| self.0.poll_output()).map(|output| show(&output)).collect()
    }

    pub(crate) fn connect(&mut self, number: u64) -> Vec<String> {
        self.put(Input::Connected { client: recorder(number) })
    }

    pub(crate) fn start(&mut self, number: u64) -> Vec<String> {
        self.ask(number, Message::new(MessageType::RequestStartCallMonitoring))
    }

    pub(crate) fn ask(&mut self, number: u64, message: Message) -> Vec<String> {
        let message = Arc::new(message.with(Attribute::ReferenceID, 5_u32));
        self.put(Input::Request { client: recorder(number), message })
    }

    pub(crate) fn monitor(
        &mut self,
        kind: MessageType,
        uuid: &str,
        more: &[(Attribute, &str)],
    ) -> Vec<String> {
        let mut message = Message::new(kind).with(Attribute::CallUUID, uuid);
        more.iter().for_each(|(attribute, value)| message.set(*attribute, *value));
        let message = Arc::new(message);
        self.put(Input::Monitor(MonitorEvent { message, uuid: uuid.into() }))
    }

    pub(crate) fn ringing(&mut self, uuid: &str) -> Vec<String> {
        let message = Message::new(MessageType::EventRinging)
            .with(Attribute::ThisDN, "1001")
            .with(Attribute::CallType, CallType::Inbound);
        self.put(Input::Call(CallEvent {
            message: Arc::new(message),
            dn: "1001".into(),
            conn: ConnId(5),
            uuid: uuid.into(),
            asked_by: None,
            party: None,
            no_answer: None,
        }))
    }
}

pub(crate) fn recorder(number: u64) -> ClientId {
    client(Module::InteractionProxy, number)
}

fn show(output: &Output) -> String {
    match output {
        Output::Deliver(deliver) => delivered(deliver),
        Output::Answer { client, message } => format!("{client:?}: {}", text(message)),
        Output::Charge { client, requests } => format!("charge {client:?} {requests}"),
        Output::Close { client, reason } => format!("close {client:?}: {reason}"),
    }
}

const CREATED: MessageType = MessageType::EventCallCreated;
const DELETED: MessageType = MessageType::EventCallDeleted;

fn two_recorders() -> Bench {
    let mut bench = Bench::new(InteractionProxySettings::default());
    for number in 1..=2 {
        bench.connect(number);
        assert_eq!(
            bench.start(number),
            [format!("IPR{number}: EventACK UserEvent=167 ReferenceID=5")]
        );
    }
    bench
}

#[test]
fn each_call_is_for_one_client_and_stays_with_it() {
    let mut bench = two_recorders();
    assert_eq!(bench.monitor(CREATED, "U1", &[]), ["#1 IPR1: EventCallCreated CallUUID=U1"]);
    assert_eq!(bench.monitor(CREATED, "U2", &[]), ["#2 IPR2: EventCallCreated CallUUID=U2"]);
    assert_eq!(bench.monitor(CREATED, "U3", &[]), ["#3 IPR1: EventCallCreated CallUUID=U3"]);
    assert_eq!(bench.ringing("U2"), ["#4 IPR2: EventRinging ThisDN=1001 CallType=2"]);
    assert_eq!(bench.monitor(DELETED, "U2", &[]), ["#5 IPR2: EventCallDeleted CallUUID=U2"]);
    // The one with the fewest.
    assert_eq!(bench.monitor(CREATED, "U4", &[])[0][..7], *"#6 IPR2");
    assert_eq!(bench.monitor(CREATED, "U5", &[])[0][..7], *"#7 IPR2");
    // Nobody knows these calls.
    assert_eq!(bench.ringing("U2"), NONE);
    assert_eq!(bench.monitor(DELETED, "U9", &[]), NONE);
    assert_eq!(bench.0.calls(), 4);
}

#[test]
fn a_consultation_goes_where_its_main_call_is() {
    let mut bench = two_recorders();
    bench.monitor(CREATED, "U1", &[]);
    assert_eq!(
        bench.monitor(CREATED, "U2", &[(Attribute::OrigCallUUID, "U1")]),
        ["#2 IPR1: EventCallCreated CallUUID=U2 OrigCallUUID=U1"]
    );
}

#[test]
fn the_calls_of_a_client_that_goes_are_told_anew_to_another() {
    let mut bench = two_recorders();
    bench.monitor(CREATED, "U1", &[(Attribute::ANI, "5551")]);
    let added = MessageType::EventCallPartyAdded;
    bench.monitor(added, "U1", &[(Attribute::PartyUUID, "P1"), (Attribute::Device, "1001")]);
    bench.monitor(added, "U1", &[(Attribute::PartyUUID, "P2"), (Attribute::Device, "1002")]);
    let changed = MessageType::EventCallDataChanged;
    bench.monitor(changed, "U1", &[(Attribute::DNIS, "7000")]);
    let state = [(Attribute::PartyUUID, "P2"), (Attribute::CtrlParty, "7000")];
    bench.monitor(MessageType::EventCallPartyState, "U1", &state);
    let gone = MessageType::EventCallPartyDeleted;
    bench.monitor(gone, "U1", &[(Attribute::PartyUUID, "P1")]);
    assert_eq!(
        bench.put(Input::Gone { client: recorder(1) }),
        [
            "#7 IPR2: EventCallCreated CallUUID=U1 ANI=5551 DNIS=7000",
            "#8 IPR2: EventCallPartyAdded CallUUID=U1 PartyUUID=P2 Device=1002 CtrlParty=7000"
        ]
    );
    assert_eq!(bench.ringing("U1")[0][..7], *"#9 IPR2");
    // Nobody is left, and somebody comes again.
    assert_eq!(
        bench.ask(2, Message::new(MessageType::RequestStopCallMonitoring)),
        ["IPR2: EventACK UserEvent=168 ReferenceID=5", "charge IPR2 1"]
    );
    assert_eq!(bench.ringing("U1"), NONE);
    let shown = bench.start(2);
    assert_eq!(shown.len(), 4);
    assert_eq!(shown[1], "charge IPR2 1");
    assert_eq!(shown[2], "#10 IPR2: EventCallCreated CallUUID=U1 ANI=5551 DNIS=7000");
}

/// Told all at once they would be more than waits for a client.
#[test]
fn who_takes_calls_over_is_told_of_them_as_it_has_room_and_of_one_that_goes_on_first() {
    let mut bench = two_recorders();
    for uuid in ["U1", "U2", "U3", "U4", "U5", "U6", "U7", "U8", "U9"] {
        bench.monitor(CREATED, uuid, &[]);
    }
    // It had the odd ones.
    assert_eq!(bench.put_alone(Input::Gone { client: recorder(1) }), NONE);
    assert_eq!(bench.0.waiting().collect::<Vec<_>>(), [recorder(2)]);
    let room = Input::Room { client: recorder(2) };
    assert_eq!(bench.put_alone(room.clone()), ["#10 IPR2: EventCallCreated CallUUID=U1"]);
    let message = |kind, uuid: &str| Message::new(kind).with(Attribute::CallUUID, uuid);
    let monitor = |message: Message| {
        let uuid = message.text(Attribute::CallUUID).cloned().unwrap();
        Input::Monitor(MonitorEvent { message: Arc::new(message), uuid })
    };
    let party = message(MessageType::EventCallPartyAdded, "U5").with(Attribute::PartyUUID, "P1");
    assert_eq!(
        bench.put_alone(monitor(party)),
        [
            "#11 IPR2: EventCallCreated CallUUID=U5",
            "#12 IPR2: EventCallPartyAdded CallUUID=U5 PartyUUID=P1"
        ]
    );
    assert_eq!(
        bench.put_alone(monitor(message(DELETED, "U3"))),
        ["#13 IPR2: EventCallCreated CallUUID=U3", "#14 IPR2: EventCallDeleted CallUUID=U3"]
    );
    // A party comes from a call that it has.
    let moved = message(MessageType::EventCallPartyMoved, "U2")
        .with(Attribute::NewCallUUID, "U7")
        .with(Attribute::PartyUUID, "P2");
    assert_eq!(
        bench.put_alone(monitor(moved)),
        [
            "#15 IPR2: EventCallCreated CallUUID=U7",
            "#16 IPR2: EventCallPartyMoved CallUUID=U2 NewCallUUID=U7 PartyUUID=P2"
        ]
    );
    assert_eq!(bench.put_alone(room.clone()), ["#17 IPR2: EventCallCreated CallUUID=U9"]);
    assert_eq!(bench.0.waiting().count(), 0);
    assert_eq!(bench.put_alone(room), NONE);
    // Who goes before it is told of its eight calls and the party of one leaves what it was given to the next.
    bench.connect(3);
    bench.start(3);
    bench.put_alone(Input::Gone { client: recorder(2) });
    assert_eq!(bench.put_alone(Input::Gone { client: recorder(3) }), NONE);
    assert_eq!(bench.0.waiting().count(), 0);
    bench.connect(4);
    assert_eq!(bench.start(4).len(), 2 + 9);
}

/// Who of a recorder's group has all calls makes the machine look at each of them.
#[test]
fn calls_that_are_looked_at_cost_who_asks() {
    let mut bench = Bench::new(InteractionProxySettings::default());
    (1..=2).for_each(|number| drop(bench.connect(number)));
    bench.start(1);
    (0..128).for_each(|number| drop(bench.monitor(CREATED, &format!("U{number}"), &[])));
    let asked = [
        (MessageType::RequestStartCallMonitoring, 167),
        (MessageType::RequestStopCallMonitoring, 168),
    ];
    for (kind, number) in asked {
        let answer = format!("IPR2: EventACK UserEvent={number} ReferenceID=5");
        assert_eq!(bench.ask(2, Message::new(kind)), [answer, "charge IPR2 2".to_owned()]);
    }
}

#[test]
fn a_party_that_moves_is_known_in_its_new_call() {
    let mut bench = two_recorders();
    bench.monitor(CREATED, "U1", &[]);
    bench.monitor(CREATED, "U2", &[]);
    let party = [(Attribute::PartyUUID, "P1"), (Attribute::Device, "1001")];
    bench.monitor(MessageType::EventCallPartyAdded, "U2", &party);
    let moved = [(Attribute::NewCallUUID, "U1"), (Attribute::PartyUUID, "P1")];
    assert_eq!(
        bench.monitor(MessageType::EventCallPartyMoved, "U2", &moved),
        [
            "#4 IPR1: EventCallPartyMoved CallUUID=U2 NewCallUUID=U1 PartyUUID=P1",
            "#4 IPR2: EventCallPartyMoved CallUUID=U2 NewCallUUID=U1 PartyUUID=P1"
        ]
    );
    assert_eq!(
        bench.put(Input::Gone { client: recorder(1) }),
        [
            "#5 IPR2: EventCallCreated CallUUID=U1",
            "#6 IPR2: EventCallPartyAdded CallUUID=U1 PartyUUID=P1 Device=1001"
        ]
    );
}

/// Recorders, each with the group that a policy says it is of, if it says one.
fn grouped(groups: &[Option<&str>]) -> Bench {
    let mut bench = Bench::new(InteractionProxySettings::default());
    for (number, group) in (1..).zip(groups) {
        bench.connect(number);
        let message = Arc::new(Message::new(MessageType::RequestStartCallMonitoring));
        let grant = Grant { group: group.map(Arc::from), ..Grant::default() };
        bench.put(Input::Subscribe { client: recorder(number), message, grant });
    }
    bench
}

#[test]
fn each_group_gets_every_call() {
    let mut bench = grouped(&[None, None, Some("archive")]);
    let shown = bench.monitor(CREATED, "U1", &[]);
    assert_eq!(
        shown,
        ["#1 IPR1: EventCallCreated CallUUID=U1", "#1 IPR3: EventCallCreated CallUUID=U1"]
    );
    let shown = bench.monitor(CREATED, "U2", &[]);
    assert_eq!(shown.len(), 2);
    assert!(shown[0].starts_with("#2 IPR2"));
    assert!(shown[1].starts_with("#2 IPR3"));
}

#[test]
fn a_filter_is_said_with_the_subscription_or_by_the_policy() {
    let mut bench = Bench::new(InteractionProxySettings::default());
    bench.connect(1);
    let start = |names: &str| {
        Message::new(MessageType::RequestStartCallMonitoring)
            .with(Attribute::Extensions, KvList::new().with("filter-events", names))
    };
    assert!(bench.ask(1, start("EventNothing"))[0].contains("ErrorCode=53 "));
    bench.ask(1, start("EventRinging"));
    assert!(bench.start(1)[0].contains("ErrorCode=43 "));
    assert_eq!(bench.monitor(CREATED, "U1", &[]), NONE);
    assert_eq!(bench.ringing("U1").len(), 1);

    let mut bench = Bench::new(InteractionProxySettings::default());
    bench.connect(1);
    // What it may have is an event more and an event less than what it asks for.
    let subscribe = |grant| Input::Subscribe {
        client: recorder(1),
        message: Arc::new(start("EventCallCreated, EventRinging")),
        grant,
    };
    let filter = Filter::new([CREATED, DELETED], [CallType::Inbound]);
    assert_eq!(bench.put(subscribe(Grant { filter, group: None })).len(), 1);
    assert_eq!(bench.monitor(CREATED, "U1", &[]).len(), 1);
    assert_eq!(bench.ringing("U1"), NONE);
    assert_eq!(bench.monitor(DELETED, "U1", &[]), NONE);
}

#[test]
fn a_group_shares_its_calls() {
    let mut bench = grouped(&[Some("archive"), Some("archive"), None]);
    for (uuid, of_the_archive) in [("U1", "IPR1"), ("U2", "IPR2"), ("U3", "IPR1")] {
        let mut shown = bench.monitor(CREATED, uuid, &[]);
        shown.sort();
        let told = |who: &str| shown.iter().any(|line| line.contains(&format!(" {who}: ")));
        assert_eq!((shown.len(), told(of_the_archive), told("IPR3")), (2, true, true), "{shown:?}");
    }
}

#[test]
fn what_it_does_not_do_is_refused_and_what_is_too_much_counted() {
    let settings = InteractionProxySettings { clients_max: 1, calls_max: 1 };
    let mut bench = Bench::new(settings);
    bench.connect(1);
    assert_eq!(bench.connect(2), ["close IPR2: clients_max of the Interaction Proxy is reached"]);
    bench.start(1);
    for (kind, code) in [
        (MessageType::RequestRegisterAddress, 258),
        (MessageType::RequestMakeCall, 258),
        (MessageType::RequestAgentLogin, 258),
        (MessageType::RequestTransactionMonitoring, 51),
        (MessageType::EventRinging, 53),
    ] {
        let shown = bench.ask(1, Message::new(kind));
        assert!(shown[0].contains(&format!("ErrorCode={code} ")), "{shown:?}");
    }
    assert_eq!(bench.monitor(CREATED, "U1", &[]).len(), 1);
    assert_eq!(bench.monitor(CREATED, "U2", &[]), NONE);
    assert_eq!(bench.0.calls_missed(), 1);
    assert!(
        bench.ask(1, Message::new(MessageType::RequestQueryServer))[0].contains("EventServerInfo")
    );
}
