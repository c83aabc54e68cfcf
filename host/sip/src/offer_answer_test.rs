use super::*;
use Description::{Absent, Present};
use Direction::{Received, Sent};
use Step::{Ack, Failure, Invite, Provisional, Success};

/// Plays messages from a stable session and gives what each means, and the last state.
fn play(
    messages: &[(Direction, Step, Description)],
) -> (Vec<Result<Meaning, Violation>>, OfferAnswer) {
    let mut state = OfferAnswer::default();
    let meanings = messages.iter().map(|(way, step, body)| state.on(*way, *step, *body)).collect();
    (meanings, state)
}

#[test]
fn an_offer_in_an_invite_is_answered_in_its_2xx() {
    for (out, back) in [(Sent, Received), (Received, Sent)] {
        let (meanings, state) = play(&[
            (out, Invite, Present),
            (back, Provisional, Absent),
            (back, Success, Present),
            (out, Ack, Absent),
        ]);
        let expected = [Meaning::Offer, Meaning::Nothing, Meaning::Answer, Meaning::Nothing];
        assert_eq!(meanings, expected.map(Ok));
        assert!(state.is_stable());
    }
}

#[test]
fn early_media_previews_the_answer_and_the_2xx_need_not_repeat_it() {
    for last in [Present, Absent] {
        let (meanings, state) = play(&[
            (Sent, Invite, Present),
            (Received, Provisional, Present),
            (Received, Provisional, Present),
            (Received, Provisional, Absent),
            (Received, Success, last),
        ]);
        let end = if last == Present { Meaning::Answer } else { Meaning::Nothing };
        let expected = [Meaning::Offer, Meaning::Preview, Meaning::Preview, Meaning::Nothing, end];
        assert_eq!(meanings, expected.map(Ok));
        assert!(state.is_stable());
    }
}

//= RFC 3261 section 13.3.1.4 type=test
//# If the INVITE did not contain an offer, the 2xx MUST contain an offer if the UAS had not yet sent an offer.
#[test]
fn a_delayed_offer_comes_in_the_2xx_and_is_answered_in_the_ack() {
    let (meanings, state) = play(&[
        (Received, Invite, Absent),
        (Sent, Provisional, Present),
        (Sent, Success, Present),
        (Received, Ack, Present),
    ]);
    let expected = [Meaning::Nothing, Meaning::Preview, Meaning::Offer, Meaning::Answer];
    assert_eq!(meanings, expected.map(Ok));
    assert!(state.is_stable());
}

#[test]
fn an_offer_or_answer_that_was_due_is_missed() {
    let (meanings, _) = play(&[(Sent, Invite, Present), (Received, Success, Absent)]);
    assert_eq!(meanings[1], Err(Violation::AnswerMissing));
    let (meanings, _) = play(&[(Sent, Invite, Absent), (Received, Success, Absent)]);
    assert_eq!(meanings[1], Err(Violation::OfferMissing));
    let (meanings, _) =
        play(&[(Sent, Invite, Absent), (Received, Success, Present), (Sent, Ack, Absent)]);
    assert_eq!(meanings[2], Err(Violation::AnswerMissing));
}

//= RFC 3261 section 14.1 type=test
//# If a UA receives a non-2xx final response to a re-INVITE, the session parameters MUST remain unchanged, as if no re-INVITE
//# had been issued.
#[test]
fn a_failed_invite_rolls_back() {
    for body in [Present, Absent] {
        let (meanings, state) = play(&[
            (Sent, Invite, body),
            (Received, Provisional, Present),
            (Received, Failure, Absent),
            (Sent, Invite, Present),
        ]);
        assert_eq!(meanings[2], Ok(Meaning::Rollback));
        assert_eq!(meanings[3], Ok(Meaning::Offer));
        assert!(!state.is_stable());
    }
}

//= RFC 3261 section 14.2 type=test
//# A UAS that receives an INVITE on a dialog while an INVITE it had sent on that dialog is in progress MUST return a 491
//# (Request Pending) response to the received INVITE.
#[test]
fn crossing_invites_are_glare_and_a_second_of_one_side_is_overlap() {
    for first in [Present, Absent] {
        for second in [Present, Absent] {
            let (meanings, state) = play(&[(Sent, Invite, first), (Received, Invite, second)]);
            assert_eq!(meanings[1], Err(Violation::Glare));
            assert_eq!(Violation::Glare.status(), Some(491));
            assert!(!state.is_stable(), "ours goes on");
            let (meanings, _) = play(&[(Received, Invite, first), (Received, Invite, second)]);
            assert_eq!(meanings[1], Err(Violation::Overlap));
            assert_eq!(Violation::Overlap.status(), Some(500));
        }
    }
    // The offer of a 2xx is open until the ACK; the INVITE was the peer's.
    let (meanings, _) =
        play(&[(Received, Invite, Absent), (Sent, Success, Present), (Received, Invite, Present)]);
    assert_eq!(meanings[2], Err(Violation::Overlap));
}

#[test]
fn a_message_of_the_wrong_side_is_out_of_place_and_a_late_one_means_nothing() {
    let wrong = [(Provisional, Present), (Success, Present), (Failure, Absent), (Ack, Present)];
    for (step, body) in wrong {
        let (meanings, state) = play(&[(Sent, Invite, Present), (Sent, step, body)]);
        assert_eq!(meanings[1], Err(Violation::OutOfPlace), "{step:?}");
        assert!(!state.is_stable());
    }
    for step in [Provisional, Success, Failure, Ack] {
        for way in [Sent, Received] {
            assert_eq!(play(&[(way, step, Present)]).0, [Ok(Meaning::Nothing)]);
        }
    }
}

//= RFC 3261 section 14.1 type=test
//# T has a randomly chosen value between 2.1 and 4 seconds in units of 10 ms.
#[test]
fn after_glare_the_owner_of_the_call_id_waits_longer() {
    for random in [0, 1, 190, 191, 200, 201, 12_345_678, u64::MAX] {
        let ours = glare_delay(CallIdOwner::Us, random).as_millis();
        assert!((2_100..=4_000).contains(&ours) && ours.is_multiple_of(10), "{ours}");
        let theirs = glare_delay(CallIdOwner::Peer, random).as_millis();
        assert!(theirs <= 2_000 && theirs.is_multiple_of(10), "{theirs}");
    }
    assert_eq!(glare_delay(CallIdOwner::Us, 190).as_millis(), 4_000);
    assert_eq!(glare_delay(CallIdOwner::Peer, 200).as_millis(), 2_000);
}
