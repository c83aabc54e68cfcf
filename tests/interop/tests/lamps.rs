#![allow(clippy::expect_used)]
//! Busy lamps: subscriptions to the calls of a user, over whole calls of real phones and over a restart.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    process::Command,
};

use jackfield_interop::{
    Baresip, Lamp, Line, Phone, Switch, Watcher, certificates, peers, sipp::Scenario, wait,
};
use serde_json::json;

#[test]
fn lamps_follow_the_calls_of_a_phone_on_one_worker_and_on_three() {
    for workers in [1, 3] {
        let switch = Switch::start(&[&format!("node.workers={workers}")], &[]);
        // With three workers they are spread over them by their Call-IDs.
        let mut lamps: Vec<_> = (0..4).map(|_| Watcher::new(switch.sip_port, "2000")).collect();
        let mut ann = Phone::register(&switch, "1000", 440);
        let mut ben = Phone::register(&switch, "2000", 1000);
        for lamp in &mut lamps {
            assert_eq!(lamp.subscribe(600), 200);
            lamp.shows(&[]);
        }
        ann.call("2000");
        ben.expect(&json!({ "event": "incoming" }));
        ben.tell("ring");
        for lamp in &mut lamps {
            lamp.shows(&["early"]);
            assert!(
                lamp.panel.document.contains("direction=\"recipient\""),
                "{}",
                lamp.panel.document
            );
            assert!(lamp.panel.document.contains("sip:1000@127.0.0.1"), "{}", lamp.panel.document);
        }
        ben.tell("answer");
        ann.expect_call("CONFIRMED");
        let mut late = Watcher::new(switch.sip_port, "1000");
        assert_eq!(late.subscribe(600), 200);
        late.shows(&["confirmed"]);
        for lamp in &mut lamps {
            lamp.shows(&["confirmed"]);
        }
        ben.tell("hold");
        ann.expect_media("remote-hold");
        lamps[0].shows(&["confirmed"]);
        ann.tell("hangup");
        ben.expect_end(200);
        for lamp in lamps.iter_mut().chain([&mut late]) {
            lamp.shows(&[]);
        }
    }
}

#[test]
fn a_lamp_of_linphone_follows_calls_and_goes_on_when_its_time_is_over() {
    let switch = Switch::start(&["node.workers=2", "events.expires_min_s=1"], &[]);
    let mut lamp = Lamp::of(&switch, "2000", 5);
    lamp.subscription_is("active");
    lamp.shows(&[]);
    let mut ann = Phone::register(&switch, "1000", 440);
    let mut ben = Phone::register(&switch, "2000", 1000);
    ann.call("2000");
    ben.expect(&json!({ "event": "incoming" }));
    ben.tell("ring");
    lamp.shows(&["early"]);
    assert!(lamp.panel.document.contains("direction=\"recipient\""), "{}", lamp.panel.document);
    ben.tell("answer");
    ann.expect_call("CONFIRMED");
    lamp.shows(&["confirmed"]);
    // Each renewal is told the whole of it anew.
    lamp.is_notified(lamp.notified + 2);
    lamp.shows(&["confirmed"]);
    ann.tell("hangup");
    ben.expect_end(200);
    lamp.shows(&[]);
    lamp.put_out();
}

#[test]
fn after_a_kill_a_lamp_is_told_to_subscribe_anew_and_is_right_again() {
    let mut switch = Switch::start(&[], &[]);
    let mut lamp = Watcher::new(switch.sip_port, "2000");
    assert_eq!(lamp.subscribe(600), 200);
    lamp.shows(&[]);
    switch.kill();
    let switch = Switch::start_at(switch.sip_port, &[], &[]);
    let mut ann = Phone::register(&switch, "1000", 440);
    let mut ben = Phone::register(&switch, "2000", 1000);
    ann.call("2000");
    ben.expect(&json!({ "event": "incoming" }));
    ben.tell("ring");
    ann.expect_call("EARLY");
    assert_eq!(lamp.subscribe(600), 481);
    lamp.forget();
    assert_eq!(lamp.subscribe(600), 200);
    lamp.shows(&["early"]);
    ben.refuse(486);
    lamp.shows(&[]);
}

#[test]
fn a_switch_that_is_stopped_tells_its_lamps() {
    let switch = Switch::start(&[], &[]);
    let mut lamp = Watcher::new(switch.sip_port, "2000");
    assert_eq!(lamp.subscribe(600), 200);
    lamp.is_told("active");
    switch.signal("TERM");
    lamp.is_told("terminated;reason=deactivated");
}

