//! Each stock script live: what it does, and an edit to it that the next call follows.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use jackfield_interop::{Office, Sipp, ports, sipp::Scenario, wait};

/// A trunk to a gateway on this machine, which answers no probe.
fn trunk(name: &str, port: u16, more: &str) -> String {
    format!("{{name=\"{name}\",uri=\"sip:127.0.0.1:{port}\",probe_interval_s=0{more}}}")
}

/// What the called party saw as the caller in its INVITE.
fn from_of(called: Sipp) -> String {
    let trace = called.succeed_with_trace();
    let from = trace.lines().find(|line| line.starts_with("From:"));
    from.expect("an INVITE with a From").to_owned()
}

#[test]
fn a_hunt_group_rings_together_and_after_an_edit_in_order() {
    let office = Office::with("hunt-group", &[]);
    let others = [office.rings("601"), office.rings("603")];
    let takes = office.phone("602", office.scenario("callee").value("RING", 300));
    office.call("1000", "600");
    takes.succeed();
    others.into_iter().for_each(Sipp::succeed);
    office.edit(
        "ring: \"together\", phones: [\"601\", \"602\", \"603\"]",
        "ring: \"in order\", phones: [\"604\", \"605\"]",
    );
    let (busy, second) = (office.refuses("604", 486), office.answers("605"));
    office.call("1000", "600");
    busy.succeed();
    second.succeed();
    office.switch.stop();
}

#[test]
fn nobody_in_the_group_answers_and_the_one_for_that_does() {
    let office = Office::with("hunt-group", &[("seconds: 20", "seconds: 1")]);
    let rings = [office.rings("601"), office.rings("602")];
    let declines = office.refuses("603", 603);
    let night = office.answers("699");
    office.call("1000", "600");
    rings.into_iter().for_each(Sipp::succeed);
    declines.succeed();
    night.succeed();
    office.switch.stop();
}

#[test]
fn calls_are_forwarded_always_when_busy_and_when_nobody_answers() {
    let office = Office::with("forwarding", &[("after: 15", "after: 1")]);
    let second = office.answers("202");
    office.call("1000", "201");
    second.succeed();

    let (busy, assistant) = (office.refuses("203", 486), office.answers("204"));
    office.call("1000", "203");
    busy.succeed();
    assistant.succeed();

    let (rings, night) = (office.rings("203"), office.answers("299"));
    office.call("1000", "203");
    rings.succeed();
    night.succeed();

    office.edit("always: \"202\"", "always: \"203\"");
    let third = office.answers("203");
    office.call("1000", "201");
    third.succeed();
    office.switch.stop();
}

#[test]
fn calls_to_a_phone_that_is_not_there_are_forwarded_outside() {
    let office = Office::with("forwarding", &[]);
    let mobile = office.scenario("callee").value("RING", 0).listen();
    office.refused("1000", "204", 480);
    let there = format!("sip:0664123456@127.0.0.1:{}", mobile.port);
    office.edit("sip:0664123456@192.0.2.10", &there);
    office.call("1000", "203");
    mobile.succeed();
    office.switch.stop();
}

#[test]
fn a_phone_that_is_not_to_be_disturbed_does_not_ring() {
    let office = Office::with("do-not-disturb", &[]);
    let instead = office.answers("299");
    let quiet = office.answers("205");
    office.refused("1000", "205", 480);
    office.call("1000", "206");
    instead.succeed();
    office.call("201", "205");
    quiet.succeed();
    let quiet = office.answers("205");
    office.edit("\"205\": \"\",", "");
    office.call("1000", "205");
    quiet.succeed();
    office.switch.stop();
}

#[test]
fn who_is_blocked_not_allowed_or_barred_is_refused() {
    let office = Office::with("screening", &[]);
    let door = office.answers("250");
    office.refused("+4990123", "250", 603);
    office.refused("203", "250", 403);
    office.refused("203", "0900123", 403);
    office.call("201", "250");
    door.succeed();
    let door = office.answers("250");
    office.edit("\"201\", \"202\"]", "\"203\"]");
    office.refused("201", "250", 403);
    office.call("203", "250");
    door.succeed();
    office.switch.stop();
}

#[test]
fn outside_the_office_is_seen_and_not_the_phone() {
    let office = Office::with("caller-id", &[]);
    let outside = office.answers("0664123");
    office.call("203", "0664123");
    let from = from_of(outside);
    assert!(from.contains("\"Example Ltd\" <sip:+43123450@127.0.0.1>"), "{from}");

    let outside = office.answers("0664123");
    office.call("205", "0664123");
    let from = from_of(outside);
    assert!(from.contains("\"Anonymous\" <sip:anonymous@anonymous.invalid>"), "{from}");

    let inside = office.answers("201");
    office.call("+43664123456", "201");
    let from = from_of(inside);
    assert!(from.contains("\"Bakery\" <sip:+43664123456@127.0.0.1>"), "{from}");

    office.edit("OFFICE = \"+43123450\"", "OFFICE = \"+4319999\"");
    let outside = office.answers("0664123");
    office.call("203", "0664123");
    let from = from_of(outside);
    assert!(from.contains("<sip:+4319999@127.0.0.1>"), "{from}");
    office.switch.stop();
}

