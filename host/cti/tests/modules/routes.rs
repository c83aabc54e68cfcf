//! Calls at Routing Points, and where routing clients send them.

use std::{sync::Arc, time::Duration};

use jackfield_cti::{
    CallsConfig, Dn, Dns,
    session_controller::{Input, SessionControllerSettings},
};
use model::ConnId;
use switch::Unfit;
use tlib::{AddressInfoType, Attribute, KvList, Message, MessageType};

use crate::{
    NONE,
    engine::{answered, hung_up, offered, queued, refused, rings, routed},
    request,
    session_controller::Bench,
};

/// A call from outside waits at 7000, whose `default-dn` is 1002 after 30 seconds; requests have an answer after 10 seconds.
fn waiting() -> Bench {
    let calls = CallsConfig { request_timeout: Duration::from_secs(10), ..CallsConfig::default() };
    let mut bench = Bench::with(SessionControllerSettings { calls, ..Default::default() });
    let options = [("default-dn".into(), "1002".into()), ("router-timeout".into(), "30".into())];
    let point = |dn: Dn| Dn { options: options.clone().into(), ..dn };
    let dns = crate::dns().into_iter().map(|dn| if &*dn.number == "7000" { point(dn) } else { dn });
    bench.put(Input::Configure(Arc::new(Dns::new(dns, Vec::new()))));
    bench.ask(1, request(MessageType::RequestRegisterAddress, "7000", 3));
    bench.told(&offered(5, "5551001", "7000"));
    assert_eq!(events(bench.told(&queued(5, "7000", None))), ["EventQueued", "EventRouteRequest"]);
    bench
}

fn route(to: &str) -> Message {
    request(MessageType::RequestRouteCall, "7000", 4)
        .with(Attribute::ConnID, ConnId(5))
        .with(Attribute::OtherDN, to)
}

/// The names of events that clients of DNs get, and what engine and routing client are told in full.
fn events(shown: Vec<String>) -> Vec<String> {
    let of_calls = |line: String| {
        if line.starts_with('#') || line.starts_with("monitor: ") {
            return None;
        }
        let Some((_, event)) = line.split_once("call event of ") else { return Some(line) };
        Some(event.split(' ').nth(1).unwrap().to_owned())
    };
    shown.into_iter().filter_map(of_calls).collect()
}

fn error(code: u32, text: &str) -> String {
    format!(
        "CTI1: EventError ErrorCode={code} ErrorMessage={text} ThisDN=7000 ConnID=5 ReferenceID=4"
    )
}

fn calls_waiting(bench: &mut Bench) -> String {
    let query = request(MessageType::RequestQueryAddress, "7000", 6)
        .with(Attribute::AddressInfoType, AddressInfoType::NumberOfCallsInQueue);
    bench.ask(1, query).remove(0)
}

#[test]
fn a_route_goes_on_that_takes_longer_than_its_request_may() {
    let mut bench = waiting();
    assert_eq!(
        bench.ask(1, route("1001")),
        ["control: Route { conn: 0000000000000005, to: \"1001\", ring: None }"]
    );
    for fact in routed(5, 1, "1001") {
        assert_eq!(bench.told(&fact), NONE);
    }
    assert_eq!(bench.at_second(10), [error(57, "timeout")]);
    // The switch still tries it, so nobody else may route the call, nor does its time at the point go on.
    assert_eq!(
        bench.ask(1, route("1002")),
        [error(110, "a request of the same kind is in progress")]
    );
    assert_eq!(bench.inner.poll_timeout(), None);
    assert_eq!(events(bench.told(&rings(5))), ["EventRouteUsed", "EventDiverted", "EventRinging"]);
    assert!(calls_waiting(&mut bench).contains("AddressInfoStatus=0 "));
    assert_eq!(events(bench.told(&answered(5))), ["EventEstablished"]);
    assert_eq!(events(bench.told(&hung_up(5))), ["EventReleased"]);
    assert_eq!(bench.inner.calls().len(), 0);
}

