//! Session timers (RFC 4028), each party's by itself, and what else ends an established call without a party's doing.

use std::time::Duration;

use media::Side;
use model::Instant;
use sip::{
    Message, Method, Name, ServerTx, Writer,
    reliable::names_option,
    response_to,
    session_timer::{LEAST_S, OPTION_TIMER, Refresher, SessionExpires, min_se},
};

use super::{
    Call, State,
    headers::ALLOW,
    own_offer::{Offered, Outcome, Purpose},
};
use crate::{
    Cause, LegImage, Reason, SessionConfig, SessionImage, SessionTimer,
    tables::{ClientUse, Tables},
};

/// How long before its end who does not refresh gives a session up, at the most (RFC 4028 section 10).
const MARGIN: Duration = Duration::from_secs(32);

/// The session timer of one leg.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    /// In seconds.
    interval: u32,
    /// We refresh.
    ours: bool,
    expires: Instant,
    /// When it is refreshed, or given up.
    due: Instant,
    /// How often a 422 has made it longer since it was agreed on.
    raised: u8,
}

/// What an established leg has of a session.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Talking {
    session: Option<Session>,
    /// The party takes UPDATE (RFC 3311 section 4).
    pub(super) takes_update: bool,
}

impl Talking {
    /// The session as an image has it.
    pub(super) fn session_image(&self, now: Instant) -> Option<SessionImage> {
        let Session { interval, ours, expires, due, .. } = self.session?;
        Some(SessionImage {
            interval_s: interval,
            ours,
            expires_in: expires - now,
            due_in: due - now,
        })
    }
}

impl LegImage {
    /// What the leg has of a session.
    pub(super) fn talking(&self, now: Instant) -> Talking {
        let session = self.session.map(|image| Session {
            interval: image.interval_s,
            ours: image.ours,
            expires: now + image.expires_in,
            due: now + image.due_in,
            raised: 0,
        });
        Talking { session, takes_update: self.takes_update }
    }
}

/// How often a request is sent again for a 422: proxies may want more one after the other, but not for ever.
pub(super) const RAISES_MAX: u8 = 4;

const fn reason(side: Side) -> Reason {
    match side {
        Side::A => Reason::SessionOfCaller,
        Side::B => Reason::SessionOfCallee,
    }
}

/// Answers a request whose session interval is too small with 422; gives whether it did.
//= RFC 4028 section 9
//# If an incoming request contains a Supported header field with a value 'timer' and a Session Expires header field, the UAS MAY
//# reject the INVITE request with a 422 (Session Interval Too Small) response if the session interval in the Session-Expires
//# header field is smaller than the minimum interval defined by the UAS' local policy.
pub(crate) fn refuse_too_small(
    tables: &mut Tables,
    now: Instant,
    tx: ServerTx,
    request: &Message,
) -> bool {
    let SessionConfig { timer, min_s, .. } = tables.config.sessions;
    let asked = SessionExpires::of(request).filter(|_| knows_timer(request));
    if timer == SessionTimer::Off || asked.is_none_or(|asked| asked.seconds >= min_s.max(LEAST_S)) {
        return false;
    }
    let tag = tables.endpoint.mint_tag();
    let mut response = response_to(request, 422, "", Some(&tag));
    response.header(Name::MinSe, min_s.max(LEAST_S));
    tables.sign_response(&mut response);
    tables.endpoint.respond(now, tx, response.finish(None));
    true
}

fn knows_timer(message: &Message) -> bool {
    names_option(message, Name::Supported, OPTION_TIMER)
        || names_option(message, Name::Require, OPTION_TIMER)
}

impl SessionConfig {
    /// What an INVITE of ours that begins something says of its session; `min_s` is what its target has asked for.
    pub(super) fn fields(&self, min_s: u32) -> Vec<(Name, String)> {
        let mut fields = Vec::new();
        if self.timer != SessionTimer::Off {
            fields.push((Name::Supported, OPTION_TIMER.to_owned()));
        }
        if self.timer == SessionTimer::Ask {
            let least = min_s.max(self.min_s).max(LEAST_S);
            fields.push((Name::SessionExpires, self.expires_s.max(least).to_string()));
            if least > LEAST_S {
                fields.push((Name::MinSe, least.to_string()));
            }
        }
        fields
    }
}

impl Call {
    pub(super) const fn talking_of(&self, side: Side) -> Talking {
        let [caller, callee] = self.talking;
        match side {
            Side::A => caller,
            Side::B => callee,
        }
    }

    pub(super) fn talking(&mut self, side: Side) -> &mut Talking {
        let [caller, callee] = &mut self.talking;
        match side {
            Side::A => caller,
            Side::B => callee,
        }
    }

