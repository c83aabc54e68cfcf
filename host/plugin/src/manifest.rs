use std::{fmt, path::PathBuf, str::FromStr};

use model::hook::Hook;
use record::Rule;
use serde::Deserialize;

use crate::{Diagnostic, Kind, shadow::Patience};

/// The priority of a hook whose manifest gives none.
pub(crate) const PRIORITY_DEFAULT: i32 = 100;

/// A `plugin.toml`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) id: Option<String>,
    pub(crate) version: String,
    pub(crate) kind: Option<Kind>,
    pub(crate) code: Option<PathBuf>,
    /// The hooks to ask with their priorities; `None` asks every hook the code answers.
    pub(crate) hooks: Option<Vec<(Hook, i32)>>,
    pub(crate) grants: Grants,
    /// The number of the form in which it keeps what it keeps.
    pub(crate) state_schema: u32,
    /// For how many of a thousand calls a new version is tried before it serves all.
    pub(crate) canary: Option<u16>,
    /// How much a new version is compared with the one that serves before that.
    pub(crate) shadow: Option<Patience>,
    /// The differences that its author expects.
    pub(crate) expect: Vec<Rule>,
    pub(crate) config: toml::Table,
    /// The file beside it that says what the configuration must be.
    pub(crate) schema: Option<String>,
    pub(crate) vectors: Vec<Vector>,
}

/// What a plugin may import besides the snapshot of its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grants {
    pub(crate) log: bool,
    pub(crate) config: bool,
    /// Keeping something from question to question. Whoever wants it says so.
    pub(crate) state: bool,
}

impl Default for Grants {
    fn default() -> Self {
        Self { log: true, config: true, state: false }
    }
}

/// A question whose verdict the author gave: part of the self-test of each new version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vector {
    /// The hook that is asked: `dial-plan`, or `route` when absent.
    pub(crate) hook: Option<String>,
    /// The Request-URI: `sip:user@host`.
    pub(crate) callee: String,
    /// From; `sip:self-test@jackfield.invalid` when absent.
    pub(crate) caller: Option<String>,
    /// `pass`, `refuse 404`, or of `route` targets separated by blanks: `aor:2000@example.com uri:sip:192.0.2.1`, and of
    /// `dial-plan` what is rewritten: `callee:sip:+4312345@example.com caller:sip:+4311@example.com label:class=national`.
    pub(crate) expect: String,
}

impl Manifest {
    /// Reads a manifest; an empty text gives the defaults.
    pub(crate) fn parse(text: &str, file: &str) -> Result<Self, Diagnostic> {
        let mut raw: Raw = toml::from_str(text).map_err(|error| {
            let diagnostic = Diagnostic::new(file, error.message().trim(), help_for(&error));
            match error.span() {
                Some(span) => diagnostic.at_offset(text, span.start),
                None => diagnostic,
            }
        })?;
        if let Some((number, problem)) = raw
            .reload
            .expect
            .iter()
            .enumerate()
            .find_map(|(n, rule)| Some((n + 1, rule.problem()?)))
        {
            let reason = format!("[[reload.expect]] number {number}: {problem}");
            return Err(Diagnostic::new(file, reason, "correct the rule"));
        }
        let hooks = raw.hooks.map(|hooks| {
            [
                (Hook::Admission, hooks.admission),
                (Hook::Authenticate, hooks.authenticate),
                (Hook::Register, hooks.register),
                (Hook::DialPlan, hooks.dial_plan),
                (Hook::Route, hooks.route),
                (Hook::HeaderPolicy, hooks.header_policy),
                (Hook::RouteOnFailure, hooks.route_on_failure),
                (Hook::CallEvent, hooks.call_event),
                (Hook::DnOwner, hooks.dn_owner),
                (Hook::FanOut, hooks.fan_out),
                (Hook::AuthoriseRequest, hooks.authorise_request),
            ]
            .into_iter()
            .filter_map(|(hook, entry)| Some((hook, entry?.priority)))
            .collect()
        });
        let schema = schema(&mut raw.config, file)?;
        Ok(Self {
            id: raw.id,
            version: raw.version,
            kind: raw.kind.map(|kind| match kind {
                RawKind::Wasm => Kind::Wasm,
                RawKind::Rhai => Kind::Rhai,
            }),
            code: raw.code,
            hooks,
            grants: raw.need.map_or_else(Grants::default, |RawNeed { log, config, state }| {
                Grants { log, config, state }
            }),
            state_schema: raw.state.schema,
            canary: raw.reload.canary.map(|share| share.0),
            shadow: raw.reload.shadow,
            expect: raw.reload.expect,
            config: raw.config,
            schema,
            vectors: raw.vectors,
        })
    }
}

