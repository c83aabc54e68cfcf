//! Whose DNs are, bulk registration, and how the Smart Proxy is fed.

use std::sync::Arc;

use jackfield_cti::{
    Filter, Grant,
    t_controller::{
        Input, MonitorRequest, OwnerEvent, OwnerQuestion, OwnerVerdict, TControllerSettings,
    },
};
use tlib::{Attribute, ControlMode, Message, MessageType};

use crate::bench::{Bench, request, tco, usual};

const NONE: [&str; 0] = [];
const OWNED: &str = "publish 1001: ownerSome(Client { client: TCO1, application: \"desktop\" })";

/// `desktop` (client 1) and `gateway` (client 2) may own DNs, `monitor` (client 3) may not.
fn bench() -> Bench {
    bench_with(TControllerSettings::default())
}

fn bench_with(settings: TControllerSettings) -> Bench {
    let mut dns = usual();
    dns[7].options.insert("dn-owner-applications".into(), "gateway, desktop".into());
    Bench::with(settings, dns)
}

fn all(kind: MessageType) -> Message {
    Message::new(kind).with(Attribute::ReferenceID, 9_u32)
}

fn register(bench: &mut Bench, client: u64, dn: &str) -> Vec<String> {
    let mut shown = bench.ask(client, request(MessageType::RequestRegisterAddress, dn, 1));
    let first = shown.remove(0);
    assert!(first.starts_with(&format!("TCO{client}: EventRegistered")), "{first}");
    shown
}

#[test]
fn the_first_application_that_may_owns_a_dn_until_it_leaves() {
    let mut bench = bench();
    assert_eq!(register(&mut bench, 3, "1001"), NONE);
    assert_eq!(register(&mut bench, 1, "1001"), [OWNED]);
    assert_eq!(register(&mut bench, 2, "1001"), NONE);
    bench.put(Input::Gone { client: tco(2) });
    assert_eq!(
        bench.ask(1, request(MessageType::RequestUnregisterAddress, "1001", 4)),
        ["TCO1: EventUnregistered ThisDN=1001 ReferenceID=4", "publish 1001:"]
    );
    assert_eq!(register(&mut bench, 1, "1001"), [OWNED]);
    assert_eq!(bench.put(Input::Gone { client: tco(1) }), ["publish 1001:"]);
}

#[test]
fn who_only_attaches_itself_owns_nothing_nor_does_anybody_own_what_is_no_extension() {
    let mut bench = bench();
    let local = request(MessageType::RequestRegisterAddress, "1001", 1)
        .with(Attribute::ControlMode, ControlMode::Local);
    assert_eq!(bench.ask(1, local).len(), 1);
    assert_eq!(register(&mut bench, 1, "7000"), NONE);
    // Of a DN whose contact is `*` the phone is the owner.
    assert_eq!(register(&mut bench, 1, "1003"), NONE);
    let shown = bench.put(Input::Registered { dn: "1003".into() });
    assert_eq!(shown.last().unwrap(), "publish 1003: ownerSome(Sip)");
    assert_eq!(bench.put(Input::Gone { client: tco(1) }), NONE);
    let shown = bench.put(Input::Unregistered { dn: "1003".into() });
    assert_eq!(shown.last().unwrap(), "publish 1003: out");
}