    /// A party's INVITE or UPDATE is answered with this 2xx: settles the session timer of its leg.
    //= RFC 4028 section 9
    //# If the refresher parameter is set to "uac" the UAS MUST place a Require header field into the response with the value
    //# 'timer'.
    pub(super) fn accept_session(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        side: Side,
        request: &Message,
        accept: &mut Writer,
    ) {
        self.talking(side).takes_update |= super::fork::takes_update(request);
        let config = tables.config.sessions;
        if config.timer == SessionTimer::Off {
            // One of before the settings changed: without a Session-Expires in the answer it has no end any more.
            return self.stop_session(tables, side);
        }
        accept.header(Name::Supported, OPTION_TIMER);
        let least = min_se(request).max(config.min_s);
        let asked = SessionExpires::of(request);
        let seconds = match (asked, config.timer) {
            (Some(asked), _) => asked.seconds.max(least),
            (None, SessionTimer::Ask) => config.expires_s.max(least),
            (None, SessionTimer::Accept | SessionTimer::Off) => {
                return self.stop_session(tables, side);
            }
        };
        // RFC 4028 section 9, table 2: who does not know of it cannot refresh.
        let refresher = match asked.and_then(|asked| asked.refresher) {
            _ if !knows_timer(request) => Refresher::Uas,
            asked => asked.unwrap_or(Refresher::Uac),
        };
        accept.header(Name::SessionExpires, SessionExpires { seconds, refresher: Some(refresher) });
        if refresher == Refresher::Uac {
            accept.header(Name::Require, OPTION_TIMER);
        }
        self.start_session(tables, now, side, seconds, refresher == Refresher::Uas);
    }

    /// What an INVITE or UPDATE of ours within a call says of the session of that leg.
    pub(super) fn session_fields(&mut self, tables: &Tables, side: Side) -> Vec<(Name, String)> {
        let config = tables.config.sessions;
        let mut fields = Vec::new();
        if config.timer == SessionTimer::Off {
            return fields;
        }
        fields.push((Name::Supported, OPTION_TIMER.to_owned()));
        if let Some(session) = self.talking(side).session {
            let refresher = Some(if session.ours { Refresher::Uac } else { Refresher::Uas });
            let expires = SessionExpires { seconds: session.interval, refresher };
            fields.push((Name::SessionExpires, expires.to_string()));
            if config.min_s > LEAST_S {
                fields.push((Name::MinSe, config.min_s.to_string()));
            }
        }
        fields
    }

    /// A party has answered an INVITE or UPDATE of ours with this 2xx: settles the session timer of its leg.
    pub(super) fn note_session(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        side: Side,
        response: &Message,
    ) {
        self.talking(side).takes_update |= super::fork::takes_update(response);
        let config = tables.config.sessions;
        match (SessionExpires::of(response), config.timer) {
            (_, SessionTimer::Off) => self.stop_session(tables, side),
            (Some(said), SessionTimer::Ask | SessionTimer::Accept) => {
                let ours = said.refresher != Some(Refresher::Uas);
                self.start_session(tables, now, side, said.seconds.max(LEAST_S), ours);
            }
            // RFC 4028 section 7.2: who does not know of it is refreshed even so.
            (None, SessionTimer::Ask) => {
                self.start_session(tables, now, side, config.expires_s.max(LEAST_S), true);
            }
            (None, SessionTimer::Accept) => self.stop_session(tables, side),
        }
    }

    fn start_session(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        side: Side,
        interval: u32,
        ours: bool,
    ) {
        let whole = Duration::from_secs(interval.into());
        let expires = now + whole;
        // RFC 4028 section 10: half of it for who refreshes; the other gives up a little before the end.
        let due = now + if ours { whole / 2 } else { whole - MARGIN.min(whole / 3) };
        self.talking(side).session = Some(Session { interval, ours, expires, due, raised: 0 });
        self.start_timer(tables, due, reason(side));
    }

    fn stop_session(&mut self, tables: &mut Tables, side: Side) {
        self.talking(side).session = None;
        self.stop_timer(tables, reason(side));
    }

    /// What an established leg that leaves this call takes with it.
    pub(super) fn take_talking(&mut self, tables: &mut Tables, side: Side) -> Talking {
        self.stop_timer(tables, reason(side));
        std::mem::take(self.talking(side))
    }

    /// A leg that comes from another call brings this with it.
    pub(super) fn put_talking(&mut self, tables: &mut Tables, side: Side, talking: Talking) {
        *self.talking(side) = talking;
        if let Some(session) = talking.session {
            self.start_timer(tables, session.due, reason(side));
        }
    }

    /// A session is to be refreshed, or was not.
    pub(crate) fn on_session_timer(&mut self, tables: &mut Tables, now: Instant, side: Side) {
        self.stop_timer(tables, reason(side));
        let Some(session) = self.talking(side).session else { return };
        //= RFC 4028 section 10
        //# Similarly, if the side not performing refreshes does not receive a session refresh request before the session
        //# expiration, it SHOULD send a BYE to terminate the session, slightly before the session expiration.
        if !session.ours || session.expires <= now {
            return self.release(tables, now, Cause::SessionExpired, None);
        }
        let begun = match self.talking(side).takes_update {
            true => self.send_refresh(tables, now, side),
            false => self.offer_to(tables, now, side, Purpose::Refresh, Offered::Again),
        };
        if !begun {
            self.refresh_later(tables, now, side);
        }
    }

