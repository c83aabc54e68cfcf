//! Asks a plugin again what was asked on a running switch.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use model::Moment;
use plugin::{HostConfig, Outline, PluginHost, Source, Worker};
use record::{
    Came, Class, Failed, Gate, Group, LINE_BYTES_MAX, Ledger, LedgerLimits, REPRO_BYTES_MAX,
    Recorded, Repro, Said, Spoken,
};

use crate::ScenarioError;

/// Groups that are told of.
const LIMITS: LedgerLimits = LedgerLimits {
    groups_max: 256,
    examples_max: 5,
    prefix_chars: 3,
    slower_times: 4.0,
    slow: Duration::from_micros(500),
};

/// CPU time of one decision where answers are compared: ten times what a switch allows.
const CPU_LIMIT: Duration = Duration::from_millis(20);

/// What a plugin says to recorded questions, beside what was said then.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The plugin that was asked now.
    pub plugin: String,
    /// The plugin whose answers were recorded.
    pub of: String,
    /// How many questions were compared,
    pub compared: u64,
    /// how many of each class.
    pub classes: Vec<(Class, u64)>,
    /// Lines about other plugins, which were left out.
    pub others: u64,
    /// The differences, grouped.
    pub groups: Vec<Group>,
    /// What stands against the plugin: failures, and differences that its manifest does not expect.
    pub missing: Vec<String>,
}

/// What came of a failed decision that was asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// It failed in the same words.
    Same,
    /// It failed in the same way and in other words.
    OtherWords(Failed),
    /// It failed otherwise.
    Otherwise(Failed),
    /// It did not fail and said this.
    Answered(String),
    /// The plugin does not load here.
    Refused(String),
    /// The plugin is not asked at this hook.
    NotAsked,
}

impl Again {
    /// Whether it failed as it did then.
    pub const fn is_same(&self) -> bool {
        matches!(self, Self::Same | Self::OtherWords(_))
    }
}

/// A failed decision that was asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reproduced {
    /// What came of it.
    pub again: Again,
    /// Whether the code is the very same.
    pub is_same_code: bool,
}

/// Puts recorded questions to a plugin and compares what it says with what was said: by the plugin called `of`, or by the one of the
/// same id, or by the only one there is.
///
/// # Errors
///
/// When the file or the plugin cannot be read, or no line is of that plugin.
pub fn calls(path: &Path, source: &Source, of: Option<&str>) -> Result<Replayed, ScenarioError> {
    // This machine may be slower than that one, and is no measure of it.
    let patient = HostConfig { cpu_limit: CPU_LIMIT, ..HostConfig::default() };
    let mut asked = Asked::new(source, &patient)?;
    let of = choose(path, of, &asked.id)?;
    let mut ledger = Ledger::new(LIMITS, asked.outline.expect.clone());
    let mut others = 0;
    for_each(path, |line, recorded| {
        let Some(said) = recorded.said.as_ref() else {
            return Err(file(path, Some(line), "it does not say what was answered".to_owned()));
        };
        if said.plugin != of {
            others += 1;
            return Ok(());
        }
        let before = came(said);
        let now = asked.worker.consult(&asked.id, &recorded);
        let now = now.as_ref().map_or_else(|| Ok(passed()), came);
        ledger.note(Came {
            hook: recorded.question.hook(),
            call: &recorded.question.call,
            before: before.as_ref(),
            after: now.as_ref(),
            other_credentials: false,
            // It was another machine, or another hour.
            took_ns: None,
        });
        Ok(())
    })?;
    let gate =
        Gate { calls: 0, time: Duration::ZERO, p99_times: f64::MAX, p99_floor: Duration::MAX };
    Ok(Replayed {
        plugin: asked.id.clone(),
        of,
        compared: ledger.compared(),
        classes: Class::ALL.map(|class| (class, ledger.count(class))).to_vec(),
        others,
        groups: ledger.groups().into_iter().cloned().collect(),
        missing: ledger.missing(&gate, Duration::ZERO),
    })
}

