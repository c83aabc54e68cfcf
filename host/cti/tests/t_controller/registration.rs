//! Registration, snapshots, queries, and who gets what.

use std::sync::Arc;

use jackfield_cti::{
    Filter, Grant,
    t_controller::{Input, TControllerSettings},
};
use model::ConnId;
use tlib::{AddressInfoType, Attribute, KvList, Message, MessageType, RegisterMode, party_state};

use crate::bench::{Bench, dn, phone, request, tco, usual};
use jackfield_cti::DnType;

const REGISTER: MessageType = MessageType::RequestRegisterAddress;

#[test]
fn a_registration_is_answered_with_a_snapshot() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.ask(1, request(REGISTER, "1001", 7)),
        [
            "TCO1: EventRegistered Extensions={status=1 AgentStatus=0 fwd='' dnd=0 mwl=0} AddressInfoStatus=1 AddressInfoType=8 ThisDN=1001 ReferenceID=7"
        ]
    );
    bench.log_in(1, "1001", "A1");
    bench.ask(1, request(MessageType::RequestSetDNDOn, "1001", 8));
    bench.ask(
        1,
        request(MessageType::RequestCallForwardSet, "1001", 8).with(Attribute::OtherDN, "1002"),
    );
    bench.call(
        MessageType::EventRinging,
        "1001",
        0x0001_0000_0000_0007,
        Some(party_state::ALERTING),
        Some("7000"),
    );
    assert_eq!(
        bench.ask(2, request(REGISTER, "1001", 9)),
        [
            "TCO2: EventRegistered Extensions={conn-1='0001000000000007' call-uuid-1='U281474976710663' ct-1=2 ps-1=10 status=1 AgentStatus=3 AgentStatusTimestamp=1700000000 AgentID='A1' WorkMode=1 fwd='1002' dnd=1 mwl=0} AddressInfoStatus=1 AddressInfoType=8 AgentID=A1 ThisDN=1001 ReferenceID=9"
        ]
    );
    assert_eq!(
        bench.ask(2, request(REGISTER, "8000", 10)),
        [
            "TCO2: EventRegistered Extensions={status=2} AddressInfoStatus=3 AddressInfoType=8 ThisDN=8000 ReferenceID=10"
        ]
    );
}

#[test]
fn what_cannot_be_registered_is_refused_with_its_code() {
    let mut bench = Bench::new();
    let mut refused = |client, message| bench.ask(client, message);
    assert_eq!(
        refused(1, request(REGISTER, "4711", 1)),
        [
            "TCO1: EventError ErrorCode=59 ErrorMessage=DN 4711 is not configured ThisDN=4711 ReferenceID=1"
        ]
    );
    assert_eq!(
        refused(1, request(REGISTER, "1001", 2).with(Attribute::AddressType, 4_i64)),
        [
            "TCO1: EventError ErrorCode=128 ErrorMessage=DN 1001 is of AddressType 1 (DN), not 4 ThisDN=1001 ReferenceID=2"
        ]
    );
    assert_eq!(
        refused(1, request(REGISTER, "1001", 3).with(Attribute::RegisterMode, 3_i64)),
        [
            "TCO1: EventError ErrorCode=53 ErrorMessage=RegisterMode 3 is none; give 0 to 2 ThisDN=1001 ReferenceID=3"
        ]
    );
    assert_eq!(
        refused(1, Message::new(REGISTER).with(Attribute::ReferenceID, 4_u32)),
        ["TCO1: EventError ErrorCode=53 ErrorMessage=give ThisDN ReferenceID=4"]
    );
    let private = request(REGISTER, "1001", 5)
        .with(Attribute::RegisterMode, RegisterMode::Private)
        .with(Attribute::AddressType, 1_i64);
    assert!(refused(1, private.clone())[0].starts_with("TCO1: EventRegistered"));
    assert_eq!(
        refused(1, private),
        [
            "TCO1: EventError ErrorCode=125 ErrorMessage=the DN is registered already ThisDN=1001 ReferenceID=5"
        ]
    );
    assert_eq!(
        refused(2, request(REGISTER, "1001", 6)),
        [
            "TCO2: EventError ErrorCode=42 ErrorMessage=the resource is seized by another client ThisDN=1001 ReferenceID=6"
        ]
    );
    assert_eq!(
        refused(2, request(MessageType::RequestUnregisterAddress, "1001", 7)),
        [
            "TCO2: EventError ErrorCode=41 ErrorMessage=the client has not registered the DN ThisDN=1001 ReferenceID=7"
        ]
    );
}

