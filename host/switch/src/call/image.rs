//! A call made an image of, and an image made a call of.

use std::sync::Arc;

use media::Side;
use model::{Directory, GenerationToken, Instant};
use sip::ClientTx;

use super::{Call, CallMedia, CallerLeg, Leg, Privacy, Reliability, State, over_trunk::OnTrunk};
use crate::{
    CallImage, DialogImage, FactsImage, FlowImage, GenerationImage, Held, ImageError, LegImage,
    MovedCall, NotQuiescent, PartyImage, Reason, TimerImage, TrunkImage,
    image::{CallTimer, aor_of, one_line},
    tables::{ClientUse, Tables},
};

impl Call {
    /// Whether nothing that has begun in this call is still to end.
    pub(crate) fn rests(&self, tables: &Tables) -> Result<(), NotQuiescent> {
        if self.proxied.is_some() {
            return Err(NotQuiescent::Forwarded);
        }
        if self.away_side().is_some() {
            return Err(NotQuiescent::Transferring);
        }
        let (State::Established { .. }, Some(_), Some(callee)) =
            (self.state, &self.caller.dialog, &self.callee)
        else {
            return Err(NotQuiescent::NotEstablished);
        };
        let is_early = self.caller.invite.is_some()
            || self.caller.early.is_some()
            || !self.branches.is_empty();
        let is_leaving = self.transfer.is_some() || self.origin.is_some() || self.pair.is_some();
        if is_leaving || self.replaced.is_some() || is_early {
            return Err(NotQuiescent::Transferring);
        }
        if self.ticket.is_some()
            || self.reinvite.is_some()
            || self.own_offer.is_some()
            || self.asked.is_some()
            || !self.given_up.is_empty()
        {
            return Err(NotQuiescent::OfferOpen);
        }
        let wants = |side| self.wanted_held.of(side) != self.media.is_held(side);
        if wants(Side::A) || wants(Side::B) {
            return Err(NotQuiescent::OfferOpen);
        }
        let awaits = self.awaits_ack_of(Side::A) || self.awaits_ack_of(Side::B);
        if awaits || self.pending_ack.is_some() || callee.bye_after_ack {
            return Err(NotQuiescent::AckAwaited);
        }
        // Others that may still run were for the targets that were tried, and wake nobody any more.
        let is_open =
            |reason| matches!(reason, Reason::Relay | Reason::OwnOffer | Reason::Reliable);
        if self.timers.iter().any(|(_, reason)| is_open(*reason)) {
            return Err(NotQuiescent::MediaChanging);
        }
        if tables.followed.is_telling(self.conn) {
            return Err(NotQuiescent::Telling);
        }
        // any order: whether there is one.
        if tables.uses_by_client_tx.values().any(|using| self.waits_for(using)) {
            return Err(NotQuiescent::RequestOpen);
        }
        Ok(())
    }

    /// The requests of ours in this call that are not answered, in no order.
    pub(crate) fn open_requests(&self, tables: &Tables) -> Vec<ClientTx> {
        let uses = tables.uses_by_client_tx.iter();
        // any order: they are only looked up.
        uses.filter(|(_, using)| self.waits_for(using)).map(|(tx, _)| *tx).collect()
    }

    /// Whether the answer to a request of ours belongs to this call.
    fn waits_for(&self, using: &ClientUse) -> bool {
        match using {
            ClientUse::Reinvite { conn }
            | ClientUse::OwnOffer { conn }
            | ClientUse::Report { conn }
            | ClientUse::GivenUp { conn }
            | ClientUse::Digit { conn }
            | ClientUse::Probe { conn }
            | ClientUse::Refresh { conn, .. } => *conn == self.conn,
            ClientUse::Branch(leg) | ClientUse::Talk(leg) => leg.conn == self.conn,
            ClientUse::EarlyUpdate(update) => update.conn == self.conn,
            ClientUse::Relayed { request, .. } => {
                let call_id = request.call_id();
                let is_of = |dialog: &sip::Dialog| dialog.id.call_id == call_id;
                self.caller.dialog.as_ref().is_some_and(is_of)
                    || self.callee.as_ref().is_some_and(|leg| is_of(&leg.dialog))
            }
            ClientUse::Prack(_)
            | ClientUse::LastReport(_)
            | ClientUse::Over(_)
            | ClientUse::Passage { .. }
            | ClientUse::Bye(_)
            | ClientUse::Text(_)
            | ClientUse::Notify(_)
            | ClientUse::Device(_)
            | ClientUse::Trunk { .. } => false,
        }
    }

