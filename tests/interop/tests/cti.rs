//! Call models of section 4 as T-Library clients see them, with the real program, real phones and real connections. The expected
//! events are those of `tests/scenarios/cases`, which have them beside the SIP under a virtual clock.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use jackfield_interop::{Desk, Floor, Handset as _, Phone, sipp::Scenario};

/// 2001 calls 2002, which answers.
#[track_caller]
fn talk(desk: &mut Desk, ann: &mut Phone, ben: &mut Phone) {
    ann.call("2002");
    desk.sees(&["2001 Dialing{C1 Or, O 2002 De}"]);
    ben.ringing();
    desk.sees(&["2002 Ringing{C1 De, O 2001 Or}"]);
    ben.answer();
    desk.sees(&["2001 Established{C1 Or, O 2002 De}", "2002 Established{C1 De, O 2001 Or}"]);
    ann.expect_call("CONFIRMED");
    ben.expect_call("CONFIRMED");
}

#[test]
fn an_internal_call_is_seen_from_both_sides() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("2001"), floor.phone("2002"));
    let mut desk = floor.desk(&["2001", "2002"]);
    let mut other = floor.desk(&["2002"]);
    talk(&mut desk, &mut ann, &mut ben);
    ann.hang_up();
    desk.sees(&["2001 Released{C1 Or, O 2002 De}", "2002 Released{C1 De, O 2001 Or}"]);
    other.sees(&[
        "2002 Ringing{C1 De, O 2001 Or}",
        "2002 Established{C1 De, O 2001 Or}",
        "2002 Released{C1 De, O 2001 Or}",
    ]);
    desk.sees_nothing_more();
    other.sees_nothing_more();
}

#[test]
fn a_call_from_outside_is_seen_from_the_side_of_the_called_party() {
    let floor = Floor::start(0);
    let mut ben = floor.phone("2002");
    let mut desk = floor.desk(&["2002"]);
    let trunk = Scenario::new("caller", floor.switch.folder())
        .value("FROM", "5551001")
        .value("TALK", 100)
        .call(floor.switch.sip_port, "2002");
    ben.ringing();
    desk.sees(&["2002 Ringing{C1 De, O 5551001 Or}"]);
    ben.answer();
    desk.sees(&["2002 Established{C1 De, O 5551001 Or}", "2002 Released{C1 De, O 5551001 Or}"]);
    desk.sees_nothing_more();
    trunk.succeed();
}

#[test]
fn a_desktop_has_its_phone_call_somebody() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("2001"), floor.phone("2002"));
    let mut desk = floor.desk(&["2001", "2002"]);
    desk.ask("MakeCall ThisDN=2001 OtherDN=2002 UserData.Case=17 Reason.Why=3");
    ann.ringing();
    ann.answer();
    desk.sees(&["2001 Dialing{C1 Or, O 2002 De, why [Why:3], data [Case:17], ref 1}"]);
    ben.ringing();
    desk.sees(&["2002 Ringing{C1 De, O 2001 Or, data [Case:17]}"]);
    ben.answer();
    desk.sees(&[
        "2001 Established{C1 Or, O 2002 De, data [Case:17]}",
        "2002 Established{C1 De, O 2001 Or, data [Case:17]}",
    ]);
    ben.hang_up();
    desk.sees(&[
        "2002 Released{C1 De, O 2001 Or, data [Case:17]}",
        "2001 Released{C1 Or, O 2002 De, data [Case:17]}",
    ]);
    desk.sees_nothing_more();
}

#[test]
fn a_desktop_has_a_phone_answer_that_is_told_to_talk() {
    let floor = Floor::start(0);
    let sip_port = floor.switch.sip_port;
    let scenario = |name| Scenario::new(name, floor.switch.folder());
    let ben = scenario("callee_answers_when_told").listen();
    let contact = format!("<sip:2002@127.0.0.1:{}>", ben.port);
    scenario("register_contact")
        .value("USER", "2002")
        .value("CONTACT", contact)
        .value("EXPIRES", 3600)
        .call(sip_port, "2002")
        .succeed();
    let mut desk = floor.desk(&["2002"]);
    let trunk =
        scenario("caller").value("FROM", "5551001").value("TALK", 100).call(sip_port, "2002");
    desk.sees(&["2002 Ringing{C1 De, O 5551001 Or}"]);
    desk.ask("AnswerCall ThisDN=2002 ConnID=C1");
    desk.sees(&[
        "2002 Established{C1 De, O 5551001 Or, ref 1}",
        "2002 Released{C1 De, O 5551001 Or}",
    ]);
    desk.sees_nothing_more();
    ben.succeed();
    trunk.succeed();
}

