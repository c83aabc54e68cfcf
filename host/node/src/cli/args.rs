//! What may be written on the command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args as ClapArgs, Parser, Subcommand};
use model::hook::Hook;
use plugin::{Key, Share};

use super::{
    kit::args::{BenchArgs, NewArgs, PluginArgs, ReplayArgs, SdkArgs, TestArgs, hook},
    store::args::{
        GrantArgs, InstallArgs, InstalledArgs, KeyArgs, PackArgs, SignArgs, TrustArgs,
        UninstallArgs, UntrustArgs, VersionArgs,
    },
};

/// A programmable softswitch.
#[derive(Debug, Parser)]
#[command(name = "jackfield", version, about, max_term_width = 100)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the switch until SIGINT or SIGTERM. The first signal refuses new calls and waits for the others, the second ends.
    Run(Settings),
    /// Check the configuration and the plugins, start nothing: exit status 0 when all is well, 1 when something is not.
    Check(Settings),
    /// Show two calls through a switch of its own on loopback, its script edited in between.
    Demo,
    /// List the calls of the running switch.
    Calls {
        /// Only calls from, to or through this: a user, a host, a phase, a plugin; whatever a line of the list has in it.
        filter: Option<String>,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// List the registrations of the running switch.
    Registrations {
        /// Only registrations of or from this: a user, a host, a phone; whatever a line of the list has in it.
        filter: Option<String>,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// List the trunks of the running switch: registered or not, up or down, their calls, and what failed last.
    Trunks {
        /// Only trunks with this in their line: a name, a group, a state.
        filter: Option<String>,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// List and set the voice messages that wait for users: their phones' lamps.
    Mwi {
        #[command(subcommand)]
        command: MwiCommand,
    },
    /// End a call of the running switch, both sides with BYE.
    Hangup {
        /// Its CONN in the list of calls.
        conn: String,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Be a T-Library client: connect to a port of a module, register on DNs, send a request, show what comes.
    Tlib(TlibArgs),
    /// Show SIP as it passes through the running switch, as a ladder, until interrupted.
    Trace(TraceArgs),
    /// Say which plugins decided what about a call, and why; with --dry-run about one that nobody makes.
    Explain(ExplainArgs),
    /// Have the running switch read its configuration again: exit status 1 when it is refused, and all stays as it was.
    Reload(ApiArgs),
    /// Write plugins: new, build, check, test, bench, replay. And list, compare and reload those of the running switch.
    Plugin {
        #[command(subcommand)]
        command: PluginCommand,
    },
}

#[derive(Debug, ClapArgs)]
pub(super) struct TlibArgs {
    /// The request by its name and its attributes as NAME=VALUE, of a list NAME.KEY=VALUE: MakeCall ThisDN=2001 OtherDN=2002.
    pub(super) request: Vec<String>,
    /// The port: TCport of the T-Controller, or another module's.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7001")]
    pub(super) connect: String,
    /// Over TLS, for a port whose transport is tls or wss.
    #[arg(long)]
    pub(super) tls: bool,
    /// A PEM file of the authorities that the server's certificate may be of; those of the system without it.
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(super) ca: Option<PathBuf>,
    /// The name or address that the server's certificate must have; the host of --connect without it.
    #[arg(long, value_name = "NAME", requires = "tls")]
    pub(super) server_name: Option<String>,
    /// A PEM file of this client's own certificate, for a port that wants one (client_ca).
    #[arg(long, value_name = "FILE", requires_all = ["tls", "key"])]
    pub(super) certificate: Option<PathBuf>,
    /// The PEM file of its private key.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(super) key: Option<PathBuf>,
    /// JSON over WebSocket, for a port whose transport is ws, or with --tls wss.
    #[arg(long)]
    pub(super) websocket: bool,
    /// The name that this client gives.
    #[arg(long, value_name = "NAME", default_value = "jackfield-tlib")]
    pub(super) application: String,
    /// The password that goes with it (tlib.password).
    #[arg(long)]
    pub(super) password: Option<String>,
    /// A DN to register on before the request; may be given more than once.
    #[arg(long, value_name = "DN")]
    pub(super) register: Vec<String>,
    /// Go on showing events until interrupted, rather than end with the answer.
    #[arg(long)]
    pub(super) watch: bool,
    /// Take further requests from the standard input, one a line.
    #[arg(long)]
    pub(super) stdin: bool,
    /// Show messages as JSON, one a line, rather than as logs do.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum MwiCommand {
    /// List the users that have a count.
    List(ApiArgs),
    /// Say how many messages wait for a user.
    Set {
        /// `user@domain`.
        user: String,
        /// Not heard yet; the lamp burns for one or more.
        #[arg(long, default_value_t = 0)]
        new: u32,
        /// Heard and kept.
        #[arg(long, default_value_t = 0)]
        old: u32,
        /// Urgent ones among the new.
        #[arg(long, default_value_t = 0)]
        urgent_new: u32,
        /// Urgent ones among the old.
        #[arg(long, default_value_t = 0)]
        urgent_old: u32,
        #[command(flatten)]
        api: ApiArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Make a folder with a plugin that builds, passes its tests and runs.
    New(NewArgs),
    /// Compile a plugin in Rust to a component beside its plugin.toml.
    Build(PluginArgs),
    /// Load a plugin as a switch would, and say what it is: exit status 1 when it is refused.
    Check(PluginArgs),
    /// Ask a plugin what its scenario files say: exit status 1 when a case comes out otherwise.
    Test(TestArgs),
    /// Measure what the decisions of a plugin cost on this machine.
    Bench(BenchArgs),
    /// Replace the library in the folder of a plugin in Rust by that of this version.
    Sdk(SdkArgs),
    /// Make one file of a plugin's folder: a bundle.
    Pack(PackArgs),
    /// Make a key to sign bundles with.
    Key(KeyArgs),
    /// Sign a bundle.
    Sign(SignArgs),
    /// Put a bundle into the store of installed plugins and have it serve; a running switch takes it by itself.
    Install(InstallArgs),
    /// List the installed plugins and their versions.
    Installed(InstalledArgs),
    /// Have an installed version serve.
    Use(VersionArgs),
    /// Remove an installed plugin, or one version of it.
    Uninstall(UninstallArgs),
    /// Grant an installed plugin what it wants.
    Grant(GrantArgs),
    /// Take back what an installed plugin was granted.
    Revoke(GrantArgs),
    /// List what installed plugins want and have.
    Grants(InstalledArgs),
    /// Trust the holder of a public key: bundles it signed may be installed. Without a key, list whom you trust.
    Trust(TrustArgs),
    /// Trust the holder of a key no more.
    Untrust(UntrustArgs),
    /// List the plugins in the order they are asked.
    List(ApiArgs),
    /// Load one plugin again, or all: exit status 1 when one is refused. What served before serves on.
    Reload(ReloadArgs),
    /// Show what each version of each plugin does, again and again until interrupted.
    Top(TopArgs),
    /// Leave a plugin alone for a while: a hook of it or all, about the calls of one number, trunk or tenant, or about all.
    Quarantine(QuarantineArgs),
    /// Show what a plugin keeps from call to call.
    State(StateArgs),
    /// Have a plugin forget what it keeps: a key, those that begin alike, or all.
    Forget(ForgetArgs),
    /// Record what plugins of the running switch are asked, and what they say, to a file.
    Record(RecordArgs),
    /// Ask a plugin again what made it fail, or what was recorded: exit status 1 when it does not fail in the same way, or says something
    /// else that it does not expect.
    Replay(ReplayArgs),
    /// Have a candidate asked whatever a plugin is asked, and compared with it. It decides nothing.
    Shadow(ShadowArgs),
    /// Show what the candidate does otherwise, and what is missing before it may serve.
    Diff {
        /// The plugin's id.
        id: String,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Say that groups of differences are meant.
    Approve(ApproveArgs),
    /// Have the version that is compared or on trial serve new calls: exit status 1 when something is missing.
    Promote(PromoteArgs),
    /// Take away the version that is compared, take the one on trial out of service, or the one that serves: then the one before it serves
    /// again.
    Rollback {
        /// The plugin's id.
        id: String,
        #[command(flatten)]
        api: ApiArgs,
    },
}

/// What of what a plugin keeps is shown.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct StateArgs {
    /// The plugin's id.
    pub(super) id: String,
    /// The beginning of keys; all when absent.
    pub(super) prefix: Option<String>,
    /// Only keys behind this one, in their order.
    #[arg(long, value_name = "KEY", default_value = "")]
    pub(super) after: String,
    /// Show so many keys at most.
    #[arg(long, default_value_t = 1000)]
    pub(super) limit: usize,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

/// What a plugin is to forget.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct ForgetArgs {
    /// The plugin's id.
    pub(super) id: String,
    /// A key.
    #[arg(required_unless_present_any = ["prefix", "all"], conflicts_with_all = ["prefix", "all"])]
    pub(super) key: Option<String>,
    /// All keys that begin so.
    #[arg(long, value_name = "TEXT", conflicts_with = "all")]
    pub(super) prefix: Option<String>,
    /// Everything.
    #[arg(long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

/// What is loaded again, and how it comes into service.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct ReloadArgs {
    /// The plugin's id; all when absent.
    pub(super) id: Option<String>,
    /// Try what has changed for this share of the calls first, such as 5%, until `promote` or `rollback`.
    #[arg(long, value_name = "SHARE", conflicts_with = "at_once", requires = "id")]
    pub(super) canary: Option<Share>,
    /// Put what has changed into service for all new calls, whatever its manifest says.
    #[arg(long, requires = "id")]
    pub(super) at_once: bool,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

/// How plugins are watched.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct TopArgs {
    /// Show it once, as it was in one interval.
    #[arg(long)]
    pub(super) once: bool,
    /// From one look to the next.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub(super) every: Duration,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

/// What is left alone, or no more.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct QuarantineArgs {
    /// The plugin's id.
    pub(super) id: String,
    /// Only at this hook.
    #[arg(long, value_name = "HOOK", value_parser = hook)]
    pub(super) hook: Option<Hook>,
    /// Only about the calls of a directory number, a trunk or a tenant, or what a T-Library client wants.
    #[arg(long, value_name = "dn=…|trunk=…|tenant=…|client=…|address=…")]
    pub(super) key: Option<Key>,
    /// For how long, such as 90s, 10m, 8h or 30d.
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub(super) rest: Duration,
    /// Ask it again instead, whoever had it left alone.
    #[arg(long, conflicts_with = "rest")]
    pub(super) release: bool,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

/// What is recorded.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct RecordArgs {
    /// Only questions of this hook.
    #[arg(long, value_name = "HOOK", value_parser = hook)]
    pub(super) hook: Option<Hook>,
    /// Only questions to this plugin.
    #[arg(long, value_name = "ID")]
    pub(super) plugin: Option<String>,
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(super) calls: u64,
    /// The file, one line of JSON a question.
    #[arg(long, value_name = "FILE")]
    pub(super) to: PathBuf,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

/// What is compared.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct ShadowArgs {
    /// The plugin's id.
    pub(super) id: String,
    /// The candidate, a script, a component or a folder on the switch's machine; the plugin's own files when absent.
    #[arg(long, value_name = "PATH")]
    pub(super) from: Option<PathBuf>,
    /// How much is compared before it may serve, such as "2000 calls" or "10 minutes".
    #[arg(long = "for", value_name = "CALLS|TIME")]
    pub(super) until: Option<String>,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

/// What is approved.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct ApproveArgs {
    /// The plugin's id.
    pub(super) id: String,
    /// The groups, by the names that `diff` shows.
    #[arg(required = true, value_name = "GROUP")]
    pub(super) groups: Vec<String>,
    /// Who says so; the environment's USER when absent.
    #[arg(long, value_name = "NAME")]
    pub(super) by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(super) why: String,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

/// What is promoted.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct PromoteArgs {
    /// The plugin's id.
    pub(super) id: String,
    /// Also when something is missing. The log says who wanted it.
    #[arg(long, requires = "why")]
    pub(super) anyway: bool,
    /// Who says so; the environment's USER when absent.
    #[arg(long, value_name = "NAME", requires = "anyway")]
    pub(super) by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT", requires = "anyway")]
    pub(super) why: Option<String>,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number and s, m, h or d, such as 90s or 10m".to_owned();
    let unit = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..unit].parse().map_err(|_| wrong())?;
    let seconds = match &text[unit..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(wrong()),
    };
    let seconds = number.checked_mul(seconds).filter(|seconds| *seconds > 0).ok_or_else(wrong)?;
    Ok(Duration::from_secs(seconds))
}

/// What is explained.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct ExplainArgs {
    /// The CONN of a call or its Call-ID; with --dry-run the number or URI that would be called.
    pub(super) what: String,
    /// Ask the plugins that serve, as if the call were made now; nothing is counted, and no call is made.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Who would call.
    #[arg(long, value_name = "URI")]
    pub(super) from: Option<String>,
    /// The trunk it would come over.
    #[arg(long, value_name = "NAME")]
    pub(super) trunk: Option<String>,
    /// A header field of its INVITE. Repeatable.
    #[arg(long, value_name = "NAME: VALUE")]
    pub(super) header: Vec<String>,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

/// What is traced.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(super) struct TraceArgs {
    /// A user (`2000`), a Call-ID, the CONN of a call that is up, or an address (`192.0.2.1`); everything when absent.
    pub(super) what: Option<String>,
    /// Show whole messages, credentials and media keys hidden.
    #[arg(long)]
    pub(super) full: bool,
    /// End after so many messages.
    #[arg(long, value_name = "N")]
    pub(super) count: Option<usize>,
    #[command(flatten)]
    pub(super) api: ApiArgs,
}

/// What a switch is told.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(super) struct Settings {
    /// The configuration file (docs/configuration.md); none is needed.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// A plugin to ask before the stock ones: a .rhai script, a .wasm component or a folder with a plugin.toml. Repeatable.
    #[arg(long = "plugin", value_name = "PATH")]
    pub(super) plugins: Vec<PathBuf>,
    /// A key of the configuration, over the file's value, such as sip.t1_ms=250. Repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
}

/// Where the running switch is.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(super) struct ApiArgs {
    /// The switch's HTTP API, such as http://127.0.0.1:8080; the configuration's when absent.
    #[arg(long, value_name = "URL")]
    pub(super) api: Option<String>,
    /// The bearer token; the configuration's, or the environment's JACKFIELD_TOKEN, when absent.
    #[arg(long, value_name = "TOKEN")]
    pub(super) token: Option<String>,
    /// The configuration file the switch was started with.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Print what the API gives.
    #[arg(long)]
    pub(super) json: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_have_a_unit() {
        let seconds = |text| duration(text).map(|time| time.as_secs()).ok();
        assert_eq!(
            ["90s", "10m", "8h", "30d"].map(seconds),
            [90, 600, 28_800, 2_592_000].map(Some)
        );
        assert_eq!(["", "10", "m", "0s", "5w", "-1s"].map(seconds), [None; 6]);
    }

    #[test]
    fn who_is_left_alone_is_read() {
        let read = |line: &str| Args::try_parse_from(line.split(' '));
        let line = "jackfield plugin quarantine desk --hook route --key trunk=sour --for 8h";
        let Command::Plugin { command: PluginCommand::Quarantine(args) } =
            read(line).unwrap().command
        else {
            unreachable!("that command")
        };
        assert_eq!((args.hook, args.key), (Some(Hook::Route), Some(Key::Trunk("sour".into()))));
        assert_eq!((args.rest.as_secs(), args.release), (28_800, false));
        assert!(read("jackfield plugin quarantine desk --release").is_ok());
        assert!(read("jackfield plugin quarantine desk --release --for 1m").is_err());
        assert!(read("jackfield plugin quarantine desk --key user=2000").is_err());
    }
}
