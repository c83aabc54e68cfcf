//! An office: a switch that runs one stock script, and SIPps that are its phones.

use std::{fs, path::PathBuf};

use crate::{Sipp, Switch, peers, sipp::Scenario, switch::save, wait};

/// A switch with a copy of a stock script, which a test edits.
pub struct Office {
    /// The switch; its domain is 127.0.0.1.
    pub switch: Switch,
    script: PathBuf,
    folder: tempfile::TempDir,
}

impl Office {
    /// Starts with `scripts/<name>.rhai`, edited as the test needs it: each pair is what stands there and what is to.
    ///
    /// # Panics
    ///
    /// When the switch does not come up.
    #[track_caller]
    pub fn with(name: &str, edits: &[(&str, &str)]) -> Self {
        Self::configured(name, edits, &[])
    }

    /// The same with more settings for the switch.
    ///
    /// # Panics
    ///
    /// When the switch does not come up.
    #[track_caller]
    pub fn configured(name: &str, edits: &[(&str, &str)], settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = folder.path().join(name).with_extension("rhai");
        let stock = peers::here().join("../../scripts").join(name).with_extension("rhai");
        let text = fs::read_to_string(stock).expect("a stock script");
        save(&script, edited(text, edits));
        let switch = Switch::start(settings, &[&script]);
        Self { switch, script, folder }
    }

    /// Edits the script as one does in an editor, and waits until the new version decides.
    ///
    /// # Panics
    ///
    /// When it does not within [`wait::PATIENCE`].
    #[track_caller]
    pub fn edit(&self, from: &str, to: &str) {
        let before = self.generation();
        let text = fs::read_to_string(&self.script).expect("the script");
        save(&self.script, edited(text, &[(from, to)]));
        wait::until("the edited script to serve", || (self.generation() != before).then_some(()));
    }

    fn generation(&self) -> String {
        let plugins = self.switch.get("/api/plugins");
        let name = self.script.file_stem().expect("a name").to_string_lossy().into_owned();
        let generations = plugins.as_array().expect("a list").iter();
        generations
            .filter_map(|plugin| plugin["generation"].as_str())
            .find(|generation| generation.starts_with(&name))
            .expect("the script is among the plugins")
            .to_owned()
    }

    /// A scenario with its files in the office's folder.
    pub fn scenario<'a>(&'a self, name: &'a str) -> Scenario<'a> {
        Scenario::new(name, self.folder.path())
    }

    /// A registered phone that answers at once.
    #[track_caller]
    pub fn answers(&self, user: &str) -> Sipp {
        self.phone(user, self.scenario("callee").value("RING", 0).traced())
    }

    /// A registered phone that rings until it is cancelled.
    #[track_caller]
    pub fn rings(&self, user: &str) -> Sipp {
        self.phone(user, self.scenario("callee_is_cancelled"))
    }

    /// A registered phone that refuses with this status.
    #[track_caller]
    pub fn refuses(&self, user: &str, status: u16) -> Sipp {
        self.phone(user, self.scenario("callee_refuses").value("STATUS", status))
    }

    /// A phone that reacts as the scenario says, registered as the user's only one.
    #[track_caller]
    pub fn phone(&self, user: &str, scenario: Scenario<'_>) -> Sipp {
        let phone = scenario.listen();
        self.register(user, "*", 0);
        self.register(user, &format!("<sip:{user}@127.0.0.1:{}>", phone.port), 3600);
        phone
    }

    #[track_caller]
    fn register(&self, user: &str, contact: &str, expires: u32) {
        self.scenario("register_contact")
            .value("USER", user)
            .value("CONTACT", contact)
            .value("EXPIRES", expires)
            .call(self.switch.sip_port, user)
            .succeed();
    }

    /// `from` calls `to`, is answered, and hangs up.
    #[track_caller]
    pub fn call(&self, from: &str, to: &str) {
        self.scenario("caller")
            .value("FROM", from)
            .value("TALK", 0)
            .call(self.switch.sip_port, to)
            .succeed();
    }

    /// `from` calls `to` and gets this status.
    #[track_caller]
    pub fn refused(&self, from: &str, to: &str, status: u16) {
        self.scenario("caller_is_refused")
            .value("FROM", from)
            .value("STATUS", status)
            .call(self.switch.sip_port, to)
            .succeed();
    }
}

#[track_caller]
fn edited(mut text: String, edits: &[(&str, &str)]) -> String {
    for (from, to) in edits {
        assert!(text.contains(from), "the script does not say `{from}`");
        text = text.replace(from, to);
    }
    text
}
