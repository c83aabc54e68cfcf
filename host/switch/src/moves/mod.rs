//! Calls that go to another shard and come from one, and requests that go to the shard of the dialog they name.

mod notes;

use bytes::Bytes;
use media::Side;
use model::{ConnId, Directory, Flow, Instant, Shard};
use sip::{ClientTx, Message, Name, Replaces, ServerTx};

pub use self::notes::Noted;
pub(crate) use self::notes::Notes;
use crate::{
    Control, ImageError, Input, MovedCall, NotQuiescent, Output, Switch, Unfit, Word,
    call::{Call, refuse},
};

/// How often one message is passed from shard to shard.
const HOPS_MAX: u8 = 4;

/// A REFER that waits until its call can go where the dialog is that it names.
pub(crate) struct Waiting {
    conn: ConnId,
    side: Side,
    tx: ServerTx,
    refer: Box<Message>,
    to: Shard,
    until: Instant,
    /// The requests of the call that were open when it was looked at last.
    open: Vec<ClientTx>,
}

/// Something that a third party wants, and that waits until its call can go to another shard.
pub(crate) struct WaitingControl {
    control: Control,
    conn: ConnId,
    to: Shard,
    until: Instant,
}

impl Switch {
    /// Takes an established call out of this switch as a value: its dialogs, its timers and its places on trunks go with it, and nothing
    /// is said to anybody. With `to` the messages of its dialogs are passed on to that shard from now on ([`Output::Tell`]); without it
    /// they are as unknown here as if the call had never been. Drain [`Self::poll_output`] afterwards.
    ///
    /// # Errors
    ///
    /// When there is no such call, or it does not rest ([`NotQuiescent::passes`] says whether it may in a moment). It goes on here.
    pub fn export(
        &mut self,
        now: Instant,
        conn: ConnId,
        to: Option<Shard>,
    ) -> Result<MovedCall, NotQuiescent> {
        let limits = self.tables.config.limits;
        let call = self.calls.get(&conn).ok_or(NotQuiescent::Unknown)?;
        call.rests(&self.tables)?;
        let mut image = call.image(&self.tables, now).ok_or(NotQuiescent::NotEstablished)?;
        if to.is_some() {
            if self.tables.notes.len() >= limits.moved_max {
                return Err(NotQuiescent::TooManyMoved);
            }
            if image.moves >= limits.moves_max {
                return Err(NotQuiescent::MovedTooOften);
            }
            image.moves += 1;
        }
        let Some(mut call) = self.calls.remove(&conn) else { return Err(NotQuiescent::Unknown) };
        call.stop_all_timers(&mut self.tables);
        self.lamps.forget(conn);
        for dialog in [&image.caller.dialog, &image.callee.dialog] {
            self.tables.let_leg_go(&dialog.local_tag);
            if let Some(to) = to {
                let noted = Noted::Dialog(dialog.call_id.as_str().into());
                self.tables.note_away(now, noted, to, image.moves);
            }
        }
        if let Some(to) = to {
            self.tables.note_away(now, Noted::Call(conn), to, image.moves);
        }
        self.tables.stats.calls_moved_out += 1;
        let event_pin = self.tables.followed.let_go(conn);
        Ok(MovedCall { image, held: call.take_held(event_pin) })
    }

    /// Goes on with a call that another switch has exported. What it holds is taken as it is; a trunk's place that it does not bring
    /// along is taken from the directory, even from a full one. Drain [`Self::poll_output`] afterwards.
    ///
    /// # Errors
    ///
    /// When a field of the image does not fit this switch: a listener or a trunk that is not configured, a call or a tag that is here
    /// already. Nothing has changed then.
    pub fn import(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        moved: MovedCall,
    ) -> Result<ConnId, ImageError> {
        let (conn, moves) = (moved.image.conn, moved.image.moves);
        if self.calls.contains_key(&conn) {
            return Err(ImageError::field("conn", "is that of a call which is here already"));
        }
        let dialogs = [&moved.image.caller, &moved.image.callee].map(|leg| leg.dialog.clone());
        for (leg, dialog) in ["caller", "callee"].iter().zip(&dialogs) {
            if self.tables.legs_by_tag.contains_key(dialog.local_tag.as_str()) {
                let field = format!("{leg}.dialog.local_tag");
                return Err(ImageError::field(&field, "is that of a leg which is here already"));
            }
        }
        let (followed, event_pin) = (moved.image.followed.clone(), moved.held.event_pin.clone());
        let mut call = Call::from_image(&self.tables, now, dir, moved)?;
        call.settle_in(&mut self.tables);
        if let Some(followed) = followed {
            self.tables.followed.take_over(now, call.facts.clone(), followed, event_pin);
        }
        for dialog in &dialogs {
            self.tables.forget_note(Noted::Dialog(dialog.call_id.as_str().into()));
            self.tables.host_leg(&dialog.local_tag, &dialog.call_id, moves);
        }
        self.tables.forget_note(Noted::Call(conn));
        self.tables.avoid_conn_id(conn);
        if moves > 0 {
            self.tables.host_call(conn, moves);
        }
        self.calls.insert(conn, Box::new(call));
        self.tables.touched.push((conn, true));
        self.tables.stats.calls_moved_in += 1;
        self.settle(now, dir);
        Ok(conn)
    }

