//! What DNs can do, and whether they can be reached.

use jackfield_cti::t_controller::Input;
use tlib::{Attribute, ForwardMode, Message, MessageType, party_state};

use crate::bench::{Bench, request};

const NONE: [&str; 0] = [];

#[test]
fn not_being_disturbed_and_messages_waiting_are_switched_once() {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    let mut ask = |kind| bench.ask(1, request(kind, "1001", 4));
    assert_eq!(
        ask(MessageType::RequestSetDNDOn),
        ["publish 1001: dnd", "#1 TCO1: EventDNDOn ThisDN=1001 [TCO1 ref 4]"]
    );
    assert_eq!(
        ask(MessageType::RequestSetDNDOn),
        [
            "TCO1: EventError ErrorCode=43 ErrorMessage=the object is in that state already ThisDN=1001 ReferenceID=4"
        ]
    );
    assert_eq!(
        ask(MessageType::RequestSetDNDOff),
        ["publish 1001:", "#2 TCO1: EventDNDOff ThisDN=1001 [TCO1 ref 4]"]
    );
    assert_eq!(
        ask(MessageType::RequestSetMessageWaitingOn),
        ["publish 1001:", "#3 TCO1: EventMessageWaitingOn ThisDN=1001 [TCO1 ref 4]"]
    );
    assert!(ask(MessageType::RequestSetMessageWaitingOn)[0].contains("ErrorCode=43"));
    assert!(ask(MessageType::RequestSetMessageWaitingOff)[1].contains("EventMessageWaitingOff"));
    bench.register(1, "7000");
    assert!(
        bench.ask(1, request(MessageType::RequestSetDNDOn, "7000", 4))[0].contains("ErrorCode=128")
    );
}

#[test]
fn calls_are_forwarded_by_mode_and_no_more() {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    let set = |to: &str, mode: Option<ForwardMode>| {
        request(MessageType::RequestCallForwardSet, "1001", 4)
            .with(Attribute::OtherDN, to)
            .with_some(Attribute::ForwardMode, mode)
    };
    let cancel = |mode: Option<ForwardMode>| {
        request(MessageType::RequestCallForwardCancel, "1001", 5)
            .with_some(Attribute::ForwardMode, mode)
    };
    assert_eq!(
        bench.ask(1, set("1002", None)),
        [
            "publish 1001: fwdUnconditional:1002",
            "#1 TCO1: EventForwardSet ForwardMode=1 OtherDN=1002 ThisDN=1001 [TCO1 ref 4]"
        ]
    );
    assert_eq!(
        bench.ask(1, set("+43123", Some(ForwardMode::OnBusy))),
        [
            "publish 1001: fwdUnconditional:1002,OnBusy:+43123",
            "#2 TCO1: EventForwardSet ForwardMode=2 OtherDN=+43123 ThisDN=1001 [TCO1 ref 4]"
        ]
    );
    for to in ["", "1001"] {
        assert!(bench.ask(1, set(to, None))[0].contains("ErrorCode=195"));
    }
    assert!(bench.ask(1, cancel(Some(ForwardMode::OnNoAnswer)))[0].contains("ErrorCode=43"));
    assert_eq!(
        bench.ask(1, cancel(Some(ForwardMode::OnBusy))),
        [
            "publish 1001: fwdUnconditional:1002",
            "#3 TCO1: EventForwardCancel ForwardMode=2 OtherDN=+43123 ThisDN=1001 [TCO1 ref 5]"
        ]
    );
    assert_eq!(
        bench.ask(1, cancel(None)),
        [
            "publish 1001:",
            "#4 TCO1: EventForwardCancel ForwardMode=1 OtherDN=1002 ThisDN=1001 [TCO1 ref 5]"
        ]
    );
    assert!(bench.ask(1, cancel(None))[0].contains("ErrorCode=43"));
    let bad = request(MessageType::RequestCallForwardCancel, "1001", 5);
    assert!(bench.ask(1, bad.with(Attribute::ForwardMode, 6_i64))[0].contains("ErrorCode=53"));
}

