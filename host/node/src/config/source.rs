//! A TOML text with the place of every key, and what [`Config`] does not accept of it.

use std::ops::Range;

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer},
};

use super::{Config, ConfigError, Place, Problem};

/// Problems reported of one text before the rest is left unread.
const PROBLEMS_MAX: usize = 50;

/// A text that says something of the configuration.
pub(crate) struct Source<'t> {
    name: &'t str,
    text: &'t str,
    /// What is left of the text when its problems are taken out.
    table: Spanned<DeTable<'t>>,
}

/// The way to a key: names of tables and, in an array, positions.
type KeyPath = Vec<String>;

impl<'t> Source<'t> {
    /// Parses `text`, which messages call `name`.
    pub(crate) fn parse(name: &'t str, text: &'t str) -> Result<Self, ConfigError> {
        DeTable::parse(text).map(|table| Self { name, text, table }).map_err(|error| {
            let place = error.span().map(|span| Place::of_offset(name, text, span.start));
            let what = format!("not TOML: {}", error.message().replace('\n', ", "));
            Problem { place, what, help: None }.into()
        })
    }

    /// Takes out of the table what [`Config`] does not accept, and says what it was.
    pub(crate) fn strip_problems(&mut self) -> Vec<Problem> {
        let mut problems = Vec::new();
        while problems.len() < PROBLEMS_MAX {
            let Err(error) = Config::deserialize(Deserializer::from(self.table.clone())) else {
                break;
            };
            let span = error.span().unwrap_or(0..0);
            let path = path_of_span(self.table.get_ref(), &span);
            problems.push(Problem {
                place: Some(Place::of_offset(self.name, self.text, span.start)),
                ..explain(error.message(), path.as_deref().unwrap_or_default())
            });
            let Some(path) = path else { break };
            remove(self.table.get_mut(), &path);
        }
        problems
    }

    /// The table without places.
    pub(crate) fn plain_table(&self) -> Result<toml::Table, ConfigError> {
        toml::Table::deserialize(Deserializer::from(self.table.clone())).map_err(|error| {
            Problem { place: None, what: error.message().to_owned(), help: None }.into()
        })
    }

    /// Whether this text says something of the key `path` itself.
    pub(crate) fn says(&self, path: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else { return false };
        let value = self.table.get_ref().get(first.as_str());
        value.is_some_and(|value| says_below(value, rest))
    }

    /// Where this text says something of the key `path`; for a key that is missing from its block, the block.
    pub(crate) fn locate(&self, path: &[String]) -> Option<Place> {
        let (first, rest) = path.split_first()?;
        let (key, value) = self.table.get_ref().get_key_value(first.as_str())?;
        let offset = offset_below(key.span().start, value, rest)?;
        Some(Place::of_offset(self.name, self.text, offset))
    }
}

fn says_below(value: &Spanned<DeValue<'_>>, path: &[String]) -> bool {
    let Some((step, rest)) = path.split_first() else { return true };
    let below = match value.get_ref() {
        DeValue::Table(table) => table.get(step.as_str()),
        DeValue::Array(array) => step.parse::<usize>().ok().and_then(|index| array.get(index)),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => None,
    };
    below.is_some_and(|below| says_below(below, rest))
}

fn offset_below(own: usize, value: &Spanned<DeValue<'_>>, path: &[String]) -> Option<usize> {
    let Some((step, rest)) = path.split_first() else { return Some(own) };
    if let Some(array) = value.get_ref().as_array() {
        let element = array.get(step.parse::<usize>().ok()?)?;
        return offset_below(element.span().start, element, rest);
    }
    match value.get_ref().as_table()?.get_key_value(step.as_str()) {
        Some((key, value)) => offset_below(key.span().start, value, rest),
        None => Some(own),
    }
}

/// The key whose name or value covers `span`, as deep as possible.
fn path_of_span(table: &DeTable<'_>, span: &Range<usize>) -> Option<KeyPath> {
    table.iter().find_map(|(key, value)| {
        let below = if covers(&key.span(), span) { Some(Vec::new()) } else { path_in(value, span) };
        below.map(|path| std::iter::once(key.get_ref().to_string()).chain(path).collect())
    })
}

/// The way to `span` within a value; empty when the value is a leaf that covers it.
fn path_in(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<KeyPath> {
    if let Some(table) = value.get_ref().as_table() {
        // The span of a table is that of its header, not of what stands in it.
        return path_of_span(table, span).or_else(|| covers(&value.span(), span).then(Vec::new));
    }
    let Some(array) = value.get_ref().as_array() else {
        return covers(&value.span(), span).then(Vec::new);
    };
    array
        .iter()
        .enumerate()
        .find_map(|(index, element)| {
            let below = path_in(element, span)?;
            Some(std::iter::once(index.to_string()).chain(below).collect())
        })
        .or_else(|| covers(&value.span(), span).then(Vec::new))
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Takes the key at `path` out. An array's element cannot be taken out alone: the whole array goes.
fn remove(table: &mut DeTable<'_>, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    let done = table.get_mut(first.as_str()).is_some_and(|value| remove_below(value, rest));
    if !done {
        table.remove(first.as_str());
    }
}

/// Whether something below `value` was taken out.
fn remove_below(value: &mut Spanned<DeValue<'_>>, path: &[String]) -> bool {
    let Some((step, rest)) = path.split_first() else { return false };
    match value.get_mut() {
        DeValue::Table(table) => {
            remove(table, path);
            true
        }
        DeValue::Array(array) => {
            let element = step.parse::<usize>().ok().and_then(|index| array.get_mut(index));
            element.is_some_and(|element| remove_below(element, rest))
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => false,
    }
}

/// Says in our words what serde found at `path`.
fn explain(message: &str, path: &[String]) -> Problem {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let key = path.iter().rfind(|step| step.parse::<usize>().is_err());
    let (what, candidates) = match (quoted.split_first(), key) {
        (Some((unknown, known)), _) if message.starts_with("unknown field") => {
            (format!("unknown key `{unknown}`{}", in_section(path)), known)
        }
        (Some((unknown, known)), Some(key)) if message.starts_with("unknown variant") => {
            (format!("`{key}` cannot be `{unknown}`"), known)
        }
        (_, Some(key)) => (format!("`{key}`: {message}"), &[][..]),
        (_, None) => (message.to_owned(), &[][..]),
    };
    let unknown = quoted.first().copied().unwrap_or_default();
    let nearest = candidates.iter().max_by(|a, b| {
        strsim::jaro_winkler(unknown, a).total_cmp(&strsim::jaro_winkler(unknown, b))
    });
    Problem { place: None, what, help: nearest.map(|key| format!("did you mean `{key}`?")) }
}

/// The section a key stands in, for a message.
fn in_section(path: &[String]) -> String {
    let names: Vec<&str> = path
        .iter()
        .take(path.len().saturating_sub(1))
        .filter(|step| step.parse::<usize>().is_err())
        .map(String::as_str)
        .collect();
    if names.is_empty() { String::new() } else { format!(" in [{}]", names.join(".")) }
}