#[test]
fn a_route_that_fails_after_its_request_has_timed_out_is_at_its_point_again() {
    let mut bench = waiting();
    bench.ask(1, route("1001"));
    routed(5, 1, "1001").iter().for_each(|fact| drop(bench.told(fact)));
    bench.at_second(10);
    assert_eq!(events(bench.told(&queued(5, "7000", Some(408)))), NONE);
    assert!(bench.inner.poll_timeout().is_some());
    assert_eq!(
        bench.ask(1, route("1002")),
        ["control: Route { conn: 0000000000000005, to: \"1002\", ring: None }"]
    );
}

#[test]
fn a_route_is_refused_after_its_request_has_timed_out() {
    let mut bench = waiting();
    bench.ask(1, route("1001"));
    bench.at_second(10);
    assert_eq!(bench.told(&refused(1, Unfit::Destination)), NONE);
    // It waits for a routing client as before.
    assert_eq!(bench.at_second(39), NONE);
    assert_eq!(
        bench.ask(1, route("1002")),
        ["control: Route { conn: 0000000000000005, to: \"1002\", ring: None }"]
    );
    assert_eq!(bench.told(&refused(2, Unfit::Destination)), [error(402, "invalid route address")]);
    assert_eq!(
        bench.at_second(90),
        ["control: Route { conn: 0000000000000005, to: \"1002\", ring: None }"]
    );
}

fn saying(action: &str, to: &str) -> Message {
    route(to).with(Attribute::Extensions, KvList::new().with("NO_ANSWER_ACTION", action))
}

/// The engine has tried where it was sent, and it rings: what the last of its events says of an agent that does not answer.
fn tried(bench: &mut Bench, ticket: u64, to: &str) -> String {
    routed(5, ticket, to).iter().for_each(|fact| drop(bench.told(fact)));
    let shown = bench.told(&rings(5));
    assert!(shown.last().unwrap().contains("EventRinging"), "{shown:?}");
    shown.last().unwrap().rsplit_once(' ').unwrap().1.to_owned()
}

#[test]
fn what_a_route_says_of_agents_that_do_not_answer_goes_with_the_events_of_the_call() {
    let mut bench = waiting();
    let shown = bench.ask(1, saying("perhaps", "1001"));
    assert!(shown[0].contains(
        "ErrorCode=53 ErrorMessage=NO_ANSWER_ACTION is `perhaps`: give none, notready or logout"
    ));
    assert_eq!(bench.ask(1, saying("logout", "1001")).len(), 1);
    assert_eq!(tried(&mut bench, 1, "1001"), "[Logout]");
    let again = |ticket, request| {
        let mut bench = waiting();
        bench.ask(1, saying("logout", "1001"));
        bench.told(&refused(1, Unfit::Destination));
        bench.ask(1, request);
        tried(&mut bench, ticket, "1001")
    };
    assert_eq!(again(2, saying("none", "1001")), "[None]");
    assert_eq!(again(2, route("1001")), "ConnID=5");
}

#[test]
fn a_route_loses_nothing_to_one_that_is_refused() {
    let mut bench = waiting();
    bench.ask(2, request(MessageType::RequestRegisterAddress, "7000", 3));
    bench.ask(2, request(MessageType::RequestRegisterAddress, "1002", 3));
    bench.ask(1, saying("logout", "1001"));
    let code = |shown: Vec<String>| shown[0].split("ErrorCode=").nth(1).unwrap()[..3].to_owned();
    // Of a DN that the call is not on; of a call that is routed already; of one that says how, and nothing else.
    assert_eq!(code(bench.ask(2, route("1001").with(Attribute::ThisDN, "1002"))), "470");
    assert_eq!(code(bench.ask(2, route("1001"))), "110");
    assert_eq!(code(bench.ask(2, saying("none", "1002"))), "110");
    assert_eq!(tried(&mut bench, 1, "1001"), "[Logout]");
}

#[test]
fn the_default_of_a_point_takes_nothing_from_a_route_before_it() {
    let mut bench = waiting();
    bench.ask(1, saying("logout", "1001"));
    bench.told(&refused(1, Unfit::Destination));
    assert_eq!(bench.at_second(30).len(), 1);
    assert_eq!(tried(&mut bench, 2, "1002"), "ConnID=5");
}