    /// The call as it rests now; `None` when it is not established.
    // table: every field of a call.
    pub(crate) fn image(&self, tables: &Tables, now: Instant) -> Option<CallImage> {
        // Each field by name: who adds one to a call decides here whether others learn of it.
        let Self {
            conn,
            facts,
            started_at,
            state,
            routed_by,
            shown,
            privacy,
            next_leg,
            seat,
            media,
            refers,
            timers,
            moves,
            holders,
            // These have images of their own.
            caller: _,
            callee: _,
            talking: _,
            // It goes beside the image.
            pin: _,
            // Nothing of this is there while a call rests.
            branches: _,
            transfer: _,
            origin: _,
            replaced: _,
            pair: _,
            dial: _,
            waiting: _,
            reinvite: _,
            given_up: _,
            own_offer: _,
            asked: _,
            proxied: _,
            pending_ack: _,
            relayed: _,
            // It ends a call, or names why it was refused.
            parting: _,
            ticket: _,
            // While a call rests it is as the media's image says.
            wanted_held: _,
            // How it came to be answered.
            lookups: _,
            plan: _,
            groups: _,
            trying: _,
            attempts: _,
            last_status: _,
            last_redirect: _,
            last_forward: _,
            redirected_because: _,
            policy: _,
        } = self;
        let State::Established { since } = *state else { return None };
        let timer = |(at, reason): &(Instant, _)| {
            let (what, due_in) = (CallTimer::of(*reason)?, *at - now);
            Some(TimerImage { what, due_in })
        };
        let mut timers: Vec<_> = timers.iter().filter_map(timer).collect();
        timers.sort_by_key(|timer| timer.what.reason());
        Some(CallImage {
            conn: *conn,
            facts: FactsImage::of(facts),
            age: now - *started_at,
            talks_for: now - since,
            generation: routed_by.as_ref().map(GenerationImage::of),
            shown: shown.as_ref().map(PartyImage::of),
            privacy: privacy.map(Privacy::names),
            caller: self.caller_image(tables, now)?,
            callee: self.callee_image(tables, now)?,
            last_leg: *next_leg,
            media: media.image(),
            refers: *refers,
            timers,
            followed: tables.followed.image(*conn, now),
            seated: seat.is_some(),
            moves: *moves,
            holders: [holders.of(Side::A), holders.of(Side::B)],
        })
    }

    /// What goes with the image and is this process's.
    pub(crate) fn take_held(&mut self, event_pin: Option<GenerationToken>) -> Held {
        let seat = |on: &mut Option<OnTrunk>| on.as_mut().map(OnTrunk::take_seat);
        Held {
            pin: self.pin.take(),
            event_pin,
            seat: self.seat.take(),
            trunk_seats: [
                seat(&mut self.caller.trunk),
                self.callee.as_mut().and_then(|callee| seat(&mut callee.trunk)),
            ],
        }
    }

    /// Is in the tables from now on.
    pub(crate) fn settle_in(&mut self, tables: &mut Tables) {
        for (at, reason) in &self.timers {
            tables.start_timer(*at, self.conn, *reason);
        }
        let callee = self.callee.as_ref();
        tables.legs_by_tag.insert(self.caller.tag.clone(), self.leg_id(Side::A));
        if let Some(leg) = callee {
            tables.legs_by_tag.insert(leg.dialog.id.local_tag.as_str().into(), leg.id);
        }
    }

    fn caller_image(&self, tables: &Tables, now: Instant) -> Option<LegImage> {
        let (caller, listeners) = (&self.caller, &tables.config.listeners);
        let talking = self.talking_of(Side::A);
        Some(LegImage {
            number: 0,
            uri: self.facts.caller.uri.clone(),
            user: None,
            contact: caller.contact.to_string(),
            dialog: DialogImage::of(listeners, caller.dialog.as_ref()?),
            flow: FlowImage::of(listeners, caller.flow),
            holding: caller.holding,
            was_called: caller.was_called,
            trunk: trunk_image(tables, caller.trunk.as_ref()),
            session: talking.session_image(now),
            takes_update: talking.takes_update,
        })
    }

    fn callee_image(&self, tables: &Tables, now: Instant) -> Option<LegImage> {
        let (leg, listeners) = (self.callee.as_ref()?, &tables.config.listeners);
        let talking = self.talking_of(Side::B);
        Some(LegImage {
            number: leg.id.number,
            uri: leg.uri.clone(),
            user: leg.user.as_ref().map(|user| user.as_str().to_owned()),
            contact: leg.contact.to_string(),
            dialog: DialogImage::of(listeners, &leg.dialog),
            flow: FlowImage::of(listeners, leg.dialog.flow),
            holding: leg.holding,
            was_called: true,
            trunk: trunk_image(tables, leg.trunk.as_ref()),
            session: talking.session_image(now),
            takes_update: talking.takes_update,
        })
    }

