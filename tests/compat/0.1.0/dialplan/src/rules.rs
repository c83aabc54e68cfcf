use guest::{Config, text};

use crate::number::{is_e164, number};

/// How many entries a table or list of the configuration may have.
const ENTRIES_MAX: usize = 4096;

/// What the operator configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The country code, digits; empty leaves numbers as they are dialled.
    country: String,
    international: Vec<String>,
    national: Vec<String>,
    /// The area code of numbers that are dialled without one; empty for none.
    area: String,
    /// What is dialled for a line to the outside; empty for nothing.
    outside: String,
    /// Lengths of extensions.
    internal: Vec<usize>,
    short: Vec<(String, String)>,
    /// Prefixes and what stands in their place.
    rewrite: Vec<(String, String)>,
    blocked: Vec<String>,
    /// Whether callers' numbers are given their full form too.
    pub(crate) callers: bool,
}

/// What the rules make of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dialled {
    /// They have nothing to say.
    Unknown,
    /// An extension: it stays.
    Internal,
    /// A short code: call this number or URI.
    Short(String),
    /// A number of the outside, in its full form where the country is known.
    Outside { number: String, class: &'static str },
    /// It must not be called: the prefix that says so.
    Blocked(String),
    /// No number in the world is like this.
    Impossible(String),
}

impl Rules {
    /// Reads the rules.
    ///
    /// # Errors
    ///
    /// A sentence for the operator: which key, and what to write.
    pub(crate) fn read(config: &Config) -> Result<Self, String> {
        let rules = Self {
            country: config.text("country").unwrap_or_default(),
            international: config.list("international")?,
            national: config.list("national")?,
            area: config.text("area").unwrap_or_default(),
            outside: config.text("outside").unwrap_or_default(),
            internal: lengths(config)?,
            short: pairs(config, "short")?,
            rewrite: pairs(config, "rewrite")?,
            blocked: config.list("blocked")?,
            callers: config.text("callers").as_deref() == Some("true"),
        };
        rules.check().map(|()| rules)
    }

    fn check(&self) -> Result<(), String> {
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(&self.country) || self.country.len() > 3 || self.country.starts_with('0') {
            return Err(wrong("country", "write the country code alone, as in \"43\""));
        }
        if !is_digits(&self.area) || (!self.area.is_empty() && self.country.is_empty()) {
            return Err(wrong("area", "write digits, and set country as well"));
        }
        if number(&self.outside).is_none() && !self.outside.is_empty() {
            return Err(wrong("outside", "write what is dialled, as in \"0\""));
        }
        for (key, list) in [
            ("international", &self.international),
            ("national", &self.national),
            ("blocked", &self.blocked),
        ] {
            let is_prefix =
                |text: &String| text == "+" || number(text).as_deref() == Some(text.as_str());
            if list.len() > ENTRIES_MAX || !list.iter().all(is_prefix) {
                return Err(wrong(
                    key,
                    "write up to 4096 prefixes of digits, after a + if need be",
                ));
            }
        }
        for (key, table) in [("short", &self.short), ("rewrite", &self.rewrite)] {
            let is_entry = |(from, to): &(String, String)| {
                number(from).as_deref() == Some(from.as_str())
                    && !to.bytes().any(|byte| byte <= b' ' || byte == 0x7f)
            };
            if table.len() > ENTRIES_MAX || !table.iter().all(is_entry) {
                return Err(wrong(key, "write up to 4096 entries, each a number and a number"));
            }
        }
        Ok(())
    }

