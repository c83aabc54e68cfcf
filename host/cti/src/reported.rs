//! The calls in virtual queues, by who has reported them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::ConnId;
use tlib::{Attribute, CallState, Message, MessageType, Reliability};

use crate::{CallEvent, ClientId};

/// A call in a virtual queue.
type Place = (ConnId, Arc<str>);

/// What clients have reported to be in a queue, and of which they have reported no end: not more than the queues count.
#[derive(Debug, Default)]
pub(crate) struct Reported {
    /// The event that put it there, and whose that was.
    by_place: BTreeMap<Place, (ClientId, CallEvent)>,
    by_client: BTreeMap<ClientId, BTreeSet<Place>>,
}

impl Reported {
    /// A client has reported EventQueued; what somebody else has reported before is this one's now.
    pub(crate) fn begin(&mut self, client: ClientId, event: CallEvent) {
        let place = (event.conn, Arc::clone(&event.dn));
        self.end(&place);
        self.by_client.entry(client).or_default().insert(place.clone());
        self.by_place.insert(place, (client, event));
    }

    /// A call is in a queue no more.
    pub(crate) fn end(&mut self, place: &Place) {
        let Some((client, _)) = self.by_place.remove(place) else { return };
        if let Some(places) = self.by_client.get_mut(&client) {
            places.remove(place);
            if places.is_empty() {
                self.by_client.remove(&client);
            }
        }
    }

    /// A call is over: gives the queues that it was in.
    pub(crate) fn end_of_call(&mut self, conn: ConnId) -> Vec<Arc<str>> {
        let from: Place = (conn, Arc::from(""));
        let its = self.by_place.range(from..).take_while(|((of, _), _)| *of == conn);
        let places: Vec<Place> = its.map(|(place, _)| place.clone()).collect();
        places.iter().for_each(|place| self.end(place));
        places.into_iter().map(|(_, dn)| dn).collect()
    }

    /// A client is gone: gives the ends that it has not reported, which nobody knows.
    pub(crate) fn end_of_client(&mut self, client: ClientId) -> Vec<CallEvent> {
        let places = self.by_client.remove(&client).unwrap_or_default();
        let events = places.iter().filter_map(|place| self.by_place.remove(place));
        events.map(|(_, event)| abandoned(event)).collect()
    }
}

/// The end of a call in a queue, of which nobody has told (section 4.15).
fn abandoned(event: CallEvent) -> CallEvent {
    let mut message = Message::new(MessageType::EventAbandoned);
    for (attribute, value) in event.message.attributes() {
        message.set(attribute, value.clone());
    }
    message.set(Attribute::CallState, CallState::SystemError);
    message.set(Attribute::Reliability, Reliability::Uncertain as i64);
    CallEvent { message: Arc::new(message), party: None, ..event }
}
