//! What the caller is told reliably before the final response (RFC 3262 section 3), and the early dialogs that this makes.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use media::Side;
use model::{Instant, LegId};
use sip::{
    Dialog, DialogError, DialogState, Message, Name,
    reliable::{OPTION_100REL, RAck},
    response_to,
};

use super::{
    Branch, Call, Crossing, Edits,
    answer::finish,
    extensions::Reliability,
    headers::ALLOW,
    media::{Body, is_description},
    policy::write_response_fields,
};
use crate::{Cause, Reason, tables::Tables};

/// Names an early dialog of the called side: a branch, and the tag of who answered there (RFC 3261 section 12.1.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct EarlyId {
    /// The number of the leg.
    pub(super) leg: u16,
    /// The peer's tag.
    pub(super) tag: Box<str>,
}

/// The caller's early dialogs, once one of them counts.
#[derive(Default)]
pub(crate) struct CallerEarly {
    /// One a tag of ours, the current one last.
    dialogs: Vec<EarlyUas>,
    /// A 2xx that waits for a PRACK.
    pub(super) held: Option<Box<Held>>,
    /// Whose UPDATE with an offer is on its way across.
    pub(super) update: Option<Side>,
}

/// An early dialog with the caller.
pub(crate) struct EarlyUas {
    pub(super) dialog: Dialog,
    /// Whose session descriptions pass in it.
    pub(super) with: Option<EarlyId>,
    /// The CSeq number of the INVITE.
    cseq: u32,
    /// The number of the latest reliable response.
    rseq: u32,
    /// The one that waits for its PRACK.
    sent: Option<Unacknowledged>,
    /// Those after it. RFC 3262 section 3: the next goes out only when the one before has been acknowledged.
    waiting: VecDeque<Provisional>,
    /// Offer and answer are done.
    pub(super) agreed: bool,
}

/// A response that is sent again until its PRACK comes.
struct Unacknowledged {
    bytes: Bytes,
    interval: Duration,
    again: Instant,
    until: Instant,
    described: bool,
    asked: Option<Asked>,
}

/// A response that is to be sent reliably.
pub(super) struct Provisional {
    pub(super) response: Message,
    pub(super) body: Body,
    /// What of it the caller may read.
    pub(super) crossing: Crossing,
    /// What plugins change of it.
    pub(super) edits: Edits,
    /// Whose it is.
    pub(super) from: Option<EarlyId>,
    /// What it is to be acknowledged with on the called side, when the caller has acknowledged it here.
    pub(super) asked: Option<Asked>,
}

/// A reliable response of the called side that has not been acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// In which dialog.
    pub(super) of: EarlyId,
    /// With what.
    pub(super) rack: RAck,
}

/// A 2xx that the caller may not see yet.
pub(super) struct Held {
    pub(super) branch: Branch,
    pub(super) dialog: Dialog,
    pub(super) response: Message,
}

/// The caller's dialog once the call is answered.
pub(super) struct Confirmed {
    pub(super) dialog: Dialog,
    /// Offer and answer are done in it.
    pub(super) agreed: bool,
}

/// What a PRACK of the caller's acknowledged.
pub(super) struct Acknowledged {
    /// What it leaves to acknowledge on the called side.
    pub(super) asked: Option<Asked>,
}

impl CallerEarly {
    /// The dialog that has this tag of ours.
    pub(super) fn dialog_mut(&mut self, tag: &str) -> Option<&mut EarlyUas> {
        self.dialogs.iter_mut().find(|early| early.dialog.id.local_tag == tag)
    }

    /// The dialog of the 2xx that waits for a PRACK.
    pub(crate) fn held_dialog(&self) -> Option<&Dialog> {
        self.held.as_ref().map(|held| &held.dialog)
    }

    /// The dialog that the descriptions of this one of the called side have passed in, once offer and answer are done.
    pub(super) fn agreed_with(&mut self, of: &EarlyId) -> Option<&mut Dialog> {
        let mut dialogs = self.dialogs.iter_mut();
        let early = dialogs.find(|early| early.agreed_with().as_ref() == Some(of))?;
        Some(&mut early.dialog)
    }

    /// Our tags.
    fn tags(&self) -> impl Iterator<Item = &str> {
        self.dialogs.iter().map(|early| early.dialog.id.local_tag.as_str())
    }

    /// Whether a response with a description waits for its PRACK; the 2xx must wait with it (RFC 3262 section 3).
    pub(super) fn holds_answer(&self) -> bool {
        let described = |sent: &Unacknowledged| sent.described;
        self.dialogs.iter().any(|early| early.sent.as_ref().is_some_and(described))
    }

    /// Whether something was sent reliably that has not been acknowledged.
    pub(super) fn is_unacknowledged(&self) -> bool {
        self.dialogs.iter().any(|early| early.sent.is_some())
    }

    /// RFC 3262 section 3: after the final response nothing is sent again, but its PRACK is still understood.
    pub(super) fn quiet(&mut self) {
        for early in &mut self.dialogs {
            early.waiting.clear();
            if let Some(sent) = &mut early.sent {
                sent.bytes = Bytes::new();
            }
        }
    }
}

