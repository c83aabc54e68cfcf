//! What plugins say of T-Library clients, with the real program, real phones and real connections.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use jackfield_interop::{Desk, Floor, Handset as _};

/// Wallboards get two events of calls from outside and of calls of ours; `0` is the desk of the house; nobody calls 2005, and strangers see nothing.
const SCRIPT: &str = r#"
fn fan_out(to) {
    switch to.application {
        "wallboard" => deliver().events(["EventRinging", "EventReleased"]).call_types(["Internal"]),
        "stranger" => refuse(1016),
        _ => pass()
    }
}

fn authorise_request(request) {
    if request.application == "wallboard" && request.name == "RequestMakeCall" { return refuse(51); }
    switch request.attribute("OtherDN") {
        "0" => change("OtherDN", "2002").because("desk", "0 is the desk"),
        "2005" => refuse(71),
        _ => pass()
    }
}
"#;

#[test]
fn clients_get_and_may_what_a_script_says_and_after_an_edit_what_the_new_one_says() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("floor.rhai");
    fs::write(&script, SCRIPT).unwrap();
    let floor = Floor::with(0, &[], &[], &[&script]);
    let (mut ann, mut ben) = (floor.phone("2001"), floor.phone("2002"));
    let mut desk = floor.desk(&["2001", "2002"]);
    let mut board = Desk::connect(floor.tc_port, "wallboard", &["2001", "2002"]);
    let mut stranger = Desk::connect(floor.tc_port, "stranger", &[]);
    stranger.ask("RegisterAddress ThisDN=2001");
    stranger.sees(&["2001 Error{error 1016, ref 1}"]);

    desk.ask("MakeCall ThisDN=2001 OtherDN=2005");
    desk.sees(&["2001 Error{error 71, ref 1}"]);
    board.ask("MakeCall ThisDN=2001 OtherDN=2002");
    board.sees(&["2001 Error{error 51, ref 1}"]);
    desk.ask("MakeCall ThisDN=2001 OtherDN=0");
    ann.ringing();
    ann.answer();
    desk.sees(&["2001 Dialing{C1 Or, O 2002 De, ref 2}"]);
    ben.ringing();
    desk.sees(&["2002 Ringing{C1 De, O 2001 Or}"]);
    board.sees(&["2002 Ringing{C1 De, O 2001 Or}"]);
    ben.answer();
    desk.sees(&["2001 Established{C1 Or, O 2002 De}", "2002 Established{C1 De, O 2001 Or}"]);

    // What subscribes from now on is asked of the new script; the wallboard keeps what it was given.
    fs::write(
        &script,
        SCRIPT.replace("refuse(1016)", "pass()").replace("=> refuse(71)", "=> pass()"),
    )
    .unwrap();
    assert_eq!(floor.switch.post("/api/plugins/reload?id=floor&at_once=true").0, 200);
    stranger.ask("RegisterAddress ThisDN=2001");
    stranger.sees(&["2001 Registered{ref 2}"]);
    ben.hang_up();
    let released = ["2002 Released{C1 De, O 2001 Or}", "2001 Released{C1 Or, O 2002 De}"];
    desk.sees(&released);
    board.sees(&released);
    for client in [&mut desk, &mut board] {
        client.sees_nothing_more();
    }
}