#[test]
fn a_client_gets_what_it_may_have_and_every_answer() {
    let mut bench = Bench::new();
    let message = Arc::new(request(REGISTER, "1001", 1));
    let grant = Grant { filter: Filter::only([MessageType::EventRinging]), group: None };
    let subscribe = Input::Subscribe { client: tco(1), message, grant };
    assert!(bench.put(subscribe)[0].contains("EventRegistered"));
    bench.register(2, "1001");
    let alerting = Some(party_state::ALERTING);
    let shown = bench.call(MessageType::EventRinging, "1001", 7, alerting, None);
    assert!(shown[0].starts_with("#1 TCO1 TCO2: EventRinging"), "{shown:?}");
    let shown = bench.call(MessageType::EventReleased, "1001", 7, None, None);
    assert!(shown[0].starts_with("#2 TCO2: EventReleased"), "{shown:?}");
    // Who asks gets what comes of it, whatever its filter.
    let shown = bench.ask(1, request(MessageType::RequestSetDNDOn, "1001", 4));
    assert!(shown.iter().any(|line| line.contains("TCO1 TCO2: EventDNDOn")), "{shown:?}");
    let shown = bench.ask(2, request(MessageType::RequestSetDNDOff, "1001", 4));
    assert!(shown.iter().any(|line| line.contains(" TCO2: EventDNDOff")), "{shown:?}");
    // That the DN is no more is told to all.
    bench.dns.remove(0);
    let shown = bench.configure();
    assert!(shown.iter().any(|line| line.contains("TCO1 TCO2: EventUnregistered")), "{shown:?}");
}

#[test]
fn a_request_needs_a_registration_that_is_not_to_watch_only() {
    let mut bench = Bench::new();
    let make = request(MessageType::RequestMakeCall, "1001", 5).with(Attribute::OtherDN, "1002");
    assert_eq!(
        bench.ask(1, make.clone()),
        [
            "TCO1: EventError ErrorCode=41 ErrorMessage=the client has not registered the DN ThisDN=1001 ReferenceID=5"
        ]
    );
    bench.ask(1, request(REGISTER, "1001", 6).with(Attribute::RegisterMode, RegisterMode::Monitor));
    assert_eq!(
        bench.ask(1, make.clone()),
        [
            "TCO1: EventError ErrorCode=165 ErrorMessage=the client watches the DN (RegisterMode Monitor); register it in another mode to act on it ThisDN=1001 ReferenceID=5"
        ]
    );
    bench.register(1, "1001");
    assert_eq!(
        bench.ask(1, make),
        ["calls, by TCO1 ref 5: RequestMakeCall ThisDN=1001 ReferenceID=5 OtherDN=1002"]
    );
}

#[test]
fn an_event_goes_to_all_clients_of_its_dn_and_the_reference_to_who_asked() {
    let mut bench = Bench::new();
    for client in [3, 1] {
        bench.register(client, "1001");
    }
    bench.register(2, "1002");
    assert_eq!(
        bench.ask(1, request(MessageType::RequestSetDNDOn, "1001", 77)),
        ["publish 1001: dnd", "#1 TCO1 TCO3: EventDNDOn ThisDN=1001 [TCO1 ref 77]"]
    );
    assert_eq!(
        bench.call(MessageType::EventRinging, "1001", 5, Some(party_state::ALERTING), None),
        ["#2 TCO1 TCO3: EventRinging ThisDN=1001 ConnID=5"]
    );
    // Nobody has registered it.
    assert_eq!(
        bench.call(MessageType::EventRinging, "1003", 5, Some(party_state::ALERTING), None),
        Vec::<String>::new()
    );
    bench.put(Input::Gone { client: tco(1) });
    assert_eq!(
        bench.call(MessageType::EventAbandoned, "1001", 5, None, None),
        ["#3 TCO3: EventAbandoned ThisDN=1001 ConnID=5"]
    );
}

