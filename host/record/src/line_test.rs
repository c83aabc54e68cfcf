#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{path::Path, time::Duration};

use model::{
    Aor, ConnId, Digest, GenerationRef, HeaderBlock, Transport,
    hook::{
        Ask, Attempt, CallEvent, CallFacts, ClientRequest, ContactFacts, Destination, Dialled,
        Diversion, DnOwner, End, Happening, Outgoing, OwnerChange, OwnerHappening, Party, Privacy,
        Redirection, RequestKind, Subscription, SubscriptionKind, Target, Transfer, TransferKind,
    },
};
use proptest::prelude::*;

use super::*;
use crate::{Canonical, Failed, Spoken, Why};

#[path = "../../../tests/fuzz/src/recorded.rs"]
#[allow(unreachable_pub, reason = "the fuzz target calls it from outside")]
mod checks;

fn party(user: &str) -> Party {
    let (host, display) = ("example.com".to_owned(), "Ada \"A\"\u{1}".to_owned());
    Party { uri: format!("sip:{user}@{host}"), user: user.to_owned(), host, display }
}

fn facts() -> CallFacts {
    let transfer = Transfer {
        kind: TransferKind::Attended,
        by: party("3"),
        of: ConnId(0x1_0000_0000_0007),
        count: 2,
    };
    CallFacts {
        conn_id: ConnId(7),
        request: RequestKind::Invite,
        call_id: "a@b".to_owned(),
        tenant: "acme".to_owned(),
        ingress: "udp".to_owned(),
        transport: Transport::Tls,
        source: "[2001:db8::1]:5061".parse().unwrap(),
        trunk: Some("carrier".to_owned()),
        identity: Some(Aor::new("1", "example.com")),
        caller: party("1"),
        callee: party("2"),
        dialled: Some(Box::new(Dialled { caller: party("01"), callee: party("02") })),
        labels: vec![("class".to_owned(), "national".to_owned())],
        privacy: Some(Privacy::Id),
        redirections: vec![Redirection { by: party("4"), why: Diversion::NoAnswer }],
        emergency: false,
        transfer: Some(Box::new(transfer)),
        headers: HeaderBlock::from_pairs([("Subject", "hi"), ("v", "one"), ("v", "two")]),
    }
}

fn moment() -> Moment {
    let local = LocalTime { year: 2026, month: 11, day: 21, weekday: 6, ..LocalTime::default() };
    Moment { at_ms: 1_795_300_000_123, local: LocalTime { utc_offset_min: -210, ..local } }
}

fn recorded(ask: Ask) -> Recorded {
    let question = Question { id: QuestionId(0), call: Arc::new(facts()), ask, pin: None };
    Recorded { question, moment: moment(), said: None, reads: Vec::new() }
}

fn event(what: Happening) -> Ask {
    let (after, only) = (Duration::from_millis(1500), Some("desk".into()));
    Ask::CallEvent(Arc::new(CallEvent { what, after, missed: 3, only }))
}

/// One question of each hook, and each event.
fn all() -> Vec<Recorded> {
    let trunk = Destination::Trunk { name: "carrier".to_owned(), user: Some("+43".to_owned()) };
    let target = Target {
        ring: Some(Duration::from_millis(2500)),
        together: true,
        diverted: Some(Diversion::Away),
        ..Target::new(trunk)
    };
    let attempt = |to| Attempt { target: Target::new(to), status: 486, lasted: Duration::ZERO };
    let attempts = vec![
        attempt(Destination::Aor(Aor::new("2", "example.com"))),
        attempt(Destination::Uri("sip:2@192.0.2.1".to_owned())),
        attempt(Destination::RoutingPoint(Aor::new("8", "example.com"))),
    ];
    let expires = Some(Duration::from_secs(60));
    let contact = ContactFacts { uri: "sip:2@192.0.2.1".to_owned(), expires, q_milli: 500 };
    let (by, into) = (End::Callee, ConnId(9));
    let events = [
        Happening::Offered,
        Happening::Ringing { leg: 1, status: 180 },
        Happening::LegFailed { leg: 1, status: 486 },
        Happening::Answered { leg: 2 },
        Happening::Held { by },
        Happening::Resumed { by },
        Happening::PluginHeld { party: by, held: true },
        Happening::PluginHeld { party: by, held: false },
        Happening::CommandFailed { command: "transfer", party: by, status: 603 },
        Happening::TransferBegun { by, to: "sip:5@example.com".to_owned(), into },
        Happening::Transferred { into },
        Happening::TransferFailed { status: 404 },
        Happening::Timer { name: "beep".into() },
        Happening::Released { by: "switch", cause: "answered elsewhere".to_owned() },
    ];
    let asks = [
        Ask::Admission,
        Ask::Authenticate,
        Ask::Register { contacts: vec![contact] },
        Ask::DialPlan,
        Ask::Route,
        Ask::HeaderPolicy(Arc::new(Outgoing {
            from_trunk: Some("other".to_owned()),
            ..Outgoing::to(target.clone())
        })),
        Ask::RouteOnFailure { attempts, remaining: vec![target] },
    ];
    let calls = asks.into_iter().chain(events.map(event)).map(recorded);
    calls.chain(of_clients().into_iter().map(of_client)).collect()
}

