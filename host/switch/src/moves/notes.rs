//! Where the calls and dialogs are that have gone from this shard, or have come to it from another.
//!
//! A message goes to the shard that its Call-ID names, and an event of the relay to the one that the call's name carries: their *home*. The
//! home of what has moved keeps a note of where it is, which lasts as long as the dialog or the call. Who passed it on without being its
//! home keeps one for a while, for what is on its way.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use model::{ConnId, Instant, Shard};
use sip::{Message, Replaces, request_key};

use crate::{Output, Word, tables::Tables};

/// For so many times T1 a message may come again (RFC 3261 section 17: 64*T1).
const LINGER: u32 = 64;

/// What a note is of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Noted {
    /// A dialog, by its Call-ID.
    Dialog(Box<str>),
    /// A request that begins something, with what belongs to its transaction ([`sip::request_key`]).
    Request(Box<str>),
    /// A call.
    Call(ConnId),
}

/// Where something is.
#[derive(Clone, Copy, Debug)]
struct Note {
    at: Shard,
    /// How often its call had moved: what is older is no news.
    moves: u16,
    /// `None` while it stands.
    ends: Option<Instant>,
}

/// Every note of a shard.
#[derive(Default)]
pub(crate) struct Notes {
    notes: BTreeMap<Noted, Note>,
    ends: BTreeSet<(Instant, Noted)>,
    /// The Call-IDs of legs here whose home is elsewhere, by our tag.
    guests: HashMap<Box<str>, Box<str>>,
}

impl Notes {
    /// Whether nothing has moved that is not over.
    pub(crate) fn is_empty(&self) -> bool {
        self.notes.is_empty() && self.guests.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.notes.len()
    }

    /// Those of what is not over.
    pub(crate) fn standing(&self) -> usize {
        self.notes.len() - self.ending()
    }

    /// Those of what is over, or may come to nothing.
    pub(crate) fn ending(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// Where a call is that has moved away and is not over.
    pub(crate) fn call_at(&self, conn: ConnId) -> Option<Shard> {
        // Nearly every shard, nearly always.
        if self.notes.is_empty() {
            return None;
        }
        self.notes.get(&Noted::Call(conn)).map(|note| note.at)
    }

    fn stands(&self, noted: &Noted) -> Option<Shard> {
        self.notes.get(noted).filter(|note| note.ends.is_none()).map(|note| note.at)
    }

    fn put(&mut self, noted: Noted, note: Note) {
        if let Some(ends) = note.ends {
            self.ends.insert((ends, noted.clone()));
        }
        let old = self.notes.insert(noted.clone(), note).and_then(|old| old.ends);
        if let Some(old) = old.filter(|old| note.ends != Some(*old)) {
            self.ends.remove(&(old, noted));
        }
    }

    fn remove(&mut self, noted: Noted) {
        if let Some(ends) = self.notes.remove(&noted).and_then(|note| note.ends) {
            self.ends.remove(&(ends, noted));
        }
    }
}

impl Tables {
    /// Where a message with this Call-ID comes in.
    fn home_of(&self, call_id: &str) -> Shard {
        sip::shard_of_call_id(call_id, self.config.shards)
    }

    fn is_alone(&self) -> bool {
        self.config.shards.0.get() == 1
    }

    fn linger(&self) -> Duration {
        self.config.timers.t1 * LINGER
    }

    fn say(&mut self, to: Shard, word: Word) {
        self.outputs.push_back(Output::Tell { to, word });
    }

    /// Notes that a dialog or a call of this shard is at `at` now; for good when this is its home.
    pub(crate) fn note_away(&mut self, now: Instant, noted: Noted, at: Shard, moves: u16) {
        let home = match &noted {
            Noted::Dialog(call_id) => self.home_of(call_id),
            Noted::Request(_) => self.config.shard,
            Noted::Call(conn) => conn.shard(),
        };
        let ends = (home != self.config.shard).then(|| now + self.linger());
        self.put_note(noted, Note { at, moves, ends });
    }

