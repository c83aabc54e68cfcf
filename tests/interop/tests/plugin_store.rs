//! Plugins of others, as an operator meets them: packed, signed, installed, granted, tried, rolled back, damaged, removed, with the switch
//! running, restarted and killed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use jackfield_interop::{Switch, peers, wait};
use serde_json::Value;
use tempfile::TempDir;

/// A place where plugins are written, and the data of a switch.
struct Site {
    folder: TempDir,
    program: PathBuf,
}

impl Site {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), program: peers::jackfield() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn data(&self) -> String {
        format!("node.data_path={}", self.path("data").display())
    }

    fn switch(&self, settings: &[&str]) -> Switch {
        let data = self.data();
        let settings: Vec<&str> = settings.iter().copied().chain([data.as_str()]).collect();
        Switch::start(&settings, &[])
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("plugin").args(words.split_whitespace()).current_dir(self.folder.path());
        command.stdin(Stdio::null());
        command
    }

    /// Of the store of this site.
    fn store(&self, words: &str) -> Output {
        self.command(words).args(["--set", &self.data()]).output().unwrap()
    }

    #[track_caller]
    fn done(&self, words: &str) -> String {
        said(&self.store(words), true)
    }

    #[track_caller]
    fn refused(&self, words: &str) -> String {
        said(&self.store(words), false)
    }

    /// A bundle of a version of the plugin, signed.
    #[track_caller]
    fn bundle(&self, version: &str, manifest: &str) -> String {
        let desk = self.path("desk");
        fs::create_dir_all(&desk).unwrap();
        let head = format!("id = \"desk\"\nversion = \"{version}\"\ncode = \"desk.rhai\"\n");
        fs::write(desk.join("plugin.toml"), head + manifest).unwrap();
        let code = format!("fn route(call) {{ refuse(48{version}) }}\n");
        fs::write(desk.join("desk.rhai"), code).unwrap();
        let output = self.command(&format!("pack desk --key acme -o desk-{version}")).output();
        said(&output.unwrap(), true);
        format!("desk-{version}")
    }
}

#[track_caller]
fn said(output: &Output, good: bool) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert_eq!(output.status.success(), good, "{text}");
    text
}

fn plugin(switch: &Switch) -> Option<Value> {
    let plugins = switch.get("/api/plugins");
    plugins.as_array()?.iter().find(|plugin| plugin["id"] == "desk").cloned()
}

#[track_caller]
fn serves(switch: &Switch, version: &str) {
    wait::until(&format!("version {version} to serve"), || {
        plugin(switch).filter(|plugin| plugin["version"] == version)
    });
    let explained = switch.get("/api/explain?to=2000");
    let decisions = explained["decisions"].as_array().unwrap();
    let route = decisions.iter().find(|it| it["hook"] == "route").unwrap();
    assert!(route["decided_by"].as_str().unwrap().starts_with("desk#"), "{route}");
    assert!(route["verdict"].as_str().unwrap().contains(&format!("48{version}")), "{route}");
}

fn bundles(site: &Site) -> Vec<PathBuf> {
    let entries = fs::read_dir(site.path("data/plugins")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "bundle")).collect()
}

/// Changes one byte of the code in the bundle of this version.
fn damage(site: &Site, version: &str) {
    let code = format!("refuse(48{version})");
    let found = bundles(site).into_iter().find_map(|path| {
        let bytes = fs::read(&path).unwrap();
        let at = bytes.windows(code.len()).position(|it| it == code.as_bytes())?;
        Some((path, bytes, at))
    });
    let (path, mut bytes, at) = found.unwrap();
    bytes[at + 7] = b'5';
    fs::write(path, bytes).unwrap();
}

const LOG: &str = "[need]\nlog = true\n";