#[test]
fn an_event_has_its_number_and_the_time_and_for_who_asked_the_reference() {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    let now = bench.now();
    let message = request(MessageType::RequestSetDNDOn, "1001", 77);
    bench.machine.handle_input(now, Input::Request { client: tco(1), message: message.into() });
    let mut outputs = std::iter::from_fn(|| bench.machine.poll_output());
    let Some(jackfield_cti::t_controller::Output::Deliver(deliver)) = outputs.nth(1) else {
        panic!("no event")
    };
    let expected = Message::new(MessageType::EventDNDOn)
        .with(Attribute::TimeinuSecs, 250_000_i64)
        .with(Attribute::TimeinSecs, 1_700_000_000_i64)
        .with(Attribute::ThisDN, "1001");
    assert_eq!(**deliver.event.message(), expected);
    assert_eq!(deliver.event.sequence(), Some(1));
    assert_eq!(deliver.reference_for(tco(1)), Some(77));
    assert_eq!(deliver.reference_for(tco(2)), None);
}

#[test]
fn a_dn_that_leaves_the_configuration_is_unregistered() {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    bench.register(2, "1001");
    bench.log_in(1, "1001", "A1");
    bench.dns.remove(0);
    assert_eq!(
        bench.configure(),
        [
            "#3 TCO1 TCO2: EventAgentLogout AgentID=A1 ThisDN=1001",
            "publish 1001:",
            "#4 TCO1 TCO2: EventUnregistered ThisDN=1001",
            "unpublish 1001"
        ]
    );
    assert_eq!(bench.machine.registrations(), 0);
    // With another type it is another DN.
    bench.dns.insert(0, dn("1001", DnType::RoutingPoint, &[]));
    assert_eq!(bench.configure(), ["publish 1001:"]);
    bench.register(1, "1001");
    bench.dns[0] = phone("1001");
    assert_eq!(
        bench.configure(),
        ["#5 TCO1: EventUnregistered ThisDN=1001", "unpublish 1001", "publish 1001:"]
    );
}

