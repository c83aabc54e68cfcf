//! The switch under test: the real program in a process of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{http, peers, ports, wait};

/// Lines of the log that a failure repeats.
const LOG_LINES_SHOWN: usize = 60;

/// The variable that names the authorities of the system.
const AUTHORITIES: &str = "SSL_CERT_FILE";

/// A running switch; ended when dropped.
pub struct Switch {
    /// UDP port of 127.0.0.1 that SIP is spoken on.
    pub sip_port: u16,
    /// TCP port of its HTTP API.
    pub http_port: u16,
    folder: TempDir,
    process: Child,
}

impl Switch {
    /// Starts a switch on free ports, with settings `KEY=VALUE` over its defaults and plugins asked before the stock
    /// ones, and waits until it serves.
    ///
    /// # Panics
    ///
    /// When it does not come up; with its log.
    pub fn start(settings: &[&str], plugins: &[&Path]) -> Self {
        Self::start_at(ports::free(), settings, plugins)
    }

    /// The same with SIP on a port that is known, such as that of a switch that was killed.
    ///
    /// # Panics
    ///
    /// When it does not come up; with its log.
    pub fn start_at(sip_port: u16, settings: &[&str], plugins: &[&Path]) -> Self {
        Self::launch(sip_port, &["name=\"udp\",bind=\"127.0.0.1:@PORT@\""], settings, plugins)
    }

    /// As [`Self::start`], with these listeners; `@PORT@` stands for the port, which is free for datagrams and connections.
    ///
    /// # Panics
    ///
    /// When it does not come up; with its log.
    pub fn listening(listeners: &[&str], settings: &[&str], plugins: &[&Path]) -> Self {
        Self::launch(ports::free(), listeners, settings, plugins)
    }

    /// As [`Self::listening`], with SIP on a port that is known.
    ///
    /// # Panics
    ///
    /// When it does not come up; with its log.
    pub fn listening_at(
        sip_port: u16,
        listeners: &[&str],
        settings: &[&str],
        plugins: &[&Path],
    ) -> Self {
        Self::launch(sip_port, listeners, settings, plugins)
    }

    /// As [`Self::start`], with a configuration file, which says nothing of the ports.
    ///
    /// # Panics
    ///
    /// When it does not come up; with its log.
    pub fn with_file(file: &Path, settings: &[&str]) -> Self {
        let listener = ["name=\"udp\",bind=\"127.0.0.1:@PORT@\""];
        Self::launch_with(ports::free(), &listener, settings, &[], &[("--config", file)])
    }

    /// As [`Self::listening`], on a machine that trusts the authorities in this PEM file and no others.
    ///
    /// # Panics
    ///
    /// When it does not come up; with its log.
    pub fn trusting(authorities: &Path, listeners: &[&str], settings: &[&str]) -> Self {
        Self::launch_with(ports::free(), listeners, settings, &[], &[(AUTHORITIES, authorities)])
    }

    fn launch(sip_port: u16, listeners: &[&str], settings: &[&str], plugins: &[&Path]) -> Self {
        Self::launch_with(sip_port, listeners, settings, plugins, &[])
    }

    fn launch_with(
        sip_port: u16,
        listeners: &[&str],
        settings: &[&str],
        plugins: &[&Path],
        files: &[(&str, &Path)],
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let http_port = ports::free();
        let (media_first, media_last) = ports::media_window(sip_port);
        let mut command = Command::new(peers::jackfield());
        command.arg("run");
        let listeners: Vec<_> = listeners.iter().map(|one| format!("{{{one}}}")).collect();
        let listeners = listeners.join(",");
        let ours = [
            format!("sip.listen=[{}]", listeners.replace("@PORT@", &sip_port.to_string())),
            format!("http.bind=127.0.0.1:{http_port}"),
            format!("media.port_min={media_first}"),
            format!("media.port_max={media_last}"),
            // A test asserts no rate: this build on a machine that does other things would refuse calls that come too fast for it.
            "sip.overload_wait_ms=0".to_owned(),
            // Nor how fast this build makes an instance of a plugin, which costs it ten times what it costs a release.
            "plugins.cpu_limit_ms=10".to_owned(),
        ];
        for setting in ours.iter().map(String::as_str).chain(settings.iter().copied()) {
            command.args(["--set", setting]);
        }
        for (name, file) in files {
            match *name {
                AUTHORITIES => command.env(name, file),
                _ => command.arg(name).arg(file),
            };
        }
        for plugin in plugins {
            command.arg("--plugin").arg(plugin);
        }
        let log = fs::File::create(folder.path().join("log")).expect("a log file");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let process = command.current_dir(folder.path()).spawn().expect("the program starts");
        let mut switch = Self { sip_port, http_port, folder, process };
        wait::until("the switch to serve", || {
            if let Ok(Some(status)) = switch.process.try_wait() {
                panic!("the switch ended with {status}:\n{}", switch.log());
            }
            http::request(http_port, "GET", "/status", "")
                .ok()
                .filter(|answer| answer.status == 200)
        });
        switch
    }

