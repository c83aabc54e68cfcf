//! A baresip phone (Debian's `baresip-core`), told what to do by its TCP control module.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    handset::{ENOUGH, Handset, Line, Recording, read},
    ports,
    switch::tail,
    tone, wait,
};

/// A running baresip; ended when dropped. It knows MD5 alone.
pub struct Baresip {
    user: String,
    folder: TempDir,
    process: Child,
    control: TcpStream,
    events: Receiver<Value>,
}

impl Baresip {
    /// Starts it; it registers by itself. `ca` is the authority it trusts.
    ///
    /// # Panics
    ///
    /// When it is not there (`cargo xtask test` installs it) or does not come up.
    #[track_caller]
    pub fn start(line: &Line<'_>, ca: &Path) -> Self {
        Self::watching(line, ca, None)
    }

    /// As [`Self::start`], with parameters of the account besides, each with its semicolon before it.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    #[track_caller]
    pub fn with_account(line: &Line<'_>, ca: &Path, more: &str) -> Self {
        Self::launch(line, ca, None, &format!("answermode=auto{more}"))
    }

    /// As [`Self::start`], and it watches whether that user can be reached.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    #[track_caller]
    pub fn watching(line: &Line<'_>, ca: &Path, buddy: Option<&str>) -> Self {
        Self::launch(line, ca, buddy, "answermode=auto")
    }

    /// As [`Self::start`], but a call rings until it is told to answer.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    #[track_caller]
    pub fn waiting(line: &Line<'_>, ca: &Path) -> Self {
        Self::launch(line, ca, None, "answermode=manual")
    }

    #[track_caller]
    fn launch(line: &Line<'_>, ca: &Path, buddy: Option<&str>, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        fs::create_dir(at.join("heard")).expect("a folder");
        tone::write(&at.join("tone.wav"), line.tone_hz.into());
        let control = ports::free();
        fs::write(at.join("config"), configuration(at, line, ca, control)).expect("a file");
        fs::write(at.join("accounts"), account(line, more)).expect("a file");
        let contacts =
            buddy.map(|user| format!("\"{user}\" <sip:{user}@localhost>;presence=p2p\n"));
        fs::write(at.join("contacts"), contacts.unwrap_or_default()).expect("a file");
        let log = fs::File::create(at.join("log")).expect("a file");
        // It logs every message.
        let mut process = Command::new("baresip")
            .args(["-s", "-f"])
            .arg(at)
            .env("HOME", at)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("baresip starts; `cargo xtask test` installs it");
        let control = wait::until("baresip's control port", || {
            if let Ok(Some(status)) = process.try_wait() {
                panic!("baresip ended with {status}:\n{}", tail(&at.join("log"), 40));
            }
            TcpStream::connect(("127.0.0.1", control)).ok()
        });
        let events = listen(control.try_clone().expect("a second handle"));
        Self { user: line.user.to_owned(), folder, process, control, events }
    }

    /// Calls a URI.
    ///
    /// # Panics
    ///
    /// When it takes no command.
    #[track_caller]
    pub fn dial(&mut self, uri: &str) {
        self.command("dial", uri);
    }

    /// Ends it without a word to anybody.
    ///
    /// # Panics
    ///
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.process.kill().expect("baresip is killed");
        self.process.wait().expect("the state of a child");
    }

    /// Waits until it has seen the buddy go from one state to another.
    ///
    /// # Panics
    ///
    /// When it has not.
    #[track_caller]
    pub fn saw(&self, from: &str, to: &str) {
        let words = format!("changed status from {from} to {to}");
        wait::until(&format!("baresip to say {words:?}:\n{}", self.log()), || {
            // It writes the states in colour: ESC [ … m.
            let log = self.log();
            let plain = log.split('\u{1b}').map(|part| {
                part.strip_prefix('[')
                    .and_then(|rest| rest.split_once('m'))
                    .map_or(part, |(_, t)| t)
            });
            plain.collect::<String>().contains(&words).then_some(())
        });
    }

    /// The newest recording of what it decoded; what it encoded lies beside it.
    fn newest(&self) -> Option<PathBuf> {
        let files = fs::read_dir(self.folder.path().join("heard")).ok()?;
        let heard =
            files.flatten().filter(|file| file.file_name().to_string_lossy().ends_with("-dec.wav"));
        heard.max_by_key(|file| file.file_name()).map(|file| file.path())
    }

    fn log(&self) -> String {
        tail(&self.folder.path().join("log"), 60)
    }

    #[track_caller]
    fn command(&mut self, command: &str, parameter: &str) {
        let text = json!({ "command": command, "params": parameter }).to_string();
        write!(self.control, "{}:{text},", text.len()).expect("baresip takes a command");
    }

    /// Waits for an event of one of these types.
    #[track_caller]
    fn event(&mut self, types: &[&str]) -> Value {
        loop {
            let event = self.events.recv_timeout(wait::PATIENCE).unwrap_or_else(|error| {
                panic!("baresip {} did not tell of {types:?}: {error}\n{}", self.user, self.log())
            });
            if event["type"].as_str().is_some_and(|name| types.contains(&name)) {
                return event;
            }
        }
    }

    #[track_caller]
    fn says(&self, words: &[&str]) {
        wait::until(&format!("baresip to say {words:?}:\n{}", self.log()), || {
            let log = self.log();
            words.iter().any(|word| log.contains(word)).then_some(())
        });
    }
}