#[test]
fn a_smart_client_gets_the_events_of_owned_dns_as_they_come_and_go() {
    let mut bench = bench();
    register(&mut bench, 1, "1001");
    let snapshot = |dn: &str| {
        format!(
            "TCO3: EventRegistered Extensions={{status=1 AgentStatus=0 fwd='' dnd=0 mwl=0}} AddressInfoStatus=1 AddressInfoType=8 ThisDN={dn}"
        )
    };
    assert_eq!(
        bench.ask(3, all(MessageType::RequestRegisterAll)),
        ["charge TCO3 1".into(), "TCO3: EventRegisteredAll ReferenceID=9".into(), snapshot("1001")]
    );
    assert!(bench.ask(3, all(MessageType::RequestRegisterAll))[0].contains("ErrorCode=125"));
    // It acts on what it gets events of.
    assert_eq!(
        bench.ask(3, request(MessageType::RequestSetDNDOn, "1001", 5))[1],
        "#1 TCO1 TCO3: EventDNDOn ThisDN=1001 [TCO3 ref 5]"
    );
    assert!(
        bench.ask(3, request(MessageType::RequestSetDNDOn, "1002", 5))[0].contains("ErrorCode=41")
    );
    let shown = bench.put(Input::Registered { dn: "1003".into() });
    assert_eq!(shown[2..], [snapshot("1003"), "publish 1003: ownerSome(Sip)".into()]);
    assert_eq!(
        bench.put(Input::Gone { client: tco(1) }),
        ["TCO3: EventUnregistered ThisDN=1001", "publish 1001: dnd"]
    );
    assert_eq!(
        bench.ask(3, all(MessageType::RequestUnregisterAll)),
        ["TCO3: EventUnregisteredAll ReferenceID=9"]
    );
    assert!(bench.ask(3, all(MessageType::RequestUnregisterAll))[0].contains("ErrorCode=41"));
    assert_eq!(
        bench.put(Input::Service { dn: "1003".into(), in_service: false })[1..],
        ["publish 1003: ownerSome(Sip) out"]
    );
}

/// What is on a DN that comes to be owned was told to everybody who had registered in bulk, whatever they were to have.
#[test]
fn a_smart_client_gets_of_dns_that_come_what_its_filter_lets_through() {
    let mut bench = bench();
    register(&mut bench, 1, "1001");
    let message = Arc::new(all(MessageType::RequestRegisterAll));
    let grant = Grant { filter: Filter::only([MessageType::EventDNDOn]), group: None };
    let shown = bench.put(Input::Subscribe { client: tco(3), message, grant });
    // What it has asked for is answered, with the DNs of now.
    assert_eq!(shown.len(), 3);
    let shown = bench.put(Input::Registered { dn: "1003".into() });
    assert!(!shown.iter().any(|line| line.contains("EventRegistered")), "{shown:?}");
    // It is registered all the same, and hears when it is no more.
    assert_eq!(
        bench.ask(3, request(MessageType::RequestSetDNDOn, "1003", 5))[1],
        "#1 TCO3: EventDNDOn ThisDN=1003 [TCO3 ref 5]"
    );
    let shown = bench.put(Input::Unregistered { dn: "1003".into() });
    assert!(shown.contains(&"TCO3: EventUnregistered ThisDN=1003".to_owned()), "{shown:?}");
}

/// Where a policy is asked. `monitor` is client 3.
fn asking() -> Bench {
    bench_with(TControllerSettings { asks_owner: true, ..TControllerSettings::default() })
}

/// The answer to what the T-Controller asks when client 3 registers on 1001.
fn answer(bench: &mut Bench, verdict: OwnerVerdict) -> Vec<String> {
    let event = OwnerEvent::ClientRegistered { client: tco(3), application: "monitor".into() };
    let question = OwnerQuestion {
        dn: "1001".into(),
        is_sip: false,
        event,
        owner: None,
        applications: vec!["gateway".into(), "desktop".into()],
    };
    bench.put(Input::OwnerAnswer { question: Box::new(question), verdict })
}

#[test]
fn a_policy_says_whose_a_dn_is() {
    let mut bench = asking();
    assert_eq!(
        register(&mut bench, 3, "1001"),
        ["whose is 1001? ClientRegistered { client: TCO3, application: \"monitor\" } None"]
    );
    assert_eq!(answer(&mut bench, OwnerVerdict::Keep), NONE);
    // The policy knows better than the list of applications.
    assert_eq!(
        answer(&mut bench, OwnerVerdict::Claim),
        ["publish 1001: ownerSome(Client { client: TCO3, application: \"monitor\" })"]
    );
    assert_eq!(
        bench.put(Input::Gone { client: tco(3) }),
        [
            "whose is 1001? ClientGone { client: TCO3, application: \"monitor\" } Some(Client { client: TCO3, application: \"monitor\" })"
        ]
    );
    // A claim of who has left is void.
    assert_eq!(answer(&mut bench, OwnerVerdict::Claim), NONE);
    assert_eq!(answer(&mut bench, OwnerVerdict::Release), ["publish 1001:"]);
}

