//! Click-to-dial: the phone that is called first, before there is a call of it.
//!
//! It is called without an offer, so that what it can do is known, and told to send nothing when it answers; the other party gets its
//! offer, and a re-INVITE brings it the other's answer (RFC 3725).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use media::Side;
use model::{
    Aor, ConnId, Directory, Flow, Instant,
    hook::{CallFacts, Destination, Party, Target},
};
use sip::{
    Message, Method, Name, ServerTx, Writer,
    sdp::{Origin as SdpOrigin, Sdp},
};

use super::{
    Call, CallerLeg, Origin, Reliability, State, facts_of, handover::Handed, headers::name_addr,
    media::SDP_TYPE,
};
use crate::{Cause, Unfit, tables::Tables};

/// What is to become of a phone that is called first.
pub(crate) struct Dial {
    /// Who waits for it.
    ticket: u64,
    /// Whose phone it is.
    pub(crate) from: Aor,
    /// What the called party sees of it.
    display: String,
    /// Who is called then.
    callee: Party,
}

impl Dial {
    pub(crate) const fn new(ticket: u64, from: Aor, display: String, callee: Party) -> Self {
        Self { ticket, from, display, callee }
    }

    /// Who waits for it.
    pub(crate) const fn ticket(&self) -> u64 {
        self.ticket
    }

    /// The party whose phone it is.
    fn caller(&self) -> Party {
        let (user, host) = (self.from.user().to_owned(), self.from.host().to_owned());
        let uri = format!("sip:{}", self.from);
        // What is in nobody's name: it would end a header field.
        let display = self.display.chars().filter(|c| !c.is_control()).collect();
        Party { uri, user, host, display }
    }
}

/// A phone that has answered, on its way to be the caller of a call.
pub(crate) struct Dialled {
    pub(crate) dial: Dial,
    pub(crate) leg: Handed,
    /// What it has offered.
    offer: Option<Box<[u8]>>,
}

/// Where a phone is told to send what it is not to send: the port of the discard service, which nothing is sent to.
const NOWHERE: u16 = 9;

impl Call {
    /// What calls the phones of a user before there is a call of theirs; `flow` is the way to one of them. `None` when nobody can be
    /// called by these names.
    pub(crate) fn dial(
        tables: &mut Tables,
        (now, dir): (Instant, &dyn Directory),
        flow: Flow,
        dial: Dial,
    ) -> Option<Self> {
        let conn = tables.mint_conn_id();
        let (from, to) = (format!("<{}>", dial.callee.uri), format!("sip:{}", dial.from));
        let invite = invite_of(tables, &from, &to, &from, None)?;
        let facts = facts_of(tables, dir, conn, flow, &invite, None).ok()?;
        let facts = Arc::new(CallFacts { emergency: false, ..facts });
        let names = ("".into(), "".into());
        let caller = CallerLeg::new(flow, names, (ServerTx::NONE, invite), Reliability::Unknown);
        let mut call = Self::new(now, facts, caller, None);
        call.origin = Some(Box::new(origin_of(conn, false)));
        call.dial = Some(Box::new(dial));
        tables.unoffered.insert(conn);
        Some(call)
    }

    /// Has the phones of the user ring.
    pub(crate) fn begin_dial(
        &mut self,
        tables: &mut Tables,
        (now, dir): (Instant, &dyn Directory),
        ring: Option<Duration>,
    ) {
        let Some(dial) = &self.dial else { return };
        self.plan.push_back(Target { ring, ..Target::new(Destination::Aor(dial.from.clone())) });
        self.state = State::Trying { alerting: false };
        self.try_next(tables, now, dir);
    }

    /// No phone of the user has answered.
    pub(super) fn dial_failed(&mut self, tables: &mut Tables, now: Instant) {
        let status = if self.last_status == 0 { 480 } else { self.last_status };
        self.leave_dial(tables, Unfit::Phone(status));
        self.release(tables, now, Cause::Refused(status), None);
    }

    /// Who waits for the phone is told that there is none.
    pub(super) fn leave_dial(&mut self, tables: &mut Tables, why: Unfit) {
        if let Some(dial) = self.dial.take() {
            tables.controlled(dial.ticket, Err(why));
        }
    }

    /// A phone has answered: it is acknowledged, told to send nothing yet, and taken out of here.
    pub(crate) fn take_dialled(&mut self, tables: &mut Tables, now: Instant) -> Option<Dialled> {
        let dial = *self.dial.take()?;
        let offer: Option<Box<[u8]>> = self.media.said(Side::B).map(Box::from);
        let flow = self.callee.as_ref()?.dialog.flow;
        let answer = offer.as_deref().and_then(|offer| quiet(tables, flow, offer));
        if let Some(pending) = self.pending_ack.take() {
            let contact = self.contact(Side::B).to_owned();
            let dialog = self.dialog_mut(Side::B)?;
            let body = answer.clone().map(|answer| (SDP_TYPE.to_owned(), answer.into_vec().into()));
            let ack = dialog.ack(pending.cseq, &contact).with_body(body);
            tables.endpoint.send_ack(now, pending.tx, flow, ack);
        }
        let leg = self.hand_over(tables, now, Side::B)?.told(answer);
        Some(Dialled { dial, leg, offer })
    }