    /// A request was passed on that may come to nothing there. Not its Call-ID, which anybody may have made up: the dialog it makes is
    /// told of by who has it.
    pub(crate) fn note_sent(&mut self, now: Instant, request: &Message, at: Shard) {
        let ends = Some(now + self.linger());
        self.put_note(Noted::Request(request_key(request).into()), Note { at, moves: 0, ends });
    }

    fn put_note(&mut self, noted: Noted, note: Note) {
        if let Noted::Dialog(key) | Noted::Request(key) = &noted {
            self.endpoint.send_elsewhere(key, note.at);
        }
        self.notes.put(noted, note);
    }

    /// It is here again, or nowhere.
    pub(crate) fn forget_note(&mut self, noted: Noted) {
        if let Noted::Dialog(key) | Noted::Request(key) = &noted {
            self.endpoint.keep_here(key);
        }
        self.notes.remove(noted);
    }

    /// Another shard says that something of this one is there.
    pub(crate) fn hear_noted(&mut self, noted: Noted, at: Shard, moves: u16) {
        let known = self.notes.notes.get(&noted);
        if known.is_none_or(|note| note.moves <= moves) {
            self.put_note(noted, Note { at, moves, ends: None });
        }
    }

    /// Another shard says that something of this one is over there.
    pub(crate) fn hear_over(&mut self, now: Instant, noted: Noted, at: Shard) {
        let linger = self.linger();
        let Some(note) = self.notes.notes.get(&noted).copied().filter(|note| note.at == at) else {
            return;
        };
        self.notes.put(noted, Note { ends: Some(now + linger), ..note });
    }

    /// A leg with this tag and Call-ID is here from now on.
    pub(crate) fn host_leg(&mut self, tag: &str, call_id: &str, moves: u16) {
        if self.is_alone() {
            return;
        }
        let home = self.home_of(call_id);
        if home == self.config.shard {
            return;
        }
        self.notes.guests.insert(tag.into(), call_id.into());
        let (noted, at) = (Noted::Dialog(call_id.into()), self.config.shard);
        self.say(home, Word::Noted { noted, at, moves });
    }

    /// A call is here from now on that was named elsewhere.
    pub(crate) fn host_call(&mut self, conn: ConnId, moves: u16) {
        if conn.shard() != self.config.shard {
            let (noted, at) = (Noted::Call(conn), self.config.shard);
            self.say(conn.shard(), Word::Noted { noted, at, moves });
        }
    }

    /// A leg goes with its call: its home will hear of it from there.
    pub(crate) fn let_leg_go(&mut self, tag: &str) {
        self.legs_by_tag.remove(tag);
        self.notes.guests.remove(tag);
    }

    /// A leg is over.
    pub(crate) fn forget_leg(&mut self, tag: &str) {
        self.legs_by_tag.remove(tag);
        if self.notes.guests.is_empty() {
            return;
        }
        if let Some(call_id) = self.notes.guests.remove(tag) {
            let (home, at) = (self.home_of(&call_id), self.config.shard);
            self.say(home, Word::Over { noted: Noted::Dialog(call_id), at });
        }
    }

    /// A call is over.
    pub(crate) fn forget_call(&mut self, conn: ConnId) {
        self.unoffered.remove(&conn);
        if conn.shard() != self.config.shard {
            let at = self.config.shard;
            self.say(conn.shard(), Word::Over { noted: Noted::Call(conn), at });
        }
    }

    /// The shard that the dialog of a Replaces is on, when it is not this one.
    pub(crate) fn shard_of_dialog(&self, replaces: &Replaces) -> Option<Shard> {
        if self.is_alone() || self.legs_by_tag.contains_key(replaces.to_tag.as_str()) {
            return None;
        }
        let note = self.notes.stands(&Noted::Dialog(replaces.call_id.as_str().into()));
        let home = || Some(self.home_of(&replaces.call_id)).filter(|_| !self.has_sought);
        note.or_else(home).filter(|shard| *shard != self.config.shard)
    }

    /// Drops the notes that have ended.
    pub(crate) fn end_notes(&mut self, now: Instant) {
        while let Some((at, _)) = self.notes.ends.first()
            && *at <= now
            && let Some((_, noted)) = self.notes.ends.pop_first()
        {
            self.forget_note(noted);
        }
    }
}
