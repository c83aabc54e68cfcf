//! What a module says against the stream and finds no room for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cti::{Module, t_controller::MonitorRequest};
use model::Instant;

use super::Letter;
use crate::mailbox::Postbox;

/// When a full mailbox is tried again.
const AGAIN: Duration = Duration::from_millis(5);

/// Letters that are told later, in order: those of which only the last word counts. There are never more of them than two for each DN and
/// one of each other kind for each module.
#[derive(Default)]
pub(super) struct Late {
    letters: BTreeMap<u64, (Module, About, Letter)>,
    /// Where the last word about something is.
    places: BTreeMap<(Module, About), u64>,
    /// Letters that were kept, ever.
    kept: u64,
}

/// What only the last word counts of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    /// Whether a DN is watched.
    Watched(Arc<str>),
    /// How the Smart Proxy is fed.
    Feed,
    /// Who is logged in on a DN.
    Agent(Arc<str>),
}

impl Late {
    /// Posts a letter to a module that this one does not wait for. What was late is posted before, and as long as something is late a
    /// request finds no room: its answer would be of a time before that. Gives the letter back when it found no room or the module is gone,
    /// and is not told later.
    pub(super) fn post(
        &mut self,
        (to, postbox): (Module, &Postbox<Letter>),
        letter: Letter,
    ) -> Option<Letter> {
        self.make_good(to, postbox);
        let is_owed = self.letters.values().any(|(owed, ..)| *owed == to);
        let about = about(&letter);
        let letter = match (letter.is_request(), &about) {
            (true, _) if is_owed => return Some(letter),
            (true, _) => return postbox.post(letter).err(),
            (false, Some(_)) if is_owed => letter,
            (false, _) => postbox.post_reserved(letter).err()?,
        };
        match about.filter(|_| !postbox.is_gone()) {
            Some(about) => {
                self.keep(to, about, letter);
                None
            }
            None => Some(letter),
        }
    }

    /// Posts what is late for a module as far as there is room, and forgets it where the module is gone.
    pub(super) fn make_good(&mut self, to: Module, postbox: &Postbox<Letter>) {
        let of_it = |(number, (owed, ..)): (&u64, &(Module, About, Letter))| {
            (*owed == to).then_some(*number)
        };
        while let Some(number) = self.letters.iter().find_map(of_it)
            && let Some((to, about, letter)) = self.letters.remove(&number)
        {
            if let Err(letter) = postbox.post(letter)
                && !postbox.is_gone()
            {
                self.letters.insert(number, (to, about, letter));
                return;
            }
            self.places.remove(&(to, about));
        }
    }

    /// When [`Self::make_good`] is to be tried again; `None` when nothing is late.
    pub(super) fn again(&self, now: Instant) -> Option<Instant> {
        (!self.letters.is_empty()).then(|| now + AGAIN)
    }

    fn keep(&mut self, to: Module, about: About, letter: Letter) {
        self.kept += 1;
        if let Some(before) = self.places.insert((to, about.clone()), self.kept) {
            self.letters.remove(&before);
        }
        self.letters.insert(self.kept, (to, about, letter));
    }
}