#[test]
fn an_operator_installs_grants_tries_rolls_back_and_removes_a_plugin_of_somebody_else() {
    let site = Site::new();
    said(&site.command("key acme --name Acme").output().unwrap(), true);
    let switch = site.switch(&[]);
    let one = site.bundle("1", LOG);

    let text = site.refused(&format!("install {one}"));
    assert!(text.contains("which is not trusted") && text.contains("--trust KEYFILE"), "{text}");
    let text = site.done(&format!("install {one} --trust acme.pub"));
    assert!(text.contains("waits for log, route"), "{text}");
    assert!(text.contains("jackfield plugin grant desk log route"), "{text}");
    assert!(site.done("installed").contains("waits for log, route"));
    assert!(site.done("grant desk route log").contains("granted   log, route"));
    serves(&switch, "1");

    // One that wants more waits, and the one before it serves on.
    let two = site.bundle("2", "[need]\nlog = true\nconfig = true\n");
    assert!(site.done(&format!("install {two}")).contains("waits for config"));
    wait::until("the switch to say that it waits", || {
        let log = switch.log();
        log.contains("it waits: it wants config").then_some(())
    });
    serves(&switch, "1");
    site.done("grant desk config");
    serves(&switch, "2");

    // What was tried and rolled back does not come back with a restart.
    let three = site.bundle("3", &format!("{LOG}[reload]\ncanary = \"50%\"\n"));
    site.done(&format!("install {three}"));
    wait::until("the third to be tried", || {
        plugin(&switch).filter(|plugin| plugin["trial"].is_object())
    });
    serves(&switch, "2");
    assert_eq!(switch.post("/api/plugins/rollback?id=desk").0, 200);
    wait::until("the store to know", || {
        site.done("installed").contains("rolled back: an operator said so").then_some(())
    });
    switch.stop();
    let mut switch = site.switch(&[]);
    serves(&switch, "2");
    assert!(plugin(&switch).unwrap()["trial"].is_null());
    site.done(&format!("use desk@{}", digest(&site, "3")));
    wait::until("it to be tried again", || {
        plugin(&switch).filter(|plugin| plugin["trial"].is_object())
    });
    // Killed in the middle of a trial: what served serves again, and the trial begins anew.
    switch.kill();
    let switch = site.switch(&[]);
    serves(&switch, "2");
    wait::until("the trial to go on", || {
        plugin(&switch).filter(|plugin| plugin["trial"].is_object())
    });
    assert_eq!(switch.post("/api/plugins/promote?id=desk").0, 200);
    serves(&switch, "3");
    switch.stop();
    let switch = site.switch(&[]);
    serves(&switch, "3");

    // Of who is not trusted any more nothing comes in, and what is installed stays.
    let listed = site.done("trust");
    let key = listed.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    let text = site.done(&format!("untrust {key}"));
    assert!(text.contains("desk stays installed"), "{text}");
    let four = site.bundle("4", LOG);
    assert!(site.refused(&format!("install {four}")).contains("which is not trusted"));
    serves(&switch, "3");
    assert!(site.done("trust acme.pub").contains(key));

    site.done("uninstall desk");
    wait::until("the plugin to go", || plugin(&switch).is_none().then_some(()));
    assert_eq!(bundles(&site), Vec::<PathBuf>::new());
}

/// The digest of a version, as the list shows it.
fn digest(site: &Site, version: &str) -> String {
    let list = site.done("installed");
    let line = list.lines().find(|line| line.split_whitespace().nth(1) == Some(version));
    let name = line.unwrap().split_whitespace().next().unwrap();
    name.split_once('@').unwrap().1.to_owned()
}

#[test]
fn a_bundle_that_was_changed_in_the_store_does_not_serve() {
    let site = Site::new();
    said(&site.command("key acme").output().unwrap(), true);
    for version in ["1", "2"] {
        let bundle = site.bundle(version, LOG);
        site.done(&format!("install {bundle} --trust acme.pub --grant route,log"));
    }
    let switch = site.switch(&[]);
    serves(&switch, "2");
    damage(&site, "2");
    let (status, reports) = switch.post("/api/plugins/reload?id=desk");
    assert!(
        status == 422 && reports.to_string().contains("is not what was installed"),
        "{reports}"
    );
    serves(&switch, "2");
    switch.stop();

    let mut check = Command::new(&site.program);
    check.args(["check", "--set", &site.data(), "--set", "plugins.store_fallback=false"]);
    let text = said(&check.output().unwrap(), false);
    assert!(text.contains("is not what was installed"), "{text}");
    let switch = site.switch(&[]);
    serves(&switch, "1");
    let log = switch.log();
    assert!(log.contains("an installed version does not load"), "{log}");
    switch.stop();

    damage(&site, "1");
    let mut check = Command::new(&site.program);
    let text = said(&check.args(["check", "--set", &site.data()]).output().unwrap(), false);
    assert_eq!(text.matches("is not what was installed").count(), 2, "{text}");
}

#[test]
fn what_is_taken_back_is_out_of_service_also_after_a_restart_and_serves_when_granted_again() {
    let site = Site::new();
    said(&site.command("key acme").output().unwrap(), true);
    let one = site.bundle("1", "");
    site.done(&format!("install {one} --trust acme.pub --grant route,log,config"));
    let two = site.bundle("2", "");
    site.done(&format!("install {two}"));
    let switch = site.switch(&[]);
    serves(&switch, "2");
    site.done("revoke desk route");
    wait::until("the plugin to be out of service", || plugin(&switch).is_none().then_some(()));
    switch.stop();
    let switch = site.switch(&[]);
    assert_eq!(plugin(&switch), None);
    site.done("grant desk route");
    serves(&switch, "2");
}

#[test]
fn a_plugin_of_a_name_that_is_taken_does_not_come_in_nor_keeps_the_switch_from_starting() {
    let site = Site::new();
    said(&site.command("key acme").output().unwrap(), true);
    let one = site.bundle("1", "");
    site.done(&format!("install {one} --trust acme.pub --grant route,log,config"));
    let load = format!("plugins.load=[\"{}\"]", site.path("desk").display());
    let switch = site.switch(&[load.as_str()]);
    serves(&switch, "1");
    let of_path = plugin(&switch).unwrap()["source"].as_str().unwrap().to_owned();
    assert!(of_path.ends_with("desk"), "{of_path}");
    assert!(switch.log().contains("the switch has another plugin of this id"), "{}", switch.log());
    let output = site.store(&format!("install {one} --set {}", load.replace(' ', "")));
    assert!(said(&output, false).contains("the switch has a plugin `desk` already"));
}

