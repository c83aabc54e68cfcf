//! A linphone phone: `linphonec` of Debian's `linphone-cli`, told what to do on its standard input. Without a sound card it plays
//! from a file and records into one.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
};

use tempfile::TempDir;

use crate::{
    handset::{ENOUGH, Handset, Line, Recording, Switchboard, read},
    switch::tail,
    tone, wait,
};

/// A running linphonec; ended when dropped.
pub struct Linphone {
    user: String,
    folder: TempDir,
    process: Child,
    commands: ChildStdin,
    /// How much of what it said belongs to calls that are over.
    past: usize,
}

impl Linphone {
    /// Starts it; it registers by itself. `ca` is the authority it trusts.
    ///
    /// # Panics
    ///
    /// When it is not there (`cargo xtask test` installs it).
    #[track_caller]
    pub fn start(line: &Line<'_>, ca: &Path) -> Self {
        Self::launch(line, ca, &["-a"])
    }

    /// As [`Self::start`], but a call rings until it is told to answer.
    ///
    /// # Panics
    ///
    /// As [`Self::start`].
    #[track_caller]
    pub fn waiting(line: &Line<'_>, ca: &Path) -> Self {
        Self::launch(line, ca, &[])
    }

    #[track_caller]
    fn launch(line: &Line<'_>, ca: &Path, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        fs::create_dir_all(at.join(".local/share/linphone")).expect("a folder");
        tone::write(&at.join("tone.wav"), line.tone_hz.into());
        fs::write(at.join("settings"), settings(line, ca)).expect("a file");
        let said = fs::File::create(at.join("said")).expect("a file");
        let mut process = Command::new("linphonec")
            .args(more)
            .args(["-S", "-d", "6", "-l", "log", "-c", "settings"])
            .current_dir(at)
            .env("HOME", at)
            .stdin(Stdio::piped())
            .stdout(said.try_clone().expect("a second handle"))
            .stderr(said)
            .spawn()
            .expect("linphonec starts; `cargo xtask test` installs it");
        let commands = process.stdin.take().expect("a pipe to the phone");
        let mut phone = Self { user: line.user.to_owned(), folder, process, commands, past: 0 };
        let at = phone.folder.path().display().to_string();
        // Opus and both of speex: the recording has the rate of the codec, and PCMU's is the one that is looked for.
        for codec in 0..3 {
            phone.command(&format!("codec disable {codec}"));
        }
        phone.command("soundcard use files");
        phone.command(&format!("play {at}/tone.wav"));
        phone.command(&format!("record {at}/heard.wav"));
        phone
    }

    #[track_caller]
    fn command(&mut self, command: &str) {
        writeln!(self.commands, "{command}").expect("linphonec takes a command");
    }

    fn said(&self) -> String {
        let text = fs::read(self.folder.path().join("said")).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Waits until it has said one of these since the last call, and gives the line.
    #[track_caller]
    fn says(&self, words: &[&str]) -> (String, usize) {
        wait::until(&format!("linphonec to say {words:?}:\n{}", self.said()), || {
            let said = self.said();
            let fresh = said.get(self.past..)?;
            let at = words.iter().filter_map(|word| fresh.find(word)).min()?;
            let end = fresh[at..].find('\n')? + at;
            Some((fresh[at..end].to_owned(), self.past + end))
        })
    }

    #[track_caller]
    fn logs(&self, words: &[&str]) {
        let log = self.folder.path().join("log");
        wait::until(&format!("linphonec to log {words:?}:\n{}", tail(&log, 30)), || {
            let log = fs::read(&log).ok()?;
            let log = String::from_utf8_lossy(&log);
            words.iter().any(|word| log.contains(word)).then_some(())
        });
    }
}

impl Handset for Linphone {
    #[track_caller]
    fn registered(&mut self) {
        self.logs(&["to [LinphoneRegistrationOk]"]);
    }

