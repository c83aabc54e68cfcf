//! The command line.

mod args;
mod check;
mod client;
mod explain;
mod kept;
mod kit;
mod list;
mod mwi;
mod run;
mod shadow;
mod store;
mod table;
mod tlib;
mod top;
mod trace;
mod versions;

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;
use plugin::Diagnostic;
use testkit::ScenarioError;

use self::args::{Args, Command, MwiCommand, PluginCommand};
use crate::{config::ConfigError, demo, plugins::LoadError};

/// Runs the program with its own arguments.
pub fn main() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::Run(settings) => run::run(&settings),
        Command::Check(settings) => check::check(&settings),
        Command::Demo => demo::run(&mut std::io::stdout().lock()).map_err(Into::into),
        Command::Calls { filter, api } => list::calls(&api, filter.as_deref()),
        Command::Registrations { filter, api } => list::registrations(&api, filter.as_deref()),
        Command::Trunks { filter, api } => list::trunks(&api, filter.as_deref()),
        Command::Tlib(args) => tlib::run(args),
        Command::Mwi { command: MwiCommand::List(api) } => mwi::list(&api),
        Command::Mwi {
            command: MwiCommand::Set { user, new, old, urgent_new, urgent_old, api },
        } => mwi::set(&api, &user, [new, old, urgent_new, urgent_old]),
        Command::Hangup { conn, api } => list::hang_up(&api, &conn),
        Command::Reload(api) => list::reconfigure(&api),
        Command::Trace(args) => trace::trace(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Plugin { command } => plugin(&command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever closed standard error does not want to know.
            let _ = writeln!(std::io::stderr(), "{}", told(&error));
            ExitCode::FAILURE
        }
    }
}

fn plugin(command: &PluginCommand) -> anyhow::Result<()> {
    match command {
        PluginCommand::New(args) => kit::new(args),
        PluginCommand::Build(args) => kit::build(args),
        PluginCommand::Check(args) => kit::check(args),
        PluginCommand::Test(args) => kit::test(args),
        PluginCommand::Bench(args) => kit::bench(args),
        PluginCommand::Sdk(args) => kit::refresh(args),
        PluginCommand::Pack(args) => store::pack(args),
        PluginCommand::Key(args) => store::key(args),
        PluginCommand::Sign(args) => store::sign(args),
        PluginCommand::Install(args) => store::install(args),
        PluginCommand::Installed(args) => store::installed(args),
        PluginCommand::Use(args) => store::choose(args),
        PluginCommand::Uninstall(args) => store::uninstall(args),
        PluginCommand::Grant(args) => store::grant(args),
        PluginCommand::Revoke(args) => store::revoke(args),
        PluginCommand::Grants(args) => store::grants(args),
        PluginCommand::Trust(args) => store::trust(args),
        PluginCommand::Untrust(args) => store::untrust(args),
        PluginCommand::List(api) => list::plugins(api),
        PluginCommand::Reload(args) => versions::reload(args),
        PluginCommand::Top(args) => top::top(args),
        PluginCommand::Quarantine(args) => versions::quarantine(args),
        PluginCommand::Replay(args) => kit::replay(args),
        PluginCommand::Record(args) => shadow::record(args),
        PluginCommand::Shadow(args) => shadow::shadow(args),
        PluginCommand::Diff { id, api } => shadow::diff(api, id),
        PluginCommand::Approve(args) => shadow::approve(args),
        PluginCommand::Promote(args) => versions::promote(args),
        PluginCommand::State(args) => kept::show(args),
        PluginCommand::Forget(args) => kept::forget(args),
        PluginCommand::Rollback { id, api } => versions::roll_back(api, id),
    }
}

/// An error as a person reads it. What names a file and a line begins its line with them, so that editors find the place.
fn told(error: &anyhow::Error) -> String {
    if error.is::<ConfigError>()
        || error.is::<LoadError>()
        || error.is::<Diagnostic>()
        || error.is::<ScenarioError>()
    {
        return error.to_string();
    }
    format!("jackfield: {error:#}")
}

/// Writes to standard output. A reader that has gone, such as `head`, has read enough.
fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

#[cfg(test)]
#[path = "cli_test.rs"]
mod tests;