/// Reads what was kept of a failed decision.
///
/// # Errors
///
/// When it cannot be read.
pub fn repro(path: &Path) -> Result<Repro, ScenarioError> {
    let mut text = String::new();
    let read =
        File::open(path).and_then(|opened| opened.take(REPRO_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|error| file(path, None, error.to_string()))?;
    Repro::from_text(&text).map_err(|error| file(path, None, error.to_string()))
}

/// Asks a plugin again what made it fail, with the settings and limits that it had. `config` are settings that the file hides.
///
/// # Errors
///
/// When the host does not start.
pub fn reproduce(
    repro: &Repro,
    source: &Source,
    config: &toml::Table,
) -> Result<Reproduced, ScenarioError> {
    let id = source.id().map_err(|error| ScenarioError::Plugin(error.to_string()))?;
    let visible = repro.config.iter().filter(|(key, _)| !repro.hidden.contains(key));
    let visible = visible.filter_map(|(key, value)| Some((key.clone(), setting(value)?)));
    let mut overrides: toml::Table = visible.collect();
    overrides.extend(config.clone());
    let host_config = HostConfig {
        cpu_limit: Duration::from_micros(repro.cpu_limit_us.max(1)),
        memory_limit: usize::try_from(repro.memory_limit).unwrap_or(usize::MAX),
        overrides: BTreeMap::from([(id, overrides)]),
        ..HostConfig::default()
    };
    let asked = match Asked::new(source, &host_config) {
        Ok(asked) => asked,
        Err(ScenarioError::Plugin(why)) => {
            return Ok(Reproduced { again: Again::Refused(why), is_same_code: false });
        }
        Err(other) => return Err(other),
    };
    let is_same_code = asked.outline.code_sha256.to_string() == repro.code_sha256;
    Ok(Reproduced { again: again(repro, asked), is_same_code })
}

fn again(repro: &Repro, mut asked: Asked) -> Again {
    let Some(said) = asked.worker.consult(&asked.id, &repro.recorded) else {
        return Again::NotAsked;
    };
    match (said.failure, repro.failure()) {
        (Some(now), Some(then)) if now == *then => Again::Same,
        (Some(now), Some(then)) if now.kind == then.kind => Again::OtherWords(now),
        (Some(now), _) => Again::Otherwise(now),
        (None, _) => Again::Answered(
            said.answer.map_or_else(String::new, |answer| answer.verdict.to_string()),
        ),
    }
}

/// A plugin that can be asked.
struct Asked {
    id: String,
    outline: Outline,
    worker: Worker,
    _host: Arc<PluginHost>,
}

impl Asked {
    fn new(source: &Source, config: &HostConfig) -> Result<Self, ScenarioError> {
        let refused = |why: String| ScenarioError::Plugin(why);
        let host = PluginHost::new(config.clone()).map_err(|error| refused(error.to_string()))?;
        let report =
            host.install(vec![source.clone()]).map_err(|error| refused(error.to_string()))?;
        let id = report.loaded.first().map_or_else(String::new, |loaded| loaded.plugin.to_string());
        let outline = host.outline(source).map_err(|error| refused(error.to_string()))?;
        Ok(Self { id, outline, worker: host.worker(), _host: host })
    }
}

/// Whose answers are compared.
fn choose(path: &Path, of: Option<&str>, id: &str) -> Result<String, ScenarioError> {
    let mut plugins: BTreeMap<String, Moment> = BTreeMap::new();
    for_each(path, |_, recorded| {
        if let Some(said) = recorded.said {
            plugins.entry(said.plugin).or_insert(recorded.moment);
        }
        Ok(())
    })?;
    let wanted = of.unwrap_or(id);
    if plugins.contains_key(wanted) {
        return Ok(wanted.to_owned());
    }
    let all: Vec<&str> = plugins.keys().map(String::as_str).collect();
    match (of, all.as_slice()) {
        (_, []) => Err(file(path, None, "there is no question in it".to_owned())),
        (None, [only]) => Ok((*only).to_owned()),
        (_, all) => {
            let all = all.join(", ");
            let what =
                format!("no line is of `{wanted}`; there are answers of {all}: name one with --of");
            Err(file(path, None, what))
        }
    }
}

/// Reads the lines of a file one by one.
fn for_each(
    path: &Path,
    mut each: impl FnMut(usize, Recorded) -> Result<(), ScenarioError>,
) -> Result<(), ScenarioError> {
    let opened = File::open(path).map_err(|error| file(path, None, error.to_string()))?;
    let mut reader = BufReader::new(opened);
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let limit = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(2);
        let read = reader.by_ref().take(limit).read_line(&mut line);
        let bytes = read.map_err(|error| file(path, Some(number), error.to_string()))?;
        if bytes == 0 {
            return Ok(());
        }
        let text = line.trim_end();
        if text.is_empty() {
            continue;
        }
        let recorded = Recorded::from_line(text);
        each(number, recorded.map_err(|error| file(path, Some(number), error.to_string()))?)?;
    }
    Ok(())
}

fn file(path: &Path, line: Option<usize>, what: String) -> ScenarioError {
    ScenarioError::File { file: path.display().to_string(), line, what }
}

fn came(said: &Said) -> Result<Spoken, Failed> {
    match (&said.answer, &said.failure) {
        (Some(answer), _) => Ok(answer.clone()),
        (None, Some(failure)) => Err(failure.clone()),
        (None, None) => Ok(passed()),
    }
}

const fn passed() -> Spoken {
    Spoken { verdict: record::Canonical::Pass, reasons: Vec::new() }
}

/// A setting that was written as JSON.
fn setting(value: &serde_json::Value) -> Option<toml::Value> {
    toml::Value::try_from(value).ok()
}
