//! The guide for authors of plugins, docs/plugins.md, walked as a reader would: its files are written, its commands run, and what
//! they print is what the page shows.
//!
//! A block ```` ```console ```` holds commands behind `$ ` and what they print; a block with a path behind its language is that file.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use jackfield_interop::{Switch, peers, ports, wait};
use plugin_build::plugins_dir;

/// A fenced block of a page.
struct Block {
    /// Of its first line in the page, counted from 1.
    line: usize,
    language: String,
    /// The file it is; empty for one that is none.
    path: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for (number, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if is_open => is_open = false,
            Some(info) => {
                let (language, path) = info.split_once(' ').unwrap_or((info, ""));
                let (language, path) = (language.to_owned(), path.to_owned());
                blocks.push(Block { line: number + 2, language, path, text: String::new() });
                is_open = true;
            }
            None if is_open => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

/// Commands with what each prints.
fn commands(block: &Block) -> Vec<(usize, &str, String)> {
    let mut commands: Vec<(usize, &str, String)> = Vec::new();
    for (number, line) in block.text.lines().enumerate() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((block.line + number, command, String::new())),
            (None, Some((_, _, printed))) => {
                printed.push_str(line);
                printed.push('\n');
            }
            (None, None) => {
                panic!("docs/plugins.md:{}: a console begins with a command", block.line)
            }
        }
    }
    commands
}

/// A reader with a folder and, when the page says so, a running switch.
struct Reader {
    folder: tempfile::TempDir,
    /// What stands in the page for Ben's and the caller's port.
    ben: String,
    caller: String,
    switch: Option<(Switch, PathBuf)>,
    /// What goes on behind a `&`.
    behind: Vec<Child>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        for child in &mut self.behind {
            // One that has ended needs no end.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ben, caller) = (ports::free().to_string(), ports::free().to_string());
        Self { folder, ben, caller, switch: None, behind: Vec::new() }
    }

    /// The page's text with the ports of this run.
    fn here(&self, text: &str) -> String {
        let text = text.replace("5090", &self.ben).replace("5091", &self.caller);
        let Some((switch, _)) = &self.switch else { return text };
        text.replace("127.0.0.1:5060", &format!("127.0.0.1:{}", switch.sip_port))
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{}", switch.http_port))
    }

    /// And back.
    fn there(&self, text: &str) -> String {
        text.replace(&self.ben, "5090").replace(&self.caller, "5091")
    }

    fn write(&self, block: &Block) {
        let path = self.folder.path().join(&block.path);
        assert!(path.is_file(), "docs/plugins.md:{}: {} is not there yet", block.line, block.path);
        fs::write(path, self.here(&block.text)).unwrap();
    }

    fn run(&mut self, line: usize, command: &str, printed: &str) {
        if let Some(plugin) = command.strip_prefix("jackfield run --plugin ") {
            let plugin = self.folder.path().join(plugin);
            // As `plugin check` has it: the limit is part of the digest that the two are compared by.
            let limit = ["plugins.cpu_limit_ms=2"];
            self.switch = Some((Switch::start(&limit, &[&plugin]), plugin));
            return;
        }
        if let Some(command) = command.strip_suffix(" &") {
            let command = format!("exec {}", self.here(command));
            let mut command = self.shell(&command);
            self.behind.push(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
            let ben: u16 = self.ben.parse().unwrap();
            let listens = || {
                fs::read_to_string("/proc/net/udp")
                    .ok()?
                    .contains(&format!(":{ben:04X} "))
                    .then_some(())
            };
            wait::until("Ben's phone", listens);
            return;
        }
        if command.starts_with("sipp 127.0.0.1:5060") {
            self.wait_for_the_newest();
        }
        let said = self.there(&self.said(&self.here(command)));
        assert_eq!(plain(&said), plain(printed), "docs/plugins.md:{line}: {command}\n{said}");
    }

    /// What a command prints; on standard error only when it fails, since Cargo tells there what it compiles.
    fn said(&self, command: &str) -> String {
        let output = self.shell(command).output().unwrap();
        let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            said.push_str(&String::from_utf8_lossy(&output.stderr));
        }
        said
    }

    fn shell(&self, command: &str) -> Command {
        let program = peers::jackfield();
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = [program.parent().unwrap().to_owned()];
        let path = env::join_paths(folders.into_iter().chain(env::split_paths(&path))).unwrap();
        let target = plugins_dir(Path::new(env!("CARGO_TARGET_TMPDIR")));
        let mut shell = Command::new("sh");
        shell
            .args(["-c", command])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_NET_OFFLINE", "true")
            .stdin(Stdio::null());
        shell
    }

    /// Until the switch has looked at what is on the disk: it serves that, or has refused it.
    fn wait_for_the_newest(&self) {
        let Some((switch, plugin)) = &self.switch else { return };
        let name = plugin.file_name().unwrap().to_string_lossy();
        let checked = self.said(&format!("jackfield plugin check {name}"));
        let digest = checked.lines().find_map(|line| line.trim().strip_prefix("digest "));
        wait::until("the switch to look at the plugin", || {
            let plugins = switch.get("/api/plugins");
            let ours = plugins.as_array()?.iter().find(|one| one["id"] == *name)?.clone();
            let serving = ours["generation"].as_str()?.rsplit('@').next()?.to_owned();
            match digest {
                Some(digest) => digest.trim().starts_with(&serving).then_some(()),
                None => (!ours["refused"].is_null()).then_some(()),
            }
        });
    }
}

/// A text without what differs between two runs: digests, sizes and times.
fn plain(text: &str) -> String {
    let is_digest = |word: &str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let is_number = |word: &str| word.parse::<f64>().is_ok();
    let mut lines = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let plain = words.iter().enumerate().map(|(at, word)| {
            let unit = words.get(at + 1).map(|unit| unit.trim_end_matches(','));
            let is_measure = is_number(word) && matches!(unit, Some("bytes" | "KB" | "s"));
            if is_measure || is_digest(word) { "#" } else { word }
        });
        lines.push(plain.collect::<Vec<_>>().join(" "));
    }
    lines.join("\n")
}

#[test]
fn the_guide_is_true() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugins.md");
    let page = fs::read_to_string(page).unwrap();
    let mut reader = Reader::new();
    let mut ran = 0;
    for block in blocks(&page) {
        if !block.path.is_empty() {
            reader.write(&block);
        }
        if block.language == "console" {
            for (line, command, printed) in commands(&block) {
                reader.run(line, command, &printed);
                ran += 1;
            }
        }
    }
    assert!(ran >= 20, "{ran} commands");
}
