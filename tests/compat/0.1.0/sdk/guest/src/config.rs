use crate::{Value, host, text};

/// The plugin's configuration: `[config]` of its `plugin.toml`, with what the operator set in its
/// place. It never changes while an instance lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config;

/// A value of the plugin's configuration, as text: `Config.text(key)`.
pub fn config(key: &str) -> Option<String> {
    Config.text(key)
}

impl Config {
    /// A value as text; a table or list as JSON. `None` when the key is absent.
    pub fn text(&self, key: &str) -> Option<String> {
        host::config(key)
    }

    /// A whole number.
    ///
    /// # Errors
    ///
    /// A sentence for the operator when the value is no number from 0 to 2³²-1.
    pub fn number(&self, key: &str) -> Result<Option<u32>, String> {
        let Some(text) = self.text(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| wrong(key, "write a whole number, 0 or more"))
    }

    /// A list of texts; a single text is a list of one, and an absent key an empty one.
    ///
    /// # Errors
    ///
    /// A sentence for the operator when the value is something else.
    pub fn list(&self, key: &str) -> Result<Vec<String>, String> {
        let Some(text) = self.text(key) else { return Ok(Vec::new()) };
        if !text.starts_with('[') {
            return Ok(vec![text]);
        }
        Value::parse(&text)
            .and_then(Value::into_texts)
            .ok_or_else(|| wrong(key, "write a list of texts, as in [\"one\", \"two\"]"))
    }

    /// A table whose values are lists of texts, in the order of the host; a single text is a list
    /// of one, and an absent key an empty table.
    ///
    /// # Errors
    ///
    /// A sentence for the operator when the value is something else.
    pub fn table(&self, key: &str) -> Result<Vec<(String, Vec<String>)>, String> {
        let Some(text) = self.text(key) else { return Ok(Vec::new()) };
        let read = || {
            let rows = Value::parse(&text)?.into_table()?;
            let mut table = Vec::with_capacity(rows.len());
            for (name, value) in rows {
                table.push((name, value.into_texts()?));
            }
            Some(table)
        };
        read().ok_or_else(|| wrong(key, "write a table of texts or lists of texts"))
    }
}

fn wrong(key: &str, remedy: &str) -> String {
    text(&["config key ", key, ": ", remedy])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::testing;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|one| (*one).to_owned()).collect()
    }

    #[test]
    fn an_absent_key_is_no_error() {
        testing::reset();
        assert_eq!(config("domains"), None);
        assert_eq!(Config.number("ring_secs"), Ok(None));
        assert_eq!(Config.list("domains"), Ok(Vec::new()));
        assert_eq!(Config.table("routes"), Ok(Vec::new()));
    }

    #[test]
    fn values_are_read_as_what_the_plugin_asks_for() {
        testing::reset();
        testing::set_config("ring_secs", "20");
        testing::set_config("domains", r#"["example.com","example.org"]"#);
        testing::set_config("one", "example.com");
        testing::set_config("routes", r#"{"49":["sip:192.0.2.1"],"1":"sip:192.0.2.2"}"#);
        assert_eq!(Config.number("ring_secs"), Ok(Some(20)));
        assert_eq!(Config.list("domains"), Ok(texts(&["example.com", "example.org"])));
        assert_eq!(Config.list("one"), Ok(texts(&["example.com"])));
        let routes = vec![
            ("49".to_owned(), texts(&["sip:192.0.2.1"])),
            ("1".to_owned(), texts(&["sip:192.0.2.2"])),
        ];
        assert_eq!(Config.table("routes"), Ok(routes));
    }

    #[test]
    fn a_wrong_value_names_its_key_and_what_to_write() {
        testing::reset();
        testing::set_config("ring_secs", "-1");
        testing::set_config("domains", "[1]");
        testing::set_config("routes", "49");
        assert!(Config.number("ring_secs").unwrap_err().starts_with("config key ring_secs: write"));
        assert!(Config.list("domains").unwrap_err().starts_with("config key domains: write"));
        assert!(Config.table("routes").unwrap_err().starts_with("config key routes: write"));
    }
}
