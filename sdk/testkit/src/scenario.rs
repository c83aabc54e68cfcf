//! A scenario file as it is written: `[default]`, and a `[[case]]` for each question or call.

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use serde::Deserialize;
use toml::Spanned;

use crate::{ScenarioError, case::Case, clients, expect::Expectation};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    #[serde(default)]
    default: Entry,
    #[serde(default)]
    case: Vec<Spanned<Entry>>,
}

/// A case, or what all cases of a file have in common.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Entry {
    /// What is shown when it fails.
    pub(crate) name: Option<String>,
    /// `admission`, `authenticate`, `register`, `dial-plan`, `route`, `header-policy`, `route-on-failure`, `call-event`, `dn-owner`, `fan-out` or
    /// `authorise-request`; `route` when absent. The plugin's own dial plan is asked on the way to `route`, as in a switch.
    pub(crate) hook: Option<String>,
    /// The civil time, as `2026-11-18T09:15:00`; a Wednesday noon when absent.
    pub(crate) now: Option<String>,
    /// The caller's URI; `sip:1000@home.test` when absent.
    pub(crate) caller: Option<String>,
    /// The caller's display name.
    pub(crate) caller_name: Option<String>,
    /// The URI that is called.
    pub(crate) callee: Option<String>,
    /// Who the caller has proved to be: `user@host`.
    pub(crate) identity: Option<String>,
    /// The trunk the call came over.
    pub(crate) trunk: Option<String>,
    /// The listener the request came in on; `udp` when absent.
    pub(crate) ingress: Option<String>,
    /// Call-ID of the request; `scenario` when absent.
    pub(crate) call_id: Option<String>,
    /// Labels that another plugin's dial plan set.
    pub(crate) labels: BTreeMap<String, String>,
    /// Header fields of the request, each with one value or a list of them.
    pub(crate) headers: BTreeMap<String, Values>,
    /// Where the request comes from; `192.0.2.1:5060` when absent.
    pub(crate) source: Option<SocketAddr>,
    /// What the request is, for `admission` and `authenticate`: `INVITE`, `REGISTER`, `SUBSCRIBE` or `MESSAGE`.
    pub(crate) method: Option<String>,
    /// URIs of the contacts, for `register`.
    pub(crate) contacts: Option<Vec<String>>,
    /// What has happened, for `call-event`: a kind and values, such as `timer name=long`.
    pub(crate) event: Option<String>,
    /// What was tried, for `route-on-failure`.
    pub(crate) attempts: Option<Vec<Tried>>,
    /// What was not tried yet: `aor:user@host`, `uri:sip:…`, `trunk:name`, `trunk:name/number` or `routing-point:user@host`.
    pub(crate) remaining: Option<Vec<String>>,
    /// Where the INVITE goes that is about to go out, for `header-policy`: the same; `aor:2000@home.test` when absent.
    pub(crate) target: Option<String>,
    /// Whether the caller is not to be known there.
    pub(crate) hidden: bool,
    /// What has happened to a DN, for `dn-owner`: `dn`, `kind`, `application`, `sip`, `owner`, `owner_application`, `by_owner`,
    /// `applications`.
    pub(crate) change: toml::Table,
    /// Who subscribes to what, for `fan-out`: `kind`, `port`, `application`, `dn`, `dn_type`, `extensions`.
    pub(crate) subscription: toml::Table,
    /// Who asks for what, for `authorise-request`: `name`, `port`, `application`, `dn`, `attributes`.
    pub(crate) request: toml::Table,
    /// The operator's settings, over those of `plugin.toml`.
    pub(crate) config: toml::Table,
    /// What the host withholds: `config`, `config KEY`, `header NAME`, `log`.
    pub(crate) faults: Option<Vec<String>>,
    /// What the plugin keeps when the case begins: keys with values.
    pub(crate) state: BTreeMap<String, String>,
    /// What it must keep when the case is over, all of it; not looked at when absent.
    pub(crate) keeps: Option<BTreeMap<String, String>>,
    /// What must come out.
    pub(crate) expect: Option<Expectation>,
    /// What the call goes through, instead of one question.
    pub(crate) step: Vec<Spanned<StepEntry>>,
}

