//! What a plugin says its configuration must be (JSON Schema), and holding the configuration to it before a version exists.
//!
//! A schema comes from whoever wrote the plugin. It fetches nothing, its patterns are matched in linear time, and what it refers to is
//! followed once beforehand: a schema that comes back to itself, or is larger than it looks, is refused.

use jsonschema::{
    PatternOptions, ValidationError, Validator, error::ValidationErrorKind, paths::LocationSegment,
};
use serde_json::Value;

use crate::{Diagnostic, settings::json};

/// What a schema that was read may come to, with everything that it refers to in its place.
const NODES_MAX: usize = 20_000;
/// How deep.
const DEPTH_MAX: usize = 64;
/// What is wrong at once that is told.
const TOLD_MAX: usize = 5;
/// Keys whose values are values and no schemas.
const VALUES: [&str; 4] = ["enum", "const", "default", "examples"];
/// Keys that refer in ways that are not followed.
const OTHER_REFERENCES: [&str; 3] = ["$dynamicRef", "$recursiveRef", "$id"];

/// A schema that was read.
pub(crate) struct Schema {
    root: Value,
    validator: Validator,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub(crate) fn read(text: &[u8], file: &str) -> Result<Self, Diagnostic> {
        let root: Value = serde_json::from_slice(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let reason = format!("not JSON: {error}");
            Diagnostic::new(file, reason, "correct the line").at(line, column)
        })?;
        let wrong = |what: String| {
            let help = "write a JSON Schema (draft 2020-12) without references to other files";
            Diagnostic::new(file, what, help)
        };
        let mut nodes = 0;
        follow(&root, &root, &mut Vec::new(), &mut nodes).map_err(&wrong)?;
        let validator = jsonschema::options()
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .build(&root)
            .map_err(|error| wrong(format!("no JSON Schema: {error}")))?;
        Ok(Self { root, validator })
    }

    /// Fills in the defaults of what a configuration leaves out, and holds it to the schema.
    ///
    /// # Errors
    ///
    /// Which keys are wrong, why, and what the schema says of them. Values are not told, since one may be a password.
    pub(crate) fn apply(&self, config: &mut toml::Table) -> Result<(), String> {
        fill(&self.root, config);
        let value = json(&toml::Value::Table(config.clone()));
        let mut errors = self.validator.iter_errors(&value);
        let told: Vec<String> =
            errors.by_ref().take(TOLD_MAX).map(|error| self.told(&error)).collect();
        if told.is_empty() {
            return Ok(());
        }
        let more = match errors.count() {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Err(format!("{}{more}", told.join("; ")))
    }

    fn told(&self, error: &ValidationError<'_>) -> String {
        let mut path: Vec<String> =
            error.instance_path().into_iter().map(|segment| segment_text(&segment)).collect();
        let what = match error.kind() {
            ValidationErrorKind::Required { property } => {
                path.extend(property.as_str().map(str::to_owned));
                "is missing".to_owned()
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known = self.at(&path).and_then(|schema| schema.get("properties")?.as_object());
                let known: Vec<&str> = known.into_iter().flatten().map(|(key, _)| &**key).collect();
                unknown(unexpected, &known)
            }
            _ => error.masked_with("its value").to_string(),
        };
        let key = if path.is_empty() { "the configuration".to_owned() } else { path.join(".") };
        format!("`{key}`: {what}{}", self.at(&path).map_or_else(String::new, said))
    }

    /// The schema of a key, where it is written down plainly.
    fn at(&self, path: &[String]) -> Option<&Value> {
        path.iter().try_fold(resolved(&self.root, &self.root), |schema, key| {
            let plain = schema.get("properties").and_then(|keys| keys.get(key));
            let below = plain
                .or_else(|| schema.get("items"))
                .or_else(|| schema.get("additionalProperties"));
            below.map(|below| resolved(&self.root, below))
        })
    }
}

fn segment_text(segment: &LocationSegment<'_>) -> String {
    match segment {
        LocationSegment::Property(name) => name.to_string(),
        LocationSegment::Index(at) => at.to_string(),
    }
}

fn unknown(unexpected: &[String], known: &[&str]) -> String {
    let one = |key: &String| {
        let near = known
            .iter()
            .max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)));
        match near.filter(|near| strsim::jaro_winkler(key, near) > 0.8) {
            Some(near) => format!("`{}`, did you mean `{near}`?", key.escape_debug()),
            None => format!("`{}`", key.escape_debug()),
        }
    };
    let keys: Vec<String> = unexpected.iter().map(one).collect();
    format!("there is no {}", keys.join(", "))
}

/// What a schema says of itself to people.
fn said(schema: &Value) -> String {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    let mut said = String::new();
    if let Some(about) = text("description").or_else(|| text("title")) {
        said.push_str(&format!(" ({about})"));
    }
    if let Some(default) = schema.get("default") {
        said.push_str(&format!(", default {default}"));
    }
    said
}

/// The schema itself, or what it refers to.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|to| target(root, to));
    target.unwrap_or(schema)
}

fn target<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
}

/// Follows what a schema refers to. `way` has the references that are being followed.
fn follow<'a>(
    root: &'a Value,
    schema: &'a Value,
    way: &mut Vec<&'a str>,
    nodes: &mut usize,
) -> Result<(), String> {
    *nodes += 1;
    if *nodes > NODES_MAX || way.len() > DEPTH_MAX {
        return Err("it comes to too much with what it refers to".to_owned());
    }
    match schema {
        Value::Array(list) => list.iter().try_for_each(|it| follow(root, it, way, nodes)),
        Value::Object(keys) => {
            if let Some(key) = OTHER_REFERENCES.iter().find(|key| keys.contains_key(**key)) {
                return Err(format!(
                    "`{key}` is not known here; refer with `$ref` within the file"
                ));
            }
            if let Some(Value::String(to)) = keys.get("$ref") {
                let found = target(root, to).ok_or_else(|| {
                    format!("`$ref` to `{}`, which is not in this file", to.escape_debug())
                })?;
                if way.contains(&to.as_str()) || std::ptr::eq(found, root) {
                    return Err(format!("`{}` refers to itself", to.escape_debug()));
                }
                way.push(to);
                follow(root, found, way, nodes)?;
                way.pop();
            }
            let below = keys.iter().filter(|(key, _)| !VALUES.contains(&key.as_str()));
            below.map(|(_, it)| it).try_for_each(|it| follow(root, it, way, nodes))
        }
        _ => Ok(()),
    }
}

/// Puts the default of each key that is left out into its place.
fn fill(schema: &Value, config: &mut toml::Table) {
    let keys = schema.get("properties").and_then(Value::as_object);
    for (key, schema) in keys.into_iter().flatten() {
        if let Some(toml::Value::Table(below)) = config.get_mut(key) {
            fill(schema, below);
        } else if !config.contains_key(key)
            && let Some(default) = schema.get("default").and_then(toml_of)
        {
            config.insert(key.clone(), default);
        }
    }
}

/// A value as TOML, which has no null.
fn toml_of(value: &Value) -> Option<toml::Value> {
    toml::Value::try_from(value).ok()
}

#[cfg(test)]
#[path = "schema_test.rs"]
mod tests;