#[test]
fn a_desktop_holds_and_takes_back_a_call() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("2001"), floor.phone("2002"));
    let mut desk = floor.desk(&["2001", "2002"]);
    talk(&mut desk, &mut ann, &mut ben);
    desk.ask("HoldCall ThisDN=2002 ConnID=C1");
    desk.sees(&["2002 Held{C1 De, O 2001 Or, ref 1}"]);
    desk.ask("HoldCall ThisDN=2002 ConnID=C1");
    desk.sees(&["2002 Error{C1, error 496, ref 2}"]);
    desk.ask("RetrieveCall ThisDN=2002 ConnID=C1");
    desk.sees(&["2002 Retrieved{C1 De, O 2001 Or, ref 3}"]);
    desk.ask("ReleaseCall ThisDN=2002 ConnID=C1");
    desk.sees(&["2002 Released{C1 De, O 2001 Or, ref 4}", "2001 Released{C1 Or, O 2002 De}"]);
    ann.expect_end(200);
    desk.sees_nothing_more();
}

#[test]
fn a_two_step_transfer_leaves_the_call_that_was_held() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("2001"), floor.phone("2002"));
    let mut cas = floor.phone("2003");
    let mut desk = floor.desk(&["2001", "2002", "2003"]);
    talk(&mut desk, &mut ann, &mut ben);
    desk.ask("InitiateTransfer ThisDN=2002 ConnID=C1 OtherDN=2003 UserData.Consult=1");
    desk.sees(&[
        "2002 Held{C1 De, O 2001 Or}",
        "2002 Dialing{C2 Or, O 2003 De, data [Consult:1], prev C1, ref 1}",
    ]);
    cas.ringing();
    desk.sees(&["2003 Ringing{C2 De, O 2002 Or, data [Consult:1], prev C1}"]);
    cas.answer();
    desk.sees(&[
        "2002 Established{C2 Or, O 2003 De, data [Consult:1], prev C1}",
        "2003 Established{C2 De, O 2002 Or, data [Consult:1], prev C1}",
    ]);
    desk.ask("CompleteTransfer ThisDN=2002 ConnID=C1 TransferConnID=C2");
    desk.sees(&[
        "2002 Released{C1 De, O 2001 Or, cs 1, ref 2}",
        "2002 Released{C2 Or, O 2003 De, data [Consult:1], prev C1, cs 1}",
        "2001 PartyChanged{C1 Or, O 2003 De, 3 2002 TB, cs 1}",
        "2003 PartyChanged{C1 De, O 2001 Or, 3 2002 TB, prev C2, cs 1}",
    ]);
    ben.expect_call("DISCONNECTED");
    cas.hang_up();
    desk.sees(&["2003 Released{C1 De, O 2001 Or}", "2001 Released{C1 Or, O 2003 De}"]);
    desk.sees_nothing_more();
}

