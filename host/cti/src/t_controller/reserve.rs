//! Reservation of agents: TReserveAgent (sections 1.7 and 5.6).
//!
//! Requests for one agent are collected for `request-collection-time`; then the one with the highest priority, of equal ones the first, has
//! the agent for its time, and the others are answered 1700. While it lasts every other request is.

use std::{sync::Arc, time::Duration};

use model::Instant;
use tlib::{Attribute, ErrorCode, Message, MessageType};

use super::{TController, timers::Timer};
use crate::{ClientId, Now, Refusal, Token, option_names};

/// Who has an agent, and who wants it.
#[derive(Debug, Default)]
pub(super) struct Reservations {
    held: Option<(ClientId, Instant)>,
    wishes: Vec<Wish>,
}

#[derive(Debug)]
struct Wish {
    token: Token,
    priority: i64,
    message: Arc<Message>,
}

impl TController {
    pub(super) fn reserve(
        &mut self,
        now: Now,
        token: Token,
        message: &Arc<Message>,
    ) -> Result<(), Refusal> {
        let dn = self.reserved_dn(message)?;
        let places = self.places(&dn);
        let collects = Duration::from_millis(places.number(option_names::request_collection_time));
        let rejects = places.flag(option_names::reject_subsequent_request);
        let max = self.settings.reservations_collected_max;
        let Some(line) = self.lines.get_mut(&dn) else { return Err(ErrorCode::InvalidDN.into()) };
        let Reservations { held, wishes } = &mut line.reservations;
        let holder = held.filter(|(_, until)| *until > now.at).map(|(client, _)| client);
        let wish = Wish {
            token,
            priority: message.int(Attribute::Priority).unwrap_or(0),
            message: Arc::clone(message),
        };
        match holder {
            Some(holder) if holder == token.client && !rejects => self.grant(now, &dn, &wish),
            Some(_) => return Err(ErrorCode::AlreadyReserved.into()),
            None if collects.is_zero() => self.grant(now, &dn, &wish),
            None if wishes.len() >= max => {
                return Err(Refusal::new(
                    ErrorCode::TooManyRequests,
                    format!("reservations_collected_max is {max}; ask again later"),
                ));
            }
            None => {
                wishes.push(wish);
                if wishes.len() == 1 {
                    self.timers.arm(&dn, Timer::Reservations, now.at + collects);
                }
            }
        }
        Ok(())
    }

    /// The DN of the agent that is to be reserved, by its id or by its DN.
    fn reserved_dn(&self, message: &Message) -> Result<Arc<str>, Refusal> {
        let id = message.text(Attribute::AgentID);
        let dn = message.text(Attribute::ThisDN);
        let by_id = id.and_then(|id| self.agents.get(id)).cloned();
        let dn = match (id, dn) {
            (None, None) => {
                return Err(Refusal::new(
                    ErrorCode::InvalidAttribute,
                    "name the agent by AgentID or ThisDN; places are not known here",
                ));
            }
            (Some(_), None) => by_id.ok_or(ErrorCode::NotLoggedIn)?,
            (Some(_), Some(dn)) if by_id.as_ref() == Some(dn) => Arc::clone(dn),
            (Some(_), Some(_)) => return Err(ErrorCode::WrongAgentId.into()),
            (None, Some(dn)) => Arc::clone(dn),
        };
        let line = self.lines.get(&dn).ok_or(ErrorCode::NotConfigured)?;
        line.agent.as_ref().map(|_| dn).ok_or_else(|| ErrorCode::NotLoggedIn.into())
    }

    fn grant(&mut self, now: Now, dn: &Arc<str>, wish: &Wish) {
        let places = self.places(dn);
        let usual = places.number(option_names::reservation_time);
        let asked = wish.message.int(Attribute::Timeout).and_then(|ms| u64::try_from(ms).ok());
        let ms = asked.filter(|ms| *ms > 0).unwrap_or(usual).min(3_600_000);
        let Some(line) = self.lines.get_mut(dn) else { return };
        let Some(agent) = &line.agent else { return };
        let until = now.at + Duration::from_millis(ms);
        line.reservations.held = Some((wish.token.client, until));
        let event = Message::new(MessageType::EventAgentReserved)
            .with_some(Attribute::Extensions, wish.message.list(Attribute::Extensions).cloned())
            .with_some(Attribute::Reason, wish.message.list(Attribute::Reason).cloned())
            .with(Attribute::Priority, wish.priority)
            .with(Attribute::Timeout, i64::try_from(ms).unwrap_or(i64::MAX))
            .with(Attribute::AgentID, &agent.id)
            .with(Attribute::ThisDN, dn);
        self.emit(now, dn, Arc::new(event), Some(wish.token));
    }

    /// The time in which reservations of the agent on a DN were collected is over.
    pub(super) fn on_reservations(&mut self, now: Now, dn: &Arc<str>) {
        let mut wishes = self.take_wishes(dn);
        let best = wishes
            .iter()
            .enumerate()
            .max_by_key(|(at, wish)| (wish.priority, std::cmp::Reverse(*at)));
        let Some(best) = best.map(|(at, _)| at) else { return };
        let granted = wishes.remove(best);
        self.grant(now, dn, &granted);
        for wish in wishes {
            self.refuse(now, wish.token, &wish.message, &ErrorCode::AlreadyReserved.into());
        }
    }

    fn take_wishes(&mut self, dn: &Arc<str>) -> Vec<Wish> {
        let line = self.lines.get_mut(dn);
        line.map(|line| std::mem::take(&mut line.reservations.wishes)).unwrap_or_default()
    }

    /// The agent of a DN is no more there: nobody has it or gets it.
    pub(super) fn drop_reservations(&mut self, now: Now, dn: &Arc<str>) {
        self.timers.cancel(dn, Timer::Reservations);
        for wish in self.take_wishes(dn) {
            self.refuse(now, wish.token, &wish.message, &ErrorCode::NotLoggedIn.into());
        }
        if let Some(line) = self.lines.get_mut(dn) {
            line.reservations.held = None;
        }
    }

    /// A client is gone: what it has reserved is free.
    pub(super) fn drop_reservations_of(&mut self, client: ClientId) {
        for line in self.lines.values_mut() {
            let Reservations { held, wishes } = &mut line.reservations;
            held.take_if(|(holder, _)| *holder == client);
            wishes.retain(|wish| wish.token.client != client);
        }
    }
}
