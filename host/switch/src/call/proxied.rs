//! A call whose plan has the switch be a proxy: its branches are its INVITE, sent on (RFC 3261 sections 16.6 and 16.7).

use std::time::Duration;

use model::{ConnId, Instant, LegId};
use sip::{DialogSeed, Message, Name, body_of, forwarded_response};

use super::{
    Call, State, attempt::Hop, branch::follow_invite, over_trunk::OnTrunk, refuse,
    refuse_too_small, refuse_unknown, route,
};
use crate::{
    Cause, Fact, LegView, Reason, ReleasedBy, Switch,
    proxy::{Letter, fingerprint, record_routes, refuse_proxying, upstream_status},
    tables::Tables,
};

/// What only a call that is sent on needs.
#[derive(Default)]
pub(crate) struct Proxied {
    /// Final responses other than 2xx, of which the caller gets the best.
    finals: Vec<Message>,
    /// Every target has failed, or the caller has given up: what the caller gets when the last branch has ended.
    ending: Option<(u16, Cause)>,
    /// The tags of the parties, once one has answered.
    tags: Option<[Box<str>; 2]>,
    /// The leg that answered first.
    winner: Option<LegView>,
    /// Its place on a trunk, until the call ends.
    on: Option<OnTrunk>,
}

impl Proxied {
    pub(super) const fn winner(&self) -> Option<&LegView> {
        self.winner.as_ref()
    }

    /// The call is over: its trunk is free.
    pub(super) fn leave_seat(&mut self) {
        self.on = None;
    }
}

impl Call {
    /// Makes a proxy's call of it, if it is still nobody's; gives whether it can go on.
    pub(super) fn begin_proxy(&mut self, tables: &mut Tables, now: Instant) -> bool {
        if self.proxied.is_some() {
            return true;
        }
        let Some((tx, invite)) = self.caller.invite.clone() else { return false };
        let status = if refuse_proxying(tables, now, tx, &invite) {
            420
        } else if self.privacy[0].forbids_proxying() {
            refuse(tables, now, tx, &invite, 500, "A proxy cannot give this privacy");
            500
        } else {
            self.proxied = Some(Box::default());
            return true;
        };
        self.caller.invite = None;
        tables.invites_by_server_tx.remove(&tx);
        self.release(tables, now, Cause::Refused(status), None);
        false
    }

    /// Sends the INVITE on to one contact. The error is the status the branch failed with.
    pub(super) fn open_forwarded(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        mut hop: Hop,
    ) -> Result<(), u16> {
        let Some((_, invite)) = &self.caller.invite else { return Err(487) };
        let record = record_routes(tables, invite, self.caller.flow, &hop.uri, hop.flow);
        let routes = if hop.path.is_empty() { Vec::new() } else { vec![&*hop.path] };
        let from = self.caller.flow;
        let (uri, to) = (&hop.uri, hop.flow);
        let draft = Letter { request: invite, from, uri, routes, to, record }.draft(tables);
        if let Some(flow) = route::way_for_size(&tables.config, &hop, draft.size()) {
            hop.others.push_front(hop.flow);
            return self.open_forwarded(tables, now, Hop { flow, is_large: true, ..hop });
        }
        let mark = fingerprint(invite);
        let facts = DialogSeed {
            call_id: invite.call_id().to_owned(),
            local_tag: String::new(),
            local_uri: String::new(),
            remote_uri: String::new(),
            cseq: invite.cseq().number,
            flow: hop.flow,
        };
        let tx =
            tables.endpoint.forward_request(now, hop.flow, draft, mark).map_err(|_| 503_u16)?;
        self.next_leg += 1;
        let leg = LegId { conn: self.conn, number: self.next_leg };
        follow_invite(tables, tx, leg);
        let reliability = self.caller.reliability;
        self.add_branch(tables, now, (leg, tx, hop), facts, "".into(), reliability);
        Ok(())
    }

