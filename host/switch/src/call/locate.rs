//! Where a target with a host name leads, and on to its next place when one is dead (RFC 3263 sections 4.2 and 4.3).

use model::{Directory, Flow, Instant, LegId, ListenerId, Transport};
use sip::locate::{Locate, LocateError, Place};

use super::{
    Call, State,
    attempt::{Hop, Places},
};
use crate::{Fact, LocateId, Output, Reason, tables::Tables};

impl Call {
    /// The places of a URI, or a request to find them.
    pub(super) fn locate(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        of: usize,
        uri: &str,
    ) -> Result<Places, u16> {
        // Which of several SRV records comes first differs from call to call; the driver of the look-up rolls the dice.
        let found = Locate::new(uri, &tables.transports, 0).map(|locate| locate.places());
        match found {
            Ok(Some(places)) => {
                self.hop_to(tables, of, uri, places).map(|hop| Places::Known(Box::new(hop)))
            }
            Ok(None) => {
                self.state = State::Locating(self.ask_dns(tables, now, uri));
                Ok(Places::Asked)
            }
            Err(_) => Err(NOWHERE),
        }
    }

    pub(super) fn ask_dns(&mut self, tables: &mut Tables, now: Instant, uri: &str) -> LocateId {
        self.lookups += 1;
        let id = LocateId { conn: self.conn, number: self.lookups };
        self.start_timer(tables, now + tables.config.locate_timeout, Reason::Locate);
        tables.outputs.push_back(Output::Locate { id, uri: uri.to_owned() });
        id
    }

    /// The look-up is back.
    pub(crate) fn on_located(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        id: LocateId,
        places: Result<Vec<Place>, LocateError>,
    ) {
        if self.state != State::Locating(id) {
            return self.on_trunk_located(tables, now, dir, id, places);
        }
        self.stop_timer(tables, Reason::Locate);
        let Some((of, uri)) = self.unplaced() else { return };
        let hop = self.hop_to(tables, of, &uri, places);
        self.place_found(tables, now, dir, of, hop);
    }

    /// The look-up takes too long.
    pub(crate) fn on_locate_timeout(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
    ) {
        if let State::Locating(_) = self.state
            && let Some((of, _)) = self.unplaced()
        {
            return self.place_found(tables, now, dir, of, Err(NOWHERE));
        }
        self.on_trunks_not_located(tables, now, dir);
    }

    /// One hop over all the places that our listeners reach.
    pub(super) fn hop_to(
        &self,
        tables: &Tables,
        of: usize,
        uri: &str,
        places: Result<Vec<Place>, LocateError>,
    ) -> Result<Hop, u16> {
        let reached = places.map_err(|_| NOWHERE)?.into_iter().filter_map(|place| {
            let Place { transport, address: peer } = place;
            let preferred = Some(self.caller.flow.listener);
            let listener = listener_for(tables, preferred, transport, peer)?;
            Some(Flow { transport, listener, peer })
        });
        let mut flows: std::collections::VecDeque<Flow> = reached.collect();
        let flow = flows.pop_front().ok_or(NOWHERE)?;
        let uri = sip::Uri::parse(uri).map_or(uri, |parsed| parsed.for_request(uri)).to_owned();
        let (path, spares) = ("".into(), Vec::new());
        let (others, is_large, trunk, auto, as_leg) = (flows, false, None, false, None);
        Ok(Hop { of, uri, path, flow, others, spares, is_large, trunk, auto, as_leg })
    }

    /// Whether a failure says that the called party was not reached this way, and there is another.
    pub(super) fn is_no_answer(&self, leg: LegId, status: u16) -> bool {
        let branch = self.branches.iter().find(|branch| branch.leg == leg && !branch.cancelled);
        branch.is_some_and(|branch| match status {
            // RFC 3263 section 4.3: a place that cannot serve now is dead for this request, and another may not be.
            503 => !branch.others.is_empty(),
            //= RFC 5626 section 7
            //# If the proxy receives a final response from a branch other than a 408 (Request Timeout) or a 430 (Flow Failed)
            //# response, the proxy MUST NOT forward the same request to another target representing the same AOR and instance-id.
            408 | 430 => !branch.spares.is_empty(),
            _ => false,
        })
    }

