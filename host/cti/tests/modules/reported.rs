//! Calls in virtual queues, which clients report.

use std::sync::Arc;

use jackfield_cti::{
    ClientId, Module, Token,
    session_controller::{Input, SessionControllerSettings},
};
use model::ConnId;
use tlib::{AddressInfoType, Attribute, Message, MessageType};

use crate::{
    NONE, client,
    engine::{answered, called, hung_up, offered},
    request,
    session_controller::{Bench, router},
};

const QUEUED: MessageType = MessageType::EventQueued;

fn report(kind: MessageType, conn: u64) -> Message {
    request(MessageType::RequestDistributeEvent, "8000", u32::MAX)
        .with(Attribute::UserEvent, i64::from(kind.number()))
        .with(Attribute::CallID, 77_i64)
        .with(Attribute::ConnID, ConnId(conn))
}

/// A client of the T-Controller reports.
fn desk(bench: &mut Bench, message: Message) -> Vec<String> {
    let token = Token { client: desk_client(), reference: 1 };
    bench.put(Input::CallRequest { token, message: Arc::new(message) })
}

fn desk_client() -> ClientId {
    client(Module::TController, 9)
}

fn waiting(bench: &mut Bench) -> u64 {
    let query = request(MessageType::RequestQueryAddress, "8000", 6)
        .with(Attribute::AddressInfoType, AddressInfoType::NumberOfCallsInQueue);
    let shown = bench.ask(2, query).remove(0);
    let (_, number) = shown.split_once("AddressInfoStatus=").unwrap();
    number.split_once(' ').unwrap().0.parse().unwrap()
}

fn bench() -> Bench {
    let settings = SessionControllerSettings { calls_per_dn_max: 3, ..Default::default() };
    let mut bench = Bench::with(settings);
    bench.ask(2, request(MessageType::RequestRegisterAddress, "8000", 3));
    bench
}

#[test]
fn what_a_client_has_reported_goes_with_it() {
    let mut bench = bench();
    bench.ask(1, report(QUEUED, 5));
    bench.ask(1, report(QUEUED, 6));
    desk(&mut bench, report(QUEUED, 7));
    // There is no room for it, so that it is not kept either.
    desk(&mut bench, report(QUEUED, 8));
    bench.ask(1, report(MessageType::EventDiverted, 5));
    assert_eq!(waiting(&mut bench), 2);
    assert_eq!(
        bench.put(Input::Gone { client: router(1) }),
        [
            "#6 CTI2: EventAbandoned ThisDN=8000 CallID=77 ConnID=6 CallState=4 Reliability=2",
            "call event of 8000: EventAbandoned ThisDN=8000 CallID=77 ConnID=6 CallState=4 Reliability=2",
            "gone: CTI1"
        ]
    );
    assert_eq!(waiting(&mut bench), 1);
    let shown = bench.put(Input::Gone { client: desk_client() });
    assert_eq!(shown.len(), 2);
    assert!(shown[0].contains("EventAbandoned ThisDN=8000 CallID=77 ConnID=7 "));
    assert_eq!(waiting(&mut bench), 0);
    assert_eq!(bench.put(Input::Gone { client: desk_client() }), NONE);
}

#[test]
fn a_call_is_of_the_client_that_has_reported_it_last() {
    let mut bench = bench();
    bench.ask(1, report(QUEUED, 5));
    desk(&mut bench, report(QUEUED, 5));
    assert_eq!(bench.put(Input::Gone { client: router(1) }), ["gone: CTI1"]);
    assert_eq!(waiting(&mut bench), 1);
    desk(&mut bench, report(MessageType::EventAbandoned, 5));
    assert_eq!(bench.put(Input::Gone { client: desk_client() }), NONE);
}

#[test]
fn a_call_that_is_over_is_in_no_queue_whatever_is_reported_yet() {
    let mut bench = bench();
    for fact in [offered(5, "5551001", "1001"), called(5, "1001"), answered(5)] {
        bench.told(&fact);
    }
    bench.ask(1, report(QUEUED, 5));
    let shown = bench.told(&hung_up(5));
    assert_eq!(shown.last().unwrap(), "left 8000: 5");
    assert_eq!(waiting(&mut bench), 0);
    // Its client says what became of it when it has heard of the end; that is told, and nothing when the client is gone.
    assert_eq!(bench.ask(1, report(MessageType::EventDiverted, 5)).len(), 3);
    assert_eq!(bench.put(Input::Gone { client: router(1) }), ["gone: CTI1"]);
}
