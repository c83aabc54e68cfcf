//! What a REGISTER does to a shard: its answer waits for the store, where there is one.

use std::collections::VecDeque;

use model::{Aor, Binding, Directory, Flow, Instant, hook::Registration};
use sip::{Message, Name, NameAddr};

use crate::{
    Output, Publish, StoreOutcome, StoreTicket, Switch,
    call::refuse,
    door::Arrival,
    registrar::Decided,
    writes::{Waiting, Write},
};

impl Switch {
    pub(crate) fn on_register(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        arrival: Arrival,
        rules: Option<Registration>,
    ) {
        let Arrival { tx, flow, request, identity, .. } = arrival;
        let aor = self.registrar.aor_of(&request);
        if rules.is_none() && identity.is_some() && identity != aor {
            // RFC 3261 section 10.3 step 4: authenticated is not authorised.
            return refuse(&mut self.tables, now, tx, &request, 403, "Register yourself only");
        }
        if self.is_own_contact(&request) {
            let why = "Contact is an address of this switch";
            return refuse(&mut self.tables, now, tx, &request, 403, why);
        }
        let waiting = Waiting { tx, flow, request, rules };
        if self.writes.is_none() {
            return self.register_at_once(now, dir, &waiting);
        }
        if self.writes.as_ref().is_some_and(crate::writes::Writes::is_full) {
            return self.refuse_register(now, &waiting, 503);
        }
        let free = match (&mut self.writes, &aor) {
            (Some(writes), Some(aor)) => writes.queue(aor, waiting),
            (Some(_) | None, _) => Some(waiting),
        };
        if let Some(waiting) = free {
            self.register(now, dir, waiting, VecDeque::new());
        }
    }

    /// Takes in what became of a write. A ticket that was given up is not known any more.
    pub(crate) fn on_stored(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        ticket: StoreTicket,
        outcome: StoreOutcome,
    ) {
        let Some(write) = self.writes.as_mut().and_then(|writes| writes.end(ticket)) else {
            return;
        };
        let Write { aor, bindings, cause, mut later, .. } = write;
        match outcome {
            StoreOutcome::Stored => {
                if let Some(cause) = cause {
                    self.commit(now, &aor, bindings, cause.flow);
                    self.acknowledge(now, &aor, &cause);
                } else {
                    let (publish, fact) = self.registrar.drop_lost(&aor, bindings);
                    self.publish(publish, fact);
                }
            }
            StoreOutcome::Failed | StoreOutcome::Busy => {
                let status = if outcome == StoreOutcome::Failed { 500 } else { 503 };
                if let Some(cause) = cause {
                    self.refuse_register(now, &cause, status);
                }
            }
        }
        // Until one of them begins a write of its own, behind which the rest wait.
        while let Some(next) = later.pop_front() {
            match self.register(now, dir, next, later) {
                Some(rest) => later = rest,
                None => return,
            }
        }
    }

    /// Gives up the writes the store did not answer for in time.
    pub(crate) fn give_up_writes(&mut self, now: Instant, dir: &dyn Directory) {
        while let Some(ticket) = self.writes.as_ref().and_then(|writes| writes.overdue(now)) {
            self.tables.stats.writes_lost += 1;
            self.on_stored(now, dir, ticket, StoreOutcome::Busy);
        }
    }

    /// Takes bindings from before a restart. They were acknowledged then, so no limit is applied.
    pub(crate) fn restore(&mut self, now: Instant, aor: Aor, bindings: Vec<Binding>) {
        self.keepalive.follow(now, &aor, &bindings);
        let (publish, fact) = self.registrar.commit(&aor, bindings);
        self.devices.note(&publish.aor);
        self.tables.outputs.push_back(Output::Publish(publish));
        self.tables.emit(fact);
    }

    /// Makes `bindings` those of `aor`, after a REGISTER that came by `flow`.
    fn commit(&mut self, now: Instant, aor: &Aor, bindings: Vec<Binding>, flow: Flow) {
        self.keepalive.follow(now, aor, &bindings);
        self.keepalive.heard(aor, flow);
        let (publish, fact) = self.registrar.commit(aor, bindings);
        self.publish(publish, fact);
    }

    /// Whether a REGISTER names a contact that is an address of ours: a call to it would come back here, and so on (RFC 5393).
    fn is_own_contact(&self, request: &Message) -> bool {
        let address =
            |contact: &str| NameAddr::parse(contact).ok()?.parsed_uri().ok()?.socket_addr();
        let own = &self.tables.config.listeners;
        request
            .values(Name::Contact)
            .filter_map(address)
            .any(|address| own.iter().any(|listener| listener.advertised == address))
    }

    fn register_at_once(&mut self, now: Instant, dir: &dyn Directory, waiting: &Waiting) {
        let Waiting { flow, request, rules, .. } = waiting;
        match self.registrar.decide(now, dir, *flow, request, rules.as_ref(), 0) {
            Ok(Decided { aor, bindings }) => {
                if let Some(bindings) = bindings {
                    self.commit(now, &aor, bindings, *flow);
                }
                self.acknowledge(now, &aor, waiting);
            }
            Err(refusal) => {
                let tag = self.tables.endpoint.mint_tag();
                let response = refusal.response(&waiting.request, &tag);
                self.answer_register(now, waiting, response);
            }
        }
    }

    /// Answers a REGISTER, or begins its write, behind which `later` wait. Gives `later` back when it was answered.
    fn register(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        waiting: Waiting,
        later: VecDeque<Waiting>,
    ) -> Option<VecDeque<Waiting>> {
        let Some(writes) = &mut self.writes else { return Some(later) };
        let Waiting { flow, request, rules, .. } = &waiting;
        match self.registrar.decide(now, dir, *flow, request, rules.as_ref(), writes.len()) {
            Ok(Decided { aor, bindings: Some(bindings) }) => {
                let publish = Publish { aor: aor.clone(), bindings: bindings.as_slice().into() };
                let ticket = writes.begin(now, aor, bindings, Some(waiting), later);
                self.tables.outputs.push_back(Output::Store { ticket, publish });
                return None;
            }
            Ok(Decided { aor, bindings: None }) => self.acknowledge(now, &aor, &waiting),
            Err(refusal) => {
                let tag = self.tables.endpoint.mint_tag();
                let response = refusal.response(&waiting.request, &tag);
                self.answer_register(now, &waiting, response);
            }
        }
        Some(later)
    }

    fn acknowledge(&mut self, now: Instant, aor: &Aor, waiting: &Waiting) {
        let tag = self.tables.endpoint.mint_tag();
        let sealer = self.tables.sealer();
        let mut response = self.registrar.acknowledgement(now, aor, waiting, &tag, sealer);
        let route = &self.tables.config.service_route;
        if !route.is_empty() {
            response.header(Name::ServiceRoute, route);
        }
        self.answer_register(now, waiting, response);
    }

    /// Refuses for a while: nothing of the REGISTER was done.
    fn refuse_register(&mut self, now: Instant, waiting: &Waiting, status: u16) {
        let tag = self.tables.endpoint.mint_tag();
        let mut response = sip::response_to(&waiting.request, status, "", Some(&tag));
        response.header(Name::RetryAfter, self.tables.config.limits.retry_after_s);
        self.tables.stats.writes_refused += 1;
        self.answer_register(now, waiting, response);
    }

    fn answer_register(&mut self, now: Instant, waiting: &Waiting, mut response: sip::Writer) {
        self.tables.sign_response(&mut response);
        self.tables.endpoint.respond(now, waiting.tx, response.finish(None));
    }
}

#[cfg(test)]
#[path = "register_test.rs"]
mod tests;
