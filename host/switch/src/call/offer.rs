//! An INVITE becomes a call.

use std::sync::Arc;

use model::{
    Aor, ConnId, Directory, Flow, Instant, LegId, Seat,
    hook::{CallFacts, Party, RequestKind},
};
use sip::{HeaderError, Message, Method, Name, NameAddr, ServerTx, Uri, response_to};

use super::{
    Call, CallMedia, CallerLeg, Privacy, Reliability, State, headers::ALLOW, is_sips, our_contact,
};
use crate::{Emergency, Fact, TrunkPassed, door::Arrival, gruu, tables::Tables};

impl Call {
    /// Makes a call of an INVITE outside any dialog, or answers it and gives `None`. Nothing has been done for it yet.
    pub(crate) fn offer(
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        arrival: Arrival,
    ) -> Option<Self> {
        let Arrival { tx, flow, request: invite, conn, identity } = arrival;
        if refuse_unusable(tables, now, tx, &invite) {
            return None;
        }
        let conn = conn.unwrap_or_else(|| tables.mint_conn_id());
        let facts = match facts_of(tables, dir, conn, flow, &invite, identity) {
            Ok(facts) => Arc::new(facts),
            Err(error) => {
                refuse(tables, now, tx, &invite, 400, &error.to_string());
                return None;
            }
        };
        let Ok(seat) = seat_of(tables, dir, flow, &invite, &facts) else {
            tables.stats.calls_shed += 1;
            refuse(tables, now, tx, &invite, 503, "");
            return None;
        };
        let tag: Box<str> = tables.endpoint.mint_tag().into();
        let contact = own_contact(tables, flow, &facts, &invite).into();
        tables.legs_by_tag.insert(tag.clone(), LegId { conn, number: 0 });
        tables.host_leg(&tag, &facts.call_id, 0);
        tables.invites_by_server_tx.insert(tx, (conn, media::Side::A));
        tables.stats.calls_offered += 1;
        tables.emit(Fact::CallOffered { facts: facts.clone(), ticket: None });
        let reliability = Reliability::of(&invite);
        let caller = CallerLeg::new(flow, (tag, contact), (tx, invite), reliability);
        Some(Self::new(now, facts, caller, seat))
    }

    /// A call that nothing has been done for yet.
    pub(super) fn new(
        now: Instant,
        facts: Arc<CallFacts>,
        caller: CallerLeg,
        seat: Option<Seat>,
    ) -> Self {
        let asked = caller.invite.as_ref().map(|(_, invite)| Privacy::of(invite));
        let privacy = [asked.unwrap_or_default().of_party(&facts.caller), Privacy::default()];
        Self {
            conn: facts.conn_id,
            facts,
            started_at: now,
            state: State::OpeningMedia,
            pin: None,
            routed_by: None,
            shown: None,
            redirected_because: None,
            privacy,
            seat,
            caller,
            callee: None,
            branches: Vec::new(),
            next_leg: 0,
            lookups: 0,
            plan: std::collections::VecDeque::new(),
            groups: std::collections::VecDeque::new(),
            trying: None,
            attempts: Vec::new(),
            last_status: 0,
            last_redirect: Vec::new(),
            last_forward: None,
            media: CallMedia::default(),
            transfer: None,
            origin: None,
            pair: None,
            dial: None,
            waiting: None,
            replaced: None,
            refers: [0; 2],
            reinvite: None,
            given_up: Vec::new(),
            own_offer: None,
            asked: None,
            policy: None,
            proxied: None,
            pending_ack: None,
            talking: Default::default(),
            wanted_held: super::hold::Wanted::default(),
            holders: super::hold::Wanted::default(),
            ticket: None,
            parting: None,
            moves: 0,
            relayed: 0,
            timers: Vec::new(),
        }
    }

    /// An emergency goes where the configuration says; every other call asks the plugins.
    pub(crate) fn begin(&mut self, tables: &mut Tables, now: Instant, dir: &dyn Directory) {
        let emergency = &tables.config.emergency;
        match emergency.number(&self.facts.callee).and_then(|number| emergency.plan(number)) {
            Some(plan) => self.take_emergency(tables, now, dir, plan),
            None => self.ask_route(tables, now),
        }
    }
}

/// Answers an INVITE that no call can be made of, whatever the plugins say; gives whether it did.
fn refuse_unusable(tables: &mut Tables, now: Instant, tx: ServerTx, invite: &Message) -> bool {
    // RFC 3261 section 8.1.1.8: without one nothing could be sent to the caller, and no phone shall ring for that.
    let is_reachable = matches!(invite.contact(), Ok(Some(_)));
    if !is_reachable {
        refuse(tables, now, tx, invite, 400, "Contact is missing or cannot be read");
    }
    !is_reachable
}

