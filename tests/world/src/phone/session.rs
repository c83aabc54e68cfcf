//! How a phone keeps the session of a call alive, and gives up one that nobody refreshes (RFC 4028).

use std::time::Duration;

use model::Instant;
use sip::{
    ClientTx, Message, Method, Name, ServerTx,
    reliable::names_option,
    session_timer::{LEAST_S, OPTION_TIMER, Refresher, SessionExpires},
};

use super::{Call, Phone, PhoneFact, Talk};

/// What a phone makes of session timers.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Keeps {
    /// Nothing: it does not know of them.
    #[default]
    Not,
    /// It wants one, and the other refreshes it.
    Asks,
    /// It wants one, and refreshes it.
    Itself,
}

/// The session of a call that is up.
pub(super) struct Session {
    /// This phone refreshes.
    ours: bool,
    expires: Instant,
    /// When it is refreshed, or given up.
    due: Instant,
}

/// So long after an UPDATE that was refused comes the next.
const AGAIN: Duration = Duration::from_secs(3);

/// What a phone takes, said by those that know of session timers: who says nothing is refreshed by re-INVITE.
const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, PRACK, NOTIFY, UPDATE";

impl Keeps {
    fn knows(self) -> bool {
        self != Self::Not
    }

    /// What an INVITE or UPDATE of the phone says; `ours` is who refreshes, where that is settled.
    pub(super) fn asks(self, ours: Option<bool>) -> Vec<(Name, String)> {
        if !self.knows() {
            return Vec::new();
        }
        let is_ours = ours.unwrap_or(self == Self::Itself);
        let refresher = Some(if is_ours { Refresher::Uac } else { Refresher::Uas });
        let expires = SessionExpires { seconds: LEAST_S, refresher };
        vec![
            (Name::Supported, OPTION_TIMER.to_owned()),
            (Name::SessionExpires, expires.to_string()),
            (Name::Allow, ALLOW.to_owned()),
        ]
    }

    /// The session that a 2xx to this request agrees to.
    fn agrees(self, request: &Message) -> Option<SessionExpires> {
        let takes = [Name::Supported, Name::Require];
        if !self.knows() || !takes.iter().any(|name| names_option(request, *name, OPTION_TIMER)) {
            return None;
        }
        let own = if self == Self::Itself { Refresher::Uas } else { Refresher::Uac };
        let asked = SessionExpires::of(request);
        let refresher = asked.and_then(|asked| asked.refresher).unwrap_or(own);
        let seconds = asked.map_or(LEAST_S, |asked| asked.seconds);
        Some(SessionExpires { seconds, refresher: Some(refresher) })
    }

    /// What a 2xx to this request says.
    pub(super) fn answers(self, request: &Message) -> Vec<(Name, String)> {
        let mut fields = Vec::new();
        if self.knows() {
            fields.push((Name::Allow, ALLOW.to_owned()));
        }
        if let Some(agreed) = self.agrees(request) {
            fields.push((Name::SessionExpires, agreed.to_string()));
            fields.push((Name::Require, OPTION_TIMER.to_owned()));
        }
        fields
    }

    /// The session of a call whose INVITE, re-INVITE or UPDATE this phone answers.
    pub(super) fn answered(self, now: Instant, request: &Message) -> Option<Session> {
        let agreed = self.agrees(request)?;
        Some(Session::begin(now, agreed.seconds, agreed.refresher == Some(Refresher::Uas)))
    }

    /// The session of a call whose INVITE, re-INVITE or UPDATE of this phone has this 2xx.
    pub(super) fn heard(self, now: Instant, response: &Message) -> Option<Session> {
        let agreed = SessionExpires::of(response).filter(|_| self.knows())?;
        Some(Session::begin(now, agreed.seconds, agreed.refresher != Some(Refresher::Uas)))
    }
}

impl Session {
    pub(super) const fn is_ours(&self) -> bool {
        self.ours
    }

    /// Refreshed after half of it; who does not refresh gives up a little before its end (RFC 4028 section 10).
    fn begin(now: Instant, seconds: u32, ours: bool) -> Self {
        let whole = Duration::from_secs(seconds.into());
        let due = now + if ours { whole / 2 } else { whole - whole / 3 };
        Self { ours, expires: now + whole, due }
    }
}

impl Phone {
    /// When the next session is refreshed, or given up.
    pub(super) fn keeps_at(&self) -> Option<Instant> {
        self.talks().filter_map(|talk| Some(talk.session.as_ref()?.due)).min()
    }

    fn talks(&self) -> impl Iterator<Item = &Talk> {
        self.calls.iter().filter_map(|call| match call {
            Call::Up(talk) => Some(&**talk),
            Call::Calling { .. } | Call::Ringing { .. } => None,
        })
    }

    /// Refreshes what is due, and gives up what was not refreshed.
    pub(super) fn keep(&mut self, now: Instant) {
        let contact = self.contact();
        let mut over = false;
        for call in &mut self.calls {
            let Call::Up(talk) = call else { continue };
            let Some(session) = talk.session.as_mut().filter(|session| session.due <= now) else {
                continue;
            };
            if !session.ours || session.expires <= now {
                over = true;
                continue;
            }
            session.due = session.expires;
            let mut draft = talk.dialog.request(Method::Update, &contact);
            for (name, value) in self.keeps.asks(Some(true)) {
                draft.header(name, value);
            }
            if let Ok(tx) = self.endpoint.send_request(now, talk.dialog.flow, draft) {
                self.updates.push((tx, talk.dialog.id.call_id.clone()));
            }
        }
        if over {
            let is_over = |talk: &Talk| talk.session.as_ref().is_some_and(|s| s.due <= now);
            self.facts.push(PhoneFact::Expired);
            self.hang_up_those(now, is_over);
        }
    }

    /// The other party refreshes.
    pub(super) fn on_update(&mut self, now: Instant, tx: ServerTx, update: &Message, tag: &str) {
        let session = self.keeps.answered(now, update);
        let checked = match self.talk_of(update) {
            None => Err(481),
            Some(talk) => talk.dialog.check_request(update).map(|()| talk.session = session),
        };
        self.respond(now, tx, update, checked.err().unwrap_or(200), tag, None);
    }

    /// The final answer to an UPDATE of this phone, or 408 when none came; whether it was one.
    pub(super) fn on_update_response(
        &mut self,
        now: Instant,
        tx: ClientTx,
        response: Result<&Message, u16>,
    ) -> bool {
        let Some(at) = self.updates.iter().position(|(t, _)| *t == tx) else { return false };
        let status = response.map_or_else(|status| status, Message::status);
        if status < 200 {
            return true;
        }
        let (_, call_id) = self.updates.swap_remove(at);
        let keeps = self.keeps;
        let is_it = |talk: &Talk| talk.dialog.id.call_id == call_id;
        let talk = self.calls.iter_mut().find_map(|call| match call {
            Call::Up(talk) if is_it(talk) => Some(talk),
            Call::Calling { .. } | Call::Ringing { .. } | Call::Up(_) => None,
        });
        let Some(talk) = talk else { return true };
        match (status, response) {
            (200..=299, Ok(response)) => talk.session = keeps.heard(now, response),
            // RFC 5057 section 5.1: the call is over for the other.
            (408 | 481, _) => {
                let fact = if status == 481 { PhoneFact::Ended } else { PhoneFact::Expired };
                self.facts.push(fact);
                self.hang_up_those(now, is_it);
            }
            _ => {
                if let Some(session) = &mut talk.session {
                    session.due = now + AGAIN;
                }
            }
        }
        true
    }
}