    #[track_caller]
    fn refused(&mut self) {
        self.logs(&["to [LinphoneRegistrationFailed]"]);
    }

    #[track_caller]
    fn call(&mut self, user: &str) {
        self.command(&format!("call sip:{user}@localhost"));
    }

    #[track_caller]
    fn connected(&mut self) {
        let (line, _) = self.says(&["Media streams established", " error.", " ended ("]);
        assert!(line.starts_with("Media streams"), "linphonec {}: {}", self.user, self.said());
    }

    #[track_caller]
    fn heard(&mut self) -> PathBuf {
        let file = self.folder.path().join("heard.wav");
        wait::until("linphonec to hear enough", || {
            (fs::metadata(&file).ok()?.len() > ENOUGH).then_some(())
        });
        file
    }

    #[track_caller]
    fn listen(&mut self) -> Vec<i16> {
        let file = || Some(self.folder.path().join("heard.wav")).filter(|file| file.exists());
        let before = Recording::now(file());
        wait::until("linphonec to hear more", || before.since(file()))
    }

    #[track_caller]
    fn ringing(&mut self) {
        self.says(&["Receiving new incoming call", "is contacting you"]);
    }

    #[track_caller]
    fn answer(&mut self) {
        self.command("answer");
    }

    #[track_caller]
    fn transfer(&mut self, user: &str) {
        self.command(&format!("transfer sip:{user}@localhost"));
    }

    fn logged(&self) -> String {
        read(&self.folder.path().join("log"))
    }

    #[track_caller]
    fn hang_up(&mut self) {
        self.command("terminate");
    }

    #[track_caller]
    fn ended(&mut self) -> String {
        let (line, end) = self.says(&[" ended (", " error."]);
        self.past = end;
        line
    }
}

impl Switchboard for Linphone {
    #[track_caller]
    fn consult(&mut self, user: &str) {
        self.command("pause");
        self.says(&["is now paused"]);
        self.call(user);
    }

    #[track_caller]
    fn attend(&mut self) {
        // `Call 2 with sip:3000@localhost connected.`
        let [first, second] = wait::until(&format!("two calls:\n{}", self.said()), || {
            let said = self.said();
            let lines = said.get(self.past..)?.lines().filter(|line| line.ends_with(" connected."));
            let numbers: Vec<String> = lines
                .filter_map(|line| line.split("Call ").nth(1)?.split(' ').next())
                .map(str::to_owned)
                .collect();
            numbers.last_chunk::<2>().cloned()
        });
        self.command(&format!("transfer {first} --to-call {second}"));
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            let log = tail(&self.folder.path().join("log"), 60);
            eprintln!("--- linphonec {} said:\n{}\n--- and logged:\n{log}", self.user, self.said());
        }
    }
}

fn settings(line: &Line<'_>, ca: &Path) -> String {
    let Line { user, password, transport, expires_s, .. } = line;
    let (switch, ca) = (line.host_port(), ca.display());
    let ipv6 = u8::from(line.host.is_ipv6());
    // Its TLS library knows names and no addresses, so it checks the authority alone.
    format!(
        "[sip]\nsip_port=-1\nsip_tcp_port=-1\nsip_tls_port=-1\nuse_ipv6={ipv6}\ndefault_proxy=0\nroot_ca={ca}\n\
         verify_server_certs=1\nverify_server_cn=0\nguess_hostname=1\n\n\
         [proxy_0]\nreg_proxy=<sip:{switch};transport={transport}>\nreg_route=<sip:{switch};transport={transport}>\n\
         reg_identity=sip:{user}@localhost\nreg_expires={expires_s}\nreg_sendregister=1\npublish=0\n\n\
         [auth_info_0]\nusername={user}\npasswd={password}\nrealm=jackfield\n\n\
         [rtp]\naudio_rtp_port=-1\n\n[sound]\nechocancellation=0\n"
    )
}