    /// A folder for the test's own files, gone with the switch.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks the HTTP API and gives the answer as JSON.
    ///
    /// # Panics
    ///
    /// When the answer is not 200 with JSON.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let answer = http::request(self.http_port, "GET", path, "").expect("the HTTP API answers");
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.body);
        serde_json::from_str(&answer.body)
            .unwrap_or_else(|error| panic!("GET {path}: {error}: {}", answer.body))
    }

    /// Posts to the HTTP API and gives status and JSON.
    ///
    /// # Panics
    ///
    /// When the answer is not JSON.
    #[track_caller]
    pub fn post(&self, path: &str) -> (u16, Value) {
        let answer = http::request(self.http_port, "POST", path, "").expect("the HTTP API answers");
        let value = serde_json::from_str(&answer.body)
            .unwrap_or_else(|error| panic!("POST {path}: {error}: {}", answer.body));
        (answer.status, value)
    }

    /// A counter of `/metrics`, summed over the workers.
    ///
    /// # Panics
    ///
    /// When there is none of that name.
    #[track_caller]
    pub fn counter(&self, name: &str) -> u64 {
        let answer =
            http::request(self.http_port, "GET", "/metrics", "").expect("the HTTP API answers");
        let values: Vec<u64> = answer
            .body
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.split(' ').next_back()?.parse().ok())
            .collect();
        assert!(!values.is_empty(), "no counter {name}");
        values.iter().sum()
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// True while the process lives.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Ends the process as the kernel does (SIGKILL): it has no last word.
    ///
    /// # Panics
    ///
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.process.kill().expect("the switch is killed");
        self.process.wait().expect("the state of a child");
    }

    /// Asks the process to end, as an operator does, and waits until it has.
    ///
    /// # Panics
    ///
    /// When it does not end with status 0.
    pub fn stop(mut self) {
        self.signal("TERM");
        self.await_end();
    }

    /// The same when calls stand: they are ended.
    ///
    /// # Panics
    ///
    /// When it does not end with status 0.
    pub fn stop_at_once(mut self) {
        self.signal("TERM");
        wait::until("the switch to drain", || self.log().contains("draining").then_some(()));
        self.signal("TERM");
        self.await_end();
    }

    /// Sends the process a signal, such as `HUP`.
    ///
    /// # Panics
    ///
    /// When the process is gone.
    pub fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status().expect("kill starts");
        assert!(sent.success(), "the switch was gone before SIG{signal}:\n{}", self.log());
    }

    fn await_end(&mut self) {
        let status = wait::until("the switch to end", || {
            self.process.try_wait().expect("the state of a child")
        });
        assert!(status.success(), "the switch ended with {status}:\n{}", self.log());
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        tail(&self.folder.path().join("log"), LOG_LINES_SHOWN)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("--- the switch's log ends:\n{}", self.log());
        }
    }
}

/// The last lines of a file, or nothing.
pub(crate) fn tail(path: &Path, lines: usize) -> String {
    let text = fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Writes a file as editors do: beside it first, then over it, so that nobody reads half of it.
///
/// # Panics
///
/// When the file cannot be written.
pub fn save(path: &Path, content: impl AsRef<[u8]>) {
    let fresh: PathBuf = path.with_extension("saving");
    fs::write(&fresh, content).expect("a file beside the old one");
    fs::rename(&fresh, path).expect("the file in its place");
}
