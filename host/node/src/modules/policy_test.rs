#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use cti::{Dn, DnType, Dns};
use model::hook::CHANGEABLE;
use plugin::{HostConfig, Kind, PluginHost, Source};
use switch::Emergency;
use tlib::{KvList, KvPair};

use super::*;
use crate::{
    config::JournalConfig,
    directory::Everyone,
    journal::{Journal, Query},
};

/// What a script decides on a T-Controller's thread, and the journal that is told.
struct Desk {
    policy: Policy,
    journal: Arc<Journal>,
}

fn desk(script: &str) -> Desk {
    let host = PluginHost::new(HostConfig::default()).unwrap();
    let source = Source::Embedded {
        id: "desk".to_owned(),
        manifest: "".into(),
        code: script.as_bytes().to_vec().into(),
        kind: Kind::Rhai,
    };
    host.install(vec![source]).unwrap_or_else(|error| panic!("{error}"));
    let directory = NodeDirectory::new([], Box::new(Everyone));
    let dns = ["2001", "2002"].map(|number| Dn {
        number: number.into(),
        kind: DnType::Extension,
        sip_owned: false,
        options: BTreeMap::new(),
    });
    directory.set_dns(Arc::new(Dns::new(dns, Vec::new())));
    directory.set_emergency(Emergency::new(&["112".to_owned()], &[], &[]).unwrap());
    let clock = Clock::start();
    let (journal, facts) = Journal::new(&JournalConfig::default(), 10, clock);
    let parts = PolicyParts {
        decide: Box::new(host.worker()),
        directory: Arc::new(directory.with_plugins(host)),
        calendar: Calendar::new(None),
        clock,
        facts,
    };
    Desk { policy: Policy::new(parts, Module::TController), journal }
}

impl Desk {
    fn judge(&mut self, message: Message) -> Result<Judged, Box<Refused>> {
        self.judge_of(([192, 0, 2, 9], 40_000), message)
    }

    /// Of a client at this address.
    fn judge_of(&mut self, peer: ([u8; 4], u16), message: Message) -> Result<Judged, Box<Refused>> {
        let id = ClientId { module: Module::TController, number: 7 };
        let peer = SocketAddr::from(peer);
        let caller = Caller { id, application: "desktop".into(), peer };
        self.policy.judge(&caller, message)
    }

    /// The error code of a refusal.
    fn refused(&mut self, message: Message) -> ErrorCode {
        self.judge(message).unwrap_err().refusal.code
    }

    fn told(&self) -> Vec<String> {
        let entries = self.journal.entries(&Query { limit: 100, ..Query::default() });
        entries.iter().map(|entry| format!("{:?}", entry.decision)).collect()
    }
}

fn make_call(to: &str) -> Message {
    Message::new(MessageType::RequestMakeCall)
        .with(Attribute::ThisDN, "2001")
        .with(Attribute::OtherDN, to)
        .with(Attribute::ReferenceID, 5_u32)
}

fn register(dn: &str) -> Message {
    let extensions: KvList =
        [KvPair { key: "role".into(), value: "board".into() }].into_iter().collect();
    Message::new(MessageType::RequestRegisterAddress)
        .with(Attribute::ThisDN, dn)
        .with(Attribute::Extensions, extensions)
}

