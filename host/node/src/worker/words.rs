//! What shards say to each other: kept in order while the other's mailbox is full.

use std::{collections::VecDeque, time::Duration};

use model::{ConnId, Instant, Shard};
use switch::Word;

use crate::records::Draft;

use super::{Decide, Input, Mail, Worker};

/// How soon a full mailbox is tried again.
const AGAIN: Duration = Duration::from_millis(5);
/// Words in one letter.
const BATCH_MAX: usize = 256;

/// What a worker says to another.
#[derive(Debug)]
pub enum Said {
    /// A word of its shard.
    Word(Word),
    /// What is known so far for the record of a call that goes there.
    Record(ConnId, Box<Draft>),
}

impl<D: Decide> Worker<D> {
    /// Keeps a word for another shard until the end of the turn.
    pub(super) fn keep_word(&mut self, to: Shard, word: Word) {
        let must_come = matches!(word, Word::Call(_) | Word::Noted { .. } | Word::Over { .. });
        match self.words.get_mut(usize::from(to.0)) {
            Some(words) if words.len() < self.parts.words_max || must_come => {
                if let Word::Call(moved) = &word {
                    let conn = moved.image.conn;
                    let draft = self.parts.records.give(conn);
                    words.extend(draft.map(|draft| Said::Record(conn, draft)));
                }
                words.push_back(Said::Word(word));
            }
            Some(_) | None => self.figures.words_dropped += 1,
        }
    }

    /// Hears what another shard has said.
    pub(super) fn hear(&mut self, said: Said) {
        match said {
            Said::Word(word) => self.input(Input::Told(word)),
            Said::Record(conn, draft) => self.parts.records.keep_on(conn, draft),
        }
    }

    /// Brings the other shards what was said to them, as far as they have room.
    pub(super) fn pass_words(&mut self) {
        for (shard, words) in self.words.iter_mut().enumerate() {
            while !words.is_empty() {
                let batch: Vec<Said> = words.drain(..words.len().min(BATCH_MAX)).collect();
                match self.parts.postboxes[shard].post(Mail::Told(batch)) {
                    Ok(()) => {}
                    Err(Mail::Told(batch)) => {
                        let mut kept = VecDeque::from(batch);
                        kept.append(words);
                        *words = kept;
                        break;
                    }
                    Err(_) => break,
                }
            }
        }
    }

    /// When a full mailbox is tried again, if one was.
    pub(super) fn words_again(&self) -> Option<Instant> {
        let waits = self.words.iter().any(|words| !words.is_empty());
        waits.then(|| self.parts.clock.now() + AGAIN)
    }

    /// Tells the T-Library modules what they had no room for, if they have now.
    pub(super) fn make_good(&mut self) {
        if let Some(cti) = &mut self.parts.cti {
            cti.make_good();
        }
    }

    /// When their mailbox is tried again, if they had no room.
    pub(super) fn facts_again(&self) -> Option<Instant> {
        let owes = self.parts.cti.as_ref().is_some_and(crate::modules::FactPort::owes);
        owes.then(|| self.parts.clock.now() + AGAIN)
    }
}