#[test]
fn a_consultation_is_given_up_and_the_call_taken_back() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("2001"), floor.phone("2002"));
    let mut cas = floor.phone("2003");
    let mut desk = floor.desk(&["2001", "2002", "2003"]);
    talk(&mut desk, &mut ann, &mut ben);
    desk.ask("InitiateTransfer ThisDN=2002 ConnID=C1 OtherDN=2003");
    desk.sees(&["2002 Held{C1 De, O 2001 Or}", "2002 Dialing{C2 Or, O 2003 De, prev C1, ref 1}"]);
    cas.ringing();
    cas.answer();
    desk.sees(&[
        "2003 Ringing{C2 De, O 2002 Or, prev C1}",
        "2002 Established{C2 Or, O 2003 De, prev C1}",
        "2003 Established{C2 De, O 2002 Or, prev C1}",
    ]);
    desk.ask("AlternateCall ThisDN=2002 ConnID=C1 TransferConnID=C2");
    desk.sees(&["2002 Held{C2 Or, O 2003 De, prev C1}", "2002 Retrieved{C1 De, O 2001 Or, ref 2}"]);
    desk.ask("ReconnectCall ThisDN=2002 ConnID=C2 TransferConnID=C1");
    desk.sees(&[
        "2002 Released{C1 De, O 2001 Or}",
        "2001 Released{C1 Or, O 2002 De}",
        "2002 Retrieved{C2 Or, O 2003 De, prev C1, ref 3}",
    ]);
    cas.hang_up();
    desk.sees(&[
        "2003 Released{C2 De, O 2002 Or, prev C1}",
        "2002 Released{C2 Or, O 2003 De, prev C1}",
    ]);
    desk.sees_nothing_more();
}

#[test]
fn a_call_goes_where_a_desktop_has_set_it() {
    let floor = Floor::start(0);
    let (mut ann, _ben) = (floor.phone("2001"), floor.phone("2002"));
    let mut cas = floor.phone("2003");
    let mut desk = floor.desk(&["2001", "2002", "2003"]);
    desk.ask("CallForwardSet ThisDN=2002 OtherDN=2003 ForwardMode=1");
    desk.sees(&["2002 ForwardSet{O 2003, ref 1}"]);
    ann.call("2002");
    cas.ringing();
    desk.sees(&["2001 Dialing{C1 Or, O 2002 De}", "2003 Ringing{C1 De, O 2001 Or, 3 2002 De}"]);
    cas.answer();
    desk.sees(&[
        "2001 Established{C1 Or, O 2003 De}",
        "2003 Established{C1 De, O 2001 Or, 3 2002 De}",
    ]);
    ann.hang_up();
    desk.sees(&["2001 Released{C1 Or, O 2003 De}", "2003 Released{C1 De, O 2001 Or}"]);
    // A DN that does not want to be disturbed is busy.
    desk.ask("CallForwardCancel ThisDN=2002");
    desk.ask("CallForwardSet ThisDN=2002 OtherDN=2003 ForwardMode=2");
    desk.ask("SetDNDOn ThisDN=2002");
    desk.sees(&[
        "2002 ForwardCancel{O 2003, ref 2}",
        "2002 ForwardSet{O 2003, ref 3}",
        "2002 DNDOn{ref 4}",
    ]);
    ann.call("2002");
    cas.ringing();
    desk.sees(&["2001 Dialing{C2 Or, O 2002 De}", "2003 Ringing{C2 De, O 2001 Or, 3 2002 De}"]);
    ann.hang_up();
    desk.sees(&["2001 Released{C2 Or, O 2002 De}", "2003 Abandoned{C2 De, O 2001 Or}"]);
    desk.sees_nothing_more();
}

#[test]
fn a_single_step_transfer_needs_no_consultation() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("2001"), floor.phone("2002"));
    let mut cas = floor.phone("2003");
    let mut desk = floor.desk(&["2001", "2002", "2003"]);
    talk(&mut desk, &mut ann, &mut ben);
    desk.ask("SingleStepTransfer ThisDN=2002 ConnID=C1 OtherDN=2003");
    cas.ringing();
    desk.sees(&["2003 Ringing{C1 De, O 2001 Or, 3 2002 TB}"]);
    cas.answer();
    desk.sees(&[
        "2002 Released{C1 De, O 2001 Or, cs 1, ref 1}",
        "2001 PartyChanged{C1 Or, O 2003 De, 3 2002 TB, cs 1}",
        "2003 Established{C1 De, O 2001 Or, 3 2002 TB}",
    ]);
    cas.hang_up();
    desk.sees(&["2003 Released{C1 De, O 2001 Or}", "2001 Released{C1 Or, O 2003 De}"]);
    desk.sees_nothing_more();
}

