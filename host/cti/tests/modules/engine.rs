//! What a shard of the call engine tells.

use std::sync::Arc;

use model::{
    Aor, ConnId, Flow, HeaderBlock, LegId, ListenerId, Transport,
    hook::{CallFacts, Destination, Party, RequestKind, Transfer, TransferKind},
};
use switch::{Cause, Fact, ReleasedBy, Unfit};

fn party(number: &str) -> Party {
    Party {
        uri: format!("sip:{number}@test"),
        user: number.into(),
        host: "test".into(),
        display: String::new(),
    }
}

fn facts(conn: u64, from: &str, to: &str) -> CallFacts {
    CallFacts {
        conn_id: ConnId(conn),
        request: RequestKind::Invite,
        call_id: String::new(),
        tenant: String::new(),
        ingress: String::new(),
        transport: Transport::Udp,
        source: ([192, 0, 2, 1], 5060).into(),
        trunk: None,
        identity: None,
        caller: party(from),
        callee: party(to),
        dialled: None,
        labels: Vec::new(),
        privacy: None,
        redirections: Vec::new(),
        emergency: false,
        transfer: None,
        headers: HeaderBlock::default(),
    }
}

pub(crate) fn offered(conn: u64, from: &str, to: &str) -> Fact {
    Fact::CallOffered { facts: Arc::new(facts(conn, from, to)), ticket: None }
}

/// The call as the dial plan left it.
pub(crate) fn amended(conn: u64, from: &str, to: &str) -> Fact {
    Fact::Amended { facts: Arc::new(facts(conn, from, to)) }
}

pub(crate) fn queued(conn: u64, point: &str, failed: Option<u16>) -> Fact {
    Fact::Queued { conn: ConnId(conn), point: Aor::new(point, "test"), failed }
}

/// What the engine tells of a route that it takes.
pub(crate) fn routed(conn: u64, ticket: u64, to: &str) -> [Fact; 3] {
    let facts = Arc::new(facts(conn, "5551001", to));
    [
        Fact::Routed { conn: ConnId(conn), facts },
        Fact::Controlled { ticket, outcome: Ok(ConnId(conn)) },
        called(conn, to),
    ]
}

pub(crate) fn refused(ticket: u64, why: Unfit) -> Fact {
    Fact::Controlled { ticket, outcome: Err(why) }
}

/// A phone is called by leg 1.
pub(crate) fn called(conn: u64, to: &str) -> Fact {
    Fact::LegOffered {
        leg: leg(conn),
        uri: format!("sip:{to}@192.0.2.2"),
        call_id: String::new(),
        flow: Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            peer: ([192, 0, 2, 2], 5060).into(),
        },
        target: Destination::Aor(Aor::new(to, "test")),
    }
}

pub(crate) fn rings(conn: u64) -> Fact {
    Fact::LegAlerting { leg: leg(conn), status: 180 }
}

pub(crate) fn answered(conn: u64) -> Fact {
    Fact::Established { conn: ConnId(conn), leg: leg(conn) }
}

/// The party that phones with the called party of a call is sent on: the call that it is to be in is offered.
pub(crate) fn sends_on(conn: u64, into: u64, kind: TransferKind) -> [Fact; 2] {
    let transfer = Transfer { kind, by: party("1001"), of: ConnId(conn), count: 1 };
    let transfer = Some(Box::new(transfer));
    let facts = CallFacts { transfer, ..facts(into, "5551001", "1002") };
    let (into, to) = (ConnId(into), "sip:1002@test".into());
    [
        Fact::TransferBegun { leg: leg(conn), into, to, dropped: false },
        Fact::CallOffered { facts: Arc::new(facts), ticket: None },
    ]
}

/// The call ends because its parties are in another one.
pub(crate) fn transferred(conn: u64, into: u64) -> [Fact; 2] {
    let (conn, into) = (ConnId(conn), ConnId(into));
    let cause = Cause::Transferred;
    [Fact::Transferred { conn, into }, Fact::Released { conn, cause, anchored: false, table: None }]
}

pub(crate) fn hung_up(conn: u64) -> Fact {
    let cause = Cause::Hangup(ReleasedBy::Caller);
    Fact::Released { conn: ConnId(conn), cause, anchored: false, table: None }
}

fn leg(conn: u64) -> LegId {
    LegId { conn: ConnId(conn), number: 1 }
}