impl EarlyUas {
    /// Takes a PRACK; `None` when nothing waits for it.
    pub(super) fn acknowledge(&mut self, rack: RAck) -> Option<Acknowledged> {
        let is_meant = rack.rseq == self.rseq && rack.cseq == self.cseq;
        let sent = self.sent.take_if(|_| is_meant)?;
        self.agreed |= sent.described;
        Some(Acknowledged { asked: sent.asked })
    }

    /// Whose descriptions have passed in it, once offer and answer are done.
    pub(super) fn agreed_with(&self) -> Option<EarlyId> {
        let waits = self.sent.as_ref().is_some_and(|sent| sent.described);
        self.with.clone().filter(|_| self.agreed && !waits)
    }

    fn is_described(&self) -> bool {
        let described = |sent: &Unacknowledged| sent.described;
        self.agreed || self.sent.as_ref().is_some_and(described)
    }
}

impl Call {
    /// Tells the caller of a provisional response: reliably where it must, or where the called side did and the caller can.
    pub(super) fn tell_caller(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        provisional: Provisional,
    ) {
        let reliably = match self.caller.reliability {
            Reliability::Required => true,
            Reliability::Supported => sip::reliable::rseq(&provisional.response).is_some(),
            Reliability::Unknown => false,
        };
        let Some(at) = reliably.then(|| self.early_dialog(tables, &provisional)).flatten() else {
            let Provisional { response, body, crossing, edits, .. } = provisional;
            let how = (crossing, &edits);
            return self.pass_response_to_caller(tables, now, &response, how, body);
        };
        let most = tables.config.limits.provisionals_max;
        let Some(early) = self.early_at(at) else { return };
        if early.sent.is_none() {
            self.send_reliably(tables, now, at, provisional);
        } else if early.waiting.len() < most {
            early.waiting.push_back(provisional);
        }
    }

    fn early_at(&mut self, at: usize) -> Option<&mut EarlyUas> {
        self.caller.early.as_mut()?.dialogs.get_mut(at)
    }

    /// The early dialog in which a reliable response passes. A description of somebody else's than the one the caller has taken
    /// for the answer needs a dialog, and so a tag, of its own: to the caller the call has forked.
    fn early_dialog(&mut self, tables: &mut Tables, provisional: &Provisional) -> Option<usize> {
        let described = is_description(&provisional.body);
        let from = provisional.from.clone();
        let dialogs = &mut self.caller.early.get_or_insert_default().dialogs;
        let fits = |early: &EarlyUas| !described || !early.is_described() || early.with == from;
        let found = if described {
            let own = dialogs.iter().rposition(|early| from.is_some() && early.with == from);
            own.or_else(|| dialogs.iter().rposition(fits))
        } else {
            dialogs.len().checked_sub(1)
        };
        if let Some(at) = found {
            let early = dialogs.get_mut(at)?;
            if described {
                early.with = from;
            }
            return Some(at);
        }
        if dialogs.len() >= tables.config.limits.early_dialogs_max.max(1) {
            return None;
        }
        if !dialogs.is_empty() {
            self.renew_tag(tables);
        }
        let (_, invite) = self.caller.invite.as_ref()?;
        let mut dialog = Dialog::from_request(invite, &self.caller.tag, self.caller.flow).ok()?;
        dialog.state = DialogState::Early;
        let rseq = u32::try_from(tables.endpoint.mint_number() & 0x3fff_ffff).unwrap_or_default();
        let dialogs = &mut self.caller.early.get_or_insert_default().dialogs;
        let with = from.filter(|_| described);
        let waiting = VecDeque::new();
        let cseq = dialog.remote_cseq.unwrap_or_default();
        dialogs.push(EarlyUas { dialog, with, cseq, rseq, sent: None, waiting, agreed: false });
        Some(dialogs.len() - 1)
    }

    /// From now on the caller knows us by another tag; by the former ones it still reaches us.
    pub(super) fn renew_tag(&mut self, tables: &mut Tables) {
        self.caller.tag = tables.endpoint.mint_tag().into();
        let leg = LegId { conn: self.conn, number: 0 };
        tables.legs_by_tag.insert(self.caller.tag.clone(), leg);
    }

    /// The caller's dialog with who answered: the early one that his descriptions passed in, or one in which none has counted.
    pub(super) fn confirm_caller(
        &mut self,
        tables: &mut Tables,
        invite: &Message,
        branch: &Branch,
        answered: &Dialog,
    ) -> Result<Confirmed, DialogError> {
        let id = EarlyId { leg: branch.leg.number, tag: answered.id.remote_tag.as_str().into() };
        if self.heard().is_some_and(|heard| *heard != id) {
            self.media.forget_callee(tables, self.conn);
        }
        let early = self.caller.early.as_mut();
        let dialogs = early.map(|early| early.dialogs.as_mut_slice()).unwrap_or_default();
        let own = dialogs.iter().rposition(|early| early.with.as_ref() == Some(&id));
        let open = || dialogs.iter().rposition(|early| !early.is_described());
        if let Some(early) = own.or_else(open).and_then(|at| dialogs.get(at)) {
            let dialog = Dialog { state: DialogState::Confirmed, ..early.dialog.clone() };
            self.caller.tag = dialog.id.local_tag.as_str().into();
            return Ok(Confirmed { dialog, agreed: early.agreed });
        }
        if !dialogs.is_empty() {
            self.renew_tag(tables);
        }
        let dialog = Dialog::from_request(invite, &self.caller.tag, self.caller.flow)?;
        Ok(Confirmed { dialog, agreed: false })
    }