    /// Where a call is that has gone from here to another shard.
    pub fn moved_to(&self, conn: ConnId) -> Option<Shard> {
        self.tables.notes.call_at(conn)
    }

    /// A request belongs to another shard, and has not been answered.
    pub(crate) fn pass_on(&mut self, now: Instant, tx: ServerTx, request: &Message, to: Shard) {
        let Some(flow) = self.tables.endpoint.take_back(tx) else { return };
        // Anybody can send one that names nothing: calls keep their half. Without a note its CANCEL is not found.
        if self.tables.notes.ending() < self.tables.config.limits.moved_max / 2 {
            self.tables.note_sent(now, request, to);
        }
        self.tell_message(to, flow, request);
    }

    fn tell_message(&mut self, to: Shard, flow: Flow, message: &Message) {
        let word = Word::Message { flow, bytes: message.bytes().clone(), seeks: true, hops: 1 };
        self.tables.outputs.push_back(Output::Tell { to, word });
    }

    /// A message whose Call-ID is noted to be elsewhere. What has a tag of ours stays: a note is by the Call-ID alone, which others may
    /// use as well.
    pub(crate) fn on_elsewhere(&mut self, now: Instant, to: Shard, flow: Flow, bytes: Bytes) {
        let parsed = Message::parse(bytes.clone(), &self.tables.config.sip_limits).ok();
        let is_ours = parsed.is_some_and(|message| {
            let ours = |address: Result<sip::NameAddr<'_>, _>| {
                let tag = address.ok().and_then(|address| address.tag());
                tag.is_some_and(|tag| self.tables.legs_by_tag.contains_key(tag))
            };
            ours(message.to()) || ours(message.from())
        });
        if is_ours {
            return self.tables.endpoint.handle_here(now, sip::Input::Datagram { flow, bytes });
        }
        let hops = self.tables.hops + 1;
        // Two moves at once may have it chase its call; more is a circle.
        if hops <= HOPS_MAX {
            let word = Word::Message { flow, bytes, seeks: false, hops };
            self.tables.outputs.push_back(Output::Tell { to, word });
        }
    }

    /// The shard of the dialog that an INVITE is to take the place of, when it is another than this one.
    pub(crate) fn shard_of_replaced(&self, invite: &Message) -> Option<Shard> {
        let replaces = invite.header(Name::Replaces).and_then(Replaces::parse)?;
        self.tables.shard_of_dialog(&replaces)
    }

    /// The call of a REFER goes where the dialog is that the REFER names, and the REFER with it; or it waits until it can. Gives whether
    /// either is so.
    pub(crate) fn follow(
        &mut self,
        now: Instant,
        (conn, side): (ConnId, Side),
        (tx, refer): (ServerTx, &Message),
        to: Shard,
    ) -> bool {
        // One for each call; whoever repeats it does not have the call looked through again.
        if self.waiting.iter().any(|waiting| waiting.conn == conn) {
            refuse(&mut self.tables, now, tx, refer, 491, "");
            return true;
        }
        match self.export(now, conn, Some(to)) {
            Ok(moved) => {
                let word = Word::Call(Box::new(moved));
                self.tables.outputs.push_back(Output::Tell { to, word });
                if let Some(flow) = self.tables.endpoint.take_back(tx) {
                    self.tell_message(to, flow, refer);
                }
                true
            }
            Err(why) if why.passes() => {
                let transfers = self.tables.config.transfers;
                if self.waiting.len() >= transfers.waiting_max {
                    refuse(&mut self.tables, now, tx, refer, 491, "");
                } else {
                    let (refer, until) = (Box::new(refer.clone()), now + transfers.wait);
                    let open = self.open_if(why, conn);
                    self.waiting.push(Waiting { conn, side, tx, refer, to, until, open });
                }
                true
            }
            Err(_) => false,
        }
    }

    /// The requests of ours in a call that are not answered, if that is why it does not rest.
    fn open_if(&self, why: NotQuiescent, conn: ConnId) -> Vec<ClientTx> {
        let call = self.calls.get(&conn).filter(|_| why == NotQuiescent::RequestOpen);
        call.map(|call| call.open_requests(&self.tables)).unwrap_or_default()
    }

    /// Tries again what waits for a call to rest. It is done after every message: a call whose requests are still open is not looked
    /// through again.
    pub(crate) fn follow_again(&mut self, now: Instant) {
        for mut waiting in std::mem::take(&mut self.waiting) {
            waiting.open.retain(|tx| self.tables.uses_by_client_tx.contains_key(tx));
            if !waiting.open.is_empty() && self.calls.contains_key(&waiting.conn) {
                if waiting.until > now {
                    self.waiting.push(waiting);
                } else {
                    refuse(&mut self.tables, now, waiting.tx, &waiting.refer, 491, "");
                }
                continue;
            }
            let Waiting { conn, side, tx, refer, to, until, .. } = waiting;
            let rests = self.calls.get(&conn).map(|call| call.rests(&self.tables));
            match rests {
                None => refuse(&mut self.tables, now, tx, &refer, 481, ""),
                Some(Err(why)) if !why.passes() || until <= now => {
                    refuse(&mut self.tables, now, tx, &refer, 491, "");
                }
                Some(Err(why)) => {
                    let open = self.open_if(why, conn);
                    self.waiting.push(Waiting { conn, side, tx, refer, to, until, open });
                }
                Some(Ok(())) => {
                    if !self.follow(now, (conn, side), (tx, &refer), to) {
                        refuse(&mut self.tables, now, tx, &refer, 491, "");
                    }
                }
            }
        }
    }

    /// The shard that a call is on, when it is not this one; `None` also when it is nowhere.
    pub(crate) fn shard_of_call(&self, conn: ConnId) -> Option<Shard> {
        if self.calls.contains_key(&conn) {
            return None;
        }
        let home = Some(conn.shard()).filter(|shard| shard.0 < self.tables.config.shards.0.get());
        self.tables.notes.call_at(conn).or(home).filter(|to| *to != self.tables.config.shard)
    }

    /// What a third party wants is carried out where another call is: this one goes there first, or what is wanted waits until it can.
    pub(crate) fn follow_for(&mut self, now: Instant, control: Control, conn: ConnId, to: Shard) {
        match self.export(now, conn, Some(to)) {
            Ok(moved) => {
                for word in [Word::Call(Box::new(moved)), Word::Control(control)] {
                    self.tables.outputs.push_back(Output::Tell { to, word });
                }
            }
            Err(NotQuiescent::Unknown) => {
                self.tables.controlled(control.ticket, Err(Unfit::NoCall))
            }
            Err(why) => {
                let transfers = self.tables.config.transfers;
                if !why.passes() || self.controls_waiting.len() >= transfers.waiting_max {
                    return self.tables.controlled(control.ticket, Err(Unfit::Limit));
                }
                let until = now + transfers.wait;
                self.controls_waiting.push(WaitingControl { control, conn, to, until });
            }
        }
    }

    /// Tries again what third parties want of calls that have not come to rest.
    pub(crate) fn follow_controls(&mut self, now: Instant) {
        for waiting in std::mem::take(&mut self.controls_waiting) {
            let rests = self.calls.get(&waiting.conn).map(|call| call.rests(&self.tables));
            match rests {
                Some(Err(why)) if why.passes() && waiting.until > now => {
                    self.controls_waiting.push(waiting);
                }
                Some(Err(_)) => {
                    self.tables.controlled(waiting.control.ticket, Err(Unfit::State));
                }
                Some(Ok(())) | None => {
                    self.follow_for(now, waiting.control, waiting.conn, waiting.to);
                }
            }
        }
    }

    /// When something here wants to be looked at.
    pub(crate) fn next_move(&self) -> Option<Instant> {
        let waits = self.waiting.iter().map(|waiting| waiting.until).min();
        let controls = self.controls_waiting.iter().map(|waiting| waiting.until).min();
        [waits, controls, self.tables.notes.next_end()].into_iter().flatten().min()
    }

    /// Another shard hands something over, or tells of what it was handed. Gives a word back that is about something else.
    pub(crate) fn on_moved(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        word: Word,
    ) -> Option<Word> {
        match word {
            Word::Call(moved) => {
                if self.import(now, dir, *moved).is_err() {
                    // Shards of one node have one configuration, and names that no other has.
                    self.tables.stats.calls_lost += 1;
                }
            }
            Word::Message { flow, bytes, seeks, hops } => {
                self.tables.has_sought = seeks;
                self.tables.hops = hops;
                let input = sip::Input::Datagram { flow, bytes };
                self.tables.endpoint.handle_input(now, input);
                self.drain_endpoint(now, dir);
                self.tables.has_sought = false;
                self.tables.hops = 0;
            }
            Word::Relay(event) => self.handle_input(now, dir, Input::Relay(event)),
            Word::Hangup(conn) => {
                self.handle_input(now, dir, Input::Command(crate::Command::Hangup { conn }));
            }
            Word::Control(control) => self.handle_input(now, dir, Input::Control(control)),
            Word::Noted { noted, at, moves } => self.tables.hear_noted(noted, at, moves),
            Word::Over { noted, at } => self.tables.hear_over(now, noted, at),
            other => return Some(other),
        }
        None
    }

    /// Something for a call that may have gone to another shard; gives whether it has, and the word goes there.
    pub(crate) fn send_after(&mut self, conn: ConnId, word: impl FnOnce() -> Word) -> bool {
        let Some(to) = self.tables.notes.call_at(conn).filter(|_| !self.calls.contains_key(&conn))
        else {
            return false;
        };
        self.tables.outputs.push_back(Output::Tell { to, word: word() });
        true
    }
}

#[cfg(test)]
#[path = "moves_test.rs"]
mod tests;