    /// Whether the target of a branch has a place that was not tried.
    pub(super) fn has_another_place(&self, leg: LegId) -> bool {
        let branch = self.branches.iter().find(|branch| branch.leg == leg);
        branch.is_some_and(|branch| !branch.cancelled && branch.has_another_place())
    }

    /// A place is dead: its target is tried at the next one that takes the request. `running` says that its INVITE is still
    /// under way and is to be cancelled. Where there is none it goes on with its next trunk.
    pub(super) fn next_place(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        (leg, status): (LegId, u16),
        running: bool,
    ) {
        let Some(at) = self.branches.iter().position(|branch| branch.leg == leg) else { return };
        let branch = &mut self.branches[at];
        let of = branch.of;
        let place = Hop {
            of,
            uri: branch.uri.clone(),
            path: branch.path.clone(),
            flow: branch.facts.flow,
            others: std::mem::take(&mut branch.others),
            spares: std::mem::take(&mut branch.spares),
            is_large: branch.is_large,
            trunk: branch.trunk.clone(),
            auto: branch.auto,
            as_leg: None,
        };
        if running {
            branch.cancelled = true;
            tables.endpoint.cancel(now, branch.tx);
        } else {
            let branch = self.branches.swap_remove(at);
            tables.uses_by_client_tx.remove(&branch.tx);
            tables.forget_leg(&branch.tag);
            tables.emit(Fact::LegFailed { leg, status });
        }
        if let Some(next) = place.onward() {
            match self.open_somewhere(tables, now, next) {
                Ok(()) => return,
                Err(status) => self.note_failure(of, status, Vec::new()),
            }
        }
        self.next_trunk(tables, now, dir, of);
    }

    /// The places that have said nothing for `failover_after` give way to the next ones of their targets.
    pub(crate) fn on_failover(&mut self, tables: &mut Tables, now: Instant, dir: &dyn Directory) {
        if !self.is_looking() {
            return;
        }
        let waits = |branch: &&super::Branch| {
            branch.is_silent() && (branch.has_another_place() || branch.trunk.is_some())
        };
        let silent: Vec<(LegId, usize)> =
            self.branches.iter().filter(waits).map(|b| (b.leg, b.of)).collect();
        for (leg, of) in silent {
            self.next_place(tables, now, dir, (leg, 408), true);
            if !self.has_branch(of) && !self.looks_for_trunk_of(of) {
                self.note_failure(of, 408, Vec::new());
            }
        }
        self.try_next(tables, now, dir);
    }
}

/// The status of a target that leads nowhere: a route that cannot be reached.
pub(super) const NOWHERE: u16 = 503;

/// The flows to these places that a listener of ours reaches.
pub(crate) fn flows_to<'a>(
    tables: &'a Tables,
    places: &'a [Place],
) -> impl Iterator<Item = Flow> + 'a {
    places.iter().filter_map(|place| {
        let Place { transport, address: peer } = *place;
        let listener = listener_for(tables, None, transport, peer)?;
        Some(Flow { transport, listener, peer })
    })
}

/// The listener that is preferred, where it can reach `peer` by `transport`, else the first that can.
pub(crate) fn listener_for(
    tables: &Tables,
    preferred: Option<ListenerId>,
    transport: Transport,
    peer: std::net::SocketAddr,
) -> Option<ListenerId> {
    let reaches = |id: &ListenerId| {
        tables.config.listeners.get(usize::from(id.0)).is_some_and(|listener| {
            listener.transport == transport && listener.advertised.is_ipv4() == peer.is_ipv4()
        })
    };
    let all = (0..tables.config.listeners.len()).filter_map(|n| u16::try_from(n).ok());
    preferred.into_iter().chain(all.map(ListenerId)).find(reaches)
}
