//! INVITEs that take the place of a dialog (RFC 3891), where more than one call is at work.

use media::Side;
use model::{ConnId, Directory, Instant};
use sip::{Name, Replaces};

use crate::{
    Cause, Fact, Switch,
    call::{Call, Place, Replaced, State, Who, refuse, refuse_unknown},
    door::Arrival,
};

impl Switch {
    /// An INVITE with Replaces. It has come through the door like any other; no plugin is asked where it goes.
    pub(crate) fn on_replacing(&mut self, now: Instant, dir: &dyn Directory, arrival: Arrival) {
        let Arrival { tx, flow, request, .. } = &arrival;
        let (tx, flow) = (*tx, *flow);
        // RFC 3891 section 3: more than one is an error.
        let one = request.headers(Name::Replaces).count() == 1;
        let replaces = request.header(Name::Replaces).filter(|_| one).and_then(Replaces::parse);
        let Some(replaces) = replaces else {
            return refuse(&mut self.tables, now, tx, request, 400, "Bad Replaces");
        };
        if refuse_unknown(&mut self.tables, now, tx, request) {
            return;
        }
        let from = || request.from().ok().and_then(|from| from.parsed_uri().ok()?.aor());
        let who = Who { user: arrival.identity.clone().or_else(from), flow: Some(flow) };
        let (of, place) = match self.place_of(&replaces, &who) {
            Ok(found) => found,
            Err(status) => return refuse(&mut self.tables, now, tx, request, status, ""),
        };
        let Place::Party(side) = place else {
            let Some(call) = self.calls.get_mut(&of) else { return };
            if let Err(status) = call.pick_up(&mut self.tables, now, (tx, flow, request)) {
                refuse(&mut self.tables, now, tx, request, status, "");
            }
            return;
        };
        let is_anchored = self.calls.get(&of).is_some_and(|call| call.media.is_anchored());
        if let Some(mut call) = Call::offer(&mut self.tables, now, dir, arrival) {
            let replaced = Replaced { of, stays: side.other(), taken: false };
            call.follow(&mut self.tables, dir);
            call.begin_replacing(&mut self.tables, now, replaced, is_anchored);
            self.keep(call);
        }
    }

    /// What a Replaces of `who` stands for. What rings may be picked up by whoever was told its dialog; of what is talked only who
    /// talks may be replaced (RFC 3891 section 5), unless the settings say otherwise.
    fn place_of(&mut self, replaces: &Replaces, who: &Who) -> Result<(ConnId, Place), u16> {
        let leg = self.tables.legs_by_tag.get(replaces.to_tag.as_str()).copied().ok_or(481_u16)?;
        let call = self.calls.get_mut(&leg.conn).ok_or(481_u16)?;
        let place = call.place_of(leg, replaces)?;
        match place {
            Place::Party(side) if !self.tables.config.transfers.lets(who, &call.who(side)) => {
                Err(403)
            }
            Place::Party(_) | Place::Ringing => Ok((leg.conn, place)),
        }
    }

    pub(crate) fn take_replaced(&mut self, now: Instant, into: ConnId) {
        let Some(replaced) = self.calls.get(&into).and_then(|call| call.replaced) else { return };
        let from = (replaced.of, replaced.stays);
        if !self.has_party(from) || !self.move_leg(now, from, (into, Side::B)) {
            return self.with_call(into, |call, tables| {
                call.refuse_caller(tables, now, 481, None);
            });
        }
        self.with_call(into, |call, tables| {
            call.replaced = Some(Replaced { taken: true, ..replaced });
            call.offer_to_replaced(tables, now);
        });
    }

    pub(crate) fn on_replaced(&mut self, now: Instant, into: ConnId) {
        let Some(replaced) = self.calls.get_mut(&into).and_then(|call| call.replaced.take()) else {
            return;
        };
        let conn = replaced.of;
        self.with_call(conn, |call, tables| {
            tables.emit(Fact::Transferred { conn, into });
            call.release(tables, now, Cause::Transferred, None);
        });
    }

    /// The party that stays goes back to where it was.
    pub(crate) fn on_not_replaced(&mut self, now: Instant, into: ConnId, status: u16) {
        let Some(replaced) = self.calls.get_mut(&into).and_then(|call| call.replaced.take()) else {
            return;
        };
        let waits = self.calls.get(&replaced.of);
        if waits.is_some_and(|call| matches!(call.state, State::Established { .. }))
            && status != 480
        {
            self.move_leg(now, (into, Side::B), (replaced.of, replaced.stays));
        }
        self.with_call(into, |call, tables| call.refuse_caller(tables, now, status, None));
        self.with_call(replaced.of, |call, tables| call.end_if_alone(tables, now));
    }
}

#[cfg(test)]
#[path = "replace_test.rs"]
mod tests;