#[test]
fn devices_go_out_of_service_and_come_back() {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    bench.register(1, "trunk-a");
    let service = |dn: &str, in_service| Input::Service { dn: dn.into(), in_service };
    assert_eq!(
        bench.put(service("1001", false)),
        [
            "log 52000 Device 1001 is out of service",
            "#1 TCO1: EventDNOutOfService ThisDN=1001",
            "publish 1001: out"
        ]
    );
    assert_eq!(bench.put(service("1001", false)), NONE);
    let shown = bench.ask(1, request(MessageType::RequestQueryAddress, "1001", 3));
    assert!(shown[0].contains("Extensions={status=3 "), "{shown:?}");
    assert_eq!(
        bench.put(service("1001", true)),
        [
            "log 52001 Device 1001 is back in service",
            "#2 TCO1: EventDNBackInService ThisDN=1001",
            "publish 1001:"
        ]
    );
    assert_eq!(
        bench.put(service("trunk-a", false))[..2],
        [
            "log 52003 Device trunk-a: service unavailable",
            "#3 TCO1: EventDNOutOfService ThisDN=trunk-a"
        ]
    );
    assert_eq!(
        bench.put(service("trunk-a", true))[0],
        "log 52004 Device trunk-a: service available"
    );
    assert_eq!(bench.put(service("nobody", true)), NONE);
}

#[test]
fn a_phone_that_must_register_is_out_of_service_until_it_has() {
    let mut bench = Bench::new();
    bench.register(1, "1003");
    assert_eq!(
        bench.put(Input::Registered { dn: "1003".into() }),
        [
            "log 52001 Device 1003 is back in service",
            "#1 TCO1: EventDNBackInService ThisDN=1003",
            "publish 1003:",
            "publish 1003: ownerSome(Sip)"
        ]
    );
    assert_eq!(bench.put(Input::Registered { dn: "1003".into() }), NONE);
    // The check of a device that is registered may fail nevertheless.
    bench.put(Input::Service { dn: "1003".into(), in_service: false });
    assert_eq!(bench.put(Input::Unregistered { dn: "1003".into() }), ["publish 1003: out"]);
}

#[test]
fn an_agent_is_logged_out_with_its_device_where_an_option_says_so() {
    let mut bench = Bench::new().option("logout-on-out-of-service", "true");
    bench.register(1, "1001");
    bench.log_in(1, "1001", "A1");
    let out = Input::Service { dn: "1001".into(), in_service: false };
    assert_eq!(
        bench.put(out),
        [
            "log 52000 Device 1001 is out of service",
            "#3 TCO1: EventDNOutOfService ThisDN=1001",
            "#4 TCO1: EventAgentLogout AgentID=A1 ThisDN=1001",
            "publish 1001: out",
            "publish 1001: out"
        ]
    );
    let login: Message =
        request(MessageType::RequestAgentLogin, "1001", 1).with(Attribute::AgentID, "A1");
    assert!(bench.ask(1, login)[0].contains("ErrorCode=58"));
}

#[test]
fn hook_events_are_sent_where_an_option_says_so() {
    let mut bench = Bench::new().option("hook-events", "true");
    bench.register(1, "1001");
    let mut call = |kind, state| bench.call(kind, "1001", 5, state, None).join("; ");
    assert_eq!(
        call(MessageType::EventRinging, Some(party_state::ALERTING)),
        "#1 TCO1: EventRinging ThisDN=1001 ConnID=5"
    );
    assert_eq!(
        call(MessageType::EventEstablished, Some(party_state::CONNECTED)),
        "#2 TCO1: EventOffHook ThisDN=1001; #3 TCO1: EventEstablished ThisDN=1001 ConnID=5"
    );
    assert_eq!(
        call(MessageType::EventReleased, None),
        "#4 TCO1: EventReleased ThisDN=1001 ConnID=5; #5 TCO1: EventOnHook ThisDN=1001"
    );
}
