//! One event for many clients.

use std::sync::Arc;

use tlib::{Event, Message};

use crate::{ClientId, Filter, Now, Token, now::dated, registry::Audience};

/// An event and who gets it. Neither is copied for a client: the event is encoded once, and the list is shared until somebody registers or
/// leaves.
#[derive(Clone, Debug)]
pub struct Deliver {
    /// The event, with its number and the time.
    pub event: Event,
    /// Who gets it, by number.
    pub clients: Arc<[ClientId]>,
    /// What of it each of them wants, in the same order; `None` when all want everything.
    pub filters: Option<Arc<[Filter]>>,
    /// The one of them whose copy carries its ReferenceID.
    pub asked_by: Option<Token>,
}

impl Deliver {
    /// For these clients, of whom nobody asked for it.
    pub(crate) fn to(event: Event, audience: Audience) -> Self {
        let Audience { clients, filters } = audience;
        Self { event, clients, filters, asked_by: None }
    }

    /// Who gets it, by number: those whose filter lets it through, and who asked for it.
    pub fn recipients(&self) -> impl Iterator<Item = ClientId> {
        let asked_by = self.asked_by.map(|token| token.client);
        self.clients.iter().enumerate().filter_map(move |(place, client)| {
            let filter = self.filters.as_ref().and_then(|filters| filters.get(place));
            let passes = filter.is_none_or(|filter| filter.passes(self.event.message()));
            (passes || asked_by == Some(*client)).then_some(*client)
        })
    }

    /// The ReferenceID that the copy of a client carries.
    pub fn reference_for(&self, client: ClientId) -> Option<u32> {
        self.asked_by.filter(|token| token.client == client).map(|token| token.reference)
    }
}

/// Numbers the events that one module distributes, from 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbering(u64);

impl Numbering {
    /// The next event: of this message, and of this time unless the message says another.
    pub(crate) fn next(&mut self, message: Arc<Message>, now: Now) -> Event {
        self.0 += 1;
        Event::new(dated(message, now), Some(self.0))
    }
}

/// A line for the log of a module (section 6.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its id, without the `00-` in front.
    pub id: u32,
    /// What it says.
    pub text: String,
}
