//! The question that each new generation answers before it serves.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use model::{
    Aor, ConnId, HeaderBlock, LocalTime, Moment, Transport,
    hook::{
        Ask, Attempt, CallEvent, CallFacts, ClientRequest, ContactFacts, Destination, Happening,
        Hook, Outgoing, OwnerChange, OwnerHappening, Party, Question, QuestionId, RequestKind,
        Subscription, SubscriptionKind, Target,
    },
};

/// Names a call that is none: the host of every party ends in `.invalid` (RFC 2606 section 2).
const HOST: &str = "jackfield.invalid";

/// A plain question for `hook`.
pub(crate) fn question(hook: Hook) -> Question {
    let callee = party("2000", HOST);
    let target = |user| Target::new(Destination::Aor(Aor::new(user, HOST)));
    let contact = ContactFacts {
        uri: "sip:self-test@192.0.2.1".into(),
        expires: Some(Duration::from_secs(3600)),
        q_milli: 1000,
    };
    let ask = match hook {
        Hook::Admission => Ask::Admission,
        Hook::Authenticate => Ask::Authenticate,
        Hook::Register => Ask::Register { contacts: vec![contact] },
        Hook::DialPlan => Ask::DialPlan,
        Hook::Route => Ask::Route,
        Hook::HeaderPolicy => Ask::HeaderPolicy(Arc::new(Outgoing::to(target("2000")))),
        Hook::RouteOnFailure => Ask::RouteOnFailure {
            attempts: vec![Attempt {
                target: target("2000"),
                status: 480,
                lasted: Duration::from_secs(1),
            }],
            remaining: vec![target("2001")],
        },
        Hook::CallEvent => Ask::CallEvent(Arc::new(CallEvent {
            what: Happening::Offered,
            after: Duration::ZERO,
            missed: 0,
            only: None,
        })),
        Hook::DnOwner => Ask::DnOwner(Arc::new(OwnerChange {
            dn: "2000".into(),
            what: OwnerHappening::PhoneRegistered,
            is_sip: true,
            owner: None,
            is_by_owner: false,
            applications: Vec::new(),
        })),
        Hook::FanOut => Ask::FanOut(Arc::new(Subscription {
            kind: SubscriptionKind::Dn,
            port: "default".into(),
            application: "self-test".into(),
            dn: Some("2000".into()),
            dn_type: Some("extension".into()),
            extensions: Vec::new(),
        })),
        Hook::AuthoriseRequest => Ask::AuthoriseRequest(Arc::new(ClientRequest {
            name: "RequestMakeCall".into(),
            port: "default".into(),
            application: "self-test".into(),
            attributes: vec![("ThisDN".into(), "2000".into()), ("OtherDN".into(), "2001".into())],
        })),
    };
    about(callee, party("self-test", HOST), ask)
}

/// A question about a call from `caller` to `callee`.
pub(crate) fn about(callee: Party, caller: Party, ask: Ask) -> Question {
    let request = match ask {
        Ask::Register { .. } => RequestKind::Register,
        Ask::DnOwner(_) | Ask::FanOut(_) | Ask::AuthoriseRequest(_) => RequestKind::TLibrary,
        _ => RequestKind::Invite,
    };
    let came = (Transport::Udp, SocketAddr::from(([127, 0, 0, 1], 5060)));
    let facts = CallFacts {
        call_id: format!("self-test@{HOST}"),
        ingress: "self-test".into(),
        caller,
        callee,
        headers: HeaderBlock::from_pairs([("Subject", "self-test"), ("User-Agent", "Jackfield")]),
        ..CallFacts::new(ConnId(0), request, came)
    };
    Question { id: QuestionId(0), call: Arc::new(facts), ask, pin: None }
}

/// A party with this address.
pub(crate) fn party(user: &str, host: &str) -> Party {
    Party {
        uri: format!("sip:{user}@{host}"),
        user: user.into(),
        host: host.into(),
        display: String::new(),
    }
}

/// Monday 3 January 2000, 12:00 UTC: always the same, so that a self-test gives the same answer at any hour.
pub(crate) fn moment() -> Moment {
    let local =
        LocalTime { year: 2000, month: 1, day: 3, weekday: 1, hour: 12, ..LocalTime::default() };
    Moment { at_ms: 946_900_800_000, local }
}
