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
        let id = ClientId { module: Module::TController, number: 7 };
        let peer = SocketAddr::from(([192, 0, 2, 9], 40_000));
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
    assert_eq!(desk.judge(make_call("112")).unwrap().message, make_call("112"));
    assert!(desk.told()[0].contains("broken"), "{:?}", desk.told());
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
    // Of a DN that there is not the module says so.
    assert_eq!(desk.judge(register("9")).unwrap().grant, None);
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
