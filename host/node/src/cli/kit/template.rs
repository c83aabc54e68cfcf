//! What is written into a new plugin's folder. The functions and cases of each hook are the files of `sdk/hooks`, which the
//! manual shows too.

use std::collections::BTreeSet;

use model::hook::Hook;

/// A hook as an author meets it.
struct Part {
    rhai: &'static str,
    rust: &'static str,
    cases: &'static str,
    /// What the function in Rust uses of the library.
    uses: &'static [&'static str],
    /// Its line in `[config]`.
    config: &'static str,
    /// In one sentence.
    about: &'static str,
}

macro_rules! part {
    ($hook:literal, uses: $uses:expr, config: $config:literal, about: $about:literal) => {
        Part {
            rhai: include_str!(concat!("../../../../../sdk/hooks/", $hook, "/plugin.rhai")),
            rust: include_str!(concat!("../../../../../sdk/hooks/", $hook, "/plugin.rs")),
            cases: include_str!(concat!("../../../../../sdk/hooks/", $hook, "/cases.toml")),
            uses: &$uses,
            config: $config,
            about: $about,
        }
    };
}

fn part(hook: Hook) -> Part {
    match hook {
        Hook::Admission => part!("admission", uses: ["Admission", "Request"], config: "",
            about: "may a request come in at all?"),
        Hook::Authenticate => {
            part!("authenticate", uses: ["Identification", "Request"], config: "",
            about: "who is a request from?")
        }
        Hook::Register => part!("register", uses: ["Acceptance", "Contact", "Request"], config: "",
            about: "may these phones be bound to this user?"),
        Hook::DialPlan => {
            part!("dial-plan", uses: ["Call", "Rewrite", "config"], config: "country = \"43\"",
            about: "what was dialled, in the form that routing understands?")
        }
        Hook::Route => part!("route", uses: ["Answer", "Call", "Plan", "aor", "config"],
            config: "desk = \"2000@home.test\"", about: "where does a new call go?"),
        Hook::RouteOnFailure => part!("route-on-failure",
            uses: ["Answer", "Call", "Diversion", "Failure", "Plan", "uri"], config: "",
            about: "a target failed, what now?"),
        Hook::HeaderPolicy => {
            part!("header-policy", uses: ["Call", "Edits", "Outgoing"], config: "",
            about: "which header fields go to the other side?")
        }
        Hook::CallEvent => part!("call-event", uses: ["Call", "Commands", "Event"], config: "",
            about: "something has happened to a call, what is to be done?"),
        Hook::DnOwner => part!("dn-owner", uses: ["Owner", "OwnerChange", "Ownership"], config: "",
            about: "something has happened that may change whose a DN is. Whose is it now?"),
        Hook::FanOut => part!("fan-out", uses: ["FanOut", "Subscription"], config: "",
            about: "a T-Library client subscribes, what does it get?"),
        Hook::AuthoriseRequest => {
            part!("authorise-request", uses: ["Authorisation", "ClientRequest"], config: "",
            about: "may a T-Library client ask for this?")
        }
    }
}

/// The files of a script, by their paths in the folder.
pub(super) fn rhai(name: &str, hooks: &[Hook]) -> Vec<(String, String)> {
    let code = format!("{name}.rhai");
    let mut script = format!(
        "// {name}: a plugin of Jackfield. Save this file while calls are up: the next call meets the new version.\n"
    );
    for hook in hooks {
        let Part { rhai, about, .. } = part(*hook);
        script.push_str(&format!("\n// {hook}: {about}\n{rhai}"));
    }
    let mut files = vec![
        ("plugin.toml".to_owned(), manifest(name, "rhai", &code, hooks)),
        (code, script),
        ("README.md".to_owned(), readme(name, true, hooks)),
    ];
    files.extend(cases(hooks));
    files
}

/// The files of a component in Rust but the library.
pub(super) fn rust(name: &str, hooks: &[Hook]) -> Vec<(String, String)> {
    let mut files = vec![
        ("plugin.toml".to_owned(), manifest(name, "wasm", "plugin.wasm", hooks)),
        ("Cargo.toml".to_owned(), cargo_manifest(name)),
        ("Cargo.lock".to_owned(), super::lock::lock(name)),
        ("src/lib.rs".to_owned(), library(name, hooks)),
        (".gitignore".to_owned(), "/target\n".to_owned()),
        ("README.md".to_owned(), readme(name, false, hooks)),
    ];
    files.extend(cases(hooks));
    files
}

/// What an author types next.
pub(super) fn commands(folder: &str, is_script: bool) -> Vec<String> {
    let verbs: &[&str] = if is_script { &["check", "test"] } else { &["build", "check", "test"] };
    let mut commands: Vec<String> =
        verbs.iter().map(|verb| format!("jackfield plugin {verb} {folder}")).collect();
    commands.push(format!("jackfield run --plugin {folder}"));
    commands
}

