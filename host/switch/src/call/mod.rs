//! One call: its legs, its plan, its media, and what it does next.

mod alone;
mod answer;
mod answer_for;
mod attempt;
mod branch;
mod contacts;
mod dial;
mod dialogs;
mod digits;
mod diversion;
mod early;
mod early_request;
mod early_update;
mod extensions;
mod fork;
mod forward;
mod given_up;
mod handover;
mod headers;
mod hold;
mod identity;
mod image;
mod leg;
mod locate;
mod media;
mod names;
mod offer;
mod over_trunk;
#[allow(dead_code, reason = "session timers begin to use it")]
mod own_offer;
mod pair;
mod policy;
mod prack;
mod probe;
mod proxied;
mod question;
mod refer;
mod reinvite;
mod release;
mod replace;
mod route;
mod routing_point;
mod session;
#[cfg(test)]
pub(crate) mod story;
mod subscription;
#[cfg(test)]
pub(crate) mod talk;
mod ticket;
mod transfer;
mod update;

use std::{collections::VecDeque, sync::Arc};

use ::media::Side;
use model::{
    ConnId, GenerationRef, GenerationToken, Instant, LegId, Seat,
    hook::{Attempt, CallFacts, Diversion, Party, QuestionId, Target},
};

pub use self::diversion::DiversionStyle;
pub(crate) use self::{
    answer::Stray,
    branch::{Branch, hang_up_stray},
    dial::Dial,
    dialogs::Who,
    early::CallerEarly,
    early_update::EarlyUpdate,
    extensions::{Reliability, known, refuse_unknown},
    handover::Handed,
    headers::{is_sips, our_contact, reason_of},
    hold::side_of,
    identity::{ANONYMOUS, Crossing, Privacy, is_anonymous, is_nobody},
    leg::{CallerLeg, Leg},
    locate::{flows_to, listener_for},
    media::CallMedia,
    offer::{facts_of, is_emergency, party_of_uri, refuse},
    own_offer::{Asked, OwnOffer},
    pair::Pair,
    policy::Edits,
    prack::Prack,
    proxied::Proxied,
    refer::Wish,
    reinvite::{PendingAck, Reinvite},
    release::{Bye, Parting},
    replace::{Place, Replaced},
    route::{connection_for_size, way_to},
    routing_point::{Waiting, callee_of},
    session::refuse_too_small,
    subscription::LastReport,
    ticket::Ticket,
    transfer::{Origin, Transferring},
};
use crate::{CallPhase, CallView, LegView, LocateId, Reason, tables::Tables, trunk::Trunks};

fn call_id_of(dialog: &sip::Dialog) -> &String {
    &dialog.id.call_id
}

/// A call: the caller's leg, and either the branches being tried or the leg that answered.
pub(crate) struct Call {
    pub(crate) conn: ConnId,
    pub(crate) facts: Arc<CallFacts>,
    pub(crate) started_at: Instant,
    pub(crate) state: State,
    /// The hook table this call is pinned to from its first answer to its end.
    pin: Option<GenerationToken>,
    routed_by: Option<GenerationRef>,
    /// The caller as the called party shall see it, where that is not as the INVITE said.
    shown: Option<Party>,
    /// Why the last 3xx was sent, as it said.
    redirected_because: Option<Diversion>,
    /// What each party wants hidden.
    privacy: [Privacy; 2],
    pub(crate) caller: CallerLeg,
    pub(crate) callee: Option<Leg>,
    pub(crate) branches: Vec<Branch>,
    next_leg: u16,
    /// The caller's place on the trunk the call came over.
    seat: Option<Seat>,
    /// Look-ups in the DNS so far.
    lookups: u16,
    plan: VecDeque<Target>,
    /// The contacts of the targets being tried that were not tried yet, in groups of equal q.
    groups: VecDeque<Vec<attempt::Hop>>,
    trying: Option<attempt::Trying>,
    attempts: Vec<Attempt>,
    /// The best status of the targets that failed last, 0 while none has.
    last_status: u16,
    /// The contacts of a redirection that ended the last target.
    last_redirect: Vec<String>,
    /// Where the last target's calls go, as was set for it.
    last_forward: Option<Box<forward::Forward>>,
    pub(crate) media: CallMedia,
    /// A transfer that a party has asked for, while it is under way.
    pub(crate) transfer: Option<Box<Transferring>>,
    /// Where the caller comes from, in a call that a transfer began.
    pub(crate) origin: Option<Box<Origin>>,
    /// The other call that the leg of a party is in as well.
    pub(crate) pair: Option<Box<Pair>>,
    /// Of a phone that is called first, before there is a call of it.
    pub(crate) dial: Option<Box<Dial>>,
    /// Of a call that has come to a routing point.
    waiting: Option<Box<Waiting>>,
    /// Whose place the caller takes in another call, until it has it.
    pub(crate) replaced: Option<Replaced>,
    /// How many REFERs each party has sent in its dialog.
    refers: [u8; 2],
    pub(crate) reinvite: Option<Reinvite>,
    /// Offers of ours that were given up and are not answered yet.
    given_up: Vec<given_up::GivenUp>,
    /// A re-INVITE that this switch began itself.
    pub(crate) own_offer: Option<Box<OwnOffer>>,
    /// A party's offer that we asked for and have not answered yet.
    pub(crate) asked: Option<Box<Asked>>,
    /// What plugins say of its header fields, while it is set up.
    policy: Option<Box<policy::Policy>>,
    /// Of a call that is sent on rather than taken over.
    pub(crate) proxied: Option<Box<Proxied>>,
    /// A 2xx whose ACK to the other side waits for this side's ACK, because the answer is in it.
    pub(crate) pending_ack: Option<PendingAck>,
    /// The sessions of the caller and of who answered.
    talking: [session::Talking; 2],
    /// Whom plugins or third parties want held.
    wanted_held: hold::Wanted,
    /// Who holds the other because a third party wants it.
    holders: hold::Wanted,
    /// What a third party waits for.
    ticket: Option<Box<Ticket>>,
    /// Why a plugin ended it: the value of a Reason (RFC 3326).
    parting: Option<Box<str>>,
    /// How often it has gone from one shard to another.
    moves: u16,
    /// Requests within it that the other party has not answered.
    pub(crate) relayed: u16,
    timers: Vec<(Instant, Reason)>,
}

