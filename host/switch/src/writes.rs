//! Registrations that wait for the store, in the order they came.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use model::{Aor, Binding, Flow, Instant, hook::Registration};
use sip::{Message, ServerTx};

use crate::StoreTicket;

/// A REGISTER that is not answered yet.
pub(crate) struct Waiting {
    pub(crate) tx: ServerTx,
    pub(crate) flow: Flow,
    pub(crate) request: Message,
    /// How a plugin wants it taken.
    pub(crate) rules: Option<Registration>,
}

/// One address-of-record on its way to the store.
pub(crate) struct Write {
    pub(crate) aor: Aor,
    /// What is true once it is stored.
    pub(crate) bindings: Vec<Binding>,
    /// Answered when it is; `None` when no REGISTER is the cause.
    pub(crate) cause: Option<Waiting>,
    /// Later REGISTERs of the same address-of-record, oldest first.
    pub(crate) later: VecDeque<Waiting>,
    deadline: Instant,
}

/// The writes under way; at most one for each address-of-record, so that the store need not keep an order.
pub(crate) struct Writes {
    /// Tickets are given in the order of their deadlines.
    writes_by_ticket: BTreeMap<StoreTicket, Write>,
    tickets_by_aor: BTreeMap<Aor, StoreTicket>,
    next: StoreTicket,
    /// REGISTERs that are held: causes and later ones.
    held: usize,
    held_max: usize,
    timeout: Duration,
}

impl Writes {
    pub(crate) const fn new(held_max: usize, timeout: Duration) -> Self {
        Self {
            writes_by_ticket: BTreeMap::new(),
            tickets_by_aor: BTreeMap::new(),
            next: StoreTicket(0),
            held: 0,
            held_max,
            timeout,
        }
    }

    /// Whether another REGISTER would be one too many.
    pub(crate) const fn is_full(&self) -> bool {
        self.held >= self.held_max
    }

    /// Whether `aor` is being written.
    pub(crate) fn has(&self, aor: &Aor) -> bool {
        self.tickets_by_aor.contains_key(aor)
    }

    /// How many addresses-of-record are being written.
    pub(crate) fn len(&self) -> usize {
        self.writes_by_ticket.len()
    }

    /// How many REGISTERs are held.
    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// Lets `waiting` wait for the write of `aor`; gives it back when there is none.
    pub(crate) fn queue(&mut self, aor: &Aor, waiting: Waiting) -> Option<Waiting> {
        let ticket = self.tickets_by_aor.get(aor);
        let Some(write) = ticket.and_then(|ticket| self.writes_by_ticket.get_mut(ticket)) else {
            return Some(waiting);
        };
        write.later.push_back(waiting);
        self.held += 1;
        None
    }

    /// Begins a write of `aor`, which has none; `later` wait behind it.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        aor: Aor,
        bindings: Vec<Binding>,
        cause: Option<Waiting>,
        later: VecDeque<Waiting>,
    ) -> StoreTicket {
        let ticket = self.next;
        self.next = StoreTicket(ticket.0.wrapping_add(1));
        self.held += usize::from(cause.is_some()) + later.len();
        self.tickets_by_aor.insert(aor.clone(), ticket);
        let deadline = now + self.timeout;
        self.writes_by_ticket.insert(ticket, Write { aor, bindings, cause, later, deadline });
        ticket
    }

    /// Ends a write; `None` when it was given up before.
    pub(crate) fn end(&mut self, ticket: StoreTicket) -> Option<Write> {
        let write = self.writes_by_ticket.remove(&ticket)?;
        self.tickets_by_aor.remove(&write.aor);
        self.held -= usize::from(write.cause.is_some()) + write.later.len();
        Some(write)
    }

    /// When the oldest write is given up.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.writes_by_ticket.first_key_value().map(|(_, write)| write.deadline)
    }

    /// The oldest write, if it is to be given up by now.
    pub(crate) fn overdue(&self, now: Instant) -> Option<StoreTicket> {
        let (ticket, write) = self.writes_by_ticket.first_key_value()?;
        (write.deadline <= now).then_some(*ticket)
    }
}