#[test]
fn a_request_is_what_plugins_made_of_it_and_the_journal_knows() {
    let mut desk = desk(
        "fn authorise_request(request) {
            if request.attribute(\"OtherDN\") == \"0\" { return change(\"OtherDN\", \"2002\").because(\"desk\", \"0\"); }
            if request.attribute(\"OtherDN\") == \"2900\" { return refuse(71); }
            pass()
        }",
    );
    let judged = desk.judge(make_call("0")).unwrap();
    assert_eq!(judged.message, make_call("2002"));
    assert_eq!(desk.refused(make_call("2900")), ErrorCode::of(71).unwrap());
    assert_eq!(desk.told().len(), 2);
    let judged = desk.judge(make_call("2002")).unwrap();
    assert_eq!((judged.message, judged.grant), (make_call("2002"), None));
    assert_eq!(desk.told().len(), 2, "what a client may without more is no news");
}

#[test]
fn a_plugin_that_fails_lets_nothing_through_but_a_call_for_help() {
    let mut desk = desk(
        "fn authorise_request(request) { if request.dn == \"2001\" { throw \"broken\" } pass() }",
    );
    assert_eq!(desk.refused(make_call("2002")), ErrorCode::NotAuthorised);
    for help in ["112", "tel:112", "sip:112@192.0.2.1", "urn:service:sos", " 112"] {
        assert_eq!(desk.judge(make_call(help)).unwrap().message, make_call(help));
    }
    assert_eq!(desk.told().len(), 1, "{:?}", desk.told());
    assert!(desk.told()[0].contains("broken"), "{:?}", desk.told());
}

/// Who was barred from routing ended a call or sent it to an agent, unasked, by naming an emergency number that the route does not call.
#[test]
fn an_emergency_number_that_is_not_called_lets_nothing_through() {
    let mut desk = desk(
        "fn authorise_request(request) { if request.name == \"RequestRouteCall\" { return refuse(71); } pass() }",
    );
    let route = |route_type: Option<i64>| {
        Message::new(MessageType::RequestRouteCall)
            .with(Attribute::ThisDN, "2001")
            .with(Attribute::OtherDN, "112")
            .with_some(Attribute::RouteType, route_type)
    };
    let [reject, agent, disconnect] = [7, 13, 14].map(|number| route(Some(number)));
    let agents = [agent.clone(), agent.with(Attribute::AgentID, "17")];
    for barred in [reject, disconnect, route(Some(99))].into_iter().chain(agents) {
        assert_eq!(desk.refused(barred), ErrorCode::of(71).unwrap());
    }
    for help in [route(None), route(Some(1)), route(Some(4))] {
        assert_eq!(desk.judge(help.clone()).unwrap().message, help);
    }
}

/// Who made the plugin fail decided by its ThisDN for whom it was not asked any more.
#[test]
fn a_plugin_that_fails_for_one_client_is_asked_for_the_others() {
    let mut desk = desk(
        "fn authorise_request(request) {
            if request.attribute(\"OtherDN\") == \"bad\" { throw \"broken\" }
            pass()
        }
        fn fan_out(to) {
            if to.extensions[\"role\"] == \"board\" { throw \"broken\" }
            pass()
        }",
    );
    let (stranger, other, agent) =
        (([192, 0, 2, 66], 1), ([192, 0, 2, 66], 2), ([192, 0, 2, 9], 40_000));
    for _ in 0..3 {
        assert!(desk.judge_of(stranger, make_call("bad")).is_err());
        // What it is allowed between does not help it.
        let _ = desk.judge_of(stranger, make_call("2002"));
        assert!(desk.judge_of(stranger, register("2001")).is_err());
        for desktop in [agent, other] {
            let bare =
                Message::new(MessageType::RequestRegisterAddress).with(Attribute::ThisDN, "2001");
            assert!(desk.judge_of(desktop, make_call("2002")).is_ok());
            assert!(desk.judge_of(desktop, bare).is_ok());
        }
    }
    let refused = desk.judge_of(stranger, make_call("2002")).unwrap_err().refusal;
    assert_eq!(refused.code, ErrorCode::NotAuthorised);
    assert!(desk.told().iter().any(|told| told.contains("client 192.0.2.66:1 is in quarantine")));
}

/// Who was refused a thousand times a second pushed the decisions about calls out of the journal.
#[test]
fn a_client_that_is_refused_again_and_again_is_told_of_once() {
    let mut desk = desk(
        "fn authorise_request(request) {
            if request.dn == \"2002\" { return pass(); }
            refuse(71).because(\"desk\", request.dn)
        }
        fn fan_out(to) { refuse(1016) }",
    );
    for n in 0..200 {
        let message = make_call("2002").with(Attribute::ThisDN, format!("{n}").as_str());
        assert_eq!(desk.refused(message), ErrorCode::of(71).unwrap());
        assert_eq!(desk.refused(register("2002")), ErrorCode::NotAuthorised);
    }
    assert_eq!(desk.told().len(), 2, "{:?}", desk.told());
    // Of another client, and of another request, it is told.
    assert!(desk.judge_of(([192, 0, 2, 10], 40_000), make_call("2002")).is_err());
    let release = Message::new(MessageType::RequestReleaseCall).with(Attribute::ThisDN, "2001");
    assert_eq!(desk.refused(release), ErrorCode::of(71).unwrap());
    assert_eq!(desk.told().len(), 4, "{:?}", desk.told());
}

#[test]
fn a_password_is_shown_to_no_plugin_and_extensions_are() {
    let mut desk = desk(
        "fn authorise_request(request) {
            let all = request.attributes;
            if \"Password\" in all { return refuse(1); }
            if all[\"Extensions.role\"] == \"board\" && request.dn == \"2001\" { return refuse(71); }
            pass()
        }",
    );
    let message = register("2001").with(Attribute::Password, "secret");
    assert_eq!(desk.refused(message), ErrorCode::of(71).unwrap());
}

/// A number that was too long to be shown, or stood behind 64 other attributes, was called without the plugin having seen it.
#[test]
fn nothing_that_is_called_is_hidden_from_plugins() {
    let mut desk = desk(
        "fn authorise_request(request) {
            if request.attribute(\"OtherDN\").starts_with(\"0900\") { return refuse(71); }
            if request.attributes[\"Extensions.NO_ANSWER_TIMEOUT\"] == \"90\" { return refuse(71); }
            pass()
        }",
    );
    let long = desk.judge(make_call(&format!("0900;{}", "x".repeat(1_020)))).unwrap_err().refusal;
    assert_eq!(long.code, ErrorCode::InvalidAttribute);
    assert_eq!(long.text, "OtherDN has more than 1024 bytes: give less, plugins look at it");
    let mut late = Message::new(MessageType::RequestMakeCall);
    let fits = |attribute: &&Attribute| attribute.kind().takes(&Value::Int(1));
    for attribute in Attribute::ALL.iter().filter(fits).take(64) {
        late.set(*attribute, 1_i64);
    }
    assert_eq!(late.attributes().count(), 64);
    let late = late.with(Attribute::ThisDN, "2001").with(Attribute::OtherDN, "0900");
    assert_eq!(desk.refused(late), ErrorCode::of(71).unwrap());
    // Of a pair that is there twice the first counts, for the modules too.
    let patience = |seconds: i32| KvPair { key: "NO_ANSWER_TIMEOUT".into(), value: seconds.into() };
    let twice: KvList = [patience(90), patience(5)].into_iter().collect();
    assert_eq!(twice.iter().count(), 2);
    let routed = make_call("2002").with(Attribute::Extensions, twice);
    assert_eq!(desk.refused(routed), ErrorCode::of(71).unwrap());
}

/// What is told of a call that a client names is told of the client.
#[test]
fn the_journal_says_who_asked_and_of_an_owner_who_stays_nothing() {
    let mut desk = desk(
        "fn authorise_request(request) { refuse(71) }
        fn fan_out(to) { deliver() }
        fn dn_owner(change) { if change.dn == \"2002\" { return keep().because(\"phone\", \"it was first\"); } keep() }",
    );
    let conn = ConnId(0x2a);
    let hold = Message::new(MessageType::RequestHoldCall)
        .with(Attribute::ThisDN, "2001")
        .with(Attribute::ConnID, Value::Id(conn.0));
    assert_eq!(desk.refused(hold), ErrorCode::of(71).unwrap());
    let entries = desk.journal.entries(&Query { limit: 9, ..Query::default() });
    assert_eq!(entries.len(), 1);
    let (by, of) = (entries[0].caller.as_str(), entries[0].callee.as_str());
    assert_eq!((entries[0].conn, by, of), (conn, "desktop", "2001"));
    for (dn, kept) in [("2001", 1), ("2002", 2)] {
        let question = OwnerQuestion {
            dn: dn.into(),
            is_sip: false,
            event: OwnerEvent::PhoneRegistered,
            owner: None,
            applications: Vec::new(),
        };
        assert_eq!(desk.policy.owner(&question), OwnerVerdict::Keep);
        assert_eq!(desk.told().len(), kept, "{:?}", desk.told());
    }
}

#[test]
fn what_plugins_may_change_every_request_has_as_text() {
    for name in CHANGEABLE {
        let attribute = Attribute::named(name).unwrap();
        assert!(attribute.kind().takes(&Value::from("1")), "{name}");
    }
}

#[test]
fn a_subscriber_gets_what_plugins_say() {
    let mut desk = desk(
        "fn fan_out(to) {
            if to.extensions[\"role\"] != \"board\" || to.port != \"TCport\" { return refuse(1016); }
            if to.dn == \"2002\" { return deliver().events([\"EventNever\"]); }
            deliver().events([\"EventRinging\", \"EventReleased\"]).call_types([\"Inbound\"])
        }",
    );
    let grant = desk.judge(register("2001")).unwrap().grant.unwrap();
    let events = Filter::only([MessageType::EventRinging, MessageType::EventReleased]);
    let filter = Filter::ALL.and(events).and(Filter::of_calls([CallType::Inbound]));
    assert_eq!(grant, Grant { filter, group: None });
    // An event that there is not is found when it is asked for.
    assert_eq!(desk.refused(register("2002")), ErrorCode::NotAuthorised);
    let bare = Message::new(MessageType::RequestRegisterAddress).with(Attribute::ThisDN, "2001");
    assert_eq!(desk.refused(bare), ErrorCode::NotAuthorised);
    // A DN that there is not is nobody's, also where the module has not been told yet that it is gone.
    let refused = desk.judge(register("9")).unwrap_err().refusal;
    assert_eq!(
        (refused.code, &*refused.text),
        (ErrorCode::NotConfigured, "DN 9 is not configured")
    );
    let nameless = Message::new(MessageType::RequestRegisterAddress);
    assert_eq!(desk.judge(nameless).unwrap().grant, None);
    // What subscribes to nothing is not asked about.
    assert_eq!(desk.judge(make_call("2002")).unwrap().grant, None);
}

#[test]
fn an_owner_is_who_plugins_say_and_who_was_where_they_fail() {
    let question = |dn: &str, event, owner| OwnerQuestion {
        dn: dn.into(),
        is_sip: false,
        event,
        owner,
        applications: vec!["desktop".into()],
    };
    let client = ClientId { module: Module::TController, number: 7 };
    let here = OwnerEvent::ClientRegistered { client, application: "desktop".into() };
    let gone = OwnerEvent::ClientGone { client, application: "desktop".into() };
    let owner = Some(Owner::Client { client, application: "desktop".into() });
    let mut desk = desk(
        "fn dn_owner(change) {
            if change.dn == \"2002\" { throw \"broken\" }
            if change.by_owner && change.owner_application == \"desktop\" { return keep(); }
            if change.kind == \"phone-registered\" { return claim(); }
            if change.application == \"desktop\" { return disown(); }
            pass()
        }",
    );
    let policy = &mut desk.policy;
    assert_eq!(policy.owner(&question("2001", gone, owner.clone())), OwnerVerdict::Keep);
    assert_eq!(policy.owner(&question("2001", here.clone(), None)), OwnerVerdict::Release);
    let phone = OwnerEvent::PhoneRegistered;
    assert_eq!(policy.owner(&question("2001", phone, None)), OwnerVerdict::Claim);
    // Nobody has anything to say: the T-Controller's own rules.
    let phone = OwnerEvent::PhoneGone;
    assert_eq!(policy.owner(&question("2001", phone, owner.clone())), OwnerVerdict::Keep);
    assert_eq!(policy.owner(&question("2002", here, None)), OwnerVerdict::Keep);
}
