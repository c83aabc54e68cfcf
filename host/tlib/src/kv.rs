//! Key-value lists: user data, extensions, reasons (section 8.2 has what is known of their packed form).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;

/// A list of pairs, in order; a key may be there more than once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KvList(Vec<KvPair>);

/// One pair.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KvPair {
    /// The key.
    pub key: Arc<str>,
    /// What it stands for.
    pub value: KvValue,
}

/// What a key stands for. The kinds are the interface's (0 string, 1 integer, 2 binary, 3 list, 4 Unicode).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KvValue {
    /// A string.
    Text(Arc<str>),
    /// An integer of 32 bits.
    Int(i32),
    /// Bytes.
    Binary(Bytes),
    /// Another list.
    List(KvList),
    /// A string that is marked as Unicode.
    Unicode(Arc<str>),
}

impl KvValue {
    /// The number of its kind.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Text(_) => 0,
            Self::Int(_) => 1,
            Self::Binary(_) => 2,
            Self::List(_) => 3,
            Self::Unicode(_) => 4,
        }
    }

    fn packed_len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Unicode(text) => text.len(),
            Self::Int(_) => 4,
            Self::Binary(bytes) => bytes.len(),
            // An empty list within a list has been seen to take four bytes: its count and as much again.
            Self::List(list) => 2 + list.packed_len(),
        }
    }
}

impl From<&str> for KvValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<i32> for KvValue {
    fn from(number: i32) -> Self {
        Self::Int(number)
    }
}

impl From<KvList> for KvValue {
    fn from(list: KvList) -> Self {
        Self::List(list)
    }
}

impl KvList {
    /// A list with no pairs.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The pairs, in order.
    pub fn iter(&self) -> impl Iterator<Item = &KvPair> {
        self.0.iter()
    }

    /// Appends a pair, whether or not the key is there already.
    pub fn push(&mut self, key: impl Into<Arc<str>>, value: impl Into<KvValue>) {
        self.0.push(KvPair { key: key.into(), value: value.into() });
    }

    /// The same list with one more pair.
    #[must_use]
    pub fn with(mut self, key: impl Into<Arc<str>>, value: impl Into<KvValue>) -> Self {
        self.push(key, value);
        self
    }

    /// Appends a pair as it is.
    #[inline]
    pub fn push_pair(&mut self, pair: KvPair) {
        self.0.push(pair);
    }

    /// Appends every pair of another list (TAttachUserData: duplicates are allowed).
    pub fn attach(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Puts each pair of another list in the place of all pairs of its key (TUpdateUserData). Its cost does not grow with the product of both
    /// lengths: clients choose both.
    pub fn update(&mut self, other: Self) {
        let keys: Vec<Arc<str>> = other.0.iter().map(|pair| Arc::clone(&pair.key)).collect();
        let mut new: BTreeMap<Arc<str>, KvValue> =
            other.0.into_iter().map(|pair| (pair.key, pair.value)).collect();
        let mut placed = BTreeSet::new();
        self.0.retain_mut(|pair| {
            if let Some(value) = new.remove(&pair.key) {
                pair.value = value;
                return placed.insert(Arc::clone(&pair.key));
            }
            !placed.contains(&pair.key)
        });
        for key in keys {
            if let Some(value) = new.remove(&key) {
                self.0.push(KvPair { key, value });
            }
        }
    }

    /// Takes every pair of a key out; gives whether there was one.
    pub fn delete(&mut self, key: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|pair| &*pair.key != key);
        self.0.len() != before
    }

    /// The first value of a key.
    pub fn get(&self, key: &str) -> Option<&KvValue> {
        self.0.iter().find(|pair| &*pair.key == key).map(|pair| &pair.value)
    }

    /// The first value of a key, if it is a string of either kind.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            KvValue::Text(text) | KvValue::Unicode(text) => Some(text),
            _ => None,
        }
    }

    /// The first value of a key as a number: an integer, or a string that is one.
    pub fn int(&self, key: &str) -> Option<i32> {
        match self.get(key)? {
            KvValue::Int(number) => Some(*number),
            KvValue::Text(text) | KvValue::Unicode(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The first bytes of the packed form (section 8.2), which logs print: the count of pairs, then the kind of the first one and the
    /// upper half of the length of its key.
    pub fn packed_head(&self) -> impl Iterator<Item = u8> {
        let count = u16::try_from(self.0.len()).unwrap_or(u16::MAX).to_be_bytes();
        let first = self.0.first().map(|pair| {
            let key = u16::try_from(pair.key.len()).unwrap_or(u16::MAX).to_be_bytes();
            [pair.value.kind(), key[0]]
        });
        count.into_iter().chain(first.into_iter().flatten())
    }

    /// The size in bytes of the packed form (section 8.2), which limits are put in and logs print.
    pub fn packed_len(&self) -> usize {
        let pair = |pair: &KvPair| 1 + 2 + pair.key.len() + 2 + pair.value.packed_len();
        2 + self.0.iter().map(pair).sum::<usize>()
    }
}

impl FromIterator<KvPair> for KvList {
    fn from_iter<I: IntoIterator<Item = KvPair>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packed_sizes_are_those_that_were_seen_in_logs() {
        // One pair, `RTR` to an integer: 14 bytes.
        assert_eq!(KvList::new().with("RTR", 1).packed_len(), 14);
        assert_eq!(KvList::new().packed_len(), 2);
        let nested = KvList::new().with("L", KvList::new());
        assert_eq!(nested.packed_len(), 2 + 1 + 2 + 1 + 2 + 4);
    }

    #[test]
    fn attach_keeps_duplicates_update_and_delete_do_not() {
        let mut list = KvList::new().with("a", "1").with("b", "2").with("a", "3");
        list.attach(KvList::new().with("b", "4"));
        let keys: Vec<&str> = list.iter().map(|pair| &*pair.key).collect();
        assert_eq!(keys, ["a", "b", "a", "b"]);
        list.update(KvList::new().with("a", "5").with("c", 6));
        assert_eq!(list, KvList::new().with("a", "5").with("b", "2").with("b", "4").with("c", 6));
        assert!(list.delete("b"));
        assert!(!list.delete("b"));
        assert_eq!(list, KvList::new().with("a", "5").with("c", 6));
        assert_eq!((list.text("a"), list.int("a"), list.int("c")), (Some("5"), Some(5), Some(6)));
    }
    #[test]
    fn an_update_takes_the_last_value_of_a_key_at_its_first_place_and_long_lists_at_once() {
        let mut list = KvList::new().with("a", "1").with("b", "2").with("a", "3");
        list.update(KvList::new().with("c", 1).with("a", "4").with("c", 2).with("a", "5"));
        assert_eq!(list, KvList::new().with("a", "5").with("b", "2").with("c", 2));
        // Pair by pair this is for minutes.
        let many = |value: i32| {
            (0..100_000).fold(KvList::new(), |list, key| list.with(format!("{key}"), value))
        };
        let mut list = many(1);
        list.update(many(2));
        assert_eq!(list, many(2));
    }
}
