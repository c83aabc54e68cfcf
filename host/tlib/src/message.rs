//! A message: its type, and the attributes that are there, in the order in which they were set.

use std::sync::Arc;

use bytes::Bytes;
use model::ConnId;

use crate::{Attribute, KvList, MessageType};

/// A request or an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    kind: MessageType,
    attributes: Vec<(Attribute, Value)>,
}

/// The value of an attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A number, an enumeration or a time.
    Int(i64),
    /// A connection id or a counter of 64 bits.
    Id(u64),
    /// Text.
    Text(Arc<str>),
    /// Bytes.
    Bytes(Bytes),
    /// A key-value list.
    List(KvList),
}

impl Message {
    /// A message without attributes.
    pub fn new(kind: MessageType) -> Self {
        Self { kind, attributes: Vec::with_capacity(16) }
    }

    /// A message without attributes, with room for some.
    pub(crate) fn with_capacity(kind: MessageType, attributes: usize) -> Self {
        Self { kind, attributes: Vec::with_capacity(attributes) }
    }

    /// What it is.
    pub const fn kind(&self) -> MessageType {
        self.kind
    }

    /// The same attributes under another type.
    pub(crate) fn of_kind(self, kind: MessageType) -> Self {
        Self { kind, ..self }
    }

    /// Sets an attribute, in the place where it was or at the end. The value is of the attribute's kind.
    pub fn set(&mut self, attribute: Attribute, value: impl Into<Value>) {
        let value = value.into();
        debug_assert!(attribute.kind().takes(&value), "{attribute:?} cannot be {value:?}");
        match self.attributes.iter_mut().find(|(have, _)| *have == attribute) {
            Some((_, have)) => *have = value,
            None => self.attributes.push((attribute, value)),
        }
    }

    /// The same message with an attribute.
    #[must_use]
    pub fn with(mut self, attribute: Attribute, value: impl Into<Value>) -> Self {
        self.set(attribute, value);
        self
    }

    /// The same message with an attribute, if there is a value for it.
    #[must_use]
    pub fn with_some(self, attribute: Attribute, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(attribute, value),
            None => self,
        }
    }

    /// Appends an attribute that is known not to be there.
    #[inline]
    pub(crate) fn append(&mut self, attribute: Attribute, value: Value) {
        self.attributes.push((attribute, value));
    }

    /// The value of an attribute, to be changed.
    pub(crate) fn get_mut(&mut self, attribute: Attribute) -> Option<&mut Value> {
        self.attributes.iter_mut().find(|(have, _)| *have == attribute).map(|(_, value)| value)
    }

    /// How many attributes there are.
    pub(crate) fn len(&self) -> usize {
        self.attributes.len()
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, attribute: Attribute) -> Option<Value> {
        let at = self.attributes.iter().position(|(have, _)| *have == attribute)?;
        Some(self.attributes.remove(at).1)
    }

    /// Its attributes, in order.
    pub fn attributes(&self) -> impl Iterator<Item = (Attribute, &Value)> {
        self.attributes.iter().map(|(attribute, value)| (*attribute, value))
    }

    /// The value of an attribute.
    pub fn get(&self, attribute: Attribute) -> Option<&Value> {
        self.attributes.iter().find(|(have, _)| *have == attribute).map(|(_, value)| value)
    }

    /// The value of an attribute that is text.
    pub fn text(&self, attribute: Attribute) -> Option<&Arc<str>> {
        match self.get(attribute)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of an attribute that is a number.
    pub fn int(&self, attribute: Attribute) -> Option<i64> {
        match self.get(attribute)? {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The value of an attribute that is a connection id.
    pub fn conn(&self, attribute: Attribute) -> Option<ConnId> {
        match self.get(attribute)? {
            Value::Id(id) => Some(ConnId(*id)),
            _ => None,
        }
    }

    /// The value of an attribute that is a list.
    pub fn list(&self, attribute: Attribute) -> Option<&KvList> {
        match self.get(attribute)? {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The reference id of a request, or of the event that answers it.
    pub fn reference_id(&self) -> Option<u32> {
        self.int(Attribute::ReferenceID).and_then(|id| u32::try_from(id).ok())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Text(text)
    }
}

impl From<&Arc<str>> for Value {
    fn from(text: &Arc<str>) -> Self {
        Self::Text(Arc::clone(text))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<ConnId> for Value {
    fn from(conn: ConnId) -> Self {
        Self::Id(conn.0)
    }
}

impl From<KvList> for Value {
    fn from(list: KvList) -> Self {
        Self::List(list)
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}
