//! From text to a [`Config`], with every problem placed on its line.

use std::path::{Path, PathBuf};

use serde::{Deserialize, de::IntoDeserializer};

use super::{Config, ConfigError, Place, Problem, check, source::Source};

/// Where a configuration comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// What the command line says over it.
    pub overrides: Overrides,
}

/// What the command line says over the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--set KEY=VALUE`, in order; the value is TOML, or a bare string.
    pub set: Vec<String>,
    /// `--plugin PATH`, in order: asked after the plugins of the file and before the stock ones.
    pub plugins: Vec<PathBuf>,
}

/// Reads the configuration: defaults, then `file`, then `overrides`.
///
/// # Errors
///
/// Everything that is wrong, each problem with file and line, or with the argument it stands in.
pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Config, ConfigError> {
    let mut texts = Vec::new();
    if let Some(path) = file {
        texts.push(Text::read(path)?);
    }
    for argument in &overrides.set {
        texts.push(Text::from_argument(argument)?);
    }
    let mut problems = Vec::new();
    let mut sources = Vec::new();
    let mut merged = toml::Table::new();
    for text in &texts {
        let mut source = Source::parse(&text.name, &text.toml)?;
        problems.extend(source.strip_problems());
        merge(&mut merged, source.plain_table()?);
        sources.push(source);
    }
    let mut config = Config::deserialize(merged.into_deserializer()).map_err(|error| Problem {
        place: None,
        what: error.message().to_owned(),
        help: None,
    })?;
    config.origin = Origin { file: file.map(Path::to_owned), overrides: overrides.clone() };
    config.folder = file.and_then(Path::parent).unwrap_or_else(|| Path::new("")).to_owned();
    let working_folder = std::env::current_dir().unwrap_or_default();
    config.plugins.load.extend(overrides.plugins.iter().map(|path| working_folder.join(path)));
    problems.extend(check::check(&config).into_iter().map(|violation| Problem {
        place: place_of(&sources, &violation.path),
        what: violation.what,
        help: violation.help,
    }));
    if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
}

/// Where the key at `path` is said last; for one that nothing says, where its block is.
fn place_of(sources: &[Source<'_>], path: &[String]) -> Option<Place> {
    let said = sources.iter().rev().filter(|source| source.says(path));
    said.chain(sources).find_map(|source| source.locate(path))
}

/// A text that says something of the configuration, and what it is called in messages.
struct Text {
    name: String,
    toml: String,
}

impl Text {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(toml) => Ok(Self { name, toml }),
            Err(error) => Err(Problem {
                place: None,
                what: format!("cannot read the configuration {name}: {error}"),
                help: Some("name a file with --config, or leave it out".to_owned()),
            }
            .into()),
        }
    }

    fn from_argument(argument: &str) -> Result<Self, ConfigError> {
        let name = format!("--set {argument}");
        let Some((key, value)) = argument.split_once('=') else {
            return Err(Problem {
                place: Some(Place { source: name, line: 1, column: 1 }),
                what: "not KEY=VALUE".to_owned(),
                help: Some("write for example --set sip.t1_ms=250".to_owned()),
            }
            .into());
        };
        // A value that is not TOML is a string someone did not quote twice.
        let toml = if Source::parse(&name, argument).is_ok() {
            argument.to_owned()
        } else {
            format!("{key} = {}", toml::Value::String(value.to_owned()))
        };
        Ok(Self { name, toml })
    }
}

/// Lays `over` over `under`: tables key by key, everything else whole.
fn merge(under: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}
