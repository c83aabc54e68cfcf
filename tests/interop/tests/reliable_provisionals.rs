//! Reliable provisional responses (RFC 3262) between SIPp and SIPp: each line of a table is a call.

use jackfield_interop::{
    Phone, Switch,
    sipp::{Scenario, all_succeed},
    tone::assert_hears,
};

#[test]
fn offers_and_answers_in_reliable_responses_and_their_pracks() {
    let switch = Switch::start(&[], &[]);
    all_succeed(
        &switch,
        &[
            ("caller_pracks", "callee_is_pracked"),
            ("caller_updates_early", "callee_takes_update_early"),
            ("caller_requires_prack", "callee"),
            ("caller_plain", "callee_is_pracked"),
            ("caller_offers_in_prack", "callee_offers_in_183"),
            ("caller_pracks_wrongly", "callee_is_pracked"),
            ("caller_is_told_again", "callee_is_pracked"),
            ("caller_leaves_early", "callee_is_cancelled_early"),
        ],
        50,
    );
    Scenario::new("caller_requires_magic", switch.folder()).call(switch.sip_port, "2000").succeed();
}

/// Every pairing of a phone that requires them and one that does as it pleases, or both: the call is up, and they hear each other.
#[test]
fn pjsua2_that_requires_them_calls_and_is_called() {
    const MUST: &[(&str, &str)] = &[("PHONE_100REL", "PJSUA_100REL_MANDATORY")];
    let switch = Switch::start(&[], &[]);
    let mut ann = Phone::register_with(&switch, "1000", 440, MUST);
    let mut ben = Phone::register(&switch, "2000", 1000);
    for (n, by_ann) in [(0, true), (1, false)] {
        let (caller, callee, to) =
            if by_ann { (&mut ann, &mut ben, "2000") } else { (&mut ben, &mut ann, "1000") };
        caller.call(to);
        callee.expect(&serde_json::json!({ "event": "incoming" }));
        callee.tell("ring");
        caller.expect_call("EARLY");
        callee.tell("answer");
        for phone in [&mut *caller, &mut *callee] {
            phone.expect_media("active");
            phone.expect_call("CONFIRMED");
        }
        let file = switch.folder().join(format!("heard-{n}.wav"));
        caller.record(&file, 100);
        let (theirs, own) = if by_ann { (1000.0, 440.0) } else { (440.0, 1000.0) };
        assert_hears(&file, theirs, own);
        caller.tell("hangup");
        caller.expect_call("DISCONNECTED");
        callee.expect_end(200);
    }
}