#[test]
fn a_policy_is_not_asked_of_who_leaves_what_it_does_not_own() {
    let mut bench = asking();
    for dn in ["1001", "1002"] {
        assert_eq!(register(&mut bench, 3, dn).len(), 1);
        assert_eq!(register(&mut bench, 1, dn).len(), 1);
    }
    answer(&mut bench, OwnerVerdict::Claim);
    assert_eq!(
        bench.ask(1, request(MessageType::RequestUnregisterAddress, "1001", 4)),
        ["TCO1: EventUnregistered ThisDN=1001 ReferenceID=4"]
    );
    assert_eq!(bench.put(Input::Gone { client: tco(1) }), NONE);
    let shown = bench.put(Input::Gone { client: tco(3) });
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(shown[0].starts_with("whose is 1001? ClientGone"));
}

#[test]
fn another_way_of_being_owned_begins_anew() {
    let mut bench = bench();
    register(&mut bench, 1, "1001");
    bench.dns[0].sip_owned = true;
    assert_eq!(bench.configure(), ["publish 1001: out"]);
    bench.put(Input::Registered { dn: "1001".into() });
    bench.dns[0].sip_owned = false;
    assert_eq!(bench.configure(), ["publish 1001:"]);
    bench.dns[0].sip_owned = true;
    assert_eq!(bench.configure(), ["publish 1001: ownerSome(Sip)"]);
}

#[test]
fn the_smart_proxy_is_fed_with_what_it_watches_or_with_everything() {
    let mut bench = bench();
    let monitor = |bench: &mut Bench, request| bench.put(Input::Monitor(request));
    let changed = |bench: &mut Bench, in_service| {
        let shown = bench.put(Input::Service { dn: "1002".into(), in_service });
        shown.into_iter().filter(|line| line.starts_with("SPX")).collect::<Vec<_>>()
    };
    assert_eq!(changed(&mut bench, false), NONE);
    assert_eq!(monitor(&mut bench, MonitorRequest::Open), ["SPX: bulk false"]);
    // It has not said yet what it watches.
    assert_eq!(changed(&mut bench, true), ["SPX of 1002: EventDNBackInService"]);
    monitor(&mut bench, MonitorRequest::Watch { dn: "1001".into() });
    monitor(&mut bench, MonitorRequest::Watching);
    assert_eq!(changed(&mut bench, false), NONE);
    monitor(&mut bench, MonitorRequest::Watch { dn: "1002".into() });
    assert_eq!(changed(&mut bench, true), ["SPX of 1002: EventDNBackInService"]);
    monitor(&mut bench, MonitorRequest::Unwatch { dn: "1002".into() });
    assert_eq!(changed(&mut bench, false), NONE);
    bench.dns[7].options.insert("smart-proxy-enabled".into(), "true".into());
    assert_eq!(bench.configure(), ["SPX: bulk true"]);
    assert_eq!(changed(&mut bench, true), ["SPX of 1002: EventDNBackInService"]);
    bench.dns[7].options.insert("smart-proxy-enabled".into(), "false".into());
    assert_eq!(bench.configure(), ["SPX: bulk false"]);
    assert_eq!(changed(&mut bench, false), ["SPX of 1002: EventDNOutOfService"]);
    monitor(&mut bench, MonitorRequest::Watching);
    assert_eq!(changed(&mut bench, true), NONE);
}

#[test]
fn the_smart_proxy_asks_for_snapshots() {
    let mut bench = bench();
    let client = jackfield_cti::ClientId { module: jackfield_cti::Module::SmartProxy, number: 4 };
    let token = jackfield_cti::Token { client, reference: 6 };
    let mut ask = |message: Message| {
        bench.put(Input::Monitor(MonitorRequest::Ask { id: 5, token, message: message.into() }))
    };
    assert_eq!(
        ask(request(MessageType::RequestRegisterAddress, "7000", 6)),
        [
            "SPX for SPX4 (5): EventRegistered Extensions={status=1} AddressInfoStatus=4 AddressInfoType=8 ThisDN=7000 ReferenceID=6"
        ]
    );
    assert_eq!(
        ask(request(MessageType::RequestQueryAddress, "4711", 6)),
        [
            "SPX for SPX4 (5): EventError ErrorCode=59 ErrorMessage=DN 4711 is not configured ThisDN=4711 ReferenceID=6"
        ]
    );
    assert_eq!(bench.machine.registrations(), 0);
}
