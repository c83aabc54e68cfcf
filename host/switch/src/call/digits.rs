//! Digits that a third party has one party send to the other: one INFO for each, in order, whose body tells it as phones and gateways
//! have it (`application/dtmf-relay`). No RFC says what that body is. Digits within the media (RFC 4733) are for who makes media.

use std::collections::VecDeque;

use bytes::Bytes;
use media::Side;
use model::Instant;
use sip::Method;

use super::{
    Call,
    ticket::{Awaited, Ticket},
};
use crate::{
    Fact, Unfit,
    controls::Progress,
    tables::{ClientUse, Tables},
};

/// Digits on their way.
pub(crate) struct Digits {
    /// Who presses them.
    side: Side,
    all: String,
    left: VecDeque<char>,
}

/// The most that are sent at once.
const DIGITS_MAX: usize = 64;

/// How long a digit sounds, in milliseconds.
const DURATION_MS: u16 = 160;

impl Call {
    /// A party sends digits to the other.
    pub(crate) fn send_digits(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        (ticket, side): (u64, Side),
        all: String,
    ) -> Result<Progress, Unfit> {
        self.may_act()?;
        let is_digit = |c: char| matches!(c, '0'..='9' | 'A'..='D' | '*' | '#');
        if all.is_empty() || all.chars().count() > DIGITS_MAX || !all.chars().all(is_digit) {
            return Err(Unfit::Destination);
        }
        let left = all.chars().collect();
        let awaits = Awaited::Digits(Digits { side, all, left });
        self.ticket = Some(Box::new(Ticket { number: ticket, awaits }));
        self.send_next_digit(tables, now);
        Ok(Progress::Open)
    }

    fn digits(&mut self) -> Option<&mut Digits> {
        match &mut self.ticket.as_mut()?.awaits {
            Awaited::Digits(digits) => Some(digits),
            _ => None,
        }
    }

    fn send_next_digit(&mut self, tables: &mut Tables, now: Instant) {
        let Some(digits) = self.digits() else { return };
        let (side, next) = (digits.side, digits.left.pop_front());
        let Some(digit) = next else { return self.digits_done(tables, None) };
        let (conn, contact) = (self.conn, self.contact(side.other()).to_owned());
        let Some(dialog) = self.dialog_mut(side.other()) else {
            return self.digits_done(tables, Some(481));
        };
        let flow = dialog.flow;
        let mut draft = dialog.request(Method::Info, &contact);
        tables.sign_draft(&mut draft);
        let body = Bytes::from(format!("Signal={digit}\r\nDuration={DURATION_MS}\r\n"));
        let draft = draft.with_body(Some(("application/dtmf-relay".to_owned(), body)));
        match tables.endpoint.send_request(now, flow, draft) {
            Ok(tx) => {
                tables.uses_by_client_tx.insert(tx, ClientUse::Digit { conn });
            }
            Err(_) => self.digits_done(tables, Some(503)),
        }
    }

    /// The other party has said this to a digit.
    pub(crate) fn on_digit_taken(&mut self, tables: &mut Tables, now: Instant, status: u16) {
        match status {
            200..=299 => self.send_next_digit(tables, now),
            status => self.digits_done(tables, Some(status)),
        }
    }

    fn digits_done(&mut self, tables: &mut Tables, refused: Option<u16>) {
        let is_of_digits = |ticket: &mut Box<Ticket>| matches!(ticket.awaits, Awaited::Digits(_));
        let Some(ticket) = self.ticket.take_if(is_of_digits) else { return };
        let Ticket { number, awaits: Awaited::Digits(digits) } = *ticket else { return };
        if let Some(status) = refused {
            return tables.controlled(number, Err(Unfit::Phone(status)));
        }
        let leg = self.leg_id(digits.side);
        tables.emit(Fact::DtmfSent { leg, digits: digits.all });
        tables.controlled(number, Ok(self.conn));
    }
}

#[cfg(test)]
#[path = "digits_test.rs"]
mod tests;