/// Answers a request with a final status and no more.
pub(crate) fn refuse(
    tables: &mut Tables,
    now: Instant,
    tx: ServerTx,
    request: &Message,
    status: u16,
    reason: &str,
) {
    let tag = tables.endpoint.mint_tag();
    let mut response = response_to(request, status, reason, Some(&tag));
    if matches!(status, 405 | 501) {
        response.header(Name::Allow, ALLOW);
    }
    if status == 503 {
        response.header(Name::RetryAfter, tables.config.limits.retry_after_s);
    }
    tables.sign_response(&mut response);
    tables.endpoint.respond(now, tx, response.finish(None));
}

/// Our Contact towards a caller.
fn own_contact(tables: &Tables, flow: Flow, facts: &CallFacts, invite: &Message) -> String {
    let user = Uri::parse(&facts.callee.uri).ok().and_then(|uri| uri.user);
    let secure = is_sips(invite.request_uri());
    our_contact(user, tables.advertised(flow.listener), flow.transport, secure)
}

/// A place on the trunk a call came over, if it came over one; the error says that the trunk has none. An emergency needs none.
fn seat_of(
    tables: &mut Tables,
    dir: &dyn Directory,
    flow: Flow,
    invite: &Message,
    facts: &CallFacts,
) -> Result<Option<Seat>, TrunkPassed> {
    let Some(id) = tables.trunk_of(dir, flow, invite) else { return Ok(None) };
    match dir.seat(id) {
        None if !facts.emergency => {
            let (why, trunk) = (TrunkPassed::Full, facts.trunk.clone().unwrap_or_default());
            tables.emit(Fact::TrunkPassed { conn: facts.conn_id, trunk, why });
            Err(why)
        }
        seat => Ok(seat),
    }
}

/// What plugins may know of a request that begins something.
pub(crate) fn facts_of(
    tables: &Tables,
    dir: &dyn Directory,
    conn: ConnId,
    flow: Flow,
    request: &Message,
    identity: Option<Aor>,
) -> Result<CallFacts, HeaderError> {
    let ingress = tables
        .config
        .listeners
        .get(usize::from(flow.listener.0))
        .map_or_else(String::new, |listener| listener.name.clone());
    let (kind, mut callee) = match request.method() {
        Method::Register => (RequestKind::Register, party_of(&request.to()?)),
        Method::Subscribe => (RequestKind::Subscribe, party_of_uri(request.request_uri(), "")),
        Method::Message => (RequestKind::Message, party_of_uri(request.request_uri(), "")),
        _ => (RequestKind::Invite, party_of_uri(request.request_uri(), "")),
    };
    if kind != RequestKind::Register {
        gruu::unveil(tables.sealer(), &mut callee);
    }
    let emergency = tables.config.emergency.number(&callee).is_some();
    Ok(CallFacts {
        conn_id: conn,
        request: kind,
        call_id: request.call_id().to_owned(),
        tenant: "default".to_owned(),
        ingress,
        transport: flow.transport,
        source: flow.peer,
        trunk: tables
            .trunk_of(dir, flow, request)
            .and_then(|id| tables.trunks.get(id))
            .map(|trunk| trunk.name.clone()),
        identity,
        caller: party_of(&request.from()?),
        callee,
        dialled: None,
        labels: Vec::new(),
        privacy: None,
        redirections: Vec::new(),
        emergency,
        transfer: None,
        headers: request.header_block(),
    })
}

pub(super) fn party_of(address: &NameAddr<'_>) -> Party {
    party_of_uri(address.uri, &address.display)
}

/// Whether an INVITE is for an emergency service.
pub(crate) fn is_emergency(tables: &Tables, invite: &Message) -> bool {
    calls_for_help(&tables.config.emergency, invite)
}

fn calls_for_help(emergency: &Emergency, request: &Message) -> bool {
    emergency.number(&party_of_uri(request.request_uri(), "")).is_some()
}

impl Tables {
    /// Opens temporary GRUUs, where there is a key.
    pub(crate) fn sealer(&self) -> Option<gruu::Sealer> {
        self.config.proxy_key.map(gruu::Sealer::new)
    }

    /// Whatever is refused because there is too much to do, a call for help is not.
    pub(crate) fn exempt_emergencies(&mut self) {
        let emergency = self.config.emergency.clone();
        self.endpoint.exempt(Box::new(move |request| {
            request.method() == Method::Invite && calls_for_help(&emergency, request)
        }));
    }
}

/// A URI that cannot be taken apart keeps its text and has neither user nor host.
pub(crate) fn party_of_uri(uri: &str, display: &str) -> Party {
    let (user, host) = Uri::parse(uri).map_or_else(
        |_| (String::new(), String::new()),
        |uri| (uri.user_unescaped().into_owned(), uri.host.to_ascii_lowercase()),
    );
    Party { uri: uri.to_owned(), user, host, display: display.to_owned() }
}