// table: what is asked, and the answers in the same order.
#[test]
fn addresses_are_asked_about() {
    let mut bench = Bench::new();
    for dn in ["1001", "7000", "8000"] {
        bench.register(1, dn);
    }
    let login = request(MessageType::RequestAgentLogin, "1001", 1)
        .with(Attribute::AgentID, "A1")
        .with(Attribute::ThisQueue, "8000");
    bench.ask(1, login);
    bench.call(MessageType::EventQueued, "8000", 5, Some(party_state::QUEUED), None);
    bench.call(MessageType::EventQueued, "8000", 6, Some(party_state::QUEUED), None);
    let mut status = |dn: &str, info: AddressInfoType| {
        let query = request(MessageType::RequestQueryAddress, dn, 2);
        let shown = bench.ask(1, query.with(Attribute::AddressInfoType, info));
        assert_eq!(shown.len(), 1);
        let shown = shown[0].replace("TCO1: EventAddressInfo ", "");
        shown
            .replace(&format!(" AddressInfoType={} ", info.number()), " ")
            .replace(" ReferenceID=2", "")
    };
    use AddressInfoType as T;
    let answers: Vec<String> = [
        ("1001", T::AddressStatus),
        ("1001", T::MessageWaitingStatus),
        ("1001", T::AssociationStatus),
        ("1002", T::AssociationStatus),
        ("1001", T::CallForwardingStatus),
        ("1001", T::AgentStatus),
        ("8000", T::NumberOfAgentsInQueue),
        ("8000", T::NumberOfAvailableAgentsInQueue),
        ("8000", T::NumberOfCallsInQueue),
        ("1002", T::AddressType),
        ("8000", T::CallsQuery),
        ("1001", T::SendAllCallsStatus),
        ("1001", T::DNStatus),
        ("7000", T::QueueStatus),
        ("1001", T::QueueStatus),
        ("1001", T::DatabaseValue),
    ]
    .into_iter()
    .map(|(dn, info)| status(dn, info))
    .collect();
    assert_eq!(
        answers,
        [
            "AddressInfoStatus=0 AgentID=A1 ThisDN=1001",
            "AddressInfoStatus=0 AgentID=A1 ThisDN=1001",
            "AddressInfoStatus=0 AgentID=A1 ThisDN=1001",
            "AddressInfoStatus=2 ThisDN=1002",
            "Extensions={fwd=''} AddressInfoStatus=0 AgentID=A1 ThisDN=1001",
            "AddressInfoStatus=3 AgentID=A1 ThisDN=1001",
            "AddressInfoStatus=1 ThisDN=8000",
            "AddressInfoStatus=0 ThisDN=8000",
            "AddressInfoStatus=2 ThisDN=8000",
            "AddressInfoStatus=1 ThisDN=1002",
            "Extensions={conn-1='0000000000000005' call-uuid-1='U5' ct-1=2 ps-1=9 conn-2='0000000000000006' call-uuid-2='U6' ct-2=2 ps-2=9} AddressInfoStatus=2 ThisDN=8000 ConnID=5",
            "AddressInfoStatus=0 AgentID=A1 ThisDN=1001",
            "Extensions={status=1 AgentStatus=3 AgentStatusTimestamp=1700000000 AgentID='A1' WorkMode=1 fwd='' dnd=0 mwl=0 queue-1='8000'} AddressInfoStatus=0 AgentID=A1 ThisDN=1001",
            "Extensions={status=1} AddressInfoStatus=0 ThisDN=7000",
            "TCO1: EventError ErrorCode=51 ErrorMessage=QueueStatus is not answered for a DN of this type ThisDN=1001",
            "TCO1: EventError ErrorCode=51 ErrorMessage=DatabaseValue is not answered for a DN of this type ThisDN=1001",
        ]
    );
    let query = request(MessageType::RequestQueryAddress, "1002", 3);
    assert_eq!(
        bench.ask(1, query),
        [
            "TCO1: EventError ErrorCode=41 ErrorMessage=the client has not registered the DN ThisDN=1002 ReferenceID=3"
        ]
    );
    let query = request(MessageType::RequestQueryAddress, "1001", 3);
    assert_eq!(
        bench.ask(1, query.with(Attribute::AddressInfoType, 12_i64)),
        [
            "TCO1: EventError ErrorCode=53 ErrorMessage=AddressInfoType 12 is none; 17 (DNStatus) is always answered ThisDN=1001 ReferenceID=3"
        ]
    );
}

#[test]
fn the_server_tells_what_it_is() {
    let mut bench = Bench::new();
    let ask = |kind| Message::new(kind).with(Attribute::ReferenceID, 4_u32);
    let shown = bench.ask(1, ask(MessageType::RequestQueryServer));
    let (before, after) = shown[0].split_once(" ServerCapabilityMask=").unwrap();
    assert_eq!(before, "TCO1: EventServerInfo ServerVersion=0.1.0 ServerRole=0");
    // Requests 0 to 7 are done.
    assert!(after.starts_with("[ff, 7f, 8f, ff, 1f, "), "{after}");
    assert!(
        after.ends_with("] ServerStartTime=1600000000 ApplicationName=jackfield ReferenceID=4")
    );
    assert_eq!(
        bench.ask(1, ask(MessageType::RequestQuerySwitch)),
        ["TCO1: EventSwitchInfo SwitchInfoType=1 SwitchTime=1700000000 ReferenceID=4"]
    );
    assert_eq!(
        bench.ask(1, ask(MessageType::RequestQueryLocation)),
        [
            "TCO1: EventLocationInfo Extensions={location-1='here'} LocationInfoType=0 HomeLocation=here ReferenceID=4"
        ]
    );
    let there = ask(MessageType::RequestQueryLocation)
        .with(Attribute::LocationInfoType, 1_i64)
        .with(Attribute::Location, "there");
    assert_eq!(
        bench.ask(1, there),
        [
            "TCO1: EventError ErrorCode=1012 ErrorMessage=location there is not known here; this one is here ReferenceID=4"
        ]
    );
    for (kind, code) in [
        (MessageType::RequestPrivateService, 51),
        (MessageType::RequestMonitorNextCall, 51),
        (MessageType::RequestStartCallMonitoring, 258),
        (MessageType::EventRinging, 53),
    ] {
        let shown = bench.ask(1, ask(kind));
        assert!(shown[0].contains(&format!("ErrorCode={code} ")), "{shown:?}");
    }
}

