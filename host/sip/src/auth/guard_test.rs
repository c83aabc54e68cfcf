#![allow(clippy::unwrap_used)]
use std::sync::Arc;

use super::*;
use crate::auth::{Answer, Challenge};

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn guard() -> Guard {
    Guard::new(GuardConfig {
        realm: "example.com".to_owned(),
        algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
        nonce_life: Duration::from_secs(60),
        nonces_max: 100,
        key: [3; 16],
    })
}

fn users(name: &str) -> Option<Arc<Secret>> {
    (name == "ann").then(|| Arc::new(secret_of_password("ann", "example.com", "secret")))
}

const URI: &str = "sip:example.com";

fn answer<'a>(user: &'a str, password: &'a str, count: u32) -> Answer<'a> {
    Answer { user, password, method: "REGISTER", uri: URI, cnonce: "c", count }
}

fn judge(guard: &mut Guard, now: u64, value: &str) -> Outcome {
    guard.judge(at(now), "REGISTER", URI, [value], users)
}

#[test]
fn a_user_proves_itself_in_each_algorithm() {
    let mut guard = guard();
    let values = guard.challenges(at(0), 1, false);
    assert_eq!(values.len(), 2);
    assert!(values[0].contains("algorithm=SHA-256, qop=\"auth\""), "{}", values[0]);
    for (n, value) in values.iter().enumerate() {
        let given = Challenge::parse(value).unwrap().answer(&answer("ann", "secret", n as u32 + 1));
        assert_eq!(judge(&mut guard, 1, &given), Outcome::Proved, "{value}");
    }
}

#[test]
fn a_replay_is_asked_again_and_an_old_nonce_is_stale() {
    let mut guard = guard();
    let challenge = Challenge::parse(&guard.challenges(at(0), 1, false)[0]).unwrap();
    let given = challenge.answer(&answer("ann", "secret", 1));
    assert_eq!(judge(&mut guard, 1, &given), Outcome::Proved);
    assert_eq!(judge(&mut guard, 2, &given), Outcome::Ask { stale: true });
    let next = challenge.answer(&answer("ann", "secret", 2));
    assert_eq!(judge(&mut guard, 61, &next), Outcome::Ask { stale: true });
    assert!(guard.challenges(at(61), 2, true)[0].ends_with(", stale=true"));
}

#[test]
fn what_is_wrong_is_told_apart_for_the_log() {
    let mut guard = guard();
    let challenge = Challenge::parse(&guard.challenges(at(0), 1, false)[0]).unwrap();
    let wrong = |given: Answer<'_>| challenge.answer(&given);
    let password = wrong(answer("ann", "guess", 1));
    assert_eq!(judge(&mut guard, 1, &password), Outcome::Wrong(Trouble::Password));
    let user = wrong(answer("eve", "secret", 1));
    assert_eq!(judge(&mut guard, 1, &user), Outcome::Wrong(Trouble::User));
    let nobody = wrong(Answer { password: "", ..answer("", "", 1) });
    assert_eq!(judge(&mut guard, 1, &nobody), Outcome::Wrong(Trouble::User));
    let elsewhere = wrong(Answer { uri: "sip:example.net", ..answer("ann", "secret", 1) });
    assert_eq!(judge(&mut guard, 1, &elsewhere), Outcome::Wrong(Trouble::Uri));
    let method = wrong(Answer { method: "INVITE", ..answer("ann", "secret", 1) });
    assert_eq!(judge(&mut guard, 1, &method), Outcome::Wrong(Trouble::Password));
    // None of them used up the count.
    let right = wrong(answer("ann", "secret", 1));
    assert_eq!(judge(&mut guard, 1, &right), Outcome::Proved);
}

#[test]
fn a_wrong_password_with_an_old_nonce_is_wrong_and_not_stale() {
    let mut guard = guard();
    let challenge = Challenge::parse(&guard.challenges(at(0), 1, false)[0]).unwrap();
    let given = challenge.answer(&answer("ann", "guess", 1));
    assert_eq!(judge(&mut guard, 99, &given), Outcome::Wrong(Trouble::Password));
}

#[test]
fn credentials_for_others_are_passed_over() {
    let mut guard = guard();
    let mut challenge = Challenge::parse(&guard.challenges(at(0), 1, false)[0]).unwrap();
    let ours = challenge.answer(&answer("ann", "secret", 1));
    challenge.realm = "example.net".to_owned();
    let theirs = challenge.answer(&answer("ann", "secret", 1));
    let none: [&str; 0] = [];
    let mut judge =
        |values: &[&str]| guard.judge(at(1), "REGISTER", URI, values.iter().copied(), users);
    assert_eq!(judge(&none), Outcome::Ask { stale: false });
    assert_eq!(judge(&[&theirs, "Basic YQ=="]), Outcome::Ask { stale: false });
    assert_eq!(judge(&[&theirs, &ours]), Outcome::Proved);
}

#[test]
fn what_is_not_offered_or_not_there_is_bad() {
    let mut guard = guard();
    let challenge = Challenge::parse(&guard.challenges(at(0), 1, false)[0]).unwrap();
    let good = challenge.answer(&answer("ann", "secret", 1));
    for (from, to, error) in [
        ("qop=auth,", "qop=auth-int,", BadHeader::Value("qop")),
        ("qop=auth,", "x=auth,", BadHeader::Missing("qop")),
        ("algorithm=SHA-256", "algorithm=SHA-256-sess", BadHeader::Value("algorithm")),
        ("nc=00000001", "nc=1", BadHeader::Value("nc")),
        ("nc=00000001", "nc=+0000001", BadHeader::Value("nc")),
        ("cnonce=", "x=", BadHeader::Missing("cnonce")),
        ("response=", "x=", BadHeader::Missing("response")),
        ("username=", "x=", BadHeader::Missing("username")),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        assert_eq!(judge(&mut guard, 1, &bad), Outcome::Bad(error), "{bad}");
    }
}
