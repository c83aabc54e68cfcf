//! The strategy client of `sdk/examples/strategy` against the real program: who gets the calls of a Routing Point.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use jackfield_interop::{Floor, Handset as _, peers};

/// The client; ended when dropped.
struct Strategy(Child);

impl Strategy {
    /// Starts it for two agents who can the same, and waits until it is registered everywhere.
    #[track_caller]
    fn start(floor: &Floor) -> Self {
        let skills = floor.switch.folder().join("skills.json");
        let text = r#"{"points": ["8000"], "agents": {"2001": ["sales"], "2002": ["sales"]}, "numbers": {"8000": "sales"}}"#;
        fs::write(&skills, text).unwrap();
        let mut process = Command::new(peers::tlib_python().join("python"))
            .arg(peers::here().join("../../sdk/examples/strategy/strategy.py"))
            .arg(&skills)
            .args(["--router", &floor.default_port.to_string()])
            .args(["--agents", &floor.tc_port.to_string()])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(process)
    }
}

impl Drop for Strategy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_call_waits_for_an_agent_and_goes_past_one_who_refuses() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("2001"), floor.phone("2002"));
    let mut caller = floor.phone("5551001");
    let mut desk = floor.desk(&["2001", "2002"]);
    let _strategy = Strategy::start(&floor);
    desk.ask("AgentLogin ThisDN=2001 AgentID=ann AgentWorkMode=1");
    desk.sees(&[
        "2001 AgentLogin{agent ann, mode 1, ref 1}",
        "2001 AgentNotReady{agent ann, mode 1}",
    ]);
    desk.ask("AgentLogin ThisDN=2002 AgentID=ben AgentWorkMode=1");
    desk.sees(&[
        "2002 AgentLogin{agent ben, mode 1, ref 2}",
        "2002 AgentNotReady{agent ben, mode 1}",
    ]);
    caller.call("8000");
    desk.sees_nothing_more();
    desk.ask("AgentReady ThisDN=2001");
    ann.ringing();
    desk.sees(&[
        "2001 AgentReady{agent ann, mode 1, ref 4}",
        "2001 Ringing{C1 De, O 5551001 Or, q 8000, agent ann}",
    ]);
    ann.refuse(486);
    desk.sees(&["2001 Released{C1 De, O 5551001 Or, q 8000, agent ann}"]);
    desk.ask("AgentReady ThisDN=2002");
    ben.ringing();
    desk.sees(&[
        "2002 AgentReady{agent ben, mode 1, ref 5}",
        "2002 Ringing{C1 De, O 5551001 Or, q 8000, agent ben}",
    ]);
    ben.answer();
    desk.sees(&["2002 Established{C1 De, O 5551001 Or, q 8000, agent ben}"]);
    caller.expect_call("CONFIRMED");
    caller.hang_up();
    desk.sees(&["2002 Released{C1 De, O 5551001 Or, q 8000, agent ben}"]);
    desk.sees_nothing_more();
}
