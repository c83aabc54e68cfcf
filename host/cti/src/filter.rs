//! What of the events a client wants, said once when it subscribes.

use std::sync::Arc;

use tlib::{Attribute, CallType, ErrorCode, KvList, Message, MessageType};

use crate::Refusal;

/// What a subscriber may have, said by who decides on it; what it asks for itself is less or the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Which events.
    pub filter: Filter,
    /// Of a subscription to calls: each call goes to one client of this group. Where it is `None`, of that of all others.
    pub group: Option<Arc<str>>,
}

impl Default for Grant {
    /// Whatever is asked for.
    fn default() -> Self {
        Self { filter: Filter::ALL, group: None }
    }
}

/// Which events a client gets. It is looked at for every event and every client, so it is a few numbers.
///
/// That a registration is over passes always.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Filter {
    /// Bit n for message type n.
    events: [u64; 4],
    /// Bit n for CallType n.
    call_types: u8,
}

impl Filter {
    /// Everything.
    pub const ALL: Self = Self { events: [u64::MAX; 4], call_types: u8::MAX };

    /// These events, of calls of these types. Events that do not say the type of a call pass; of calls that a client has or has not, as
    /// recorders do, all goes by the type of the call.
    pub fn new(
        events: impl IntoIterator<Item = MessageType>,
        call_types: impl IntoIterator<Item = CallType>,
    ) -> Self {
        let mut filter = Self { events: [0; 4], call_types: 0 };
        for event in events {
            let number = usize::from(event.number());
            if let Some(word) = filter.events.get_mut(number / 64) {
                *word |= 1 << (number % 64);
            }
        }
        for call_type in call_types {
            filter.call_types |= 1 << call_type.number();
        }
        filter
    }

    /// These events, of calls of every type.
    pub fn only(events: impl IntoIterator<Item = MessageType>) -> Self {
        Self { events: Self::new(events, []).events, ..Self::ALL }
    }

    /// Every event, of calls of these types. Events that do not say the type of a call pass.
    pub fn of_calls(call_types: impl IntoIterator<Item = CallType>) -> Self {
        Self { call_types: Self::new([], call_types).call_types, ..Self::ALL }
    }

    /// Every event but these.
    pub fn without(events: impl IntoIterator<Item = MessageType>) -> Self {
        let Self { events: left_out, .. } = Self::new(events, []);
        Self { events: left_out.map(|word| !word), ..Self::ALL }
    }

    /// What both let through.
    pub fn and(self, other: Self) -> Self {
        let mut events = self.events;
        events.iter_mut().zip(other.events).for_each(|(word, others)| *word &= others);
        Self { events, call_types: self.call_types & other.call_types }
    }

    /// What the Extensions of a subscription say: `filter-events` and `filter-call-types`, names with commas between them. What is not there
    /// is everything.
    ///
    /// # Errors
    ///
    /// 53 for a name that is none.
    pub fn of(extensions: Option<&KvList>) -> Result<Self, Refusal> {
        let mut filter = Self::ALL;
        let Some(list) = extensions else { return Ok(filter) };
        if let Some(text) = list.text("filter-events") {
            filter = filter.and(Self::only(named(text, MessageType::named)?));
        }
        if let Some(text) = list.text("filter-call-types") {
            filter = filter.and(Self::of_calls(named(text, CallType::named)?));
        }
        Ok(filter)
    }

    /// Whether the client gets this event.
    pub fn passes(&self, message: &Message) -> bool {
        self.passes_kind(message.kind()) && self.takes_calls(message.int(Attribute::CallType))
            || message.kind() == MessageType::EventUnregistered
    }

    /// Whether the client gets events of this kind, of those calls that it has.
    pub fn passes_kind(&self, kind: MessageType) -> bool {
        let number = usize::from(kind.number());
        self.events.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Whether the client gets anything of calls of this type; of one whose type nobody says it does.
    pub fn takes_calls(&self, call_type: Option<i64>) -> bool {
        self.call_types == u8::MAX
            || call_type.is_none_or(|call_type| {
                (0..8).contains(&call_type) && self.call_types >> call_type & 1 == 1
            })
    }
}

fn named<T>(text: &str, find: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Refusal> {
    text.split(',')
        .map(str::trim)
        .map(|name| {
            find(name).ok_or_else(|| {
                let text = format!("the filter names `{name}`, which is none");
                Refusal::new(ErrorCode::InvalidAttribute, text)
            })
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn two_filters_let_through_what_both_do() {
        let ringing = Message::new(MessageType::EventRinging);
        let dialing = Message::new(MessageType::EventDialing);
        let released = Message::new(MessageType::EventReleased);
        let few = Filter::new(
            [MessageType::EventRinging, MessageType::EventReleased],
            [CallType::Inbound],
        );
        let both = few.and(Filter::without([MessageType::EventReleased]));
        assert!(both.passes(&ringing) && !both.passes(&dialing) && !both.passes(&released));
        assert!(!both.passes(&ringing.with(Attribute::CallType, CallType::Internal)));
        assert_eq!(Filter::ALL.and(few), few);
        assert!(both.passes(&Message::new(MessageType::EventUnregistered)));
    }

    #[test]
    fn a_filter_lets_through_what_it_names() {
        let list = KvList::new()
            .with("filter-events", "EventCallCreated, EventRinging")
            .with("filter-call-types", "Inbound");
        let filter = Filter::of(Some(&list)).unwrap();
        let ringing = Message::new(MessageType::EventRinging);
        assert!(filter.passes(&ringing));
        assert!(filter.passes(&ringing.clone().with(Attribute::CallType, CallType::Inbound)));
        assert!(!filter.passes(&ringing.clone().with(Attribute::CallType, CallType::Consult)));
        assert!(!filter.passes(&ringing.with(Attribute::CallType, 77_i64)));
        assert!(filter.passes(&Message::new(MessageType::EventCallCreated)));
        assert!(!filter.passes(&Message::new(MessageType::EventReleased)));
        assert!(Filter::ALL.passes(&Message::new(MessageType::EventResourceInfo)));
        let bad = KvList::new().with("filter-events", "EventRingin");
        assert_eq!(Filter::of(Some(&bad)).unwrap_err().code, ErrorCode::InvalidAttribute);
    }
}
