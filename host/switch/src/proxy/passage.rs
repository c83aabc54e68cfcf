//! Requests within a dialog on their way through (RFC 3261 sections 16.4 to 16.11): the Route says where, no call need be known.

use std::{
    collections::{BTreeSet, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use model::{ConnId, Flow, Instant, Transport};
use sip::{
    ClientTx, Message, Method, Name, ServerTx, Via, body_of, forwarded_response,
    locate::{Locate, LocateError, Place},
};

use super::{
    Letter, fingerprint, is_loop,
    way::{Way, way_of},
};
use crate::{
    LocateId, Output, Switch,
    call::{listener_for, refuse},
    tables::{ClientUse, Tables},
};

/// What is on its way through.
#[derive(Default)]
pub(crate) struct Passages {
    /// INVITEs without a final response, to be cancelled or given up.
    clients_by_server: HashMap<ServerTx, (ClientTx, Instant)>,
    /// Timer C of each (RFC 3261 section 16.8).
    timers: BTreeSet<(Instant, ServerTx)>,
    /// Requests whose next hop the DNS is asked for.
    waiting: HashMap<ConnId, Waiting>,
    /// When each of them is given up.
    deadlines: BTreeSet<(Instant, ConnId)>,
}

struct Waiting {
    /// `None` for an ACK.
    tx: Option<ServerTx>,
    from: Flow,
    request: Message,
    way: Way,
    until: Instant,
}

impl Passages {
    /// When [`Switch::give_up_passages`] wants to be called next.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        let timer_c = self.timers.first().map(|(at, _)| *at);
        timer_c.into_iter().chain(self.deadlines.first().map(|(at, _)| *at)).min()
    }

    /// Whether a request waits for this look-up.
    pub(crate) fn awaits(&self, conn: ConnId) -> bool {
        self.waiting.contains_key(&conn)
    }

    fn forget(&mut self, server: ServerTx) {
        if let Some((_, at)) = self.clients_by_server.remove(&server) {
            self.timers.remove(&(at, server));
        }
    }

    fn follow(&mut self, server: ServerTx, client: ClientTx, until: Instant) {
        self.forget(server);
        self.clients_by_server.insert(server, (client, until));
        self.timers.insert((until, server));
    }

    fn take_waiting(&mut self, conn: ConnId) -> Option<Waiting> {
        let waiting = self.waiting.remove(&conn)?;
        self.deadlines.remove(&(waiting.until, conn));
        Some(waiting)
    }
}

/// Answers what may not be sent on (RFC 3261 section 16.3); gives whether it did.
pub(crate) fn refuse_proxying(
    tables: &mut Tables,
    now: Instant,
    tx: ServerTx,
    request: &Message,
) -> bool {
    if let Some(status) = obstacle(tables, request) {
        if status == 420 {
            let tag = tables.endpoint.mint_tag();
            let mut response = sip::response_to(request, 420, "", Some(&tag));
            for required in request.headers(Name::ProxyRequire) {
                response.header(Name::Unsupported, required);
            }
            tables.sign_response(&mut response);
            tables.endpoint.respond(now, tx, response.finish(None));
        } else {
            refuse(tables, now, tx, request, status, "");
        }
        return true;
    }
    false
}

fn obstacle(tables: &Tables, request: &Message) -> Option<u16> {
    if request.max_forwards() == Some(0) {
        return Some(483);
    }
    if is_loop(&tables.endpoint, request, fingerprint(request)) {
        return Some(482);
    }
    // No extension asks anything of a proxy that this one knows.
    request.header(Name::ProxyRequire).map(|_| 420)
}

impl Switch {
    /// Sends a request within a dialog on, if it is not for us; gives it back when it is.
    pub(crate) fn pass_through(
        &mut self,
        now: Instant,
        flow: Flow,
        tx: ServerTx,
        request: Message,
    ) -> Option<Message> {
        let Some(way) = request
            .header(Name::Route)
            .is_some()
            .then(|| way_of(&self.tables.config, &request))
            .flatten()
        else {
            return Some(request);
        };
        if refuse_proxying(&mut self.tables, now, tx, &request) {
            return None;
        }
        if request.method() == Method::Bye {
            self.end_proxied(now, &request);
        }
        self.send_along(now, Some(tx), flow, request, way);
        None
    }

    /// An ACK that acknowledges nothing of ours (RFC 3261 section 16.11).
    pub(crate) fn on_stray_ack(&mut self, now: Instant, flow: Flow, ack: Message) {
        if obstacle(&self.tables, &ack).is_none_or(|status| status == 420)
            && let Some(way) = way_of(&self.tables.config, &ack)
        {
            self.send_along(now, None, flow, ack, way);
        }
    }

    fn send_along(
        &mut self,
        now: Instant,
        tx: Option<ServerTx>,
        from: Flow,
        request: Message,
        way: Way,
    ) {
        if let Some(to) = way.flow {
            return self.send_passage(now, tx, (from, to), request, &way);
        }
        let uri = way.next().to_owned();
        match Locate::new(&uri, &self.tables.transports, 0).map(|locate| locate.places()) {
            Ok(Some(places)) => match self.first_reached(from, places) {
                Some(to) => self.send_passage(now, tx, (from, to), request, &way),
                None => self.nowhere(now, tx, &request),
            },
            Ok(None) if self.passages.waiting.len() < self.tables.config.limits.questions_max => {
                let conn = self.tables.mint_conn_id();
                let until = now + self.tables.config.locate_timeout;
                self.passages.deadlines.insert((until, conn));
                let waiting = Waiting { tx, from, request, way, until };
                self.passages.waiting.insert(conn, waiting);
                let id = LocateId { conn, number: 0 };
                self.tables.outputs.push_back(Output::Locate { id, uri });
            }
            Ok(None) | Err(_) => self.nowhere(now, tx, &request),
        }
    }

    /// The DNS has answered for a request on its way through.
    pub(crate) fn on_passage_located(
        &mut self,
        now: Instant,
        conn: ConnId,
        places: Result<Vec<Place>, LocateError>,
    ) {
        let Some(Waiting { tx, from, request, way, .. }) = self.passages.take_waiting(conn) else {
            return;
        };
        match self.first_reached(from, places) {
            Some(to) => self.send_passage(now, tx, (from, to), request, &way),
            None => self.nowhere(now, tx, &request),
        }
    }

    fn first_reached(&self, from: Flow, places: Result<Vec<Place>, LocateError>) -> Option<Flow> {
        places.ok()?.into_iter().find_map(|place| {
            let Place { transport, address: peer } = place;
            let listener = listener_for(&self.tables, Some(from.listener), transport, peer)?;
            Some(Flow { transport, listener, peer })
        })
    }

    fn nowhere(&mut self, now: Instant, tx: Option<ServerTx>, request: &Message) {
        if let Some(tx) = tx {
            refuse(&mut self.tables, now, tx, request, 500, "Next hop unreachable");
        }
    }

    fn send_passage(
        &mut self,
        now: Instant,
        tx: Option<ServerTx>,
        (from, to): (Flow, Flow),
        request: Message,
        way: &Way,
    ) {
        let routes = way.routes.iter().map(String::as_str).collect();
        let uri = &way.uri;
        let letter = Letter { request: &request, from, uri, routes, to, record: Vec::new() };
        let draft = letter.draft(&self.tables);
        let mark = fingerprint(&request);
        let Some(tx) = tx else {
            let mut hasher = DefaultHasher::new();
            mark.hash(&mut hasher);
            request.values(Name::Via).next().hash(&mut hasher);
            // A listener that is gone sends nothing; the callee repeats its 2xx.
            let _ = self.tables.endpoint.forward_ack(to, draft, hasher.finish());
            return;
        };
        match self.tables.endpoint.forward_request(now, to, draft, mark) {
            Ok(client) => {
                if request.method() == Method::Invite {
                    self.passages.follow(tx, client, now + self.timer_c());
                }
                let kept = ClientUse::Passage { server: tx, request: Box::new(request) };
                self.tables.uses_by_client_tx.insert(client, kept);
            }
            Err(_) => refuse(&mut self.tables, now, tx, &request, 503, ""),
        }
    }

    fn timer_c(&self) -> Duration {
        Duration::from_secs(self.tables.config.limits.proxy_timer_c_s.into())
    }

    /// A response to a request that was sent on.
    pub(crate) fn on_passage_response(&mut self, now: Instant, tx: ClientTx, response: &Message) {
        let Some(ClientUse::Passage { server, .. }) = self.tables.uses_by_client_tx.get(&tx) else {
            return;
        };
        let server = *server;
        let status = response.status();
        match status {
            ..=100 => return,
            //= RFC 3261 section 16.7
            //# For an INVITE transaction, if the response is a provisional response with status codes 101 to 199 inclusive
            101..=199 if self.passages.clients_by_server.contains_key(&server) => {
                self.passages.follow(server, tx, now + self.timer_c());
            }
            101..=199 => {}
            _ => {
                self.passages.forget(server);
                self.tables.uses_by_client_tx.remove(&tx);
            }
        }
        if let Some(writer) = forwarded_response(response, upstream_status(status)) {
            let bytes = writer.finish(body_of(response));
            self.tables.endpoint.forward_response(now, server, bytes);
        }
    }

    /// A request that was sent on got no final response.
    pub(crate) fn on_passage_lost(&mut self, now: Instant, tx: ClientTx, status: u16) {
        if let Some(ClientUse::Passage { server, request }) =
            self.tables.uses_by_client_tx.remove(&tx)
        {
            self.passages.forget(server);
            // RFC 4320 section 4.2: only INVITEs are told so late.
            if status == 408 && request.method() != Method::Invite {
                return self.tables.endpoint.abandon(server);
            }
            let status = upstream_status(status);
            refuse(&mut self.tables, now, server, &request, status, "");
        }
    }

    /// A CANCEL came for a re-INVITE that was sent on (RFC 3261 section 16.10).
    pub(crate) fn cancel_passage(&mut self, now: Instant, tx: ServerTx, reason: &str) -> bool {
        let client = self.passages.clients_by_server.get(&tx).map(|(client, _)| *client);
        if let Some(client) = client {
            self.tables.endpoint.cancel_because(now, client, reason);
        }
        client.is_some()
    }

    /// Gives up what has waited too long.
    pub(crate) fn give_up_passages(&mut self, now: Instant) {
        while let Some((at, tx)) =
            self.passages.timers.first().copied().filter(|(at, _)| *at <= now)
        {
            self.passages.timers.remove(&(at, tx));
            self.cancel_passage(now, tx, "");
        }
        while let Some((_, conn)) =
            self.passages.deadlines.first().copied().filter(|(at, _)| *at <= now)
        {
            self.on_passage_located(now, conn, Err(LocateError::NoAnswer(String::new())));
        }
    }
}

impl Tables {
    /// A response that no transaction waits for: a 2xx of another fork, or one that is repeated, goes where its Via says (RFC 3261
    /// section 16.7 item 10).
    pub(crate) fn pass_back_stray(&mut self, response: &Message) {
        let mut vias = response.values(Name::Via).filter_map(|via| Via::parse(via).ok());
        let is_ours = vias.next().is_some_and(|via| {
            via.branch().and_then(sip::fingerprint_of).is_some() && self.endpoint.is_own_via(&via)
        });
        let back = vias.next().and_then(|via| self.flow_of(&via));
        if let (true, Some(flow)) = (is_ours, back)
            && let Some(writer) = forwarded_response(response, response.status())
        {
            let bytes = writer.finish(body_of(response));
            self.outputs.push_back(Output::Transmit { flow, bytes });
        }
    }

    /// Where a Via wants its responses (RFC 3261 section 18.2.2, RFC 3581 section 4).
    fn flow_of(&self, via: &Via<'_>) -> Option<Flow> {
        let all = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
        let is_meant =
            |transport: &Transport| via.transport.eq_ignore_ascii_case(transport.via_token());
        let transport = all.into_iter().find(is_meant)?;
        let ip = via.received().unwrap_or(via.host).trim_matches(['[', ']']).parse().ok()?;
        let default = if transport == Transport::Tls { 5061 } else { 5060 };
        let port = via.rport().flatten().or(via.port).unwrap_or(default);
        let peer = std::net::SocketAddr::new(ip, port);
        let listener = listener_for(self, None, transport, peer)?;
        Some(Flow { transport, listener, peer })
    }
}

/// A 503 is said of the next hop and not of us (RFC 3261 section 16.7 item 6).
pub(crate) const fn upstream_status(status: u16) -> u16 {
    if status == 503 { 500 } else { status }
}