    /// What becomes of a dialled user part.
    pub(crate) fn dial(&self, user: &str) -> Dialled {
        let Some(dialled) = number(user) else { return Dialled::Unknown };
        if let Some((_, to)) = self.short.iter().find(|(from, _)| *from == dialled) {
            return Dialled::Short(to.clone());
        }
        let is_digits = dialled.bytes().all(|byte| byte.is_ascii_digit());
        if is_digits && self.internal.contains(&dialled.len()) {
            return Dialled::Internal;
        }
        let Some(outside) = self.without_outside(&dialled) else { return Dialled::Unknown };
        let rewritten = self.rewritten(outside);
        let (number, class) = self.full(&rewritten);
        if let Some(prefix) = self.blocked.iter().find(|prefix| number.starts_with(prefix.as_str()))
        {
            return Dialled::Blocked(prefix.clone());
        }
        if class.is_empty() && number == dialled {
            return Dialled::Unknown;
        }
        if number.starts_with('+') && !is_e164(&number) {
            return Dialled::Impossible(number);
        }
        Dialled::Outside { number, class }
    }

    /// The full form of a caller's number; `None` when it is no number or has that form already.
    pub(crate) fn caller(&self, user: &str) -> Option<String> {
        let dialled = number(user)?;
        if self.internal.contains(&dialled.len()) {
            return None;
        }
        let (full, class) = self.full(&dialled);
        (!class.is_empty() && full != user && is_e164(&full)).then_some(full)
    }

    fn without_outside<'a>(&self, dialled: &'a str) -> Option<&'a str> {
        if self.outside.is_empty() || dialled.starts_with('+') {
            return Some(dialled);
        }
        dialled.strip_prefix(self.outside.as_str()).filter(|rest| !rest.is_empty())
    }

    /// The longest prefix of the table replaced.
    fn rewritten(&self, number: &str) -> String {
        let found = self.rewrite.iter().filter(|(from, _)| number.starts_with(from.as_str()));
        match found.max_by_key(|(from, _)| from.len()) {
            Some((from, to)) => text(&[to, number.strip_prefix(from.as_str()).unwrap_or("")]),
            None => number.to_owned(),
        }
    }

    /// The full form of a number and what kind it is; as it was, without a kind, where there is none.
    fn full(&self, number: &str) -> (String, &'static str) {
        if self.country.is_empty() || number.contains(['*', '#']) {
            return (number.to_owned(), "");
        }
        let after = |prefixes: &[String]| {
            let fits = prefixes.iter().filter_map(|prefix| number.strip_prefix(prefix.as_str()));
            fits.min_by_key(|rest| rest.len()).map(str::to_owned)
        };
        if number.starts_with('+') {
            return self.classed(number.to_owned());
        }
        if let Some(rest) = after(&self.international) {
            return self.classed(text(&["+", &rest]));
        }
        if let Some(rest) = after(&self.national) {
            return (text(&["+", &self.country, &rest]), "national");
        }
        if self.area.is_empty() {
            return (number.to_owned(), "");
        }
        (text(&["+", &self.country, &self.area, number]), "local")
    }

    fn classed(&self, number: String) -> (String, &'static str) {
        let digits = number.strip_prefix('+').unwrap_or(&number);
        let class = if digits.starts_with(&self.country) { "national" } else { "international" };
        (number, class)
    }
}

fn lengths(config: &Config) -> Result<Vec<usize>, String> {
    let texts = config.list("internal")?;
    let lengths = texts.iter().map(|text| text.parse().ok().filter(|length| *length <= 15));
    lengths.collect::<Option<_>>().ok_or_else(|| {
        wrong("internal", "write lengths of extensions in quotes, as in [\"3\", \"4\"]")
    })
}

fn pairs(config: &Config, key: &str) -> Result<Vec<(String, String)>, String> {
    let rows = config.table(key)?.into_iter().map(|(from, mut to)| match (to.pop(), to.len()) {
        (Some(to), 0) => Ok((from, to)),
        _ => Err(wrong(key, "write one text for each entry")),
    });
    rows.collect()
}

fn wrong(key: &str, remedy: &str) -> String {
    text(&["config key ", key, ": ", remedy])
}

#[cfg(test)]
#[path = "rules_test.rs"]
mod tests;