    /// The call of an image. Nothing of the tables is changed yet: see [`Self::settle_in`].
    pub(crate) fn from_image(
        tables: &Tables,
        now: Instant,
        dir: &dyn Directory,
        moved: MovedCall,
    ) -> Result<Self, ImageError> {
        let MovedCall { image, held } = moved;
        image.media.check(tables.config.limits.streams_max)?;
        let (conn, caller, callee) = (image.conn, image.caller, image.callee);
        if callee.number == 0 {
            return Err(ImageError::field("callee.number", "is 0, which is the caller's"));
        }
        if caller.dialog.local_tag == callee.dialog.local_tag {
            return Err(ImageError::field("callee.dialog.local_tag", "is that of the caller"));
        }
        let facts = Arc::new(image.facts.facts(conn)?);
        let Held { pin, seat, trunk_seats: [caller_seat, callee_seat], event_pin: _ } = held;
        let new_seat = || dir.seat(tables.trunks.named(facts.trunk.as_deref()?)?);
        let seat = image.seated.then(|| seat.or_else(new_seat).unwrap_or_default());
        let talking = [caller.talking(now), callee.talking(now)];
        let media = CallMedia::of_image(&image.media, &caller, &callee);
        let caller = caller_of(tables, dir, caller, caller_seat)?;
        let mut call = Self::new(now, facts, caller, seat);
        call.started_at = now.before(image.age);
        call.state = State::Established { since: now.before(image.talks_for) };
        call.pin = pin;
        call.routed_by = image.generation.map(GenerationImage::generation).transpose()?;
        call.shown = image.shown.map(PartyImage::party);
        for (privacy, names) in call.privacy.iter_mut().zip(&image.privacy) {
            *privacy = Privacy::of_names(names).map_err(|name| {
                ImageError::field("privacy", format!("has `{name}`, which is none"))
            })?;
        }
        call.callee = Some(callee_of(tables, dir, conn, callee, callee_seat)?);
        // A leg that came from another call has brought its number along.
        call.next_leg = image.last_leg;
        for side in [Side::A, Side::B] {
            call.wanted_held.set(side, media.is_held(side));
        }
        for (side, holds) in [Side::A, Side::B].into_iter().zip(image.holders) {
            call.holders.set(side, holds);
        }
        call.media = media;
        call.refers = image.refers;
        call.talking = talking;
        call.moves = image.moves;
        call.timers =
            image.timers.iter().map(|timer| (now + timer.due_in, timer.what.reason())).collect();
        Ok(call)
    }
}

fn trunk_image(tables: &Tables, on: Option<&OnTrunk>) -> Option<TrunkImage> {
    let on = on?;
    let name = tables.trunks.get(on.id)?.name.clone();
    Some(TrunkImage { name, number: on.number.clone() })
}

fn on_trunk(
    tables: &Tables,
    dir: &dyn Directory,
    field: &str,
    trunk: Option<TrunkImage>,
    seat: Option<model::Seat>,
) -> Result<Option<OnTrunk>, ImageError> {
    let Some(TrunkImage { name, number }) = trunk else { return Ok(None) };
    let no_such = || {
        ImageError::field(
            field,
            format!("is `{name}`, and no trunk of that name is configured here"),
        )
    };
    let id = tables.trunks.named(&name).ok_or_else(no_such)?;
    // A call that stands is not ended because the trunk is full.
    let seat = seat.or_else(|| dir.seat(id)).unwrap_or_default();
    Ok(Some(OnTrunk::taken(id, number, seat)))
}

fn caller_of(
    tables: &Tables,
    dir: &dyn Directory,
    leg: LegImage,
    seat: Option<model::Seat>,
) -> Result<CallerLeg, ImageError> {
    one_line("caller.contact", &leg.contact)?;
    let listeners = &tables.config.listeners;
    Ok(CallerLeg {
        flow: leg.flow.flow("caller.flow", listeners)?,
        tag: leg.dialog.local_tag.as_str().into(),
        contact: leg.contact.into(),
        reliability: Reliability::Unknown,
        early: None,
        invite: None,
        dialog: Some(leg.dialog.dialog("caller", listeners)?),
        holding: leg.holding,
        awaits_ack: None,
        bye_after_ack: false,
        trunk: on_trunk(tables, dir, "caller.trunk.name", leg.trunk, seat)?,
        was_called: leg.was_called,
    })
}

fn callee_of(
    tables: &Tables,
    dir: &dyn Directory,
    conn: model::ConnId,
    leg: LegImage,
    seat: Option<model::Seat>,
) -> Result<Leg, ImageError> {
    one_line("callee.contact", &leg.contact)?;
    one_line("callee.uri", &leg.uri)?;
    Ok(Leg {
        id: model::LegId { conn, number: leg.number },
        uri: leg.uri,
        contact: leg.contact.into(),
        user: leg.user.map(|user| aor_of("callee.user", &user)).transpose()?,
        dialog: leg.dialog.dialog("callee", &tables.config.listeners)?,
        holding: leg.holding,
        awaits_ack: None,
        bye_after_ack: false,
        trunk: on_trunk(tables, dir, "callee.trunk.name", leg.trunk, seat)?,
    })
}