#[test]
fn a_desktop_redirects_a_call_that_rings() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("2001"), floor.phone("2002"));
    let mut cas = floor.phone("2003");
    let mut desk = floor.desk(&["2001", "2002", "2003"]);
    ann.call("2002");
    ben.ringing();
    desk.sees(&["2001 Dialing{C1 Or, O 2002 De}", "2002 Ringing{C1 De, O 2001 Or}"]);
    desk.ask("RedirectCall ThisDN=2002 ConnID=C1 OtherDN=2003");
    desk.sees(&["2002 Released{C1 De, O 2001 Or, 3 2003 De, cs 22, ref 1}"]);
    cas.ringing();
    desk.sees(&["2003 Ringing{C1 De, O 2001 Or, 3 2002 De}"]);
    cas.answer();
    desk.sees(&[
        "2001 Established{C1 Or, O 2003 De}",
        "2003 Established{C1 De, O 2001 Or, 3 2002 De}",
    ]);
    ann.hang_up();
    desk.sees(&["2001 Released{C1 Or, O 2003 De}", "2003 Released{C1 De, O 2001 Or}"]);
    desk.sees_nothing_more();
}

#[test]
fn a_call_to_a_busy_phone_ends_with_what_it_said() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("2001"), floor.phone("2002"));
    let mut desk = floor.desk(&["2001", "2002"]);
    ann.call("2002");
    ben.ringing();
    desk.sees(&["2001 Dialing{C1 Or, O 2002 De}", "2002 Ringing{C1 De, O 2001 Or}"]);
    ben.refuse(486);
    desk.sees(&[
        "2002 Released{C1 De, O 2001 Or}",
        "2001 DestinationBusy{C1 Or, O 2002 De, cs 6}",
        "2001 Released{C1 Or, O 2002 De, cs 6}",
    ]);
    ann.expect_end(486);
    desk.sees_nothing_more();
}

#[test]
fn a_caller_gives_up_while_the_phone_rings() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("2001"), floor.phone("2002"));
    let mut desk = floor.desk(&["2001", "2002"]);
    ann.call("2002");
    ben.ringing();
    ann.expect_call("EARLY");
    desk.sees(&["2001 Dialing{C1 Or, O 2002 De}", "2002 Ringing{C1 De, O 2001 Or}"]);
    ann.hang_up();
    desk.sees(&["2001 Released{C1 Or, O 2002 De}", "2002 Abandoned{C1 De, O 2001 Or}"]);
    desk.sees_nothing_more();
}

#[test]
fn user_data_are_the_calls_and_all_learn_of_them() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("2001"), floor.phone("2002"));
    let mut desk = floor.desk(&["2001", "2002"]);
    talk(&mut desk, &mut ann, &mut ben);
    for (request, data, number) in [
        (
            "AttachUserData ThisDN=2002 ConnID=C1 UserData.Customer=4711 UserData.Tries=1",
            "Customer:4711 Tries:1",
            1,
        ),
        ("UpdateUserData ThisDN=2002 ConnID=C1 UserData.Tries=2", "Customer:4711 Tries:2", 2),
        ("DeletePair ThisDN=2002 ConnID=C1 DataKey=Customer", "Tries:2", 3),
        ("DeleteUserData ThisDN=2002 ConnID=C1", "", 4),
    ] {
        desk.ask(request);
        desk.sees(&[
            &format!("2001 AttachedDataChanged{{C1 Or, O 2002 De, 3 2002 De, data [{data}]}}"),
            &format!("2002 AttachedDataChanged{{C1 De, O 2001 Or, 3 2002 De, data [{data}], ref {number}}}"),
        ]);
    }
    ann.hang_up();
    desk.sees(&["2001 Released{C1 Or, O 2002 De}", "2002 Released{C1 De, O 2001 Or}"]);
    desk.sees_nothing_more();
}