/// What is asked about T-Library clients and the owners of DNs.
fn of_clients() -> Vec<Ask> {
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let change = OwnerChange {
        dn: "2".into(),
        what: OwnerHappening::ClientRegistered("desktop \u{1}".into()),
        is_sip: false,
        owner: Some(DnOwner::Application("icon".into())),
        is_by_owner: false,
        applications: vec!["icon".into(), "desktop".into()],
    };
    let gone = OwnerChange {
        what: OwnerHappening::PhoneGone,
        is_sip: true,
        owner: Some(DnOwner::Phone),
        is_by_owner: true,
        applications: Vec::new(),
        ..change.clone()
    };
    let nobody = OwnerChange { owner: None, ..change.clone() };
    let subscription = Subscription {
        kind: SubscriptionKind::Dn,
        port: "TCport".into(),
        application: "desktop".into(),
        dn: Some("2".into()),
        dn_type: Some("extension".into()),
        extensions: pairs(&[("filter-events", "EventRinging"), ("depth", "3")]),
    };
    let calls = Subscription {
        kind: SubscriptionKind::Calls,
        dn: None,
        dn_type: None,
        extensions: Vec::new(),
        ..subscription.clone()
    };
    let request = ClientRequest {
        name: "RequestMakeCall".into(),
        port: "default".into(),
        application: "desktop".into(),
        attributes: pairs(&[("ThisDN", "2"), ("OtherDN", "3"), ("Extensions.why", "\"")]),
    };
    let owners = [change, gone, nobody].map(|change| Ask::DnOwner(Arc::new(change)));
    let subscriptions = [subscription, calls].map(|to| Ask::FanOut(Arc::new(to)));
    let asks = owners.into_iter().chain(subscriptions);
    asks.chain([Ask::AuthoriseRequest(Arc::new(request))]).collect()
}

/// As the host asks it: no call, and of the facts those that there are.
fn of_client(ask: Ask) -> Recorded {
    let mut asked = recorded(ask);
    let call = Arc::make_mut(&mut asked.question.call);
    *call = CallFacts {
        request: RequestKind::TLibrary,
        call_id: String::new(),
        ingress: "TCport".to_owned(),
        transport: Transport::Tcp,
        trunk: None,
        identity: None,
        caller: Party::default(),
        callee: Party { user: "2".to_owned(), ..Party::default() },
        dialled: None,
        labels: Vec::new(),
        privacy: None,
        redirections: Vec::new(),
        transfer: None,
        headers: HeaderBlock::default(),
        ..call.clone()
    };
    asked
}

#[test]
fn every_question_reads_back_as_it_was_asked() {
    for asked in all() {
        let line = asked.to_line();
        assert_eq!(Recorded::from_line(&line), Ok(asked), "{line}");
    }
}

#[test]
fn what_came_of_it_reads_back() {
    let by = GenerationRef { plugin: "desk".into(), serial: 3, digest: Digest([0xab; 32]) };
    let reasons = vec![Why { code: "busy".to_owned(), text: "all agents talk".to_owned() }];
    let spoken = Spoken { verdict: Canonical::Refuse { status: 486 }, reasons };
    let failed = Failed { kind: "trap".to_owned(), detail: "trapped: unreachable".to_owned() };
    for came in [Ok(spoken), Err(failed)] {
        let said = Some(Said::by(&by, 1234, came));
        let reads = vec![serde_json::json!({ "import": "kv.get", "key": "a" })];
        let asked = Recorded { said, reads, ..recorded(Ask::Route) };
        assert_eq!(Recorded::from_line(&asked.to_line()), Ok(asked));
    }
}

#[test]
fn credentials_are_not_written() {
    let mut asked = recorded(Ask::Authenticate);
    let fields = [("AUTHORIZATION", "Digest username=\"1\""), ("Proxy-Authorization", "Basic x")];
    Arc::make_mut(&mut asked.question.call).headers = HeaderBlock::from_pairs(fields);
    let line = asked.to_line();
    assert!(!line.contains("Digest") && !line.contains("Basic"), "{line}");
    let read = Recorded::from_line(&line).unwrap();
    let headers: Vec<_> = read.question.call.headers.iter().collect();
    assert_eq!(headers, [("AUTHORIZATION", HIDDEN), ("Proxy-Authorization", HIDDEN)]);
}

#[test]
fn another_version_is_refused_as_such() {
    let line = recorded(Ask::Route).to_line();
    let newer = line.replacen("\"v\":1", "\"v\":2", 1);
    assert_eq!(Recorded::from_line(&newer), Err(ReadError::Version { found: 2 }));
    assert_eq!(
        ReadError::Version { found: 2 }.to_string(),
        "a recorded question of version 2; this program reads version 1: record it anew, or use the program that wrote it"
    );
    let said = |line: &str| Recorded::from_line(line).unwrap_err().to_string();
    assert!(said("{\"a\":1}").starts_with("no recorded question: missing field `v`"));
    assert!(said("").starts_with("no recorded question: EOF"));
    assert!(said(&line.replacen("route", "rote", 1)).contains("hook `rote` is not known"));
    assert!(said(&line.replacen("\"hook\"", "\"hock\"", 1)).contains("unknown field `hock`"));
    assert!(said(&"x".repeat(LINE_BYTES_MAX + 1)).contains("at most 1048576 are read"));
}

/// `JACKFIELD_UPDATE_CORPUS=1` writes what a change of the format makes stale.
#[test]
fn the_corpus_keeps_what_must_hold_of_any_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/recorded");
    if std::env::var_os("JACKFIELD_UPDATE_CORPUS").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        for (number, asked) in all().iter().enumerate() {
            let name = format!("{number:02}-{}", asked.question.hook());
            std::fs::write(folder.join(name), asked.to_line()).unwrap();
        }
    }
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        checks::recorded(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= all().len(), "{files} files");
}

proptest! {
    #[test]
    fn damaged_lines_keep_it_too(
        which in 0..27usize,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let all = all();
        let mut line = all[which % all.len()].to_line().into_bytes();
        let (at, cut) = (at.index(line.len()), cut.index(line.len()));
        line[at] = byte;
        checks::recorded(&line);
        checks::recorded(&line[..cut]);
    }
}
