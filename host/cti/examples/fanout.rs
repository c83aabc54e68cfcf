//! What it costs the T-Controller to give one event of a call to 1, 100 and 1,000 clients, and what the encoding adds; and what monitors of
//! every DN cost it, on TCport and behind the Smart Proxy.
//!
//! `cargo run --release -p jackfield-cti --example fanout`

use std::{hint::black_box, sync::Arc, time::Duration};

use jackfield_cti::{
    CallEvent, ClientId, Dn, DnType, Dns, Module, Now, PartyStatus, ServerFacts,
    t_controller::{
        Configuration, Input, MonitorRequest, Output, TController, TControllerSettings,
    },
};
use model::{ConnId, Instant};
use tlib::{Attribute, CallType, DNRole, Form, KvList, Message, MessageType, party_state};

/// DNs of the node, so that finding one costs what it costs.
const DNS: usize = 10_000;

fn main() {
    println!(
        "clients  machine ns/event  machine ns/delivery  with encoding and a queue ns/delivery"
    );
    for clients in [0_u64, 1, 100, 1_000] {
        let events = 2_000_000 / clients.max(10);
        let mut machine = machine(clients);
        let machine_alone = measure(&mut machine, events, |_, _| {});
        let mut queue: Vec<tlib::session::Outgoing> = Vec::with_capacity(2_000);
        let written = measure(&mut machine, events, |event, clients| {
            let outgoing = event.outgoing(Form::Wire, None);
            queue.clear();
            queue.extend(clients.iter().map(|_| outgoing.clone()));
            black_box(&queue);
        });
        let per = clients.max(1) as f64;
        println!(
            "{clients:7}  {machine_alone:16.0}  {:19.1}  {:37.1}",
            machine_alone / per,
            written / per
        );
    }
    println!("monitors  on TCport ns/event  behind the Smart Proxy ns/event");
    for count in [0, 1, 5] {
        let (direct, behind) = monitors(count);
        println!("{count:8}  {direct:18.0}  {behind:31.0}");
    }
}

/// Nanoseconds of the T-Controller for each event with so many monitors of every DN: on its own port, and behind the Smart Proxy.
fn monitors(count: u64) -> (f64, f64) {
    let mut queue: Vec<tlib::session::Outgoing> = Vec::with_capacity(16);
    let direct = measure(&mut machine(count), 200_000, |event, clients| {
        let outgoing = event.outgoing(Form::Wire, None);
        queue.clear();
        queue.extend(clients.iter().map(|_| outgoing.clone()));
        black_box(&queue);
    });
    let mut behind = machine(0);
    if count > 0 {
        behind.handle_input(now(0), Input::Monitor(MonitorRequest::Open));
    }
    (direct, measure(&mut behind, 200_000, |_, _| {}))
}

/// Nanoseconds for each event, taken in and given out again.
fn measure(
    machine: &mut TController,
    events: u64,
    mut deliver: impl FnMut(&tlib::Event, &[ClientId]),
) -> f64 {
    let messages = [
        (MessageType::EventRinging, Some(party_state::ALERTING)),
        (MessageType::EventEstablished, Some(party_state::CONNECTED)),
        (MessageType::EventReleased, None),
    ];
    // Made beforehand: the Session Controller makes them, not the T-Controller.
    let made: Vec<CallEvent> = (0..3_000)
        .map(|number: u64| {
            let (kind, state) = messages[number as usize % 3];
            event(kind, state, number / 3)
        })
        .collect();
    let began = std::time::Instant::now();
    for number in 0..events {
        let event = made[number as usize % made.len()].clone();
        machine.handle_input(now(number), Input::Call(event));
        while let Some(output) = machine.poll_output() {
            if let Output::Deliver(given) = &output {
                deliver(&given.event, &given.clients);
            }
            black_box(&output);
        }
    }
    began.elapsed().as_nanos() as f64 / events as f64
}

fn now(number: u64) -> Now {
    Now::new(Instant::from_nanos(number * 1_000), Duration::from_secs(1_700_000_000))
}

/// An event as the Session Controller makes it: dated, and with user data.
fn event(kind: MessageType, state: Option<u32>, call: u64) -> CallEvent {
    let data = KvList::new().with("Segment", "gold").with("Language", "de").with("Count", 7);
    let message = Message::new(kind)
        .with(Attribute::TimeinuSecs, 0_i64)
        .with(Attribute::TimeinSecs, 1_700_000_000_i64)
        .with(Attribute::CallUUID, "00AABBCCDDEEFF00112233445566778801")
        .with(Attribute::UserData, data)
        .with(Attribute::ANI, "5551001")
        .with(Attribute::DNIS, "7000")
        .with(Attribute::OtherDNRole, DNRole::Origination)
        .with(Attribute::OtherDN, "5551001")
        .with(Attribute::ThisDNRole, DNRole::Destination)
        .with(Attribute::ThisQueue, "7000")
        .with(Attribute::ThisDN, "5000")
        .with(Attribute::CallType, CallType::Inbound)
        .with(Attribute::CallID, 16_777_219_i64)
        .with(Attribute::ConnID, ConnId(call));
    CallEvent {
        message: Arc::new(message),
        dn: "5000".into(),
        conn: ConnId(call),
        uuid: "00AABBCCDDEEFF00112233445566778801".into(),
        asked_by: None,
        party: state.map(|state| PartyStatus {
            state,
            role: DNRole::Destination,
            call_type: CallType::Inbound,
            queue: Some("7000".into()),
        }),
        no_answer: None,
    }
}

fn machine(clients: u64) -> TController {
    let facts = ServerFacts {
        application: "fanout".into(),
        version: "0".into(),
        location: "here".into(),
        started_s: 0,
    };
    let mut machine = TController::new(TControllerSettings::default(), facts);
    let dns = (0..DNS).map(|number| Dn {
        number: number.to_string().into(),
        kind: DnType::Extension,
        sip_owned: false,
        options: Default::default(),
    });
    let dns = Arc::new(Dns::new(dns, Vec::new()));
    let configuration = Configuration { dns, ..Configuration::default() };
    machine.handle_input(now(0), Input::Configure(Box::new(configuration)));
    for number in 1..=clients {
        let client = ClientId { module: Module::TController, number };
        machine.handle_input(now(0), Input::Connected { client, application: "c".into() });
        let message =
            Message::new(MessageType::RequestRegisterAddress).with(Attribute::ThisDN, "5000");
        machine.handle_input(now(0), Input::Request { client, message: Arc::new(message) });
    }
    while machine.poll_output().is_some() {}
    machine
}