impl Handset for Baresip {
    #[track_caller]
    fn registered(&mut self) {
        self.says(&["200 OK (Jackfield"]);
    }

    #[track_caller]
    fn refused(&mut self) {
        // It answers every challenge anew, until the switch takes no more guesses.
        self.says(&["403 Too many failed attempts"]);
    }

    #[track_caller]
    fn call(&mut self, user: &str) {
        self.command("dial", &format!("sip:{user}@localhost"));
    }

    #[track_caller]
    fn connected(&mut self) {
        let event = self.event(&["CALL_ESTABLISHED", "CALL_CLOSED"]);
        assert_eq!(event["type"], "CALL_ESTABLISHED", "baresip {}: {event}", self.user);
    }

    #[track_caller]
    fn heard(&mut self) -> PathBuf {
        wait::until("baresip to hear enough", || {
            self.newest().filter(|file| file.metadata().is_ok_and(|file| file.len() > ENOUGH))
        })
    }

    #[track_caller]
    fn listen(&mut self) -> Vec<i16> {
        let before = Recording::now(self.newest());
        wait::until("baresip to hear more", || before.since(self.newest()))
    }

    /// This version drops a new source whose sequence numbers or time stamps are lower than those of the one before.
    fn follows_sources(&self) -> bool {
        false
    }

    #[track_caller]
    fn ringing(&mut self) {
        self.event(&["CALL_INCOMING"]);
    }

    #[track_caller]
    fn answer(&mut self) {
        self.command("accept", "");
    }

    #[track_caller]
    fn transfer(&mut self, user: &str) {
        self.command("transfer", &format!("sip:{user}@localhost"));
    }

    fn logged(&self) -> String {
        read(&self.folder.path().join("log"))
    }

    #[track_caller]
    fn hang_up(&mut self) {
        self.command("hangup", "");
    }

    #[track_caller]
    fn ended(&mut self) -> String {
        self.event(&["CALL_CLOSED"])["param"].as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("--- baresip {} ends:\n{}", self.user, self.log());
        }
    }
}

fn configuration(at: &Path, line: &Line<'_>, ca: &Path, control: u16) -> String {
    let (at, ca) = (at.display(), ca.display());
    let here = std::net::SocketAddr::new(line.host, 0);
    // The player is a bridge to nobody: the tone of the far side is decoded, filtered into a file, and dropped.
    format!(
        "sip_listen {here}\nsip_cafile {ca}\naudio_source aufile,{at}/tone.wav\naudio_player aubridge,nobody\n\
         audio_alert aubridge,nobody\nausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\n\
         module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n\
         module_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule_app contact.so\nmodule_app presence.so\nmodule_app ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{control}\n\
         snd_path {at}/heard\n"
    )
}

fn account(line: &Line<'_>, more: &str) -> String {
    let Line { user, password, transport, expires_s, .. } = line;
    let switch = line.host_port();
    format!(
        "<sip:{user}@localhost>;auth_pass={password};regint={expires_s};{more};audio_codecs=pcmu;\
         outbound=\"sip:{switch};transport={transport}\"\n"
    )
}

/// The events it tells: JSON in netstrings, `LENGTH:JSON,`.
fn listen(mut control: TcpStream) -> Receiver<Value> {
    let (sender, events) = mpsc::channel();
    thread::spawn(move || {
        let mut unread = Vec::new();
        let mut some = [0; 4096];
        while let Ok(length @ 1..) = control.read(&mut some) {
            unread.extend_from_slice(&some[..length]);
            while let Some((event, rest)) = netstring(&unread) {
                unread.drain(..rest);
                if sender.send(event).is_err() {
                    return;
                }
            }
        }
    });
    events
}

/// The first netstring's JSON, and where the next begins.
fn netstring(bytes: &[u8]) -> Option<(Value, usize)> {
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(&bytes[..colon]).ok()?.parse().ok()?;
    let end = colon + 1 + length;
    let value = serde_json::from_slice(bytes.get(colon + 1..end)?).unwrap_or(Value::Null);
    (bytes.len() > end).then_some((value, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_when_it_is_whole() {
        assert_eq!(netstring(b"9:{\"a\":tru"), None);
        assert_eq!(netstring(b"7:{\"a\":1}"), None);
        assert_eq!(netstring(b"7:{\"a\":1},5:"), Some((json!({ "a": 1 }), 10)));
    }
}