    fn refresh_later(&mut self, tables: &mut Tables, now: Instant, side: Side) {
        let Some(session) = self.talking(side).session else { return };
        let wait = Duration::from_secs(u64::from(session.interval / 16).max(3));
        self.start_timer(tables, (now + wait).min(session.expires), reason(side));
    }

    /// Refreshes by UPDATE, which says nothing of the media; gives whether it went out.
    fn send_refresh(&mut self, tables: &mut Tables, now: Instant, side: Side) -> bool {
        if self.state == State::Ending {
            return false;
        }
        let fields = self.session_fields(tables, side);
        let (conn, contact) = (self.conn, self.contact(side).to_owned());
        let Some(dialog) = self.dialog_mut(side) else { return false };
        let flow = dialog.flow;
        let mut draft = dialog.request(Method::Update, &contact);
        draft.header(Name::Allow, ALLOW);
        for (name, value) in fields {
            draft.header(name, value);
        }
        if !tables.config.server_header.is_empty() {
            draft.header(Name::UserAgent, &tables.config.server_header);
        }
        let sent = tables.endpoint.send_request(now, flow, draft);
        if let Ok(tx) = &sent {
            tables.uses_by_client_tx.insert(*tx, ClientUse::Refresh { conn, side });
        }
        sent.is_ok()
    }

    /// What came of an UPDATE of ours; the error is the status when nothing came.
    pub(crate) fn on_refresh_response(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        side: Side,
        response: Result<&Message, u16>,
    ) {
        if self.state == State::Ending {
            return;
        }
        let status = response.map_or_else(|status| status, Message::status);
        match (status, response) {
            (200..=299, Ok(response)) => {
                if let Some(dialog) = self.dialog_mut(side) {
                    dialog.refresh_target(response);
                }
                self.note_session(tables, now, side, response);
            }
            // A trunk asks who we are, or it takes no UPDATE after all: a re-INVITE can do both.
            (401 | 405 | 407 | 501, Ok(_)) => {
                self.talking(side).takes_update = false;
                self.on_session_timer(tables, now, side);
            }
            (408 | 481, _) => self.release(tables, now, Cause::SessionExpired, None),
            (status, response) => self.refresh_refused(tables, now, side, status, response.ok()),
        }
    }

    /// What came of a re-INVITE of ours that refreshes.
    pub(super) fn refresh_done(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        side: Side,
        outcome: Outcome<'_>,
    ) {
        match outcome {
            // It is noted with every 2xx.
            Outcome::Accepted(_) => {}
            Outcome::Refused(status, response) => {
                self.refresh_refused(tables, now, side, status, response);
            }
            Outcome::Gone(_) => self.release(tables, now, Cause::SessionExpired, None),
        }
    }

    fn refresh_refused(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        side: Side,
        status: u16,
        response: Option<&Message>,
    ) {
        let raised = status == 422 && response.is_some_and(|r| self.raise_session(side, r));
        if raised {
            return self.on_session_timer(tables, now, side);
        }
        self.refresh_later(tables, now, side);
    }

    /// Takes the least interval that a 422 names; gives whether it is more than ours, and was not too often.
    pub(super) fn raise_session(&mut self, side: Side, response: &Message) -> bool {
        let least = min_se(response);
        let session = self.talking(side).session.as_mut();
        let may_rise =
            |session: &&mut Session| session.interval < least && session.raised < RAISES_MAX;
        let Some(session) = session.filter(may_rise) else { return false };
        session.interval = least;
        session.raised += 1;
        true
    }

    /// The parties talk from now on: counts how long they may, and whether they are there.
    pub(super) fn watch_over(&mut self, tables: &mut Tables, now: Instant) {
        let most = tables.config.sessions.call_max;
        if !most.is_zero() {
            self.start_timer(tables, now + most, Reason::CallLength);
        }
        self.probe_later(tables, now);
    }

    /// They have talked for as long as a call may last.
    pub(crate) fn on_too_long(&mut self, tables: &mut Tables, now: Instant) {
        self.release(tables, now, Cause::TooLong, None);
    }

    /// Neither party has sent media for a while. A held call is silent by intention.
    pub(crate) fn on_media_silent(&mut self, tables: &mut Tables, now: Instant) {
        let is_held = self.media.is_held(Side::A) || self.media.is_held(Side::B);
        let holds = is_held || self.holds(Side::A) || self.holds(Side::B);
        let talks = matches!(self.state, State::Established { .. });
        if tables.config.sessions.end_silent && talks && !holds {
            self.release(tables, now, Cause::MediaSilent, None);
        }
    }
}

#[cfg(test)]
#[path = "session_test.rs"]
#[allow(clippy::unwrap_used)]
mod tests;
