//! Agents, one behaviour after the other.

use std::sync::Arc;

use jackfield_cti::{AgentLogin, NoAnswerAction, t_controller::Input};
use tlib::{AgentWorkMode, Attribute, KvList, Message, MessageType, party_state};

use crate::bench::{Bench, request, tco};

const NONE: [&str; 0] = [];

fn login(dn: &str, agent: &str, reference: u32) -> Message {
    request(MessageType::RequestAgentLogin, dn, reference).with(Attribute::AgentID, agent)
}

fn not_ready(dn: &str, mode: AgentWorkMode, reference: u32) -> Message {
    request(MessageType::RequestAgentNotReady, dn, reference).with(Attribute::AgentWorkMode, mode)
}

fn bench_with_agent() -> Bench {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    bench.log_in(1, "1001", "A1");
    bench
}

fn code(shown: &[String]) -> &str {
    shown[0].split("ErrorCode=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap()
}

#[test]
fn a_login_is_followed_by_not_ready_and_a_logout_by_nothing() {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    bench.register(2, "1001");
    let reasons = KvList::new().with("why", "morning");
    assert_eq!(
        bench.ask(1, login("1001", "A1", 5).with(Attribute::Reason, reasons)),
        [
            "#1 TCO1 TCO2: EventAgentLogin Reason={why='morning'} AgentWorkMode=1 AgentID=A1 ThisDN=1001 [TCO1 ref 5]",
            "#2 TCO1 TCO2: EventAgentNotReady AgentWorkMode=1 AgentID=A1 ThisDN=1001",
            "publish 1001: agentA1"
        ]
    );
    assert_eq!(
        bench.ask(2, request(MessageType::RequestAgentReady, "1001", 6)),
        [
            "#3 TCO1 TCO2: EventAgentReady AgentWorkMode=1 AgentID=A1 ThisDN=1001 [TCO2 ref 6]",
            "publish 1001: agentA1 ready"
        ]
    );
    let reasons = KvList::new().with("ReasonCode", "lunch");
    let lunch = not_ready("1001", AgentWorkMode::AuxWork, 7).with(Attribute::Reason, reasons);
    assert_eq!(
        bench.ask(1, lunch.clone()),
        [
            "#4 TCO1 TCO2: EventAgentNotReady Reason={ReasonCode='lunch'} AgentWorkMode=4 AgentID=A1 ThisDN=1001 [TCO1 ref 7]",
            "publish 1001: agentA1"
        ]
    );
    assert_eq!(code(&bench.ask(1, lunch)), "43");
    let shown = bench.ask(2, request(MessageType::RequestQueryAddress, "1001", 8));
    assert!(shown[0].contains(" WorkMode=4 ReasonCode='lunch' "), "{shown:?}");
    assert_eq!(
        bench.ask(1, request(MessageType::RequestAgentLogout, "1001", 9)),
        ["#5 TCO1 TCO2: EventAgentLogout AgentID=A1 ThisDN=1001 [TCO1 ref 9]", "publish 1001:"]
    );
    for kind in [
        MessageType::RequestAgentLogout,
        MessageType::RequestAgentReady,
        MessageType::RequestAgentNotReady,
    ] {
        assert_eq!(code(&bench.ask(1, request(kind, "1001", 1))), "1707");
    }
}

#[test]
fn auto_in_is_ready_at_once() {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    let login = login("1001", "A1", 5).with(Attribute::AgentWorkMode, AgentWorkMode::AutoIn);
    assert_eq!(
        bench.ask(1, login),
        [
            "#1 TCO1: EventAgentLogin AgentWorkMode=2 AgentID=A1 ThisDN=1001 [TCO1 ref 5]",
            "#2 TCO1: EventAgentReady AgentWorkMode=2 AgentID=A1 ThisDN=1001",
            "publish 1001: agentA1 ready"
        ]
    );
}

#[test]
fn one_agent_has_one_dn_and_one_dn_one_agent() {
    let mut bench = bench_with_agent();
    bench.register(1, "1002");
    assert_eq!(code(&bench.ask(1, login("1001", "A1", 1))), "1706");
    assert_eq!(code(&bench.ask(1, login("1001", "A2", 1))), "1706");
    assert_eq!(code(&bench.ask(1, login("1002", "A1", 1))), "1704");
    assert_eq!(code(&bench.ask(1, request(MessageType::RequestAgentLogin, "1002", 1))), "191");
    bench.register(1, "7000");
    assert_eq!(code(&bench.ask(1, login("7000", "A2", 1))), "128");
    let bad = login("1002", "A2", 1).with(Attribute::AgentWorkMode, 9_i64);
    assert_eq!(code(&bench.ask(1, bad)), "53");
}

#[test]
fn queues_are_joined_and_left_one_by_one() {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    let with = |message: Message, queue: &str| message.with(Attribute::ThisQueue, queue);
    assert_eq!(code(&bench.ask(1, with(login("1001", "A1", 1), "9999"))), "59");
    assert_eq!(code(&bench.ask(1, with(login("1001", "A1", 1), "1002"))), "128");
    bench.ask(1, with(login("1001", "A1", 1), "8000"));
    assert_eq!(code(&bench.ask(1, with(login("1001", "A1", 1), "8000"))), "1706");
    assert_eq!(
        bench.ask(1, with(login("1001", "A1", 2), "8001")),
        [
            "#3 TCO1: EventAgentLogin AgentWorkMode=1 AgentID=A1 ThisQueue=8001 ThisDN=1001 [TCO1 ref 2]"
        ]
    );
    let logout = request(MessageType::RequestAgentLogout, "1001", 3);
    assert_eq!(code(&bench.ask(1, with(logout.clone(), "7000"))), "1707");
    assert_eq!(
        bench.ask(1, with(logout.clone(), "8000")),
        ["#4 TCO1: EventQueueLogout AgentID=A1 ThisQueue=8000 ThisDN=1001 [TCO1 ref 3]"]
    );
    assert_eq!(
        bench.ask(1, with(logout, "8001")),
        [
            "#5 TCO1: EventAgentLogout AgentID=A1 ThisQueue=8001 ThisDN=1001 [TCO1 ref 3]",
            "publish 1001:"
        ]
    );
}

#[test]
fn after_call_work_follows_a_call_through_a_queue() {
    let mut bench = bench_with_agent().option("wrap-up-time", "10");
    bench.ready(1, "1001");
    assert_eq!(
        bench.whole_call("1001", 5, Some("7000")),
        [
            "#6 TCO1: EventReleased ThisDN=1001 ConnID=5",
            "#7 TCO1: EventAgentNotReady AgentWorkMode=3 AgentID=A1 ThisDN=1001",
            "publish 1001: agentA1"
        ]
    );
    assert_eq!(bench.wait(9_999), NONE);
    assert_eq!(
        bench.wait(1),
        [
            "#8 TCO1: EventAgentReady AgentWorkMode=1 AgentID=A1 ThisDN=1001",
            "publish 1001: agentA1 ready"
        ]
    );
    // A direct call leaves nothing, nor one that was not answered.
    assert_eq!(bench.whole_call("1001", 6, None).len(), 1);
    bench.call(MessageType::EventRinging, "1001", 7, Some(party_state::ALERTING), Some("7000"));
    assert_eq!(bench.call(MessageType::EventAbandoned, "1001", 7, None, None).len(), 1);
    assert_eq!(bench.wait(60_000), NONE);
}

#[test]
fn after_call_work_begins_when_the_last_call_is_gone() {
    let mut bench = bench_with_agent().option("wrap-up-time", "10");
    bench.ready(1, "1001");
    let (talks, holds) = (Some(party_state::CONNECTED), Some(party_state::HELD));
    bench.call(MessageType::EventEstablished, "1001", 5, talks, Some("7000"));
    bench.call(MessageType::EventHeld, "1001", 5, holds, Some("7000"));
    bench.call(MessageType::EventDialing, "1001", 6, talks, None);
    assert_eq!(bench.call(MessageType::EventReleased, "1001", 5, None, None).len(), 1);
    let shown = bench.call(MessageType::EventReleased, "1001", 6, None, None);
    assert!(shown[1].contains("EventAgentNotReady AgentWorkMode=3"), "{shown:?}");
}

#[test]
fn what_is_asked_for_in_after_call_work() {
    let mut bench = bench_with_agent().option("wrap-up-time", "10");
    bench.ready(1, "1001");
    bench.whole_call("1001", 5, Some("7000"));
    // Not ready is noted, and is so when the time is over.
    assert_eq!(
        bench.ask(1, not_ready("1001", AgentWorkMode::AuxWork, 8)),
        ["#8 TCO1: EventAgentNotReady AgentWorkMode=3 AgentID=A1 ThisDN=1001 [TCO1 ref 8]"]
    );
    assert_eq!(
        bench.wait(10_000),
        [
            "#9 TCO1: EventAgentNotReady AgentWorkMode=4 AgentID=A1 ThisDN=1001",
            "publish 1001: agentA1"
        ]
    );
    bench.ready(1, "1001");
    bench.whole_call("1001", 6, Some("7000"));
    // Ready ends it.
    bench.ready(1, "1001");
    assert_eq!(bench.wait(60_000), NONE);
    let again = request(MessageType::RequestAgentReady, "1001", 1);
    assert_eq!(code(&bench.ask(1, again)), "43");
}

#[test]
fn what_is_asked_for_during_a_call_is_done_and_after_call_work_follows_all_the_same() {
    let mut bench = bench_with_agent().option("wrap-up-time", "10");
    bench.ready(1, "1001");
    bench.call(
        MessageType::EventEstablished,
        "1001",
        5,
        Some(party_state::CONNECTED),
        Some("7000"),
    );
    assert_eq!(
        bench.ask(1, not_ready("1001", AgentWorkMode::AuxWork, 8))[0],
        "#5 TCO1: EventAgentNotReady AgentWorkMode=4 AgentID=A1 ThisDN=1001 [TCO1 ref 8]"
    );
    let shown = bench.call(MessageType::EventReleased, "1001", 5, None, None);
    assert_eq!(shown[1], "#7 TCO1: EventAgentNotReady AgentWorkMode=3 AgentID=A1 ThisDN=1001");
    assert_eq!(
        bench.wait(10_000)[0],
        "#8 TCO1: EventAgentNotReady AgentWorkMode=4 AgentID=A1 ThisDN=1001"
    );
}

#[test]
fn after_call_work_asked_for_during_a_call_runs_from_its_end() {
    let mut bench = bench_with_agent().option("wrap-up-time", "10");
    bench.ready(1, "1001");
    bench.call(
        MessageType::EventEstablished,
        "1001",
        5,
        Some(party_state::CONNECTED),
        Some("7000"),
    );
    assert_eq!(
        bench.ask(1, not_ready("1001", AgentWorkMode::AfterCallWork, 8))[0],
        "#5 TCO1: EventAgentNotReady AgentWorkMode=3 AgentID=A1 ThisDN=1001 [TCO1 ref 8]"
    );
    assert_eq!(bench.wait(60_000), NONE);
    assert_eq!(
        bench.call(MessageType::EventReleased, "1001", 5, None, None),
        ["#6 TCO1: EventReleased ThisDN=1001 ConnID=5"]
    );
    assert_eq!(bench.wait(9_999), NONE);
    assert_eq!(bench.wait(1)[0], "#7 TCO1: EventAgentReady AgentWorkMode=1 AgentID=A1 ThisDN=1001");
}

/// It used to last for as long as the direct call did.
#[test]
fn after_call_work_asked_for_while_a_call_rings_that_nobody_answers_does_not_wait_for_others() {
    let mut bench = bench_with_agent().option("wrap-up-time", "10");
    bench.ready(1, "1001");
    let (rings, talks) = (Some(party_state::ALERTING), Some(party_state::CONNECTED));
    bench.call(MessageType::EventEstablished, "1001", 5, talks, None);
    bench.call(MessageType::EventRinging, "1001", 6, rings, Some("7000"));
    bench.ask(1, not_ready("1001", AgentWorkMode::AfterCallWork, 8));
    assert_eq!(bench.wait(60_000), NONE);
    bench.call(MessageType::EventAbandoned, "1001", 6, None, None);
    assert_eq!(bench.wait(9_999), NONE);
    assert!(bench.wait(1)[0].contains("EventAgentReady"));
}

#[test]
fn after_call_work_of_an_idle_agent_goes_by_its_options() {
    let asked = |bench: &mut Bench| {
        let shown = bench.ask(1, not_ready("1001", AgentWorkMode::AfterCallWork, 8));
        assert!(shown[0].contains("EventAgentNotReady AgentWorkMode=3"), "{shown:?}");
        let shown = bench.wait(10_000);
        let line = shown.first().and_then(|line| line.split_once(' '));
        line.map_or_else(String::new, |(_, event)| event.to_owned())
    };
    let ready = "TCO1: EventAgentReady AgentWorkMode=1 AgentID=A1 ThisDN=1001";
    let mut bench = bench_with_agent().option("wrap-up-time", "10");
    assert_eq!(asked(&mut bench), ready);
    let mut bench =
        bench_with_agent().option("wrap-up-time", "10").option("acw-in-idle-force-ready", "false");
    assert_eq!(
        asked(&mut bench),
        "TCO1: EventAgentNotReady AgentWorkMode=1 AgentID=A1 ThisDN=1001"
    );
    bench.ready(1, "1001");
    assert!(asked(&mut bench).contains("EventAgentReady"));
    let mut bench =
        bench_with_agent().option("wrap-up-time", "10").option("timed-acw-in-idle", "false");
    assert_eq!(asked(&mut bench), "");
    // Without a time of its own there is nothing to wait for.
    assert_eq!(
        bench.ask(1, not_ready("1001", AgentWorkMode::AuxWork, 9))[0],
        "#4 TCO1: EventAgentNotReady AgentWorkMode=4 AgentID=A1 ThisDN=1001 [TCO1 ref 9]"
    );
}

#[test]
fn the_extension_wrap_up_time_comes_before_the_options() {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    let of_login = KvList::new().with("WrapUpTime", 3);
    bench.ask(1, login("1001", "A1", 1).with(Attribute::Extensions, of_login));
    bench.ready(1, "1001");
    assert_eq!(bench.whole_call("1001", 5, Some("7000")).len(), 3);
    assert_eq!(bench.wait(2_999), NONE);
    assert_eq!(bench.wait(1).len(), 2);
    let once = KvList::new().with("WrapUpTime", "1");
    let acw = not_ready("1001", AgentWorkMode::AfterCallWork, 2).with(Attribute::Extensions, once);
    bench.ask(1, acw.clone());
    assert_eq!(bench.wait(999), NONE);
    // Asked for again it runs anew.
    bench.ask(1, acw);
    assert_eq!(bench.wait(999), NONE);
    assert_eq!(bench.wait(1).len(), 2);
}

#[test]
fn the_legal_guard_stands_between_a_call_and_ready() {
    let mut bench = bench_with_agent().option("legal-guard", "2");
    bench.ready(1, "1001");
    let shown = bench.whole_call("1001", 5, Some("7000"));
    assert_eq!(shown[1], "#7 TCO1: EventAgentNotReady AgentWorkMode=2 AgentID=A1 ThisDN=1001");
    let ready = request(MessageType::RequestAgentReady, "1001", 1);
    assert_eq!(code(&bench.ask(1, ready)), "110");
    assert_eq!(bench.wait(1_999), NONE);
    assert_eq!(bench.wait(1)[0], "#8 TCO1: EventAgentReady AgentWorkMode=1 AgentID=A1 ThisDN=1001");
    let mut bench = bench.option("wrap-up-time", "5");
    bench.whole_call("1001", 6, Some("7000"));
    assert!(bench.wait(5_000)[0].contains("EventAgentNotReady AgentWorkMode=2"));
    assert!(bench.wait(2_000)[0].contains("EventAgentReady"));
}

#[test]
fn an_idle_agent_is_logged_out() {
    let mut bench = bench_with_agent().option("auto-logout-timeout", "2");
    // The time begins with the next thing that the agent does.
    bench.ask(1, not_ready("1001", AgentWorkMode::AuxWork, 2));
    bench.wait(60_000);
    bench.call(MessageType::EventRinging, "1001", 5, Some(party_state::ALERTING), None);
    assert_eq!(bench.wait(600_000), NONE);
    bench.call(MessageType::EventReleased, "1001", 5, None, None);
    assert_eq!(bench.wait(119_999), NONE);
    assert_eq!(
        bench.wait(1),
        ["#6 TCO1: EventAgentLogout AgentID=A1 ThisDN=1001", "publish 1001:"]
    );
    bench.log_in(1, "1001", "A1");
    bench.ready(1, "1001");
    assert_eq!(bench.wait(600_000), NONE);
    let mut bench = bench.option("auto-logout-ready", "true");
    bench.ask(1, not_ready("1001", AgentWorkMode::AuxWork, 2));
    bench.ready(1, "1001");
    assert_eq!(bench.wait(120_000).len(), 2);
}

#[test]
fn an_agent_goes_with_the_client_that_logged_it_in() {
    let unregister = || request(MessageType::RequestUnregisterAddress, "1001", 4);
    let mut bench = bench_with_agent();
    bench.register(2, "1001");
    bench.put(Input::Gone { client: tco(1) });
    assert_eq!(bench.machine.agents(), 1);
    let mut bench = bench_with_agent().option("agent-logout-on-unreg", "emu-only");
    bench.register(2, "1001");
    assert_eq!(bench.ask(2, unregister()), ["TCO2: EventUnregistered ThisDN=1001 ReferenceID=4"]);
    bench.register(2, "1001");
    assert_eq!(
        bench.ask(1, unregister()),
        [
            "TCO1: EventUnregistered ThisDN=1001 ReferenceID=4",
            "#3 TCO2: EventAgentLogout AgentID=A1 ThisDN=1001",
            "publish 1001:"
        ]
    );
    bench.log_in(2, "1001", "A1");
    bench.put(Input::Gone { client: tco(2) });
    assert_eq!(bench.machine.agents(), 0);
}

#[test]
fn an_agent_id_may_have_to_be_configured() {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    let options = [("wrap-up-time".into(), "7".into())].into_iter().collect();
    bench.logins = vec![AgentLogin { id: "A1".into(), password: Some("secret".into()), options }];
    let mut bench = bench.option("agent-strict-id", "true");
    assert_eq!(code(&bench.ask(1, login("1001", "A2", 1))), "1701");
    let mut bench = bench.option("agent-strict-id", "passwd");
    assert_eq!(code(&bench.ask(1, login("1001", "A2", 1))), "1701");
    assert_eq!(code(&bench.ask(1, login("1001", "A1", 1))), "1705");
    let wrong = login("1001", "A1", 1).with(Attribute::Password, "secreT");
    assert_eq!(code(&bench.ask(1, wrong)), "1705");
    let right = login("1001", "A1", 1).with(Attribute::Password, "secret");
    assert_eq!(bench.ask(1, right).len(), 3);
    // Its options come first.
    let mut bench = bench.option("wrap-up-time", "1");
    bench.ready(1, "1001");
    bench.whole_call("1001", 5, Some("7000"));
    assert_eq!(bench.wait(6_999), NONE);
    assert_eq!(bench.wait(1).len(), 2);
}

#[test]
fn nobody_logs_in_or_out_during_a_call_unless_that_is_allowed() {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    let logout = || request(MessageType::RequestAgentLogout, "1001", 1);
    bench.call(MessageType::EventRinging, "1001", 5, Some(party_state::ALERTING), None);
    assert_eq!(code(&bench.ask(1, login("1001", "A1", 1))), "231");
    let allowed = KvList::new().with("AgentEmuLoginOnCall", "true");
    let login = login("1001", "A1", 1).with(Attribute::Extensions, allowed);
    assert_eq!(bench.ask(1, login).len(), 3);
    assert_eq!(code(&bench.ask(1, logout())), "231");
    let mut bench = bench.option("agent-emu-login-on-call", "true");
    assert_eq!(bench.ask(1, logout()).len(), 2);
}

#[test]
fn logins_may_be_kept_out_or_bound_to_routing_points() {
    let mut bench = Bench::new().option("emulate-login", "false");
    bench.register(1, "1001");
    assert_eq!(code(&bench.ask(1, login("1001", "A1", 1))), "258");
    let mut bench = bench.option("emulate-login", "on-RP");
    let queue = login("1001", "A1", 1).with(Attribute::ThisQueue, "8001");
    assert_eq!(code(&bench.ask(1, queue)), "258");
    let point = login("1001", "A1", 1).with(Attribute::ThisQueue, "7000");
    assert_eq!(bench.ask(1, point).len(), 3);
}

#[test]
fn an_agent_that_does_not_answer() {
    let mut bench = bench_with_agent();
    bench.ready(1, "1001");
    let no_answer = |action| Input::NoAnswer { dn: "1001".into(), action };
    assert_eq!(bench.put(no_answer(None)), NONE);
    let mut bench = bench.option("agent-no-answer-action", "notready");
    assert_eq!(
        bench.put(no_answer(None)),
        [
            "#4 TCO1: EventAgentNotReady AgentWorkMode=4 AgentID=A1 ThisDN=1001",
            "publish 1001: agentA1"
        ]
    );
    assert_eq!(bench.put(no_answer(None)), NONE);
    assert_eq!(bench.put(no_answer(Some(NoAnswerAction::None))), NONE);
    assert_eq!(bench.put(no_answer(Some(NoAnswerAction::Logout))).len(), 2);
    assert_eq!(bench.put(no_answer(None)), NONE);
}

#[test]
fn a_call_through_a_queue_that_nobody_answers_is_seen_by_itself() {
    let mut bench = bench_with_agent().option("agent-no-answer-action", "notready");
    bench.ready(1, "1001");
    // A direct call, and one that the caller gave up, say nothing of the agent.
    assert_eq!(bench.unanswered("1001", 5, None).len(), 1);
    bench.call(MessageType::EventRinging, "1001", 6, Some(party_state::ALERTING), Some("7000"));
    assert_eq!(bench.call(MessageType::EventAbandoned, "1001", 6, None, None).len(), 1);
    assert_eq!(
        bench.unanswered("1001", 7, Some("7000")),
        [
            "#9 TCO1: EventReleased ThisDN=1001 CallState=7",
            "#10 TCO1: EventAgentNotReady AgentWorkMode=4 AgentID=A1 ThisDN=1001",
            "publish 1001: agentA1"
        ]
    );
    let mut bench = bench.option("agent-no-answer-action", "logout");
    // The route knows better.
    bench.no_answer = Some(NoAnswerAction::None);
    assert_eq!(bench.unanswered("1001", 8, Some("7000")).len(), 1);
    bench.no_answer = None;
    assert_eq!(bench.unanswered("1001", 9, Some("7000")).len(), 3);
    assert_eq!(bench.machine.agents(), 0);
}

#[test]
fn an_idle_reason_is_given_for_not_being_ready() {
    let mut bench = bench_with_agent();
    let reason = request(MessageType::RequestAgentSetIdleReason, "1001", 3);
    assert_eq!(code(&bench.ask(1, reason.clone())), "53");
    let reason = reason.with(Attribute::AgentIdleReason, "paper");
    assert_eq!(
        bench.ask(1, reason.clone()),
        [
            "#3 TCO1: EventAgentIdleReasonSet AgentIdleReason=paper AgentID=A1 ThisDN=1001 [TCO1 ref 3]"
        ]
    );
    bench.ready(1, "1001");
    assert_eq!(code(&bench.ask(1, reason)), "93");
}

#[test]
fn a_queue_counts_its_agents() {
    let mut bench = Bench::new();
    bench.register(1, "1001");
    bench.register(1, "8001");
    bench.ask(1, login("1001", "A1", 1).with(Attribute::ThisQueue, "8001"));
    bench.ready(1, "1001");
    let query = |info: i64| {
        let query = request(MessageType::RequestQueryAddress, "8001", 1);
        Input::Request {
            client: tco(1),
            message: Arc::new(query.with(Attribute::AddressInfoType, info)),
        }
    };
    assert!(bench.put(query(6))[0].contains("AddressInfoStatus=1 "));
    bench.call(MessageType::EventRinging, "1001", 5, Some(party_state::ALERTING), None);
    assert!(bench.put(query(6))[0].contains("AddressInfoStatus=0 "));
    assert!(bench.put(query(5))[0].contains("AddressInfoStatus=1 "));
}
