//! How a phone rings reliably, and acknowledges that others do (RFC 3262).

use std::time::Duration;

use bytes::Bytes;
use model::Instant;
use sip::{
    ClientTx, Dialog, DialogSeed, Message, Method, Name, ServerTx,
    reliable::{OPTION_100REL, RAck, names_option, rseq},
    response_to,
};

use super::{Call, Phone, PhoneFact};

/// What a phone makes of reliable provisional responses.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Reliably {
    /// Nothing.
    #[default]
    Not,
    /// It can have them, and rings so for whom can.
    Can,
    /// It wants no others, and rings so with its description.
    Must,
}

/// A reliable response that waits for its PRACK.
pub(super) struct Unacknowledged {
    bytes: Bytes,
    since: Instant,
    interval: Duration,
    pub(super) again: Instant,
}

/// What a phone that rings has said reliably.
pub(super) struct Rung {
    /// The dialog that it has made.
    pub(super) dialog: Dialog,
    pub(super) open: Option<Unacknowledged>,
    /// It had its description.
    pub(super) described: bool,
    /// The other's description, from the PRACK.
    pub(super) said: Bytes,
    /// It has been answered, and says so when the PRACK is there.
    pub(super) answered: bool,
}

/// A dialog before its answer.
pub(super) struct Early {
    pub(super) dialog: Dialog,
    rseq: u32,
    /// What the other has said.
    pub(super) said: Bytes,
}

/// The number of every reliable response of a phone.
const RSEQ: u32 = 1;
/// T1 (RFC 3261 section 17.1.1.1).
const T1: Duration = Duration::from_millis(500);
/// So long no PRACK is lost on the worst network.
const LONG: Duration = Duration::from_secs(10);

impl Phone {
    /// Rings, reliably where both want it.
    pub(super) fn ring(
        &mut self,
        now: Instant,
        tx: ServerTx,
        invite: &Message,
        tag: &str,
    ) -> Option<Box<Rung>> {
        let takes = [Name::Supported, Name::Require];
        let is_wanted = takes.iter().any(|name| names_option(invite, *name, OPTION_100REL));
        let dialog = Dialog::from_request(invite, tag, self.flow(self.node)).ok();
        let Some(dialog) = dialog.filter(|_| is_wanted && self.reliably != Reliably::Not) else {
            self.respond(now, tx, invite, 180, tag, None);
            return None;
        };
        let described = self.reliably == Reliably::Must;
        let mut writer = response_to(invite, 180, "", Some(tag));
        writer.header(Name::Contact, self.contact());
        writer.header(Name::Require, OPTION_100REL);
        writer.header(Name::RSeq, RSEQ);
        let sdp = described.then(|| self.sdp("sendrecv"));
        let bytes = writer.finish(sdp.as_ref().map(|sdp| ("application/sdp", sdp.as_bytes())));
        self.endpoint.respond(now, tx, bytes.clone());
        let open = Unacknowledged { bytes, since: now, interval: T1, again: now + T1 };
        Some(Box::new(Rung {
            dialog,
            open: Some(open),
            described,
            said: invite.body_bytes(),
            answered: false,
        }))
    }

    /// When it rings again because no PRACK came.
    pub(super) fn rings_again_at(&self) -> Option<Instant> {
        self.calls.iter().find_map(|call| match call {
            Call::Ringing { rung: Some(rung), .. } => rung.open.as_ref().map(|open| open.again),
            Call::Ringing { .. } | Call::Calling { .. } | Call::Up(_) => None,
        })
    }

    pub(super) fn ring_again(&mut self, now: Instant) {
        let mut again = None;
        for call in &mut self.calls {
            if let Call::Ringing { tx, rung: Some(rung), .. } = call
                && let Some(open) = rung.open.as_mut().filter(|open| open.again <= now)
            {
                open.interval *= 2;
                open.again = now + open.interval;
                again = Some((*tx, open.bytes.clone()));
            }
        }
        if let Some((tx, bytes)) = again {
            self.endpoint.respond(now, tx, bytes);
        }
    }

    /// The call that rings is over for this phone: it must have been acknowledged by now.
    pub(super) fn judge_rung(&mut self, now: Instant, rung: Option<&Rung>) {
        let open = rung.and_then(|rung| rung.open.as_ref());
        if open.is_some_and(|open| now - open.since > LONG) {
            self.facts.push(PhoneFact::NotAcknowledged);
        }
    }

    pub(super) fn on_prack(&mut self, now: Instant, tx: ServerTx, prack: &Message, tag: &str) {
        let rung = self.calls.iter_mut().find_map(|call| match call {
            Call::Ringing { rung: Some(rung), .. } if rung.dialog.is_of(prack) => Some(rung),
            Call::Ringing { .. } | Call::Calling { .. } | Call::Up(_) => None,
        });
        let is_it = RAck::of(prack).is_some_and(|rack| rack.rseq == RSEQ);
        let Some(rung) = rung.filter(|rung| is_it && rung.open.is_some()) else {
            return self.respond(now, tx, prack, 481, tag, None);
        };
        if let Err(status) = rung.dialog.check_request(prack) {
            return self.respond(now, tx, prack, status, tag, None);
        }
        rung.open = None;
        if !prack.body().is_empty() {
            rung.said = prack.body_bytes();
        }
        let answered = rung.answered;
        self.respond(now, tx, prack, 200, tag, None);
        if answered {
            self.answer(now);
        }
    }

    /// Acknowledges a reliable response; whether it was new, as any other is.
    pub(super) fn on_reliable(&mut self, now: Instant, at: usize, response: &Message) -> bool {
        let Some(number) = rseq(response) else { return true };
        let sdp = self.sdp("sendrecv");
        let Some(Call::Calling { seed, offered, early, .. }) = self.calls.get_mut(at) else {
            return true;
        };
        let Some(found) = early_of(early, seed, response) else { return true };
        if number <= found.rseq {
            return false;
        }
        found.rseq = number;
        let cseq = response.cseq().number;
        let mut draft = found.dialog.request(Method::Prack, "");
        draft.header(Name::RAck, RAck { rseq: number, cseq });
        let mut body = None;
        if !response.body().is_empty() {
            found.said = response.body_bytes();
            body = (!*offered).then(|| ("application/sdp".to_owned(), sdp.into()));
        }
        let flow = found.dialog.flow;
        if let Ok(tx) = self.endpoint.send_request(now, flow, draft.with_body(body)) {
            self.pracks.push(tx);
        }
        true
    }

    /// The final answer to a PRACK of this phone; whether it was one.
    pub(super) fn on_prack_response(&mut self, tx: ClientTx, status: u16) -> bool {
        let Some(at) = self.pracks.iter().position(|t| *t == tx) else { return false };
        if status >= 200 {
            self.pracks.swap_remove(at);
        }
        if status >= 300 {
            self.facts.push(PhoneFact::PrackRefused(status));
        }
        true
    }
}

/// The early dialog of a response, made when it is the first in it.
fn early_of<'a>(
    early: &'a mut Vec<Early>,
    seed: &DialogSeed,
    response: &Message,
) -> Option<&'a mut Early> {
    let tag = response.to().ok()?.tag()?.to_owned();
    let known = early.iter().position(|early| early.dialog.id.remote_tag == tag);
    let at = match known {
        Some(at) => at,
        None => {
            let dialog = Dialog::from_response(seed, response).ok()?;
            early.push(Early { dialog, rseq: 0, said: Bytes::new() });
            early.len() - 1
        }
    };
    early.get_mut(at)
}
