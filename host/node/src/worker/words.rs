//! What shards say to each other: kept in order while the other's mailbox is full.

use std::{collections::VecDeque, time::Duration};

use model::{Instant, Shard};
use switch::Word;

use super::{Decide, Mail, Worker};

/// How soon a full mailbox is tried again.
const AGAIN: Duration = Duration::from_millis(5);
/// Words in one letter.
const BATCH_MAX: usize = 256;

impl<D: Decide> Worker<D> {
    /// Keeps a word for another shard until the end of the turn.
    pub(super) fn keep_word(&mut self, to: Shard, word: Word) {
        match self.words.get_mut(usize::from(to.0)) {
            Some(words) if words.len() < self.parts.words_max => words.push_back(word),
            Some(_) | None => self.figures.words_dropped += 1,
        }
    }

    /// Brings the other shards what was said to them, as far as they have room.
    pub(super) fn pass_words(&mut self) {
        for (shard, words) in self.words.iter_mut().enumerate() {
            while !words.is_empty() {
                let batch: Vec<Word> = words.drain(..words.len().min(BATCH_MAX)).collect();
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
}
