//! A pjsua2 phone: `pjsua/phone.py` in a process of its own.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    handset::{Handset, Line, Switchboard, read},
    lines, peers, ports,
    switch::Switch,
    tone,
    wait::{self, PATIENCE},
};

/// RTP packets of 20 ms that are enough to recognise a tone: two seconds.
const PACKETS: u64 = 100;

/// A registered phone; ended when dropped.
pub struct Phone {
    user: String,
    folder: PathBuf,
    process: Child,
    commands: ChildStdin,
    events: Receiver<Value>,
    /// Everything it told, for a failure.
    seen: Vec<Value>,
}

impl Phone {
    /// Starts a phone that plays a tone into its calls, and waits until it is registered.
    ///
    /// # Panics
    ///
    /// When pjsua2 is not there (`cargo xtask test` installs it), or the switch does not take the registration.
    #[track_caller]
    pub fn register(switch: &Switch, user: &str, tone_hz: u32) -> Self {
        Self::start(switch, user, tone_hz, &[], None).registered()
    }

    /// As [`Self::register`], with settings of `phone.py`, which are variables of its environment.
    ///
    /// # Panics
    ///
    /// When pjsua2 is not there (`cargo xtask test` installs it), or the switch does not take the registration.
    #[track_caller]
    pub fn register_with(
        switch: &Switch,
        user: &str,
        tone_hz: u32,
        settings: &[(&str, &str)],
    ) -> Self {
        let mut command = Self::program(switch.folder(), user, switch.sip_port, tone_hz);
        command.envs(settings.iter().copied());
        Self::run(command, switch.folder(), user).registered()
    }

    /// As [`Self::register`], over a transport (`udp`, `tcp`), as `user` of `localhost`.
    ///
    /// # Panics
    ///
    /// When pjsua2 is not there (`cargo xtask test` installs it), or the switch does not take the registration.
    #[track_caller]
    pub fn register_by(switch: &Switch, user: &str, tone_hz: u32, transport: &str) -> Self {
        Self::start(switch, user, tone_hz, &[transport], None).registered()
    }

    /// Starts a phone that has a password to register and to call with; whether the switch takes it is an event of its own.
    ///
    /// # Panics
    ///
    /// When pjsua2 is not there (`cargo xtask test` installs it).
    #[track_caller]
    pub fn with_password(switch: &Switch, user: &str, password: &str) -> Self {
        Self::start(switch, user, 440, &[], Some(password))
    }

    /// Starts a phone of `localhost` that is set up like any other, by IPv4, the one family this build knows; `ca` is the authority it trusts.
    ///
    /// # Panics
    ///
    /// When pjsua2 is not there (`cargo xtask test` installs it).
    #[track_caller]
    pub fn on_line(line: &Line<'_>, folder: &Path, ca: &Path) -> Self {
        Self::on_line_with(line, folder, ca, &[])
    }

    /// As [`Self::on_line`], with settings of `phone.py`, which are variables of its environment.
    ///
    /// # Panics
    ///
    /// As [`Self::on_line`].
    #[track_caller]
    pub fn on_line_with(
        line: &Line<'_>,
        folder: &Path,
        ca: &Path,
        settings: &[(&str, &str)],
    ) -> Self {
        assert!(line.host.is_ipv4(), "this build of pjsua2 knows no IPv6");
        let mut command = Self::program(folder, line.user, line.port, line.tone_hz);
        command.arg(line.transport).env("PHONE_CA", ca);
        command.env("PHONE_PASSWORD", line.password).envs(settings.iter().copied());
        Self::run(command, folder, line.user)
    }

    #[track_caller]
    fn registered(mut self) -> Self {
        Handset::registered(&mut self);
        self
    }

    /// As [`Self::register_by`] UDP, with a lamp for its voice messages.
    ///
    /// # Panics
    ///
    /// As [`Self::register`].
    #[track_caller]
    pub fn with_messages(switch: &Switch, user: &str) -> Self {
        let mut command = Self::program(switch.folder(), user, switch.sip_port, 440);
        // Without a proxy it would ask the port that URIs without one stand for.
        command.arg("udp").env("PHONE_MWI", "1");
        Self::run(command, switch.folder(), user).registered()
    }

    /// Somebody in the world, who is called at a port and registers nowhere; whom it sends calls on to are users of the switch.
    ///
    /// # Panics
    ///
    /// When pjsua2 is not there (`cargo xtask test` installs it).
    #[track_caller]
    pub fn of_the_world(switch: &Switch, user: &str, port: u16, tone_hz: u32) -> Self {
        let mut command = Self::program(switch.folder(), user, switch.sip_port, tone_hz);
        command.env("PHONE_PORT", port.to_string());
        let phone = Self::run(command, switch.folder(), user);
        wait::until("the phone to listen", || ports::is_bound("udp", port).then_some(()));
        phone
    }

