//! The kit for authors, with the real program in a folder outside of this tree.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

/// Every hook, in the order they come up.
const HOOKS: [&str; 11] = [
    "admission",
    "authenticate",
    "register",
    "dial-plan",
    "route",
    "header-policy",
    "route-on-failure",
    "call-event",
    "dn-owner",
    "fan-out",
    "authorise-request",
];

/// An author at work in a folder of his own.
struct Author(TempDir);

/// What the program said and how it ended.
#[derive(Debug)]
struct Said {
    out: String,
    err: String,
    is_ok: bool,
}

impl Author {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Runs `jackfield plugin` with these words.
    fn plugin(&self, words: &str) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jackfield"));
        command.arg("plugin").args(words.split_whitespace()).current_dir(self.folder());
        // What other builds of plugins in this tree have compiled is not compiled again, and nothing is fetched: all that the
        // library needs is what the stock plugins were built with.
        let target = plugin_build::plugins_dir(Path::new(env!("CARGO_TARGET_TMPDIR")));
        command.env("CARGO_TARGET_DIR", target).env("CARGO_NET_OFFLINE", "true");
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said { out: text(stdout), err: text(stderr), is_ok: status.success() }
    }

    /// The same; it must end well.
    #[track_caller]
    fn well(&self, words: &str) -> String {
        let said = self.plugin(words);
        assert!(said.is_ok, "plugin {words}: {}{}", said.out, said.err);
        said.out
    }

    /// The same; it must end badly. Gives what it said on standard error.
    #[track_caller]
    fn badly(&self, words: &str) -> String {
        let said = self.plugin(words);
        assert!(!said.is_ok, "plugin {words}: {}", said.out);
        said.err
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.folder().join(path), text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder().join(path)).unwrap()
    }
}

/// `--hook` for every hook.
fn every_hook() -> String {
    HOOKS.map(|hook| format!(" --hook {hook}")).concat()
}

#[test]
fn a_new_script_is_good_and_passes_its_cases() {
    let author = Author::new();
    let said = author.well("new desk --rhai");
    assert_eq!(
        said,
        "desk: a script that answers route. Now\n  jackfield plugin check desk\n  jackfield plugin test desk\n  jackfield run --plugin desk\n"
    );
    let said = author.well("check desk");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "desk 0.1.0: good");
    let size = author.read("desk/desk.rhai").len();
    assert_eq!(lines[1], format!("  code      desk/desk.rhai, a script of {size} bytes"));
    assert_eq!(lines[3], "  hooks     route (priority 100)");
    assert_eq!(
        &lines[4..],
        [
            "  imports   nothing",
            "  asks for  log, config",
            "  config    desk = \"2000@home.test\"",
            "  self-test passed at every hook",
        ]
    );
    assert_eq!(
        author.well("test desk --seed 7"),
        "desk/tests/route.toml\n\
         \x20 ok      the desk is Ben's\n\
         \x20 ok      or whose the operator says\n\
         \x20 ok      without a configuration it is Ben's\n\
         \x20 ok      spam is refused\n\
         \x20 ok      another callee is left to the next plugin\n\
         desk 0.1.0: 5 ok, 0 FAILED (seed 7)\n"
    );
}

#[test]
fn a_script_of_every_hook_passes_the_cases_of_each() {
    let author = Author::new();
    author.well(&format!("new all --rhai{}", every_hook()));
    let said = author.well("check all");
    for hook in HOOKS {
        assert!(said.contains(&format!("{hook} (priority 100)")), "{hook}: {said}");
    }
    let said = author.well("test all --seed 1");
    assert!(said.ends_with("all 0.1.0: 35 ok, 0 FAILED (seed 1)\n"), "{said}");
}

/// One build of a whole plugin: everything about Rust is tried on it.
#[test]
fn a_component_of_every_hook_is_built_outside_of_the_tree_and_passes_the_same_cases() {
    let author = Author::new();
    author.well(&format!("new all{}", every_hook()));
    let said = author.badly("check all");
    assert_eq!(said, "jackfield: all has not been built; run `jackfield plugin build all` first\n");
    let said = author.well("build all");
    assert!(said.starts_with("all/plugin.wasm: ") && said.contains(" KB, built in "), "{said}");
    let component = fs::read(author.folder().join("all/plugin.wasm")).unwrap();
    assert_eq!(component[..8], *b"\0asm\x0d\0\x01\0", "a component, not a core module");
    let said = author.well("check all");
    assert!(said.contains("all/plugin.wasm, a component of "), "{said}");
    assert!(said.contains("jackfield:plugin/snapshot@1.0.0"), "{said}");
    let said = author.well("test all --seed 1");
    assert!(said.ends_with("all 0.1.0: 35 ok, 0 FAILED (seed 1)\n"), "{said}");
    let measured = author.well("bench all --hook route --count 20 --json");
    let measured: serde_json::Value = serde_json::from_str(&measured).unwrap();
    assert_eq!(measured[0]["name"], "the desk is Ben's");
    assert_eq!(measured[0]["decision"]["count"], 20);

    // It keeps something between calls that changes what it says.
    let source = author.read("all/src/lib.rs");
    let remembers = source
        .replace("pub struct All;", "pub struct All(std::cell::Cell<u32>);")
        .replace(
            "if call.callee.user != \"desk\" {",
            "self.0.set(self.0.get() + 1);\n        if self.0.get() > 1 || call.callee.user != \"desk\" {",
        );
    assert_ne!(source, remembers);
    author.write("all/src/lib.rs", &remembers);
    let said = author.well("check all");
    assert!(said.contains("warning: all/src/lib.rs was changed after the build"), "{said}");
    author.well("build all");
    let said = author.plugin("test all all/tests/route.toml --seed 1");
    assert!(!said.is_ok && said.out.contains("  FAILED  the desk is Ben's\n"), "{}", said.out);
    assert!(
        said.out.contains("nothing a plugin keeps between calls may change what it says"),
        "{}",
        said.out
    );

    // It does not compile.
    author.write("all/src/lib.rs", &source.replace("\"desk\" {", "desk {"));
    let said = author.badly("build all");
    assert!(said.contains("src/lib.rs:") && said.contains("compiling plugins failed"), "{said}");
}