/// Takes `[config.schema]` out of the configuration.
fn schema(config: &mut toml::Table, file: &str) -> Result<Option<String>, Diagnostic> {
    let Some(toml::Value::Table(about)) = config.get("schema") else { return Ok(None) };
    // A plugin of the time before schemas may have a table of that name.
    let Some(toml::Value::String(name)) = about.get("file").filter(|_| about.len() == 1) else {
        return Ok(None);
    };
    let name = name.clone();
    if name.contains(['/', '\\']) || name.starts_with('.') {
        let reason = format!("`{}` is not a file beside plugin.toml", name.escape_debug());
        return Err(Diagnostic::new(file, reason, "put it there, and give its name alone"));
    }
    config.remove("schema");
    Ok(Some(name))
}

fn help_for(error: &toml::de::Error) -> &'static str {
    if error.message().contains("unknown field") {
        "remove the key or correct its spelling; plugin.toml takes id, version, kind, code, [hooks], [need], [state], [reload], [config], [[vectors]]"
    } else {
        "correct the line"
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    id: Option<String>,
    version: String,
    kind: Option<RawKind>,
    code: Option<PathBuf>,
    hooks: Option<RawHooks>,
    need: Option<RawNeed>,
    state: RawState,
    reload: RawReload,
    config: toml::Table,
    vectors: Vec<Vector>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawKind {
    Wasm,
    Rhai,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct RawHooks {
    admission: Option<RawHook>,
    authenticate: Option<RawHook>,
    register: Option<RawHook>,
    dial_plan: Option<RawHook>,
    route: Option<RawHook>,
    header_policy: Option<RawHook>,
    route_on_failure: Option<RawHook>,
    call_event: Option<RawHook>,
    dn_owner: Option<RawHook>,
    fan_out: Option<RawHook>,
    authorise_request: Option<RawHook>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawHook {
    priority: i32,
}

impl Default for RawHook {
    fn default() -> Self {
        Self { priority: PRIORITY_DEFAULT }
    }
}

/// Capabilities a manifest can ask for; an absent one is not granted. No other can be granted by this version of the host, so
/// another name is an unknown field.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawNeed {
    log: bool,
    config: bool,
    state: bool,
}

/// What it keeps.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawState {
    schema: u32,
}

/// How a new version comes into service.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawReload {
    canary: Option<Share>,
    shadow: Option<Patience>,
    expect: Vec<Rule>,
}

/// A share of calls: `5%`, `0.5%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Share(pub u16);

impl FromStr for Share {
    type Err = String;

    /// Reads `5%` or `0.5%`: from a tenth of a hundredth to all.
    fn from_str(text: &str) -> Result<Self, String> {
        let percent =
            text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        let per_mille =
            percent.map(|percent| (percent * 10.0).round()).filter(|n| (1.0..=1000.0).contains(n));
        match per_mille {
            Some(per_mille) => Ok(Self(per_mille as u16)),
            None => {
                Err(format!("`{}` is no share of calls; write 0.1% to 100%", text.escape_debug()))
            }
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / 10.0)
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
#[path = "manifest_test.rs"]
mod tests;
