//! Five faults that a running Kamailio takes badly when a script brings them, done to Jackfield in Rhai and in
//! WebAssembly: a half-broken version, a syntax error, globals left behind, an endless loop, a crash.
//!
//! Under each of them ordinary calls go on without a failure, the reload's answer names the error, and the version
//! that served before serves on. There the same five end in a mixture of two versions, in silence, in a pinned
//! worker, or in the end of the whole process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use jackfield_interop::{Sipp, Switch, callee, peers, sipp::Scenario, switch::save};
use serde_json::Value;

/// What a version of the plugin does with a call to the user `probe`; every other call passes.
#[derive(Clone, Copy)]
enum Version {
    Refuses(u16),
    HalfBroken,
    SyntaxError,
    /// Refuses with 434 and leaves a global behind.
    Remembers,
    /// Refuses with 436 when nothing was left behind, with 437 when something was.
    Recalls,
    Loops,
    /// Crashes in this way.
    Crashes(&'static str),
}

/// In which language the plugin is written.
enum Body {
    Rhai(PathBuf),
    Wasm(PathBuf),
}

impl Body {
    fn rhai() -> (tempfile::TempDir, Self) {
        let folder = tempfile::tempdir().unwrap();
        let body = Self::Rhai(folder.path().join("steps.rhai"));
        (folder, body)
    }

    fn wasm() -> (tempfile::TempDir, Self) {
        let folder = tempfile::tempdir().unwrap();
        let body = Self::Wasm(folder.path().to_path_buf());
        fs::write(folder.path().join("plugin.wasm"), component()).unwrap();
        (folder, body)
    }

    fn path(&self) -> &Path {
        match self {
            Self::Rhai(path) | Self::Wasm(path) => path,
        }
    }

    /// The file whose name a diagnostic must give when a version is bad.
    const fn culprit(&self) -> &'static str {
        match self {
            Self::Rhai(_) => "steps.rhai",
            Self::Wasm(_) => "plugin.wasm",
        }
    }

    fn write(&self, version: Version) {
        match self {
            Self::Rhai(path) => save(path, script(version)),
            Self::Wasm(folder) => {
                let component = component();
                let code = if matches!(version, Version::SyntaxError) {
                    &component[..component.len() / 2]
                } else {
                    component
                };
                save(&folder.join("plugin.wasm"), code);
                save(&folder.join("plugin.toml"), manifest(version));
            }
        }
    }
}

/// The plugin of `plugins/steps`, built from source.
fn component() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| peers::plugin("steps-plugin"))
}

fn manifest(version: Version) -> String {
    let (behaviour, status) = match version {
        Version::Refuses(status) => ("refuse", status),
        // The code of a syntax error is not read as far as its configuration.
        Version::HalfBroken | Version::SyntaxError => ("half-broken", 439),
        Version::Remembers => ("remember", 434),
        Version::Recalls => ("recall", 436),
        Version::Loops => ("loop", 439),
        Version::Crashes(how) => (how, 439),
    };
    format!(
        "id = \"steps\"\nkind = \"wasm\"\n\n[config]\nbehaviour = \"{behaviour}\"\nstatus = {status}\n"
    )
}

fn script(version: Version) -> String {
    let body = match version {
        Version::Refuses(status) => format!("refuse({status})"),
        Version::HalfBroken => {
            return "let version = \"half\";\nthrow \"boom\";\nfn route(call) { refuse(439) }\n"
                .to_owned();
        }
        Version::SyntaxError => {
            return "fn route(call) {\n    if call.callee.user == \"probe\" { return refuse(439)\n"
                .to_owned();
        }
        Version::Remembers => {
            return "let old_global = 1;\nfn route(call) { if call.callee.user == \"probe\" { refuse(434) } else { pass() } }\n".to_owned();
        }
        Version::Recalls => {
            "if is_def_var(\"old_global\") { refuse(437) } else { refuse(436) }".to_owned()
        }
        Version::Loops => "while true { }".to_owned(),
        Version::Crashes("panic") => "throw \"it was told to\"".to_owned(),
        Version::Crashes("recurse") => "deeper(0)".to_owned(),
        Version::Crashes("hoard") => "let hoard = [1]; loop { hoard += hoard; }".to_owned(),
        Version::Crashes(how) => panic!("no such crash: {how}"),
    };
    format!(
        "fn deeper(n) {{ deeper(n + 1) + 1 }}\n\
         fn route(call) {{\n    if call.callee.user != \"probe\" {{ return pass(); }}\n    {body}\n}}\n"
    )
}

/// A switch with a plugin that refuses the probe with 434, and ordinary calls that flow past it.
struct Lab {
    switch: Switch,
    body: Body,
    load: Option<(Sipp, Sipp)>,
    _folder: tempfile::TempDir,
}

/// Ordinary calls in the background, and how many of them begin in a second.
const CALLS: u32 = 200;
const CALLS_PER_SECOND: u32 = 100;