#[test]
fn a_case_that_comes_out_otherwise_is_told_with_its_line_and_ends_badly() {
    let author = Author::new();
    author.well("new desk --rhai");
    author.write(
        "desk/tests/route.toml",
        "[[case]]\nname = \"one\"\ncallee = \"sip:desk@home.test\"\nexpect = { refuse = 486 }\n\n\
         [[case]]\nname = \"two\"\ncallee = \"sip:other@home.test\"\nexpect = { pass = true }\n",
    );
    let said = author.plugin("test desk --seed 3");
    assert_eq!(
        said.out,
        "desk/tests/route.toml\n  FAILED  one\n          desk/tests/route.toml:1: expected refuse 486\n          came plan [aor:2000@home.test ring 20000] with the reason desk\n  ok      two\ndesk 0.1.0: 1 ok, 1 FAILED (seed 3)\n"
    );
    assert_eq!(
        (said.err.as_str(), said.is_ok),
        (
            "jackfield: 1 of 2 cases came out otherwise; --seed 3 asks in the same order again\n",
            false
        )
    );
    let json = author.plugin("test desk --seed 3 --json").out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["cases"][0]["problems"][0]["expected"], "refuse 486");
    assert_eq!(json["cases"][1]["problems"], serde_json::json!([]));
    assert_eq!((&json["plugin"]["id"], &json["seed"]), (&"desk".into(), &3.into()));
}

#[test]
fn what_is_wrong_with_a_plugin_is_told_with_file_and_line() {
    let author = Author::new();
    author.well("new desk --rhai");
    let good = author.read("desk/desk.rhai");
    author.write("desk/desk.rhai", &good.replace("pass()", "pas()"));
    let line = good.lines().position(|line| line.contains("pass()")).unwrap() + 1;
    let expected = format!(
        "desk/desk.rhai:{line}:16: no function is called `pas` (help: did you mean `pass`?)\n"
    );
    assert_eq!(author.badly("check desk"), expected);
    assert_eq!(author.badly("test desk"), expected);
    author.write("desk/desk.rhai", &good);
    let manifest = author.read("desk/plugin.toml");
    author.write("desk/plugin.toml", &manifest.replace("priority", "prio"));
    let said = author.badly("check desk");
    assert!(said.starts_with("desk/plugin.toml:8:1: unknown field `prio`"), "{said}");
    author.write(
        "desk/plugin.toml",
        &format!(
            "{manifest}\n[[vectors]]\ncallee = \"sip:x@home.test\"\nexpect = \"refuse 404\"\n"
        ),
    );
    let said = author.badly("check desk");
    assert!(
        said.contains("vector 1: sip:x@home.test should give `refuse 404`, gave `pass`"),
        "{said}"
    );
    let said = author.badly("check nowhere");
    assert!(said.starts_with("jackfield: there is no nowhere; name a plugin's folder"), "{said}");
    let said = author.badly("check");
    assert!(
        said.starts_with("jackfield: . has no plugin.toml; `jackfield plugin new NAME`"),
        "{said}"
    );
}

#[test]
fn bad_names_hooks_and_folders_make_nothing() {
    let author = Author::new();
    for name in ["Desk", "1desk", "desk!", "de.sk", "desk-", "test"] {
        let said = author.badly(&format!("new {name}"));
        assert!(said.starts_with(&format!("jackfield: `{name}` is ")), "{said}");
    }
    let said = author.badly("new desk --hook rout");
    assert!(
        said.contains("the hooks are admission, authenticate, register, dial-plan, route"),
        "{said}"
    );
    assert_eq!(fs::read_dir(author.folder()).unwrap().count(), 0);
    author.well("new desk --rhai");
    let before = author.read("desk/desk.rhai");
    let said = author.badly("new desk");
    assert_eq!(said, "jackfield: desk is there already; choose another name, or remove it\n");
    assert_eq!(author.read("desk/desk.rhai"), before);
}

#[test]
fn a_script_alone_is_tested_by_the_file_beside_it() {
    let author = Author::new();
    author.write("desk.rhai", "fn route(call) { refuse(486) }\n");
    let said = author.badly("test desk.rhai");
    assert!(
        said.contains("no scenario file in tests/desk.toml and desk.toml beside desk.rhai"),
        "{said}"
    );
    author.write(
        "desk.toml",
        "[[case]]\nname = \"busy\"\ncallee = \"sip:1@home.test\"\nexpect = { refuse = 486 }\n",
    );
    assert_eq!(
        author.well("test desk.rhai --seed 1"),
        "desk.toml\n  ok      busy\ndesk: 1 ok, 0 FAILED (seed 1)\n"
    );
    let said = author.well("bench desk.rhai --count 10");
    assert!(said.starts_with("HOOK   CASE  P50"), "{said}");
}
