//! What may be written behind `jackfield plugin new`, `build`, `check`, `test`, `bench` and `sdk`.

use std::path::PathBuf;

use clap::Args;
use model::hook::Hook;

/// The plugin that is to be made.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct NewArgs {
    /// Its folder, which must not be there yet. The last part is the plugin's id: lower-case letters, digits and hyphens.
    #[arg(value_name = "NAME")]
    pub(super) folder: PathBuf,
    /// A script in Rhai instead of a component in Rust.
    #[arg(long)]
    pub(super) rhai: bool,
    /// A hook it answers; route when absent. Repeatable.
    #[arg(long = "hook", value_name = "HOOK", value_parser = hook)]
    pub(super) hooks: Vec<Hook>,
}

/// The plugin that is looked at.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PluginArgs {
    /// A folder with a plugin.toml, a .rhai script or a .wasm component; the current folder when absent.
    #[arg(value_name = "FOLDER|FILE")]
    pub(super) plugin: Option<PathBuf>,
}

/// The folder of a plugin in Rust.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SdkArgs {
    /// The plugin's folder; the current one when absent.
    pub(super) folder: Option<PathBuf>,
    /// Also when somebody has changed the files there by hand.
    #[arg(long)]
    pub(super) force: bool,
}

/// What is asked of a plugin.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    pub(super) plugin: PluginArgs,
    /// Scenario files; when absent tests/*.toml in the plugin's folder, and of a script tests/NAME.toml or NAME.toml beside it.
    #[arg(value_name = "SCENARIO")]
    pub(super) scenarios: Vec<PathBuf>,
    /// Gives the order of a run before: which case was asked after which other.
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
    /// Print the report as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What is measured of a plugin.
#[derive(Clone, Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub(super) plugin: PluginArgs,
    /// Only this hook.
    #[arg(long, value_name = "HOOK", value_parser = hook)]
    pub(super) hook: Option<Hook>,
    /// Decisions of each case.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(super) count: usize,
    /// Print the figures as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What is asked again.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReplayArgs {
    /// What was kept of a failed decision.
    #[arg(value_name = "FILE.repro", conflicts_with = "calls")]
    pub(super) file: Option<PathBuf>,
    /// The plugin that is asked: a folder, a .rhai script or a .wasm component; the current folder when absent.
    #[arg(long, value_name = "PATH")]
    pub(super) plugin: Option<PathBuf>,
    /// Settings that the .repro file hides, as TOML.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Ask what was recorded with `plugin record`, and compare.
    #[arg(long, value_name = "FILE.jsonl")]
    pub(super) calls: Option<PathBuf>,
    /// The plugin that is asked what was recorded; the current folder when absent.
    #[arg(long, value_name = "PATH", requires = "calls")]
    pub(super) against: Option<PathBuf>,
    /// The id of the plugin whose recorded answers are compared; the one of the same id when absent.
    #[arg(long, value_name = "ID", requires = "calls")]
    pub(super) of: Option<String>,
    /// Print what came of it as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// A hook by its name in manifests, or in code.
pub(in crate::cli) fn hook(name: &str) -> Result<Hook, String> {
    // Whoever thinks of the function writes the hook as it is called there.
    let found = Hook::ALL.into_iter().find(|hook| hook.name() == name.replace('_', "-"));
    found.ok_or_else(|| format!("the hooks are {}", Hook::ALL.map(Hook::name).join(", ")))
}