impl Lab {
    fn new((folder, body): (tempfile::TempDir, Body)) -> Self {
        body.write(Version::Refuses(434));
        // Reloads are asked for one by one, so that each answer belongs to one version.
        let switch = Switch::start(&["plugins.watch=false"], &[body.path()]);
        let callee = callee::answering(&switch, &[2000], CALLS, CALLS_PER_SECOND);
        let caller = Scenario::new("caller", switch.folder())
            .value("TALK", 100)
            .calls(CALLS, CALLS_PER_SECOND);
        let caller = caller.call(switch.sip_port, "2000");
        let lab = Self { switch, body, load: Some((caller, callee)), _folder: folder };
        lab.probe(434);
        lab
    }

    /// The user `probe` is called, and the caller gets this status.
    #[track_caller]
    fn probe(&self, status: u16) {
        Scenario::new("caller_is_refused", self.switch.folder())
            .value("STATUS", status)
            .call(self.switch.sip_port, "probe")
            .succeed();
    }

    /// Saves a version and reloads; gives the answer.
    #[track_caller]
    fn reload(&self, version: Version) -> Value {
        self.body.write(version);
        self.switch.post("/api/plugins/reload").1
    }

    /// A bad version is refused with its file's name and the given words.
    #[track_caller]
    fn refuses(&self, version: Version, words: &[&str]) {
        let answer = self.reload(version).to_string();
        for word in [self.body.culprit()].iter().chain(words) {
            assert!(answer.contains(word), "the reload's answer does not say `{word}`: {answer}");
        }
        self.probe(434);
    }

    /// Every ordinary call went through, and the process is the one that began.
    #[track_caller]
    fn calls_flowed(mut self) {
        let (caller, callee) = self.load.take().unwrap();
        caller.succeed();
        callee.succeed();
        assert!(self.switch.is_alive());
        self.switch.stop();
    }
}

#[track_caller]
fn a_half_broken_version_is_refused(body: (tempfile::TempDir, Body), words: &[&str]) {
    let lab = Lab::new(body);
    lab.refuses(Version::HalfBroken, words);
    lab.calls_flowed();
}

#[track_caller]
fn a_syntax_error_is_refused(body: (tempfile::TempDir, Body), words: &[&str]) {
    let lab = Lab::new(body);
    lab.refuses(Version::SyntaxError, words);
    lab.calls_flowed();
}

#[track_caller]
fn nothing_is_left_behind_for_the_next_version(body: (tempfile::TempDir, Body)) {
    let lab = Lab::new(body);
    lab.reload(Version::Remembers);
    lab.probe(434);
    lab.reload(Version::Recalls);
    lab.probe(436);
    lab.calls_flowed();
}

/// The fault costs its own decisions, which fall to the next plugin; it knows no user `probe`. The repaired version
/// takes effect at once.
#[track_caller]
fn a_fault_costs_its_own_decisions_only(body: (tempfile::TempDir, Body), version: Version) {
    let lab = Lab::new(body);
    lab.reload(version);
    for _ in 0..5 {
        lab.probe(480);
    }
    lab.reload(Version::Refuses(436));
    lab.probe(436);
    lab.calls_flowed();
}

#[test]
fn step_1_a_half_broken_script_is_refused_with_its_line() {
    a_half_broken_version_is_refused(Body::rhai(), &["boom", "\"line\":2"]);
}

#[test]
fn step_1_a_half_broken_component_is_refused_with_its_own_words() {
    a_half_broken_version_is_refused(Body::wasm(), &["boom"]);
}

#[test]
fn step_2_a_syntax_error_in_a_script_is_refused_with_its_line() {
    a_syntax_error_is_refused(Body::rhai(), &["\"line\":"]);
}

#[test]
fn step_2_a_component_cut_in_half_is_refused() {
    a_syntax_error_is_refused(Body::wasm(), &[]);
}

#[test]
fn step_3_a_script_finds_no_globals_of_the_version_before() {
    nothing_is_left_behind_for_the_next_version(Body::rhai());
}

#[test]
fn step_3_a_component_finds_no_globals_of_the_version_before() {
    nothing_is_left_behind_for_the_next_version(Body::wasm());
}

#[test]
fn step_4_an_endless_loop_in_a_script_is_cut_off() {
    a_fault_costs_its_own_decisions_only(Body::rhai(), Version::Loops);
}

#[test]
fn step_4_an_endless_loop_in_a_component_is_cut_off() {
    a_fault_costs_its_own_decisions_only(Body::wasm(), Version::Loops);
}

#[test]
fn step_5_a_crash_of_a_script_is_contained() {
    for how in ["panic", "recurse", "hoard"] {
        a_fault_costs_its_own_decisions_only(Body::rhai(), Version::Crashes(how));
    }
}

#[test]
fn step_5_a_crash_of_a_component_is_contained() {
    for how in ["panic", "recurse", "hoard"] {
        a_fault_costs_its_own_decisions_only(Body::wasm(), Version::Crashes(how));
    }
}