#[test]
fn a_virtual_queue_is_reported_without_being_registered() {
    let mut bench = Bench::new();
    let report = request(MessageType::RequestDistributeEvent, "8000", 9)
        .with(Attribute::UserEvent, MessageType::EventQueued as i64);
    assert_eq!(
        bench.ask(1, report),
        ["calls, by TCO1 ref 9: RequestDistributeEvent ThisDN=8000 ReferenceID=9 UserEvent=57"]
    );
    let user = request(MessageType::RequestDistributeUserEvent, "8000", 9)
        .with(Attribute::UserData, KvList::new().with("a", 1));
    assert!(bench.ask(1, user)[0].contains("ErrorCode=41 "));
}

#[test]
fn what_the_session_controller_answers_goes_to_who_asked() {
    let mut bench = Bench::new();
    let token = jackfield_cti::Token { client: tco(2), reference: 31 };
    let message = Message::new(MessageType::EventACK);
    assert_eq!(bench.put(Input::Answer { token, message }), ["TCO2: EventACK ReferenceID=31"]);
}

#[test]
fn a_client_too_many_is_sent_away() {
    let settings = TControllerSettings { clients_max: 3, ..TControllerSettings::default() };
    let mut bench = Bench::with(settings, usual());
    let input = Input::Connected { client: tco(4), application: "one too many".into() };
    assert_eq!(bench.put(input), ["close TCO4: clients_max of the T-Controller is reached"]);
    assert_eq!(bench.ask(4, request(REGISTER, "1001", 1)), Vec::<String>::new());
}

#[test]
fn a_queue_that_is_full_of_calls_passes_their_events_on() {
    let settings = TControllerSettings { calls_per_dn_max: 1, ..TControllerSettings::default() };
    let mut bench = Bench::with(settings, usual());
    bench.register(1, "8000");
    bench.call(MessageType::EventQueued, "8000", 5, Some(party_state::QUEUED), None);
    assert_eq!(
        bench.call(MessageType::EventQueued, "8000", 6, Some(party_state::QUEUED), None),
        ["#2 TCO1: EventQueued ThisDN=8000 ConnID=6"]
    );
    assert_eq!(bench.machine.calls_not_counted(), 1);
}

#[test]
fn the_session_controller_learns_of_the_end_of_who_has_reported_a_virtual_queue() {
    let mut bench = Bench::new();
    bench.register(2, "8000");
    let report = request(MessageType::RequestDistributeEvent, "8000", 4);
    assert_eq!(
        bench.ask(1, report),
        ["calls, by TCO1 ref 4: RequestDistributeEvent ThisDN=8000 ReferenceID=4"]
    );
    let waiting = |bench: &mut Bench| {
        let query = request(MessageType::RequestQueryAddress, "8000", 6)
            .with(Attribute::AddressInfoType, AddressInfoType::NumberOfCallsInQueue);
        bench.ask(2, query).remove(0)
    };
    bench.call(MessageType::EventQueued, "8000", 5, Some(party_state::QUEUED), None);
    assert!(waiting(&mut bench).contains("AddressInfoStatus=1 "));
    let over = |dn: &str| Input::Left { dn: dn.into(), conn: ConnId(5) };
    assert_eq!(bench.put(over("4711")), Vec::<String>::new());
    assert_eq!(bench.put(over("8000")), Vec::<String>::new());
    assert!(waiting(&mut bench).contains("AddressInfoStatus=0 "));
    assert_eq!(bench.put(Input::Gone { client: tco(2) }), Vec::<String>::new());
    assert_eq!(bench.put(Input::Gone { client: tco(1) }), ["gone: TCO1"]);
    assert_eq!(bench.put(Input::Gone { client: tco(1) }), Vec::<String>::new());
}
