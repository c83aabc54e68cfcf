//! Races of RFC 3261, 6026, 3262, 3311 and 4028 between SIPp and SIPp: each line of a table is a call. `scenarios/README.md` says which race is where.

use jackfield_interop::{Race, Switch, races::all_succeed};

const CANCELS: &[Race<'_>] = &[
    Race::new("caller_cancels_late", &["callee"]),
    Race::new("caller_cancels_at_once", &["callee_is_slow"]),
    Race::new("caller_cancels_wrongly", &["callee"]),
    Race::new("caller_cancels", &["callee_answers_when_cancelled"]),
];

const REPEATED: &[Race<'_>] = &[
    Race::new("caller_repeats_invite", &["callee"]).literally().with(&[("RING", 1000)]),
    Race::new("caller_repeats_invite_late", &["callee"]).literally(),
    Race::new("caller_repeats_bye", &["callee"]).literally(),
    Race::new("caller_repeats_ack", &["callee"]),
    Race::new("caller", &["callee_answers_twice"]).literally(),
    Race::new("caller_is_refused", &["callee_refuses_twice"]).literally(),
    Race::new("caller_is_merged", &["callee"]).with(&[("RING", 1000)]),
];

const OUT_OF_ORDER: &[Race<'_>] = &[
    Race::new("caller_byes_before_ack", &["callee"]),
    Race::new("caller", &["callee_rings_late"]),
    Race::new("caller_is_refused", &["callee_rings_when_it_has_refused"]),
    Race::new("caller_is_refused", &["callee_answers_when_it_has_refused"]),
    Race::new("caller_leaves_as_it_is_left", &["callee_leaves"]),
    Race::new("caller_counts_back", &["callee"]),
    Race::new("caller_has_a_wrong_tag", &["callee"]),
    Race::new("caller", &["callee_answers_without_session"]),
];

const RENEGOTIATED: &[Race<'_>] = &[
    Race::new("caller_glares", &["callee_glares"]),
    Race::new("caller_is_in_glare", &["callee_tries_again"]),
    Race::new("caller_reinvites_late", &["callee_offers_again"]),
    Race::new("caller_is_refused_reinvite", &["callee_refuses_reinvite"]),
    Race::new("caller_is_forgotten", &["callee_forgets"]),
];

const UNUSUAL: &[Race<'_>] = &[
    Race::new("caller_has_no_hops_left", &[]),
    Race::new("caller_combines_vias", &["callee"]),
    Race::new("caller_is_terse", &["callee"]),
    Race::new("caller_spaces", &["callee"]),
    Race::new("caller_asks_for_options", &["callee"]),
    Race::new("caller_says_something_new", &["callee"]),
    Race::new("caller_is_queued", &["callee_is_queueing"]),
    Race::new(
        "caller_is_refused",
        &["callee_declines", "callee_is_cancelled", "callee_is_cancelled"],
    )
    .with(&[("STATUS", 603)]),
];

const RELIABLE: &[Race<'_>] = &[
    Race::new("caller_waits", &["callee_skips_a_number"]),
    Race::new("caller_pracks", &["callee_repeats_a_reliable"]).literally(),
    Race::new("caller_delays_prack", &["callee_is_pracked"]).literally(),
    Race::new("caller_pracks_twice", &["callee"]).with(&[("RING", 1000)]),
    Race::new("caller_pracks_after_the_answer", &["callee"]),
    Race::new("caller", &["callee_wants_reliable"]),
    Race::new("caller_requires_prack", &["callee_knows_no_reliable"]),
    Race::new("caller_is_told_in_the_answer", &["callee_says_early_only"]),
];

const UPDATED: &[Race<'_>] = &[
    Race::new("caller_updates_twice", &["callee_takes_update_slowly"]),
    Race::new("caller_update_glares", &["callee_update_glares"]),
    Race::new("caller_updates_too_early", &["callee"]).with(&[("RING", 1000)]),
    Race::new("caller_asks_us_to_refresh", &["callee"]),
    Race::new("caller_refreshes_too_briefly", &["callee"]),
];

#[test]
fn each_race_ends_as_its_rfc_says() {
    let switch = Switch::start(&[], &[]);
    let all = [CANCELS, REPEATED, OUT_OF_ORDER, RENEGOTIATED, UNUSUAL, RELIABLE, UPDATED];
    all_succeed(&switch, &all.concat());
    assert_eq!(switch.get("/api/calls").as_array().map(Vec::len), Some(0));
}

/// What takes 64*T1, or waits for what is repeated after T1: with a T1 of 20 ms.
const SLOW: &[Race<'_>] = &[
    Race::new("caller_never_acks", &["callee"]).literally(),
    Race::new("caller_never_acks_a_refusal", &["callee_refuses"]).literally(),
    Race::new("caller", &["callee_hears_the_third"]).literally(),
    Race::new("caller", &["callee_never_answers_prack"]).literally(),
    Race::new("caller_never_pracks", &["callee_is_never_pracked"]),
];

#[test]
fn what_is_lost_comes_again_and_what_never_comes_ends_the_call() {
    let switch = Switch::start(&["sip.t1_ms=20"], &[]);
    all_succeed(&switch, SLOW);
    assert_eq!(switch.get("/api/calls").as_array().map(Vec::len), Some(0));
}

const TIMED: &[Race<'_>] = &[
    Race::new("caller", &["callee_wants_longer"]),
    Race::new("caller_knows_no_timer", &["callee"]),
];

#[test]
fn a_session_is_asked_for_and_agreed_on_with_whom_it_can_be() {
    let switch = Switch::start(&["session.timer=ask", "session.expires_s=90"], &[]);
    all_succeed(&switch, TIMED);
}