#[test]
fn two_keys_stand_for_a_number() {
    let office = Office::with("short-codes", &[]);
    let reception = office.answers("100");
    office.call("1000", "*1");
    reception.succeed();
    let branch = office.answers("004319876123");
    office.call("1000", "8123");
    branch.succeed();
    let other = office.answers("101");
    office.edit("\"*1\": \"100\"", "\"*1\": \"101\"");
    office.call("1000", "*1");
    other.succeed();
    office.switch.stop();
}

#[test]
fn after_hours_another_phone_rings_for_callers_from_outside() {
    // Closed every day, whatever the time at which the test runs.
    let never = [("[[\"08:00\", \"12:00\"], [\"13:00\", \"17:00\"]]", "[]")];
    let rest = [
        ("[[\"08:00\", \"12:00\"], [\"13:00\", \"19:00\"]]", "[]"),
        ("[[\"08:00\", \"14:00\"]]", "[]"),
    ];
    let office = Office::with("after-hours", &[never.as_slice(), &rest].concat());
    let (reception, night) = (office.answers("100"), office.answers("199"));
    office.call("+43664123", "100");
    night.succeed();
    office.refused("+43664123", "300", 480);
    office.call("201", "100");
    reception.succeed();

    let reception = office.answers("100");
    let always = "HOURS[\"\" + now.weekday] ?? [[\"00:00\", \"24:00\"]]";
    office.edit("HOURS[\"\" + now.weekday] ?? []", always);
    office.edit("const HOURS = #{", "const HOURS = #{}; const CLOSED = #{");
    office.call("+43664123", "100");
    reception.succeed();
    office.switch.stop();
}

#[test]
fn in_office_hours_the_reception_rings() {
    let office = Office::with("time-of-day", &[("CLOSES = 17 * 60 + 30", "CLOSES = 0")]);
    let night = office.answers("199");
    office.call("1000", "100");
    night.succeed();
    let reception = office.answers("100");
    office.edit("now.weekday <= LAST_DAY && minute >= OPENS && minute < CLOSES", "true");
    office.call("1000", "100");
    reception.succeed();
    office.switch.stop();
}

#[test]
fn a_trunk_that_answers_no_probe_is_passed_over_and_the_last_way_out_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = || Scenario::new("callee", folder.path()).value("RING", 0).listen();
    let (spare, mobile) = (gateway(), gateway());
    let dead = trunk("main", ports::free(), ",group=\"outside\"");
    let dead = dead.replace("probe_interval_s=0", "probe_interval_s=1,probe_timeout_ms=500");
    let second = trunk("spare", spare.port, ",group=\"outside\",priority=2");
    let trunks = format!("trunk=[{dead},{second},{}]", trunk("mobile", mobile.port, ""));
    let settings = [trunks.as_str(), "sip.failover_ms=300", "media.mode=bypass"];
    let office = Office::configured("failover", &[], &settings);
    wait::until("the probes to find out", || {
        (office.switch.get("/api/trunks")[0]["reach"] == "down").then_some(())
    });
    office.call("1000", "0664123");
    spare.succeed();
    wait::until("the log to say so", || {
        office.switch.log().contains("a trunk is passed over").then_some(())
    });
    // The spare gateway has had its one call and is gone.
    office.call("1000", "0664123");
    mobile.succeed();
    office.edit("LAST = \"mobile\"", "LAST = \"\"");
    office.refused("1000", "0664123", 480);
    office.switch.stop();
}

#[test]
fn a_call_goes_over_the_cheapest_trunk_and_after_an_edit_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = || Scenario::new("callee", folder.path()).value("RING", 0).traced().listen();
    let (home, world) = (gateway(), gateway());
    let trunks =
        format!("trunk=[{},{}]", trunk("home", home.port, ""), trunk("world", world.port, ""));
    let office = Office::configured("least-cost", &[], &[&trunks, "media.mode=bypass"]);
    office.call("1000", "01234567");
    let seen = home.succeed_with_trace();
    assert!(seen.contains("INVITE sip:+431234567@127.0.0.1"), "{seen}");
    office.edit("trunk: \"home\", price: 0.011", "trunk: \"home\", price: 0.3");
    office.call("1000", "01234567");
    world.succeed();
    office.switch.stop();
}
