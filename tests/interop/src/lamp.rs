//! A busy lamp of linphone: `linphone/lamp.py` in a process of its own, which subscribes with liblinphone.

use std::{
    fs,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::Receiver,
    time::Duration,
};

use serde_json::Value;

use crate::{lines, panel::Panel, peers, switch::Switch, wait};

/// How long it is listened to before the next look.
const LOOK: Duration = Duration::from_millis(20);

/// The lamp; it is put out when dropped.
pub struct Lamp {
    user: String,
    process: Child,
    /// Closed to end it.
    input: Option<ChildStdin>,
    events: Receiver<Value>,
    /// The last state of its subscription, as linphone calls it.
    subscription: String,
    /// How many NOTIFYs it has taken.
    pub notified: usize,
    /// What it shows.
    pub panel: Panel,
}

impl Lamp {
    /// A phone, `lamp` of the switch, with a lamp for the calls of `user` that it subscribes to for so many seconds at a time.
    ///
    /// # Panics
    ///
    /// When linphone is not there (`cargo xtask test` installs it).
    pub fn of(switch: &Switch, user: &str, seconds: u32) -> Self {
        // Where it keeps what it knows of chats; it does nothing without.
        let home = switch.folder();
        fs::create_dir_all(home.join(".local/share/linphone")).expect("a folder");
        let mut process = Command::new("python3")
            .arg(peers::here().join("linphone/lamp.py"))
            .args([user, &switch.sip_port.to_string(), &seconds.to_string()])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("HOME", home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python starts");
        let input = process.stdin.take();
        let events = lines::of(process.stdout.take().expect("a pipe from the lamp"));
        Self {
            user: user.to_owned(),
            process,
            input,
            events,
            subscription: String::new(),
            notified: 0,
            panel: Panel::default(),
        }
    }

    /// Waits until it shows these states, in any order.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn shows(&mut self, states: &[&str]) {
        self.until(&format!("show {states:?}"), |lamp| lamp.panel.is(states));
    }

    /// Waits until its subscription is in this state: `active`, `terminated`, `error`.
    ///
    /// # Panics
    ///
    /// When it does not get there.
    #[track_caller]
    pub fn subscription_is(&mut self, state: &str) {
        self.until(&format!("be {state}"), |lamp| lamp.subscription == state);
    }

    /// Waits until it has taken so many NOTIFYs.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn is_notified(&mut self, times: usize) {
        self.until(&format!("be notified {times} times"), |lamp| lamp.notified >= times);
    }

    /// Ends its subscription, and waits until that is so.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[track_caller]
    pub fn put_out(&mut self) {
        self.input = None;
        self.subscription_is("terminated");
    }

    #[track_caller]
    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        wait::until(&format!("the lamp of {} to {what}", self.user), || {
            if !is_so(self)
                && let Ok(event) = self.events.recv_timeout(LOOK)
            {
                self.take(&event);
            }
            is_so(self).then_some(())
        });
    }

    fn take(&mut self, event: &Value) {
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        match text("event") {
            "notify" => {
                self.notified += 1;
                self.panel.show(text("body"));
            }
            _ => text("state").clone_into(&mut self.subscription),
        }
    }
}

impl Drop for Lamp {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