/// Where a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Waiting for the plugins.
    Asking(QuestionId),
    /// Waiting for the relay.
    OpeningMedia,
    /// Waiting for the DNS to say where the target is.
    Locating(LocateId),
    /// Waiting at a routing point.
    Waiting,
    /// Trying targets; `alerting` once one of them rings.
    Trying {
        /// Whether the caller has been told that it rings.
        alerting: bool,
    },
    /// A target has answered the call of a party that was sent on, which is told where its media goes now.
    Joining,
    /// The parties talk.
    Established {
        /// Since when.
        since: Instant,
    },
    /// Over; the last transactions end.
    Ending,
}

impl Call {
    /// Whether nothing of this call is awaited any more, so that it can be forgotten.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Ending
            && self.branches.is_empty()
            && self.reinvite.is_none()
            && self.transfer.is_none()
            && !self.caller.bye_after_ack
            && !self.callee.as_ref().is_some_and(|leg| leg.bye_after_ack)
    }

    /// What it is pinned to, from its first answer on.
    pub(crate) const fn pinned(&self) -> Option<&GenerationToken> {
        self.pin.as_ref()
    }

    pub(crate) fn start_timer(&mut self, tables: &mut Tables, at: Instant, reason: Reason) {
        self.stop_timer(tables, reason);
        self.timers.push((at, reason));
        tables.start_timer(at, self.conn, reason);
    }

    pub(crate) fn stop_timer(&mut self, tables: &mut Tables, reason: Reason) {
        let conn = self.conn;
        self.timers.retain(|(at, r)| {
            if *r == reason {
                tables.stop_timer(*at, conn, *r);
            }
            *r != reason
        });
    }

    pub(crate) fn stop_all_timers(&mut self, tables: &mut Tables) {
        for (at, reason) in self.timers.drain(..) {
            tables.stop_timer(at, self.conn, reason);
        }
    }

    /// The leg of a side, once it has a dialog.
    pub(crate) fn dialog_mut(&mut self, side: Side) -> Option<&mut sip::Dialog> {
        match side {
            Side::A => self.caller.dialog.as_mut(),
            Side::B => self.callee.as_mut().map(|leg| &mut leg.dialog),
        }
    }

    /// Whether the dialog of a leg has this tag of the peer's.
    pub(crate) fn has_dialog(&self, leg: LegId, peer: &str) -> bool {
        let held = self.caller.early.as_ref().and_then(|early| early.held_dialog());
        let callee = self.callee.as_ref().filter(|callee| callee.id == leg);
        let dialog = match leg.number {
            0 => self.caller.dialog.as_ref(),
            _ => callee.map(|callee| &callee.dialog).or(held),
        };
        dialog.is_some_and(|dialog| dialog.id.remote_tag == peer)
    }

    /// Our Contact towards a side.
    pub(crate) fn contact(&self, side: Side) -> &str {
        match side {
            Side::A => &self.caller.contact,
            Side::B => self.callee.as_ref().map_or("", |leg| &leg.contact),
        }
    }

    pub(crate) fn view(&self, now: Instant, trunks: &Trunks) -> CallView {
        let (phase, since) = match self.state {
            State::Asking(_) => (CallPhase::Routing, None),
            State::OpeningMedia => (CallPhase::OpeningMedia, None),
            State::Locating(_) | State::Trying { alerting: false } => (CallPhase::Trying, None),
            State::Waiting => (CallPhase::Waiting, None),
            State::Joining | State::Trying { alerting: true } => (CallPhase::Alerting, None),
            State::Established { since } => (CallPhase::Established, Some(since)),
            State::Ending => (CallPhase::Ending, None),
        };
        let name_of = |on: &Option<over_trunk::OnTrunk>| {
            on.as_ref().and_then(|on| Some(trunks.get(on.id)?.name.clone()))
        };
        let mut legs = vec![LegView {
            number: 0,
            uri: self.facts.caller.uri.clone(),
            call_id: self.caller.dialog.as_ref().map_or(&self.facts.call_id, call_id_of).clone(),
            holding: self.holds(Side::A),
            trunk: self.facts.trunk.clone(),
        }];
        legs.extend(self.branches.iter().map(|b| LegView {
            number: b.leg.number,
            uri: b.uri.clone(),
            call_id: b.call_id().to_owned(),
            holding: false,
            trunk: name_of(&b.trunk),
        }));
        legs.extend(self.callee.iter().map(|leg| LegView {
            number: leg.id.number,
            uri: leg.uri.clone(),
            call_id: leg.dialog.id.call_id.clone(),
            holding: self.holds(Side::B),
            trunk: name_of(&leg.trunk),
        }));
        legs.extend(self.proxied.as_ref().and_then(|proxied| proxied.winner().cloned()));
        CallView {
            conn: self.conn,
            facts: self.facts.clone(),
            phase,
            started_at: self.started_at,
            established_for: since.map(|at| now - at),
            routed_by: self.routed_by.clone(),
            table: self.pin.as_ref().map(GenerationToken::table),
            legs,
            anchored: self.media.is_anchored(),
        }
    }
}