#[test]
fn a_bundle_that_is_hostile_damaged_or_foreign_does_not_come_in() {
    let site = Site::new();
    said(&site.command("key acme").output().unwrap(), true);
    let good = site.bundle("1", LOG);
    let bytes = fs::read(site.path(&good)).unwrap();
    let archive = bytes.windows(21).position(|it| it == b"jackfield signature 1").unwrap();
    let tar = |name: &str, make: &dyn Fn(&Path)| {
        let folder = site.path(&format!("{name}.d"));
        fs::create_dir(&folder).unwrap();
        make(&folder);
        let status = Command::new("tar")
            .args(["--format=ustar", "-cf", &format!("../{name}"), "-P", "."])
            .current_dir(&folder)
            .status();
        assert!(status.unwrap().success());
        name.to_owned()
    };
    let link = tar("link", &|at| std::os::unix::fs::symlink("/etc/passwd", at.join("a")).unwrap());
    let foreign = tar("foreign", &|at| fs::write(at.join("plugin.toml"), "id = \"a\"").unwrap());
    fs::write(site.path("cut"), &bytes[..bytes.len() - 700]).unwrap();
    fs::write(site.path("bare"), &bytes[..archive]).unwrap();
    let mut changed = bytes.clone();
    let at = changed.windows(6).position(|it| it == b"refuse").unwrap();
    changed[at + 9] = b'9';
    fs::write(site.path("changed"), changed).unwrap();
    let gzip = Command::new("gzip").arg("-k").arg(site.path(&good)).status();
    assert!(gzip.unwrap().success());
    fs::File::create(site.path("huge")).unwrap().set_len(65 << 20).unwrap();
    for (file, why) in [
        (link.as_str(), "a bundle has plain files only"),
        (foreign.as_str(), "a bundle has plain files only"),
        ("cut", "cut short"),
        ("bare", "is not signed"),
        ("changed", "it was changed"),
        ("desk-1.gz", "compressed; a bundle is not"),
        ("huge", "larger than 67108864 bytes"),
        ("acme", "cut short"),
    ] {
        let text = site.refused(&format!("install {file} --trust acme.pub --grant route,log"));
        assert!(text.contains(why), "{file}: {text}");
    }
    assert_eq!(site.done("installed").lines().count(), 1, "nothing came in");
    assert!(site.done("install bare --unsigned --grant route,log").contains("unsigned"));
    let text = site.refused(&format!("install {good} --trust acme.pub"));
    assert!(text.contains("--other-publisher"), "{text}");
    let broken = site.bundle("2", "[need]\n");
    let code = site.path("desk/desk.rhai");
    fs::write(&code, "fn route(call) { pas() }").unwrap();
    let text = said(&site.command("pack desk").output().unwrap(), false);
    assert!(text.contains("did you mean `pass`"), "what does not load is not packed: {text}");
    assert_eq!(site.bundle("2", "[need]\n"), broken);
}

#[test]
fn an_installation_that_is_killed_leaves_a_store_that_works() {
    let site = Site::new();
    said(&site.command("key acme").output().unwrap(), true);
    let bundles: Vec<String> = ["1", "2"].iter().map(|version| site.bundle(version, LOG)).collect();
    site.done(&format!("install {} --trust acme.pub --grant route,log", bundles[0]));
    // Killed at its first sign in the store, and at all others: what it leaves is the store before or after.
    for after in 0..6 {
        let words = format!("install {}", bundles[1]);
        let mut child = site
            .command(&words)
            .args(["--set", &site.data()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut signs = 0;
        let mut seen = fingerprint(&site);
        while child.try_wait().unwrap().is_none() && signs <= after {
            let now = fingerprint(&site);
            if now != seen {
                signs += 1;
                seen = now;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let versions = site.done("installed");
        let wanted = versions.lines().find(|line| line.contains("to serve")).unwrap();
        let wanted = wanted.split_whitespace().nth(1).unwrap();
        assert!(["1", "2"].contains(&wanted), "{versions}");
        let mut check = Command::new(&site.program);
        let text = said(&check.args(["check", "--set", &site.data()]).output().unwrap(), true);
        assert!(text.contains("plugin desk (store:desk@"), "{text}");
        site.done(&format!("use desk@{}", digest(&site, "1")));
        if versions.contains("desk@") && wanted == "2" {
            site.done(&format!("uninstall desk@{}", digest(&site, "2")));
        }
    }
    site.done(&format!("install {}", bundles[1]));
    let switch = site.switch(&[]);
    serves(&switch, "2");
}

/// The names in the store.
fn fingerprint(site: &Site) -> Vec<PathBuf> {
    let entries = fs::read_dir(site.path("data/plugins")).unwrap();
    let mut names: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    names.sort();
    names
}