fn about(letter: &Letter) -> Option<About> {
    match letter {
        Letter::Watch(MonitorRequest::Watch { dn } | MonitorRequest::Unwatch { dn }) => {
            Some(About::Watched(Arc::clone(dn)))
        }
        Letter::Watch(MonitorRequest::Open | MonitorRequest::Watching) => Some(About::Feed),
        Letter::AgentOn(dn, _) => Some(About::Agent(Arc::clone(dn))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use cti::{ClientId, Token};
    use tlib::{Message, MessageType};

    use super::*;
    use crate::mailbox::{Mailbox, mailbox_with_reserve};

    const TO: Module = Module::TController;

    fn watch(dn: &str) -> Letter {
        Letter::Watch(MonitorRequest::Watch { dn: dn.into() })
    }

    fn unwatch(dn: &str) -> Letter {
        Letter::Watch(MonitorRequest::Unwatch { dn: dn.into() })
    }

    fn watching() -> Letter {
        Letter::Watch(MonitorRequest::Watching)
    }

    fn agent(dn: &str, agent: Option<&str>) -> Letter {
        Letter::AgentOn(dn.into(), agent.map(Into::into))
    }

    fn ask() -> Letter {
        let client = ClientId { module: Module::SmartProxy, number: 1 };
        let token = Token { client, reference: 0 };
        let message = Arc::new(Message::new(MessageType::RequestRegisterAddress));
        Letter::Watch(MonitorRequest::Ask { id: 1, token, message })
    }

    fn shown(letter: Letter) -> String {
        match letter {
            Letter::Watch(MonitorRequest::Watch { dn }) => format!("watch {dn}"),
            Letter::Watch(MonitorRequest::Unwatch { dn }) => format!("unwatch {dn}"),
            Letter::Watch(MonitorRequest::Ask { .. }) => "ask".to_owned(),
            Letter::AgentOn(dn, agent) => format!("{dn} {}", agent.as_deref().unwrap_or("nobody")),
            other => format!("{other:?}"),
        }
    }

    fn read(mailbox: &Mailbox<Letter>, most: usize) -> Vec<String> {
        mailbox.take(most).map(shown).collect()
    }

    #[test]
    fn only_the_last_word_is_told_late_and_in_order() {
        let (postbox, mailbox) = mailbox_with_reserve(2, 1).unwrap();
        let to = (TO, &postbox);
        let mut late = Late::default();
        assert!(late.again(Instant::ZERO).is_none());
        for dn in ["1", "2", "3"] {
            assert!(late.post(to, watch(dn)).is_none());
        }
        assert!(late.again(Instant::ZERO).is_none());
        for letter in [watch("4"), watch("5"), watching(), unwatch("4"), watch("6"), watching()] {
            assert!(late.post(to, letter).is_none());
        }
        assert_eq!(late.again(Instant::ZERO), Some(Instant::ZERO + AGAIN));
        assert_eq!(read(&mailbox, 9), ["watch 1", "watch 2", "watch 3"]);
        // There is room for one more beside what is late, and it does not overtake that.
        assert!(late.post(to, watch("7")).is_none());
        assert_eq!(read(&mailbox, 9), ["watch 5", "unwatch 4"]);
        late.make_good(TO, &postbox);
        assert_eq!(read(&mailbox, 9), ["watch 6", "Watch(Watching)"]);
        late.make_good(TO, &postbox);
        assert!(late.again(Instant::ZERO).is_none() && late.places.is_empty());
        assert_eq!(read(&mailbox, 9), ["watch 7"]);
    }

    #[test]
    fn a_question_does_not_overtake_what_is_late() {
        let (postbox, mailbox) = mailbox_with_reserve(2, 1).unwrap();
        let to = (TO, &postbox);
        let mut late = Late::default();
        for dn in ["1", "2", "3", "4", "5", "6"] {
            assert!(late.post(to, watch(dn)).is_none());
        }
        assert_eq!(read(&mailbox, 1), ["watch 1"]);
        assert_eq!(late.post(to, ask()).map(shown), Some("ask".to_owned()));
        assert_eq!(read(&mailbox, 9).len(), 2);
        // Two of what is late take the room.
        assert_eq!(late.post(to, ask()).map(shown), Some("ask".to_owned()));
        assert_eq!(read(&mailbox, 9), ["watch 4", "watch 5"]);
        assert!(late.post(to, ask()).is_none());
        assert_eq!(read(&mailbox, 9), ["watch 6", "ask"]);
        assert!(late.post(to, ask()).is_none());
        assert!(late.post(to, ask()).is_none());
        // The reserve is not for questions.
        assert_eq!(late.post(to, ask()).map(shown), Some("ask".to_owned()));
        assert!(late.again(Instant::ZERO).is_none());
    }

    #[test]
    fn who_is_on_a_dn_is_told_late_and_an_answer_is_not() {
        let (postbox, mailbox) = mailbox_with_reserve(1, 0).unwrap();
        let to = (Module::SessionController, &postbox);
        let mut late = Late::default();
        for letter in [agent("1", Some("17")), agent("2", Some("18")), agent("2", None)] {
            assert!(late.post(to, letter).is_none());
        }
        let client = ClientId { module: Module::SessionController, number: 1 };
        let answer = Letter::Tell(client, Message::new(MessageType::EventACK));
        assert!(late.post(to, answer).is_some());
        assert_eq!(read(&mailbox, 9), ["1 17"]);
        // Of another module nothing is made good here.
        late.make_good(TO, &postbox);
        assert_eq!(read(&mailbox, 9), [""; 0]);
        late.make_good(Module::SessionController, &postbox);
        assert_eq!(read(&mailbox, 9), ["2 nobody"]);
    }

    #[test]
    fn nothing_is_kept_for_who_is_gone() {
        let (postbox, mailbox) = mailbox_with_reserve(1, 0).unwrap();
        let to = (TO, &postbox);
        let mut late = Late::default();
        assert!(late.post(to, watch("1")).is_none());
        assert!(late.post(to, watch("2")).is_none());
        drop(mailbox);
        assert!(late.post(to, watch("3")).is_some());
        assert!(late.again(Instant::ZERO).is_none());
    }
}