/// One each in `scenarios`, with the section of the RFC it is about.
const RACES: &[&str] = &[
    "events_fetch",
    "events_foreign_host",
    "events_id_is_kept",
    "events_no_event",
    "events_no_expires",
    "events_not_accepted",
    "events_notify_481",
    "events_notify_later",
    "events_notify_refused",
    "events_options",
    "events_other_package_in_dialog",
    "events_out_of_order",
    "events_renewed",
    "events_repeated",
    "events_required_extension",
    "events_shortened",
    "events_stray",
    "events_stray_notify",
    "events_subscribed_twice",
    "events_ended_is_ended",
    "events_too_brief",
    "events_unknown_package",
];

#[test]
fn what_subscribers_do_right_and_wrong_is_answered_as_the_rfc_has_it() {
    let switch = Switch::start(&["node.workers=2"], &[]);
    let run = |name: &&str| Scenario::new(name, switch.folder()).call(switch.sip_port, "2000");
    let running: Vec<_> = RACES.iter().map(run).collect();
    for scenario in running {
        scenario.succeed();
    }
}

/// An application tells, by the command line, how many messages wait.
#[track_caller]
fn set_messages(switch: &Switch, user: &str, new: u32) {
    let mut command = Command::new(peers::jackfield());
    command.args(["mwi", "set", user, "--new", &new.to_string(), "--old", "1"]);
    command.args(["--api", &format!("127.0.0.1:{}", switch.http_port)]);
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_phone_is_told_of_its_messages_and_so_it_is_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("store.path={}", folder.path().join("store.db").display());
    let settings = ["node.workers=2", &store];
    let mut switch = Switch::start(&settings, &[]);
    let mut ann = Phone::with_messages(&switch, "1000");
    ann.expect(&json!({ "event": "mwi", "waiting": false }));
    set_messages(&switch, "1000@localhost", 2);
    ann.expect(&json!({ "event": "mwi", "waiting": true }));
    set_messages(&switch, "1000@localhost", 0);
    ann.expect(&json!({ "event": "mwi", "waiting": false }));
    set_messages(&switch, "1000@localhost", 3);
    ann.expect(&json!({ "event": "mwi", "waiting": true }));
    switch.kill();
    let switch = Switch::start_at(switch.sip_port, &settings, &[]);
    let list = switch.get("/api/messages");
    let ann_has =
        json!({ "aor": "1000@localhost", "new": 3, "old": 1, "urgent_new": 0, "urgent_old": 0 });
    assert_eq!(list[0], ann_has, "{list}");
    let (status, _) = switch.post("/api/messages/1000@elsewhere.invalid?new=1");
    assert_eq!(status, 404);
    drop(ann);
    let mut again = Phone::with_messages(&switch, "1000");
    again.expect(&json!({ "event": "mwi", "waiting": true }));
}

#[test]
fn a_buddy_is_seen_to_come_and_to_talk_and_to_be_free_again() {
    let switch = Switch::start(&["node.workers=2"], &[]);
    let ann = Baresip::watching(&line(&switch, "1000"), &authority(&switch), Some("2000"));
    // A phone that knows nothing yet tells of no change.
    wait::until("the buddy to be told of", || {
        (switch.counter("jackfield_notifies_total") > 0).then_some(())
    });
    let mut ben = Phone::register_by(&switch, "2000", 1000, "udp");
    ann.saw("Offline", "Online");
    let mut cal = Phone::register_by(&switch, "3000", 700, "udp");
    cal.call("2000");
    ben.expect(&json!({ "event": "incoming" }));
    ann.saw("Online", "Busy");
    ben.tell("answer");
    cal.expect_call("CONFIRMED");
    cal.tell("hangup");
    ben.expect_end(200);
    ann.saw("Busy", "Online");
}

/// The authority that baresip wants to trust, though there is no TLS here.
fn authority(switch: &Switch) -> PathBuf {
    certificates::authority(switch.folder());
    switch.folder().join("ca.pem")
}

const fn line<'a>(switch: &Switch, user: &'a str) -> Line<'a> {
    Line {
        user,
        password: "",
        transport: "udp",
        host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: switch.sip_port,
        expires_s: 60,
        tone_hz: 440,
    }
}

#[test]
fn a_text_reaches_the_phone_of_a_user_and_nobody_where_there_is_none() {
    let switch = Switch::start(&["node.workers=2"], &[]);
    let send = |status: u16| {
        let sender = Scenario::new("text_sent", switch.folder()).value("STATUS", status);
        sender.call(switch.sip_port, "2000").succeed();
    };
    send(480);
    let phone = Scenario::new("text_received", switch.folder()).listen();
    Scenario::new("register", switch.folder())
        .value("USER", "2000")
        .value("CONTACT", phone.port)
        .value("EXPIRES", 60)
        .call(switch.sip_port, "2000")
        .succeed();
    send(200);
    phone.succeed();
}
