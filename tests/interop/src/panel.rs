//! What a busy lamp makes of the documents that it is sent (RFC 4235).

use std::collections::BTreeMap;

/// The dialogs of a user, as a phone knows them.
#[derive(Clone, Default, Debug)]
pub struct Panel {
    /// The state of each by its id.
    dialogs: BTreeMap<String, String>,
    /// The newest document.
    pub document: String,
}

impl Panel {
    /// Takes a document; what is none changes nothing.
    pub fn show(&mut self, body: &str) {
        let Some((_, document)) = body.split_once("<dialog-info") else { return };
        if document.contains("state=\"full\"") {
            self.dialogs.clear();
        }
        let value = |text: &str, begin: &str| {
            let rest = text.split_once(begin).map_or("", |(_, rest)| rest);
            rest.split(['"', '<']).next().unwrap_or_default().to_owned()
        };
        for dialog in document.split("<dialog ").skip(1) {
            match value(dialog, "<state>").as_str() {
                "terminated" => self.dialogs.remove(&value(dialog, "id=\"")),
                state => self.dialogs.insert(value(dialog, "id=\""), state.to_owned()),
            };
        }
        document.clone_into(&mut self.document);
    }

    /// Whether there was a document and these, sorted, are the states of the dialogs.
    pub fn is(&self, states: &[&str]) -> bool {
        let mut have: Vec<&str> = self.dialogs.values().map(String::as_str).collect();
        have.sort_unstable();
        !self.document.is_empty() && have == states
    }
}