fn manifest(name: &str, kind: &str, code: &str, hooks: &[Hook]) -> String {
    let mut text =
        format!("id = \"{name}\"\nversion = \"0.1.0\"\nkind = \"{kind}\"\ncode = \"{code}\"\n");
    text.push_str("\n# The hooks it is asked at. Plugins with a lower priority are asked first.\n");
    for hook in hooks {
        text.push_str(&format!("[hooks.{hook}]\npriority = 100\n"));
    }
    text.push_str(
        "\n# What it may use besides the facts of a call.\n[need]\nlog = true\nconfig = true\n",
    );
    text.push_str("\n# Its settings. An operator gives others under [plugins.config.");
    text.push_str(&format!("{name}] in the switch's configuration.\n[config]\n"));
    for hook in hooks {
        let config = part(*hook).config;
        if !config.is_empty() {
            text.push_str(&format!("{config}\n"));
        }
    }
    text
}

fn cargo_manifest(name: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n\
         [lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n\n\
         [dependencies]\njackfield-guest = {{ path = \"sdk/guest\" }}\n\n\
         # A workspace of its own, wherever this folder lies.\n[workspace]\n"
    )
}

fn library(name: &str, hooks: &[Hook]) -> String {
    let parts: Vec<Part> = hooks.iter().map(|hook| part(*hook)).collect();
    let mut uses: BTreeSet<&str> = parts.iter().flat_map(|part| part.uses).copied().collect();
    uses.extend(["Plugin", "register_plugin"]);
    let uses: Vec<&str> = uses.into_iter().collect();
    let type_name = type_name(name);
    let mut text =
        format!("//! {name}: a plugin of Jackfield. README.md says how it is built and tried.\n\n");
    if hooks.contains(&Hook::CallEvent) {
        text.push_str("use std::time::Duration;\n\n");
    }
    text.push_str(&wrapped("use jackfield_guest::{", &uses, "};\n"));
    text.push_str(&format!(
        "\n#[derive(Default)]\npub struct {type_name};\n\nimpl Plugin for {type_name} {{\n"
    ));
    for (at, (hook, Part { rust, about, .. })) in hooks.iter().zip(&parts).enumerate() {
        let gap = if at == 0 { "" } else { "\n" };
        text.push_str(&format!("{gap}    // {hook}: {about}\n"));
        for line in rust.lines() {
            text.push_str(&if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") });
        }
    }
    let names: Vec<String> = hooks.iter().map(|hook| hook.name().replace('-', "_")).collect();
    text.push_str(&format!("}}\n\nregister_plugin!({type_name}: {});\n", names.join(", ")));
    text
}

/// A list in one line, or each on a line of its own when that is too long.
fn wrapped(head: &str, items: &[&str], tail: &str) -> String {
    const LINE_MAX: usize = 100;
    let one = format!("{head}{}{tail}", items.join(", "));
    if one.trim_end().len() <= LINE_MAX {
        return one;
    }
    let items: Vec<String> = items.iter().map(|item| format!("    {item},\n")).collect();
    format!("{head}\n{}{tail}", items.concat())
}

/// `night-desk` as a type: `NightDesk`.
fn type_name(name: &str) -> String {
    let words = name.split('-').filter(|word| !word.is_empty());
    let capital = |word: &str| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    };
    words.map(capital).collect()
}

/// A scenario file for each hook.
fn cases(hooks: &[Hook]) -> impl Iterator<Item = (String, String)> {
    hooks.iter().map(|hook| (format!("tests/{hook}.toml"), part(*hook).cases.to_owned()))
}

fn readme(name: &str, is_script: bool, hooks: &[Hook]) -> String {
    let mut text = format!("# {name}\n\nA plugin of Jackfield. In this folder:\n\n```sh\n");
    for command in commands(".", is_script) {
        text.push_str(&format!("{command}\n"));
    }
    text.push_str("```\n\n");
    let code = if is_script { format!("{name}.rhai") } else { "src/lib.rs".to_owned() };
    let names: Vec<&str> = hooks.iter().map(|hook| hook.name()).collect();
    text.push_str(&format!("- `{code}`: what it decides at {}.\n", names.join(", ")));
    text.push_str("- `tests/*.toml`: what it is asked, and what must come out.\n");
    text.push_str("- `plugin.toml`: its id, its hooks, what it may use, its settings.\n");
    if !is_script {
        text.push_str("- `sdk/`: the library for plugins, of the version of Jackfield that made this folder. `jackfield plugin sdk` replaces it by that of another version.\n");
    }
    text
}