/// One question of a call that has several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StepEntry {
    /// When, from the beginning: `250ms`, `5s`, `3m`, `1h`. At the time of the step before when absent, and of a timer when it is
    /// due.
    pub(crate) at: Option<String>,
    /// As of a case; that of the case when absent.
    pub(crate) hook: Option<String>,
    /// As of a case.
    pub(crate) event: Option<String>,
    /// As of a case.
    pub(crate) attempts: Vec<Tried>,
    /// As of a case.
    pub(crate) remaining: Vec<String>,
    /// As of a case; that of the case when absent.
    pub(crate) target: Option<String>,
    /// As of a case.
    pub(crate) hidden: bool,
    /// As of a case, over what that says.
    pub(crate) change: toml::Table,
    /// As of a case, over what that says.
    pub(crate) subscription: toml::Table,
    /// As of a case, over what that says.
    pub(crate) request: toml::Table,
    /// What must come out; that nothing is said when absent.
    pub(crate) expect: Expectation,
}

/// A target that was tried.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tried {
    /// `aor:user@host`, `uri:sip:…`, `trunk:name`, `trunk:name/number` or `routing-point:user@host`.
    pub(crate) target: String,
    /// The status it ended with.
    pub(crate) status: u16,
    /// Milliseconds it was tried for.
    #[serde(default)]
    pub(crate) lasted_ms: u64,
}

/// The values of a header field.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Values {
    /// One.
    One(String),
    /// Several, in order.
    Many(Vec<String>),
}

impl Values {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(value) => std::slice::from_ref(value).iter(),
            Self::Many(values) => values.iter(),
        }
        .map(String::as_str)
    }
}

/// Reads a scenario file.
///
/// # Errors
///
/// What cannot be read, with its line.
pub(crate) fn read(path: &Path) -> Result<Vec<Case>, ScenarioError> {
    let file = path.display().to_string();
    let wrong =
        |line: Option<usize>, what: String| ScenarioError::File { file: file.clone(), line, what };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(None, error.to_string()))?;
    let line_at = |offset: usize| text.get(..offset).unwrap_or(&text).matches('\n').count() + 1;
    let scenario: Scenario = toml::from_str(&text).map_err(|error| {
        wrong(error.span().map(|span| line_at(span.start)), error.message().trim().to_owned())
    })?;
    let default = &scenario.default;
    if default.name.is_some() || !default.step.is_empty() {
        return Err(wrong(
            None,
            "[default] has no name and no steps; give them to a [[case]]".to_owned(),
        ));
    }
    if scenario.case.is_empty() {
        return Err(wrong(None, "has no [[case]]".to_owned()));
    }
    let read = scenario.case.into_iter().map(|entry| {
        let line = line_at(entry.span().start);
        let entry = entry.into_inner().over(default);
        let lines: Vec<usize> = entry.step.iter().map(|step| line_at(step.span().start)).collect();
        Case::of(&file, line, &entry, &lines).map_err(|what| wrong(Some(line), what))
    });
    read.collect()
}

impl Entry {
    /// This, and what `default` says where it says nothing. Tables are joined key by key.
    fn over(self, default: &Self) -> Self {
        fn joined<V: Clone>(
            over: BTreeMap<String, V>,
            under: &BTreeMap<String, V>,
        ) -> BTreeMap<String, V> {
            let mut all = under.clone();
            all.extend(over);
            all
        }
        let or = |over: Option<String>, under: &Option<String>| over.or_else(|| under.clone());
        let [change, subscription, request] = clients::over(&self, default);
        let mut config = default.config.clone();
        config.extend(self.config);
        Self {
            name: self.name,
            hook: or(self.hook, &default.hook),
            now: or(self.now, &default.now),
            caller: or(self.caller, &default.caller),
            caller_name: or(self.caller_name, &default.caller_name),
            callee: or(self.callee, &default.callee),
            identity: or(self.identity, &default.identity),
            trunk: or(self.trunk, &default.trunk),
            ingress: or(self.ingress, &default.ingress),
            call_id: or(self.call_id, &default.call_id),
            labels: joined(self.labels, &default.labels),
            headers: joined(self.headers, &default.headers),
            source: self.source.or(default.source),
            method: or(self.method, &default.method),
            contacts: self.contacts.or_else(|| default.contacts.clone()),
            event: or(self.event, &default.event),
            attempts: self.attempts.or_else(|| default.attempts.clone()),
            remaining: self.remaining.or_else(|| default.remaining.clone()),
            target: or(self.target, &default.target),
            hidden: self.hidden || default.hidden,
            change,
            subscription,
            request,
            config,
            state: joined(self.state, &default.state),
            keeps: self.keeps.or_else(|| default.keeps.clone()),
            faults: self.faults.or_else(|| default.faults.clone()),
            expect: self.expect.or_else(|| default.expect.clone()),
            step: self.step,
        }
    }
}
