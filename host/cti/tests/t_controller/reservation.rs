//! TReserveAgent.

use std::sync::Arc;

use jackfield_cti::{ClientId, Module, t_controller::Input};
use tlib::{Attribute, Message, MessageType};

use crate::bench::{Bench, tco};

const NONE: [&str; 0] = [];

fn router(number: u64) -> ClientId {
    ClientId { module: Module::SessionController, number }
}

fn reserve(bench: &mut Bench, client: ClientId, reference: u32, priority: i64) -> Vec<String> {
    let message = Message::new(MessageType::RequestReserveAgent)
        .with(Attribute::AgentID, "A1")
        .with(Attribute::Priority, priority)
        .with(Attribute::Timeout, 5_000_i64)
        .with(Attribute::ReferenceID, reference);
    bench.put(Input::Request { client, message: Arc::new(message) })
}

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    bench.log_in(1, "1001", "A1");
    bench
}

#[test]
fn the_highest_priority_of_those_that_were_collected_has_the_agent() {
    let mut bench = bench();
    assert_eq!(reserve(&mut bench, router(1), 11, 1), NONE);
    assert_eq!(bench.wait(50), NONE);
    assert_eq!(reserve(&mut bench, router(2), 12, 4), NONE);
    assert_eq!(reserve(&mut bench, router(3), 13, 4), NONE);
    assert_eq!(bench.wait(49), NONE);
    assert_eq!(
        bench.wait(1),
        [
            "CTI2: EventAgentReserved Priority=4 Timeout=5000 AgentID=A1 ThisDN=1001 EventSequenceNumber=3 ReferenceID=12",
            "#3 TCO1: EventAgentReserved Priority=4 Timeout=5000 AgentID=A1 ThisDN=1001 [CTI2 ref 12]",
            "CTI1: EventError ErrorCode=1700 ErrorMessage=the agent is reserved already AgentID=A1 ReferenceID=11",
            "CTI3: EventError ErrorCode=1700 ErrorMessage=the agent is reserved already AgentID=A1 ReferenceID=13"
        ]
    );
    assert_eq!(
        reserve(&mut bench, router(3), 14, 9),
        [
            "CTI3: EventError ErrorCode=1700 ErrorMessage=the agent is reserved already AgentID=A1 ReferenceID=14"
        ]
    );
    assert!(reserve(&mut bench, router(2), 15, 9)[0].contains("ErrorCode=1700"));
    bench.wait(5_000);
    assert_eq!(reserve(&mut bench, router(3), 16, 0), NONE);
    assert_eq!(bench.wait(100).len(), 2);
}

#[test]
fn without_a_time_to_collect_the_first_has_the_agent() {
    let mut bench = bench().option("request-collection-time", "0");
    let message = Message::new(MessageType::RequestReserveAgent)
        .with(Attribute::ThisDN, "1001")
        .with(Attribute::ReferenceID, 7_u32);
    assert_eq!(
        bench.ask(1, message),
        [
            "#3 TCO1: EventAgentReserved Priority=0 Timeout=10000 AgentID=A1 ThisDN=1001 [TCO1 ref 7]"
        ]
    );
    assert!(reserve(&mut bench, router(1), 8, 9)[0].contains("ErrorCode=1700"));
    let mut bench = bench.option("reject-subsequent-request", "false");
    assert_eq!(reserve(&mut bench, tco(1), 9, 0).len(), 1);
    assert!(reserve(&mut bench, router(1), 10, 9)[0].contains("ErrorCode=1700"));
    // Who is gone has reserved nothing.
    bench.put(Input::Gone { client: tco(1) });
    assert_eq!(reserve(&mut bench, router(1), 11, 0).len(), 1);
    assert!(reserve(&mut bench, tco(2), 12, 9)[0].contains("ErrorCode=1700"));
    bench.put(Input::Gone { client: router(1) });
    assert!(reserve(&mut bench, tco(2), 13, 0)[0].contains("EventAgentReserved"));
}

#[test]
fn only_an_agent_that_is_there_can_be_reserved() {
    let mut bench = bench();
    let ask = |bench: &mut Bench, attributes: &[(Attribute, &str)]| {
        let mut message = Message::new(MessageType::RequestReserveAgent);
        attributes.iter().for_each(|(attribute, value)| message.set(*attribute, *value));
        let shown = bench.ask(2, message).join("");
        shown.split("ErrorCode=").nth(1).unwrap().split(' ').next().unwrap().to_owned()
    };
    assert_eq!(ask(&mut bench, &[]), "53");
    assert_eq!(ask(&mut bench, &[(Attribute::Place, "desk 4")]), "53");
    assert_eq!(ask(&mut bench, &[(Attribute::AgentID, "A2")]), "1707");
    assert_eq!(ask(&mut bench, &[(Attribute::ThisDN, "1002")]), "1707");
    assert_eq!(ask(&mut bench, &[(Attribute::ThisDN, "4711")]), "59");
    let both = [(Attribute::AgentID, "A1"), (Attribute::ThisDN, "1002")];
    assert_eq!(ask(&mut bench, &both), "1701");
}

#[test]
fn a_logout_ends_what_was_wished_for() {
    let mut bench = bench();
    reserve(&mut bench, router(1), 11, 1);
    let logout = crate::bench::request(MessageType::RequestAgentLogout, "1001", 2);
    assert_eq!(
        bench.ask(1, logout),
        [
            "#3 TCO1: EventAgentLogout AgentID=A1 ThisDN=1001 [TCO1 ref 2]",
            "CTI1: EventError ErrorCode=1707 ErrorMessage=the agent is not logged in AgentID=A1 ReferenceID=11",
            "publish 1001:"
        ]
    );
    assert_eq!(bench.wait(1_000), NONE);
}
