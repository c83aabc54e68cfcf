//! What a question found on the shelf, so that another version, or another machine, finds the same.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use serde_json::{Value, json};

use crate::keep::is_secret;

/// Bytes of keys and values that are noted of one question; what is beyond is left out.
const BYTES_MAX: usize = 64 << 10;

/// What the import is called where it is recorded.
const IMPORT: &str = "state";

/// By key the value that was there when the question came, `None` where there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    found: BTreeMap<Arc<str>, Option<Arc<str>>>,
    bytes: usize,
}

impl Reads {
    /// Notes what was found first under a key.
    pub(crate) fn note(&mut self, key: &str, value: Option<&Arc<str>>) {
        let bytes = self.bytes + key.len() + value.map_or(0, |value| value.len());
        if bytes > BYTES_MAX || self.found.contains_key(key) {
            return;
        }
        self.bytes = bytes;
        self.found.insert(key.into(), value.cloned());
    }

    /// What was found, if it was looked for.
    pub(crate) fn get(&self, key: &str) -> Option<Option<&Arc<str>>> {
        self.found.get(key).map(Option::as_ref)
    }

    /// Keys that begin with `prefix`, each with what was found.
    pub(crate) fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a Arc<str>, Option<&'a Arc<str>>)> {
        let from = self.found.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key, value.as_ref()))
    }

    /// As it is recorded. Values that are nobody's business by the name of their key are hidden.
    pub(crate) fn recorded(&self) -> Vec<Value> {
        let found = self.found.iter().map(|(key, value)| {
            let value = value.as_deref().map(|value| match is_secret(key) {
                true => record::HIDDEN,
                false => value,
            });
            json!({ "import": IMPORT, "key": &**key, "value": value })
        });
        found.collect()
    }

    /// What was recorded; what is not understood is left out.
    pub(crate) fn of(recorded: &[Value]) -> Self {
        let mut reads = Self::default();
        for read in recorded.iter().filter(|read| read["import"] == IMPORT) {
            let Some(key) = read["key"].as_str() else { continue };
            reads.note(key, read["value"].as_str().map(Arc::from).as_ref());
        }
        reads
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_first_is_noted_and_reads_back() {
        let mut reads = Reads::default();
        reads.note("calls.1", Some(&"3".into()));
        reads.note("calls.1", Some(&"4".into()));
        reads.note("calls.2", None);
        reads.note("large", Some(&"x".repeat(BYTES_MAX).into()));
        reads.note("z", Some(&"1".into()));
        assert_eq!(reads.get("calls.1"), Some(Some(&"3".into())));
        assert_eq!((reads.get("calls.2"), reads.get("large")), (Some(None), None));
        let keys: Vec<&str> = reads.with_prefix("calls.").map(|(key, _)| &**key).collect();
        assert_eq!(keys, ["calls.1", "calls.2"]);
        assert_eq!(Reads::of(&reads.recorded()), reads);
    }

    #[test]
    fn what_is_nobodys_business_is_hidden() {
        let mut reads = Reads::default();
        reads.note("token.1000", Some(&"abc".into()));
        assert_eq!(reads.recorded()[0]["value"], record::HIDDEN);
    }
}