    fn start(
        switch: &Switch,
        user: &str,
        tone_hz: u32,
        place: &[&str],
        password: Option<&str>,
    ) -> Self {
        let mut command = Self::program(switch.folder(), user, switch.sip_port, tone_hz);
        command.args(place).envs(password.map(|password| ("PHONE_PASSWORD", password)));
        Self::run(command, switch.folder(), user)
    }

    fn program(folder: &Path, user: &str, port: u16, tone_hz: u32) -> Command {
        let mut command = Command::new(peers::pjsua2().join("python"));
        command
            .arg(peers::here().join("pjsua/phone.py"))
            .args([user, &port.to_string(), &tone_hz.to_string()])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PHONE_LOG", folder.join(format!("phone-{user}.log")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
    }

    fn run(mut command: Command, folder: &Path, user: &str) -> Self {
        let mut process = command.spawn().expect("Python starts");
        let commands = process.stdin.take().expect("a pipe to the phone");
        let events = lines::of(process.stdout.take().expect("a pipe from the phone"));
        Self {
            user: user.to_owned(),
            folder: folder.to_owned(),
            process,
            commands,
            events,
            seen: Vec::new(),
        }
    }

    /// Tells the phone to do something that needs no more words: `ring`, `progress`, `answer`, `hold`, `resume`, `hangup`.
    ///
    /// # Panics
    ///
    /// When the phone is gone.
    #[track_caller]
    pub fn tell(&mut self, what: &str) {
        self.command(&json!({ "do": what }));
    }

    /// Calls a user of the same switch.
    ///
    /// # Panics
    ///
    /// When the phone is gone.
    #[track_caller]
    pub fn call(&mut self, user: &str) {
        self.command(&json!({ "do": "call", "to": user }));
    }

    /// Has the other party of its call sent on to a user of the same switch.
    ///
    /// # Panics
    ///
    /// When the phone is gone.
    #[track_caller]
    pub fn transfer(&mut self, user: &str) {
        self.command(&json!({ "do": "transfer", "to": user }));
    }

    /// Calls a user to take the place of a dialog: `replaces` is the value of the header field.
    ///
    /// # Panics
    ///
    /// When the phone is gone.
    #[track_caller]
    pub fn pick_up(&mut self, user: &str, replaces: &str) {
        self.command(&json!({ "do": "pick-up", "to": user, "replaces": replaces }));
    }

    /// Calls a second user, beside the call it has.
    ///
    /// # Panics
    ///
    /// When the phone is gone.
    #[track_caller]
    pub fn consult(&mut self, user: &str) {
        self.command(&json!({ "do": "consult", "to": user }));
    }

    /// Refuses the call that rings.
    ///
    /// # Panics
    ///
    /// When the phone is gone.
    #[track_caller]
    pub fn refuse(&mut self, code: u16) {
        self.command(&json!({ "do": "refuse", "code": code }));
    }