    /// The call of a phone that has answered, as if it had sent the INVITE itself, but without its leg. Nothing has been done for
    /// it yet.
    pub(crate) fn of_dialled(
        tables: &mut Tables,
        now: Instant,
        dir: &dyn Directory,
        dialled: &Dialled,
    ) -> Option<Self> {
        let Dialled { dial, leg, offer } = dialled;
        let conn = tables.mint_conn_id();
        let said = offer.as_deref().and_then(|offer| Some(Sdp::parse(offer).ok()?.resumed()));
        let (flow, contact) = (leg.flow(), format!("<{}>", leg.target()));
        let from = name_addr(&dial.caller());
        let invite = invite_of(tables, &from, &dial.callee.uri, &contact, said.as_deref())?;
        let facts = facts_of(tables, dir, conn, flow, &invite, Some(dial.from.clone())).ok()?;
        let facts = Arc::new(CallFacts { trunk: None, ..facts });
        let names = ("".into(), "".into());
        let caller = CallerLeg::new(flow, names, (ServerTx::NONE, invite), Reliability::Unknown);
        let mut call = Self::new(now, facts, caller, None);
        call.origin = Some(Box::new(origin_of(conn, true)));
        Some(call)
    }
}

impl Call {
    /// The consultation call of a party of `held`, as if it had sent the INVITE itself, but without its leg. Nothing has been done for it
    /// yet.
    pub(crate) fn of_consulting(
        tables: &mut Tables,
        (now, dir): (Instant, &dyn Directory),
        held: &mut Self,
        side: Side,
        callee: &Party,
    ) -> Option<Self> {
        let conn = tables.mint_conn_id();
        let party = held.party(side);
        let user = held.who(side).user;
        let trunk = held.trunk_of_side(tables, side);
        let said = held.media.said(side).and_then(|said| Some(Sdp::parse(said).ok()?.resumed()));
        let dialog = held.dialog_mut(side)?;
        let (flow, contact) = (dialog.flow, format!("<{}>", dialog.remote_target));
        let invite = invite_of(tables, &name_addr(&party), &callee.uri, &contact, said.as_deref())?;
        let facts = facts_of(tables, dir, conn, flow, &invite, user).ok()?;
        let trunk = trunk.and_then(|id| Some(tables.trunks.get(id)?.name.clone()));
        let facts = Arc::new(CallFacts { caller: party, trunk, ..facts });
        let names = ("".into(), "".into());
        let caller = CallerLeg::new(flow, names, (ServerTx::NONE, invite), Reliability::Unknown);
        let mut call = Self::new(now, facts, caller, None);
        call.origin = Some(Box::new(origin_of(conn, true)));
        Some(call)
    }
}

/// The caller is called by us, and comes from no other call.
const fn origin_of(of: ConnId, taken: bool) -> Origin {
    Origin { of, side: Side::A, taken, callee: None, asks: false }
}

/// An INVITE that nobody has sent, for what is read of one.
pub(super) fn invite_of(
    tables: &mut Tables,
    from: &str,
    to: &str,
    contact: &str,
    said: Option<&[u8]>,
) -> Option<Message> {
    let (call_id, tag) = (tables.endpoint.mint_call_id(), tables.endpoint.mint_tag());
    let mut writer = Writer::request(Method::Invite, to);
    writer.header(Name::Via, format_args!("SIP/2.0/UDP dial.invalid;branch=z9hG4bK{tag}"));
    writer.header(Name::MaxForwards, 70);
    writer.header(Name::From, format_args!("{from};tag={tag}"));
    writer.header(Name::To, format_args!("<{to}>"));
    writer.header(Name::CallId, &call_id);
    writer.header(Name::CSeq, "1 INVITE");
    writer.header(Name::Contact, contact);
    let bytes = writer.finish(said.map(|said| (SDP_TYPE, said)));
    Message::parse(bytes, &tables.config.sip_limits).ok()
}

/// The answer to an offer that has nothing flow yet.
fn quiet(tables: &mut Tables, flow: Flow, offer: &[u8]) -> Option<Box<[u8]>> {
    let sdp = Sdp::parse(offer).ok()?;
    let at = SocketAddr::new(tables.advertised(flow.listener).ip(), NOWHERE);
    let ours: Vec<_> = sdp.media().map(|stream| (stream.port != 0).then_some(at)).collect();
    let answer = Sdp::parse(&sdp.rewrite(&ours)).ok()?.inactive();
    let id = (tables.endpoint.mint_number() >> 2).to_string();
    let origin = SdpOrigin { user: "-".to_owned(), id, version: 1 };
    Some(origin.put_into(&answer).into())
}

#[cfg(test)]
#[path = "dial_test.rs"]
mod tests;