    fn send_reliably(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        at: usize,
        provisional: Provisional,
    ) {
        let Provisional { response, body, crossing, edits, asked, .. } = provisional;
        let Some((tx, invite)) = self.caller.invite.as_ref() else { return };
        let tx = *tx;
        let Some(early) = self.caller.early.as_mut().and_then(|early| early.dialogs.get_mut(at))
        else {
            return;
        };
        early.rseq += 1;
        let tag = &early.dialog.id.local_tag;
        let mut writer = response_to(invite, response.status(), response.reason(), Some(tag));
        writer.header(Name::Contact, &self.caller.contact);
        writer.header(Name::Allow, ALLOW);
        writer.header(Name::Require, OPTION_100REL);
        writer.header(Name::RSeq, early.rseq);
        write_response_fields(&response, crossing, &edits, &mut writer);
        tables.sign_edited_response(&mut writer, &edits);
        let described = is_description(&body);
        let bytes = finish(writer, body);
        let timers = tables.config.timers;
        early.sent = Some(Unacknowledged {
            bytes: bytes.clone(),
            interval: timers.t1,
            again: now + timers.t1,
            until: now + timers.lifetime(),
            described,
            asked,
        });
        tables.endpoint.respond(now, tx, bytes);
        self.await_pracks(tables);
    }

    /// Wakes the call when the next reliable response is to be sent again.
    fn await_pracks(&mut self, tables: &mut Tables) {
        let sent = self.caller.early.iter().flat_map(|early| &early.dialogs);
        let next = sent.filter_map(|early| early.sent.as_ref().map(|sent| sent.again)).min();
        match next {
            Some(at) => self.start_timer(tables, at, Reason::Reliable),
            None => self.stop_timer(tables, Reason::Reliable),
        }
    }

    /// A reliable response is due again, or its PRACK overdue.
    //= RFC 3262 section 3
    //# The reliable provisional response is passed to the transaction layer periodically with an interval that starts at T1
    //# seconds and doubles for each retransmission
    pub(crate) fn on_prack_awaited(&mut self, tables: &mut Tables, now: Instant) {
        let Some((tx, _)) = self.caller.invite.as_ref() else { return };
        let tx = *tx;
        let Some(early) = self.caller.early.as_mut() else { return };
        for sent in early.dialogs.iter_mut().filter_map(|early| early.sent.as_mut()) {
            if sent.again > now {
                continue;
            }
            if sent.until <= now {
                //= RFC 3262 section 3
                //# If a reliable provisional response is retransmitted for 64*T1 seconds without reception of a corresponding
                //# PRACK, the UAS SHOULD reject the original request with a 5xx response.
                self.respond_to_caller(tables, now, 504, "", &[]);
                return self.release(tables, now, Cause::Refused(504), None);
            }
            sent.interval = sent.interval.saturating_mul(2);
            sent.again = (now + sent.interval).min(sent.until);
            tables.endpoint.respond(now, tx, sent.bytes.clone());
        }
        self.await_pracks(tables);
    }

    /// A reliable response with this tag has been acknowledged: the next one goes out, or the 2xx that waited.
    pub(super) fn tell_caller_next(&mut self, tables: &mut Tables, now: Instant, tag: &str) {
        let Some(early) = self.caller.early.as_mut() else { return };
        let at = early.dialogs.iter().position(|early| early.dialog.id.local_tag == tag);
        let held = (!early.holds_answer()).then(|| early.held.take()).flatten();
        if let Some(held) = held {
            self.await_pracks(tables);
            return self.answer_held(tables, now, *held);
        }
        if early.held.is_none()
            && let Some(at) = at
            && let Some(next) = self.early_at(at).and_then(|early| early.waiting.pop_front())
        {
            return self.send_reliably(tables, now, at, next);
        }
        self.await_pracks(tables);
    }

    /// The early dialogs end: with the call, or because one of them is confirmed. `but` is its tag.
    pub(super) fn leave_early_dialogs(&mut self, tables: &mut Tables, but: Option<&str>) {
        self.stop_timer(tables, Reason::Reliable);
        let Some(mut early) = self.caller.early.take() else { return };
        for tag in early.tags().filter(|tag| Some(*tag) != but) {
            tables.forget_leg(tag);
        }
        if but.is_some() && early.is_unacknowledged() {
            early.dialogs.retain(|early| Some(early.dialog.id.local_tag.as_str()) == but);
            early.quiet();
            self.caller.early = Some(early);
        }
    }
}
