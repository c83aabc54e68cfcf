//! Recorders that may have the calls of some types only.

use std::sync::Arc;

use jackfield_cti::{
    Filter, Grant, MonitorEvent,
    interaction_proxy::{Input, InteractionProxySettings},
};
use tlib::{Attribute, CallType, Message, MessageType};

use crate::{
    NONE,
    engine::{amended, offered},
    interaction_proxy::{Bench, recorder},
    session_controller,
};

/// Recorders of one group, by the types of calls that they may have.
fn recorders(of: &[&[CallType]]) -> Bench {
    let mut bench = Bench::new(InteractionProxySettings::default());
    (1..).zip(of).for_each(|(number, types)| subscribe(&mut bench, number, types));
    bench
}

fn subscribe(bench: &mut Bench, number: u64, types: &[CallType]) {
    bench.connect(number);
    let message = Arc::new(Message::new(MessageType::RequestStartCallMonitoring));
    let filter = Filter::of_calls(types.iter().copied());
    let grant = Grant { filter, ..Grant::default() };
    bench.put(Input::Subscribe { client: recorder(number), message, grant });
}

fn typed(bench: &mut Bench, kind: MessageType, uuid: &str, call_type: CallType) -> Vec<String> {
    let message =
        Message::new(kind).with(Attribute::CallUUID, uuid).with(Attribute::CallType, call_type);
    bench.put(Input::Monitor(MonitorEvent { message: Arc::new(message), uuid: uuid.into() }))
}

fn created(bench: &mut Bench, uuid: &str, call_type: CallType) -> Vec<String> {
    typed(bench, MessageType::EventCallCreated, uuid, call_type)
}

const ADDED: MessageType = MessageType::EventCallPartyAdded;

#[test]
fn nothing_is_told_of_a_call_of_another_type() {
    let mut bench = recorders(&[&[CallType::Inbound]]);
    assert_eq!(created(&mut bench, "U1", CallType::Internal), NONE);
    let party = [(Attribute::PartyUUID, "P1"), (Attribute::Device, "1001")];
    for kind in [
        ADDED,
        MessageType::EventCallPartyState,
        MessageType::EventCallPartyMoved,
        MessageType::EventCallPartyDeleted,
    ] {
        assert_eq!(bench.monitor(kind, "U1", &party), NONE, "{kind:?}");
    }
    assert_eq!(typed(&mut bench, MessageType::EventCallDeleted, "U1", CallType::Internal), NONE);
    assert_eq!(created(&mut bench, "U2", CallType::Inbound).len(), 1);
    assert_eq!(bench.monitor(ADDED, "U2", &party).len(), 1);
}

#[test]
fn a_call_is_for_who_may_have_it() {
    let mut bench = recorders(&[&[CallType::Inbound], &[CallType::Internal, CallType::Inbound]]);
    for uuid in ["U1", "U2", "U3"] {
        assert!(created(&mut bench, uuid, CallType::Internal)[0].contains(" IPR2: "));
    }
    // It is no load for who has none of them.
    assert!(created(&mut bench, "U4", CallType::Inbound)[0].contains(" IPR1: "));
    // A consultation of a call goes to somebody else where who has that call may not have it.
    let consult = Message::new(MessageType::EventCallCreated)
        .with(Attribute::CallUUID, "U5")
        .with(Attribute::OrigCallUUID, "U4")
        .with(Attribute::CallType, CallType::Consult);
    let consult = MonitorEvent { message: Arc::new(consult), uuid: "U5".into() };
    assert_eq!(bench.put(Input::Monitor(consult)), NONE);
    // Who comes later has what nobody may have had.
    bench.connect(3);
    assert_eq!(
        bench.start(3)[1..],
        ["charge IPR3 1", "#5 IPR3: EventCallCreated CallUUID=U5 OrigCallUUID=U4 CallType=4"]
    );
    // And what is left goes to who may have it.
    assert_eq!(
        bench.put(Input::Gone { client: recorder(3) }),
        NONE,
        "no other may have a consultation"
    );
    assert_eq!(
        bench.put(Input::Gone { client: recorder(1) }),
        ["#6 IPR2: EventCallCreated CallUUID=U4 CallType=2"]
    );
}

#[test]
fn a_call_that_becomes_one_of_another_type_goes_to_who_may_have_that() {
    let mut bench = recorders(&[&[CallType::Outbound], &[CallType::Internal]]);
    let changed = MessageType::EventCallDataChanged;
    assert_eq!(
        created(&mut bench, "U1", CallType::Outbound),
        ["#1 IPR1: EventCallCreated CallUUID=U1 CallType=3"]
    );
    assert_eq!(
        typed(&mut bench, changed, "U1", CallType::Internal),
        [
            "#2 IPR1: EventCallDataChanged CallUUID=U1 CallType=1",
            "#3 IPR2: EventCallCreated CallUUID=U1 CallType=1"
        ]
    );
    let party = [(Attribute::PartyUUID, "P1"), (Attribute::Device, "1001")];
    assert_eq!(
        bench.monitor(ADDED, "U1", &party),
        ["#4 IPR2: EventCallPartyAdded CallUUID=U1 PartyUUID=P1 Device=1001"]
    );
    // Nobody may have it any more, and then somebody again. Who has it keeps it while nothing changes.
    typed(&mut bench, changed, "U1", CallType::Inbound);
    assert_eq!(typed(&mut bench, changed, "U1", CallType::Inbound), NONE);
    assert_eq!(typed(&mut bench, changed, "U1", CallType::Outbound).len(), 2);
    // It is no load for who had it.
    assert!(created(&mut bench, "U2", CallType::Internal)[0].contains(" IPR2: "));
    typed(&mut bench, changed, "U2", CallType::Outbound);
    bench.connect(3);
    bench.start(3);
    assert!(created(&mut bench, "U3", CallType::Internal)[0].contains(" IPR3: "));
    assert!(created(&mut bench, "U4", CallType::Internal)[0].contains(" IPR2: "));
}

#[test]
fn recorders_are_told_what_the_dial_plan_makes_of_a_call() {
    let mut bench = session_controller::Bench::new();
    assert_eq!(
        bench.told(&offered(5, "1001", "12"))[0],
        "monitor: EventCallCreated CallUUID=00000000000000070000000000000001 ANI=1001 DNIS=12 CallType=3 CallID=2 ConnID=5"
    );
    assert_eq!(
        bench.told(&amended(5, "1001", "1002")),
        [
            "monitor: EventCallDataChanged CallUUID=00000000000000070000000000000001 ANI=1001 DNIS=12 CallType=1 CallID=2 ConnID=5"
        ]
    );
    assert_eq!(bench.told(&amended(5, "1001", "1002")), NONE);
}