#[test]
fn a_call_waits_at_a_routing_point_and_is_routed() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("5551001"), floor.phone("2002"));
    let mut desk = floor.desk(&["2002"]);
    let mut router = floor.router();
    ann.call("8000");
    router.sees(&[
        "8000 Queued{C1 De, O 5551001 Or, q 8000}",
        "8000 RouteRequest{C1 De, O 5551001 Or, q 8000}",
    ]);
    router.ask("RouteCall ThisDN=8000 ConnID=C1 OtherDN=2002");
    ben.ringing();
    router.sees(&[
        "8000 RouteUsed{C1 De, O 5551001 Or, 3 2002 De, type 1, q 8000, ref 1}",
        "8000 Diverted{C1 De, O 5551001 Or, 3 2002 De, q 8000}",
    ]);
    desk.sees(&["2002 Ringing{C1 De, O 5551001 Or, q 8000}"]);
    ben.answer();
    desk.sees(&["2002 Established{C1 De, O 5551001 Or, q 8000}"]);
    ann.expect_call("CONFIRMED");
    ann.hang_up();
    desk.sees(&["2002 Released{C1 De, O 5551001 Or, q 8000}"]);
    desk.sees_nothing_more();
    router.sees_nothing_more();
}

#[test]
fn a_call_that_nobody_answers_in_the_time_of_its_route_is_back_at_the_routing_point() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("5551001"), floor.phone("2002"));
    let mut desk = floor.desk(&["2002"]);
    let mut router = floor.router();
    let waits = [
        "8000 Queued{C1 De, O 5551001 Or, q 8000}",
        "8000 RouteRequest{C1 De, O 5551001 Or, q 8000}",
    ];
    ann.call("8000");
    router.sees(&waits);
    router.ask("RouteCall ThisDN=8000 ConnID=C1 OtherDN=2002 Extensions.NO_ANSWER_TIMEOUT=1");
    ben.ringing();
    router.sees(&[
        "8000 RouteUsed{C1 De, O 5551001 Or, 3 2002 De, type 1, q 8000, ref 1}",
        "8000 Diverted{C1 De, O 5551001 Or, 3 2002 De, q 8000}",
    ]);
    router.sees(&waits);
    desk.sees(&[
        "2002 Ringing{C1 De, O 5551001 Or, q 8000}",
        "2002 Released{C1 De, O 5551001 Or, q 8000, cs 7}",
    ]);
    ann.hang_up();
    router.sees(&["8000 Abandoned{C1 De, O 5551001 Or, q 8000}"]);
    router.sees_nothing_more();
    desk.sees_nothing_more();
}

#[test]
fn a_caller_leaves_before_the_call_is_routed() {
    let floor = Floor::start(0);
    let mut ann = floor.phone("5551001");
    let mut router = floor.router();
    ann.call("8000");
    router.sees(&[
        "8000 Queued{C1 De, O 5551001 Or, q 8000}",
        "8000 RouteRequest{C1 De, O 5551001 Or, q 8000}",
    ]);
    ann.hang_up();
    router.sees(&["8000 Abandoned{C1 De, O 5551001 Or, q 8000}"]);
    router.ask("RouteCall ThisDN=8000 ConnID=C1 OtherDN=2002");
    router.sees(&["8000 Error{C1, error 56, ref 1}"]);
    router.sees_nothing_more();
}

#[test]
fn an_agent_works_and_is_not_ready_while_after_call_work_lasts() {
    let floor = Floor::start(1);
    let (mut ann, mut ben) = (floor.phone("5551001"), floor.phone("2002"));
    let mut desk = floor.desk(&["2002"]);
    let mut router = floor.router();
    desk.ask("AgentLogin ThisDN=2002 AgentID=ben AgentWorkMode=1");
    desk.sees(&[
        "2002 AgentLogin{agent ben, mode 1, ref 1}",
        "2002 AgentNotReady{agent ben, mode 1}",
    ]);
    desk.ask("AgentReady ThisDN=2002");
    desk.sees(&["2002 AgentReady{agent ben, mode 1, ref 2}"]);
    ann.call("8000");
    router.sees(&[
        "8000 Queued{C1 De, O 5551001 Or, q 8000}",
        "8000 RouteRequest{C1 De, O 5551001 Or, q 8000}",
    ]);
    router.ask("RouteCall ThisDN=8000 ConnID=C1 OtherDN=2002");
    ben.ringing();
    ben.answer();
    desk.sees(&[
        "2002 Ringing{C1 De, O 5551001 Or, q 8000, agent ben}",
        "2002 Established{C1 De, O 5551001 Or, q 8000, agent ben}",
    ]);
    ann.expect_call("CONFIRMED");
    ann.hang_up();
    desk.sees(&[
        "2002 Released{C1 De, O 5551001 Or, q 8000, agent ben}",
        "2002 AgentNotReady{agent ben, mode 3}",
        "2002 AgentReady{agent ben, mode 1}",
    ]);
    desk.ask("AgentNotReady ThisDN=2002 AgentWorkMode=4 Reason.ReasonCode=lunch");
    desk.sees(&["2002 AgentNotReady{why [ReasonCode:lunch], agent ben, mode 4, ref 3}"]);
    desk.ask("AgentLogout ThisDN=2002");
    desk.sees(&["2002 AgentLogout{agent ben, ref 4}"]);
    desk.sees_nothing_more();
}

