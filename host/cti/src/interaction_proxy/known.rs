//! What the Interaction Proxy knows of a call, to tell it to who takes the call over.

use std::{collections::BTreeMap, sync::Arc};

use tlib::{Attribute, Message, MessageType};

/// A call, as the events of the monitoring stream have told it.
#[derive(Debug)]
pub(super) struct Known {
    created: Message,
    /// EventCallPartyAdded of each party with its state of now, indexed by PartyUUID.
    parties: BTreeMap<Arc<str>, Message>,
}

impl Known {
    pub(super) fn new(created: &Message) -> Self {
        Self { created: created.clone(), parties: BTreeMap::new() }
    }

    /// Its CallType, if that was said.
    pub(super) fn call_type(&self) -> Option<i64> {
        self.created.int(Attribute::CallType)
    }

    /// Takes in what has changed.
    pub(super) fn update(&mut self, message: &Message) {
        match message.kind() {
            MessageType::EventCallDataChanged => overlay(&mut self.created, message),
            MessageType::EventCallPartyAdded => {
                if let Some(party) = message.text(Attribute::PartyUUID) {
                    self.parties.insert(Arc::clone(party), message.clone());
                }
            }
            MessageType::EventCallPartyState => {
                let party = message.text(Attribute::PartyUUID);
                if let Some(have) = party.and_then(|party| self.parties.get_mut(party)) {
                    overlay(have, message);
                }
            }
            MessageType::EventCallPartyDeleted => {
                self.take(message);
            }
            _ => {}
        }
    }

    /// The party that an event names is not in this call any more.
    pub(super) fn take(&mut self, message: &Message) -> Option<Message> {
        self.parties.remove(message.text(Attribute::PartyUUID)?)
    }

    /// A party of another call is in this one now.
    pub(super) fn put(&mut self, mut party: Message, uuid: &Arc<str>) {
        party.set(Attribute::CallUUID, uuid);
        if let Some(id) = party.text(Attribute::PartyUUID).cloned() {
            self.parties.insert(id, party);
        }
    }

    /// What somebody must be told who has not been told anything: the call, and then each party.
    pub(super) fn told(&self) -> impl Iterator<Item = Message> {
        std::iter::once(&self.created).chain(self.parties.values()).map(|message| {
            let mut message = message.clone();
            // They are told anew: when they happened is not when they are told.
            message.remove(Attribute::TimeinSecs);
            message.remove(Attribute::TimeinuSecs);
            message
        })
    }
}

fn overlay(have: &mut Message, with: &Message) {
    for (attribute, value) in with.attributes() {
        have.set(attribute, value.clone());
    }
}