    /// A response to an INVITE that was sent on; gives whether that was all there is to do. A failure goes the way of every
    /// other.
    pub(super) fn on_forwarded_response(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        leg: LegId,
        response: &Message,
    ) -> bool {
        match response.status() {
            ..=100 => {}
            status @ 101..=199 => {
                let is_live = self.branches.iter().any(|b| b.leg == leg && !b.cancelled);
                let is_trying = matches!(self.state, State::Trying { .. });
                if let (true, true, Some((tx, _))) = (is_live, is_trying, &self.caller.invite)
                    && let Some(writer) = forwarded_response(response, status)
                {
                    self.state = State::Trying { alerting: true };
                    tables.emit(Fact::LegAlerting { leg, status });
                    tables.endpoint.respond(now, *tx, writer.finish(body_of(response)));
                }
            }
            200..=299 => return self.on_forwarded_answer(tables, now, leg, response),
            _ => {
                if let Some(proxied) = &mut self.proxied {
                    proxied.finals.push(response.clone());
                }
                return false;
            }
        }
        true
    }

    /// The first 2xx is the call's; every other is passed back as well, and is for the caller to end.
    fn on_forwarded_answer(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        leg: LegId,
        response: &Message,
    ) -> bool {
        let Some(branch) = self.take_branch(leg) else { return false };
        let Some((tx, invite)) =
            self.caller.invite.take().filter(|_| matches!(self.state, State::Trying { .. }))
        else {
            tables.pass_back_stray(response);
            tables.emit(Fact::LegFailed { leg, status: 487 });
            self.finish_proxied(tables, now);
            return true;
        };
        tables.invites_by_server_tx.remove(&tx);
        if let Some(writer) = forwarded_response(response, response.status()) {
            let bytes = writer.finish(body_of(response));
            tables.endpoint.forward_response(now, tx, bytes);
        }
        self.stop_all_timers(tables);
        self.cancel_because(tables, now, None, super::headers::ELSEWHERE);
        let tag = |address: Result<sip::NameAddr<'_>, _>| {
            address.ok().and_then(|address| address.tag().map(Box::from)).unwrap_or_default()
        };
        if let Some(proxied) = &mut self.proxied {
            proxied.finals = Vec::new();
            proxied.ending = None;
            proxied.tags = Some([tag(response.from()), tag(response.to())]);
            proxied.winner = Some(LegView {
                number: leg.number,
                uri: branch.uri,
                call_id: branch.facts.call_id,
                trunk: branch
                    .trunk
                    .as_ref()
                    .and_then(|on| Some(tables.trunks.get(on.id)?.name.clone())),
                holding: false,
            });
            proxied.on = branch.trunk;
        }
        tables.proxied.insert((invite.call_id().into(), self.conn));
        self.state = State::Established { since: now };
        self.forget_plan(tables);
        self.start_timer(
            tables,
            now + Duration::from_secs(tables.config.limits.proxied_call_max_s.into()),
            Reason::Proxied,
        );
        tables.stats.calls_established += 1;
        tables.emit(Fact::Established { conn: self.conn, leg });
        true
    }

    /// The caller gets this, or the best of what came (RFC 3261 section 16.7 item 6), when no branch is left.
    pub(super) fn end_proxied(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        status: u16,
        cause: Cause,
    ) {
        self.cancel_branches(tables, now, None);
        self.plan.clear();
        self.groups.clear();
        if let Some(proxied) = &mut self.proxied {
            proxied.ending.get_or_insert((status, cause));
        }
        self.finish_proxied(tables, now);
    }

    /// Answers the caller, if it is to be answered and nothing is awaited any more.
    pub(super) fn finish_proxied(&mut self, tables: &mut Tables, now: Instant) {
        let Some(proxied) = &self.proxied else { return };
        let Some((status, cause)) = proxied.ending.filter(|_| self.branches.is_empty()) else {
            return;
        };
        let best = proxied.finals.iter().find(|response| response.status() == status);
        let status = upstream_status(status);
        if let (Some(best), Some((tx, _))) = (best, &self.caller.invite)
            && let Some(mut writer) = forwarded_response(best, status)
        {
            let others = proxied.finals.iter().filter(|other| !std::ptr::eq(*other, best));
            for other in others.filter(|_| matches!(status, 401 | 407)) {
                for name in [Name::WwwAuthenticate, Name::ProxyAuthenticate] {
                    for challenge in other.headers(name) {
                        writer.header(name, challenge);
                    }
                }
            }
            let bytes = writer.finish(body_of(best));
            tables.invites_by_server_tx.remove(tx);
            tables.endpoint.respond(now, *tx, bytes);
            self.caller.invite = None;
        } else {
            let status = if status == 0 { 480 } else { status };
            self.respond_to_caller(tables, now, status, "", &[]);
        }
        self.release(tables, now, cause, None);
    }

    /// The caller gave up: so do the branches, and one of them may still answer (RFC 3261 section 16.10).
    pub(super) fn cancel_proxied(&mut self, tables: &mut Tables, now: Instant) {
        self.end_proxied(tables, now, 487, Cause::Cancelled);
    }

    /// Whether a request is of the dialog of this call.
    fn is_between(&self, request: &Message) -> Option<ReleasedBy> {
        let [caller, callee] = self.proxied.as_ref()?.tags.as_ref()?;
        let (from, to) = (request.from().ok()?.tag()?, request.to().ok()?.tag()?);
        match (from, to) {
            _ if from == &**caller && to == &**callee => Some(ReleasedBy::Caller),
            _ if from == &**callee && to == &**caller => Some(ReleasedBy::Callee),
            _ => None,
        }
    }

    /// Whether it is up and this switch is no party of it.
    pub(crate) const fn is_sent_on(&self) -> bool {
        self.proxied.is_some() && matches!(self.state, State::Established { .. })
    }

    /// What routes its requests needs no call; after a while, or when the switch ends, it is followed no longer.
    pub(crate) fn leave_proxied(&mut self, tables: &mut Tables, now: Instant) {
        if self.is_sent_on() {
            self.release(tables, now, Cause::Hangup(ReleasedBy::Switch), None);
        }
    }

    /// Whether a plan's targets are still to be answered for by us as a user agent: an extension that we do not know is refused.
    pub(super) fn refuse_extensions(&mut self, tables: &mut Tables, now: Instant) -> bool {
        let Some((tx, invite)) = self.caller.invite.clone() else { return false };
        let status = if refuse_unknown(tables, now, tx, &invite) {
            420
        } else if refuse_too_small(tables, now, tx, &invite) {
            422
        } else {
            return false;
        };
        self.caller.invite = None;
        tables.invites_by_server_tx.remove(&tx);
        self.release(tables, now, Cause::Refused(status), None);
        true
    }
}

impl Switch {
    /// The switch ends: what was sent on goes on without it.
    pub(crate) fn leave_proxied(&mut self, now: Instant) {
        let all: Vec<ConnId> = self.tables.proxied.iter().map(|(_, conn)| *conn).collect();
        for conn in all {
            if let Some(call) = self.calls.get_mut(&conn) {
                call.leave_proxied(&mut self.tables, now);
            }
            self.forget_if_over(conn);
        }
    }

    /// A BYE went through: the call it ends is over, if it is known here.
    pub(crate) fn end_proxied(&mut self, now: Instant, bye: &Message) {
        let call_id: Box<str> = bye.call_id().into();
        let of = |conn| (call_id.clone(), conn);
        let all = self.tables.proxied.range(of(ConnId::default())..);
        let meant: Vec<ConnId> =
            all.take_while(|(id, _)| *id == call_id).map(|(_, conn)| *conn).collect();
        for conn in meant {
            if let Some(call) = self.calls.get_mut(&conn)
                && let Some(by) = call.is_between(bye)
            {
                call.release(&mut self.tables, now, Cause::Hangup(by), None);
            }
            self.forget_if_over(conn);
        }
    }
}