    /// Waits for the call to reach a state of the library's: `EARLY`, `CONFIRMED`, `DISCONNECTED`.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn expect_call(&mut self, state: &str) -> Value {
        self.expect(&json!({ "event": "call", "state": state }))
    }

    /// Waits for the call to end with a status.
    ///
    /// # Panics
    ///
    /// When it does not, or ends with another.
    #[track_caller]
    pub fn expect_end(&mut self, code: u16) {
        let end = self.expect_call("DISCONNECTED");
        assert_eq!(end["code"], code, "{}'s call ended otherwise", self.user);
    }

    /// Waits for the media to reach a state: `active`, `local-hold`, `remote-hold`.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn expect_media(&mut self, state: &str) {
        self.expect(&json!({ "event": "media", "state": state }));
    }

    /// Waits for an event that holds these fields; others are passed over.
    ///
    /// # Panics
    ///
    /// When it does not come, or the phone tells of an error.
    #[track_caller]
    pub fn expect(&mut self, fields: &Value) -> Value {
        self.expect_within(PATIENCE, fields)
    }

    /// As [`Self::expect`], with a patience of its own for each event.
    ///
    /// # Panics
    ///
    /// When it does not come, or the phone tells of an error.
    #[track_caller]
    pub fn expect_within(&mut self, patience: Duration, fields: &Value) -> Value {
        let wanted = fields.as_object().expect("an object of fields");
        loop {
            let event = self.next_event(patience, fields);
            if wanted.iter().all(|(key, value)| event.get(key) == Some(value)) {
                return event;
            }
        }
    }

    /// The next event, whatever it is, while `what` is waited for.
    #[track_caller]
    fn next_event(&mut self, patience: Duration, what: &Value) -> Value {
        let event = match self.events.recv_timeout(patience) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => {
                panic!("phone {} waited in vain for {what}; it told {:#?}", self.user, self.seen)
            }
            Err(RecvTimeoutError::Disconnected) => {
                panic!("phone {} is gone; it told {:#?}", self.user, self.seen)
            }
        };
        self.seen.push(event.clone());
        assert_ne!(event["event"], "error", "phone {}: {event}", self.user);
        event
    }

    /// Records what it hears until so many more packets have come in.
    ///
    /// # Panics
    ///
    /// When they do not come.
    #[track_caller]
    pub fn record(&mut self, file: &Path, packets: u64) {
        self.command(&json!({ "do": "record", "file": file }));
        self.expect(&json!({ "event": "recording" }));
        let before = self.packets_heard();
        wait::until("packets from the far side", || {
            (self.packets_heard() >= before + packets).then_some(())
        });
        self.tell("stop-record");
        self.expect(&json!({ "event": "recorded" }));
    }

    /// RTP packets received in the call so far.
    ///
    /// # Panics
    ///
    /// When the phone is gone.
    #[track_caller]
    pub fn packets_heard(&mut self) -> u64 {
        self.tell("heard");
        self.expect(&json!({ "event": "heard" }))["packets"].as_u64().unwrap_or_default()
    }

    #[track_caller]
    fn command(&mut self, command: &Value) {
        writeln!(self.commands, "{command}")
            .unwrap_or_else(|error| panic!("phone {} is gone: {error}", self.user));
    }
}

impl Phone {
    /// It hears a tone of `theirs` Hz and not its own.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn hears(&mut self, theirs: u32, own: u32) {
        tone::assert_hears(&self.heard(), theirs.into(), own.into());
    }

    /// `called`, which it calls, rings and answers; both are in a call then.
    ///
    /// # Panics
    ///
    /// When that is not so within a while.
    #[track_caller]
    pub fn is_answered_by(&mut self, called: &mut Self) {
        called.ringing();
        self.expect_call("EARLY");
        called.answer();
        for phone in [self, called] {
            phone.expect_call("CONFIRMED");
        }
    }
}

impl Handset for Phone {
    #[track_caller]
    fn registered(&mut self) {
        self.expect(&json!({ "event": "registration", "code": 200, "active": true }));
    }

    #[track_caller]
    fn refused(&mut self) {
        self.expect(&json!({ "event": "registration", "active": false }));
    }

    #[track_caller]
    fn call(&mut self, user: &str) {
        Self::call(self, user);
    }

    #[track_caller]
    fn connected(&mut self) {
        loop {
            let event = self.next_event(PATIENCE, &json!("an established call"));
            if event["event"] == "incoming" {
                self.tell("answer");
            }
            if event["event"] == "call" && event["state"] == "CONFIRMED" {
                return;
            }
        }
    }

    #[track_caller]
    fn heard(&mut self) -> PathBuf {
        let file = self.folder.join(format!("{}-{}.wav", self.user, self.seen.len()));
        self.record(&file, PACKETS);
        file
    }

    #[track_caller]
    fn listen(&mut self) -> Vec<i16> {
        tone::samples(&self.heard())
    }

    #[track_caller]
    fn ringing(&mut self) {
        self.expect(&json!({ "event": "incoming" }));
        self.tell("ring");
    }

    #[track_caller]
    fn answer(&mut self) {
        self.tell("answer");
    }

    #[track_caller]
    fn transfer(&mut self, user: &str) {
        Self::transfer(self, user);
    }

    fn logged(&self) -> String {
        read(&self.folder.join(format!("phone-{}.log", self.user)))
    }

    #[track_caller]
    fn hang_up(&mut self) {
        self.tell("hangup");
    }

    #[track_caller]
    fn ended(&mut self) -> String {
        self.expect_call("DISCONNECTED")["code"].to_string()
    }
}

impl Switchboard for Phone {
    #[track_caller]
    fn consult(&mut self, user: &str) {
        self.tell("hold");
        self.expect_media("local-hold");
        Self::consult(self, user);
    }

    #[track_caller]
    fn attend(&mut self) {
        self.expect_call("CONFIRMED");
        self.tell("attend");
    }
}

impl Phone {
    /// Sends the process a signal, such as `STOP`: it answers nothing until `CONT`.
    ///
    /// # Panics
    ///
    /// When the process is gone.
    #[track_caller]
    pub fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status().expect("kill starts");
        assert!(sent.success(), "the phone was gone before SIG{signal}");
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