/// What a recorder is told of a routed call (section 4.16).
const RECORDED: [&str; 17] = [
    "CallCreated{C1}",
    "CallPartyAdded{Or}",
    "8000 CallPartyAdded{De, q 8000}",
    "8000 Queued{C1 De, O 5551001 Or, q 8000}",
    "8000 RouteRequest{C1 De, O 5551001 Or, q 8000}",
    "8000 RouteUsed{C1 De, O 5551001 Or, 3 2002 De, type 1, q 8000}",
    "8000 Diverted{C1 De, O 5551001 Or, 3 2002 De, q 8000}",
    "CallPartyDeleted{}",
    "2002 CallPartyAdded{De, q 8000}",
    "2002 Ringing{C1 De, O 5551001 Or, q 8000}",
    "2002 CallPartyState{De, q 8000}",
    "CallPartyState{Or}",
    "2002 Established{C1 De, O 5551001 Or, q 8000}",
    "CallPartyDeleted{}",
    "2002 Released{C1 De, O 5551001 Or, q 8000}",
    "CallPartyDeleted{}",
    "CallDeleted{C1}",
];

#[test]
fn clients_of_all_four_ports_see_what_is_theirs_of_a_routed_call() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("5551001"), floor.phone("2002"));
    let (mut desk, mut router) = (floor.desk(&["2002"]), floor.router());
    let mut monitor = Desk::connect(floor.monitor_port, "stat", &["2002", "8000"]);
    let mut recorder = Desk::connect(floor.ip_port, "icon", &[]);
    recorder.ask("StartCallMonitoring");
    recorder.sees(&["ACK{event 167, ref 1}"]);
    ann.call("8000");
    let waits = [
        "8000 Queued{C1 De, O 5551001 Or, q 8000}",
        "8000 RouteRequest{C1 De, O 5551001 Or, q 8000}",
    ];
    router.sees(&waits);
    monitor.sees(&waits);
    router.ask("RouteCall ThisDN=8000 ConnID=C1 OtherDN=2002");
    ben.ringing();
    router.sees(&[
        "8000 RouteUsed{C1 De, O 5551001 Or, 3 2002 De, type 1, q 8000, ref 1}",
        "8000 Diverted{C1 De, O 5551001 Or, 3 2002 De, q 8000}",
    ]);
    ben.answer();
    ann.expect_call("CONFIRMED");
    ann.hang_up();
    let talk = [
        "2002 Ringing{C1 De, O 5551001 Or, q 8000}",
        "2002 Established{C1 De, O 5551001 Or, q 8000}",
        "2002 Released{C1 De, O 5551001 Or, q 8000}",
    ];
    desk.sees(&talk);
    let diverted = [
        "8000 RouteUsed{C1 De, O 5551001 Or, 3 2002 De, type 1, q 8000}",
        "8000 Diverted{C1 De, O 5551001 Or, 3 2002 De, q 8000}",
    ];
    monitor.sees(&diverted);
    monitor.sees(&talk);
    recorder.sees(&RECORDED);
    monitor.ask("HoldCall ThisDN=2002 ConnID=C1");
    monitor.sees(&["2002 Error{C1, error 258, ref 1}"]);
    for client in [&mut desk, &mut router, &mut monitor, &mut recorder] {
        client.sees_nothing_more();
    }
}
