//! Digest authentication against phones nobody here wrote, and what someone without a password can learn.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{net::UdpSocket, time::Duration};

use jackfield_interop::{Phone, Switch, sipp::Scenario};
use rsip::{
    headers::auth::{Algorithm, AuthQop},
    services::DigestGenerator,
};
use serde_json::json;

/// A switch with two subscribers, which offers these algorithms.
fn switch(algorithms: &str, more: &[&str]) -> Switch {
    let algorithms = format!("auth.algorithms=[{algorithms}]");
    let subscribers = "subscriber=[{user=\"1000\",password=\"one-secret\"},{user=\"2000\",password=\"two-secret\"}]";
    let mut settings = vec![algorithms.as_str(), subscribers];
    settings.extend(more);
    Switch::start(&settings, &[])
}

fn registered(code: u16, active: bool) -> serde_json::Value {
    json!({ "event": "registration", "code": code, "active": active })
}

#[track_caller]
fn phones_call_each_other(algorithms: &str) {
    let switch = switch(algorithms, &[]);
    let mut ann = Phone::with_password(&switch, "1000", "one-secret");
    let mut ben = Phone::with_password(&switch, "2000", "two-secret");
    for phone in [&mut ann, &mut ben] {
        phone.expect(&registered(200, true));
    }
    ann.call("2000");
    ben.expect(&json!({ "event": "incoming" }));
    ben.tell("answer");
    ann.expect_call("CONFIRMED");
    ben.expect_call("CONFIRMED");
    ann.tell("hangup");
    ben.expect_call("DISCONNECTED");
}

#[test]
fn two_phones_with_passwords_call_each_other_by_md5() {
    phones_call_each_other("\"MD5\"");
}

#[test]
fn two_phones_with_passwords_call_each_other_by_sha_256() {
    phones_call_each_other("\"SHA-256\"");
}

#[test]
fn two_phones_with_passwords_call_each_other_by_what_they_choose() {
    phones_call_each_other("\"SHA-256\",\"MD5\"");
}

#[test]
fn a_wrong_password_does_not_register() {
    let switch = switch("\"SHA-256\",\"MD5\"", &[]);
    let mut ann = Phone::with_password(&switch, "1000", "two-secret");
    ann.expect(&json!({ "event": "registration", "active": false }));
    assert_eq!(switch.get("/api/registrations"), json!([]));
}

#[test]
fn sipp_registers_with_a_password_and_is_asked_again_with_another() {
    let switch = switch("\"MD5\"", &[]);
    for (password, status) in [("one-secret", 200), ("guess", 401)] {
        Scenario::new("register_with_password", switch.folder())
            .value("USER", "1000")
            .value("PASSWORD", password)
            .value("CONTACT", 5999)
            .value("STATUS", status)
            .call(switch.sip_port, "1000")
            .succeed();
    }
}

#[test]
fn a_call_without_a_password_is_not_placed() {
    let switch = switch("\"MD5\"", &[]);
    Scenario::new("caller_is_refused", switch.folder())
        .value("STATUS", 401)
        .call(switch.sip_port, "2000")
        .succeed();
}

/// Someone with a socket and time.
struct Stranger {
    socket: UdpSocket,
    port: u16,
    sent: u32,
}

impl Stranger {
    fn new(switch: &Switch) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", switch.sip_port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { socket, port: switch.sip_port, sent: 0 }
    }

    fn uri(&self) -> String {
        format!("sip:127.0.0.1:{}", self.port)
    }

    /// Sends a request of its own and gives the answer, less what differs from one to the next by chance.
    fn ask(&mut self, method: &str, user: &str, extra: &str) -> String {
        self.sent += 1;
        let (n, uri, here) = (self.sent, self.uri(), self.socket.local_addr().unwrap());
        let request = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{n}\r\nFrom: <sip:{user}@127.0.0.1>;tag=x\r\n\
             To: <sip:{user}@127.0.0.1>\r\nCall-ID: c{n}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n\
             Contact: <sip:{user}@{here}>\r\n{extra}Content-Length: 0\r\n\r\n"
        );
        self.socket.send(request.as_bytes()).unwrap();
        let mut buffer = [0; 4096];
        loop {
            let length = self.socket.recv(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.contains(&format!("Call-ID: c{n}\r\n")) && !text.starts_with("SIP/2.0 100") {
                return text;
            }
        }
    }

    fn register(&mut self, user: &str, extra: &str) -> String {
        self.ask("REGISTER", user, extra)
    }

    /// Answers the first challenge, with a digest that is none of ours: rsip's.
    fn answer(&self, challenged: &str, user: &str, password: &str, count: u8) -> String {
        let value = challenged.lines().find_map(|line| line.strip_prefix("WWW-Authenticate: "));
        let value = value.expect("a challenge");
        let field = |name: &str| {
            let after = value.split_once(&format!("{name}=")).expect("a parameter").1;
            after.trim_start_matches('"').split(['"', ',']).next().expect("a value").to_owned()
        };
        let (realm, nonce, token) = (field("realm"), field("nonce"), field("algorithm"));
        let uri = self.uri();
        let qop = AuthQop::Auth { cnonce: "c".to_owned(), nc: count };
        let response = DigestGenerator {
            username: user,
            password,
            nonce: &nonce,
            uri: &rsip::Uri::try_from(uri.as_str()).expect("a URI"),
            realm: &realm,
            method: &rsip::Method::Register,
            qop: Some(&qop),
            algorithm: if token == "MD5" { Algorithm::Md5 } else { Algorithm::Sha256 },
        }
        .compute();
        format!(
            "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm={token}, cnonce=\"c\", qop=auth, nc={count:08}\r\n"
        )
    }
}

/// An answer without its nonce, our tag, the user and the number of the request.
fn masked(answer: &str, user: &str) -> String {
    let mut text = answer.replace(user, "USER");
    for (from, to) in
        [("nonce=\"", "\""), (";tag=", "\r\n"), ("branch=z9hG4bK", ";"), ("Call-ID: c", "\r\n")]
    {
        let mut masked = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(from) {
            masked.push_str(before);
            masked.push_str(from);
            rest = after.find(to).map_or("", |end| &after[end..]);
        }
        masked.push_str(rest);
        text = masked;
    }
    text
}

#[test]
fn nobody_learns_who_is_a_subscriber() {
    let switch = switch("\"SHA-256\",\"MD5\"", &[]);
    let mut stranger = Stranger::new(&switch);
    let first = stranger.register("1000", "");
    let asked = |text: &str| assert!(text.starts_with("SIP/2.0 401 "), "{text}");
    asked(&first);
    for method in ["REGISTER", "INVITE"] {
        let known = stranger.ask(method, "1000", "");
        let unknown = stranger.ask(method, "3000", "");
        assert_eq!(masked(&known, "1000"), masked(&unknown, "3000"));
        let guess = |user: &str| stranger.answer(&first, user, "guess", 1);
        let (of_known, of_unknown) = (guess("1000"), guess("3000"));
        let known = stranger.ask(method, "1000", &of_known);
        let unknown = stranger.ask(method, "3000", &of_unknown);
        asked(&known);
        assert_eq!(masked(&known, "1000"), masked(&unknown, "3000"));
    }
}

#[test]
fn credentials_count_once_and_only_for_their_own_user() {
    let switch = switch("\"SHA-256\",\"MD5\"", &[]);
    let mut stranger = Stranger::new(&switch);
    let asked = stranger.register("1000", "");
    let right = stranger.answer(&asked, "1000", "one-secret", 1);
    assert!(stranger.register("1000", &right).starts_with("SIP/2.0 200 "));
    let replayed = stranger.register("1000", &right);
    assert!(replayed.starts_with("SIP/2.0 401 ") && replayed.contains("stale=true"), "{replayed}");
    let next = stranger.answer(&asked, "1000", "one-secret", 2);
    assert!(stranger.register("1000", &next).starts_with("SIP/2.0 200 "));
    // The name and password of 1000 do not register 2000.
    let of_another = stranger.answer(&asked, "1000", "one-secret", 3);
    assert!(stranger.register("2000", &of_another).starts_with("SIP/2.0 401 "));
}

#[test]
fn an_old_nonce_is_stale_and_its_phone_goes_on_with_the_next() {
    let switch = switch("\"SHA-256\"", &["auth.nonces_max=1"]);
    let mut stranger = Stranger::new(&switch);
    let first = stranger.register("1000", "");
    let second = stranger.register("2000", "");
    for (asked, user, password) in [(&first, "1000", "one-secret"), (&second, "2000", "two-secret")]
    {
        let right = stranger.answer(asked, user, password, 1);
        assert!(stranger.register(user, &right).starts_with("SIP/2.0 200 "));
    }
    // There was room for one nonce.
    let old = stranger.answer(&first, "1000", "one-secret", 2);
    let stale = stranger.register("1000", &old);
    assert!(stale.contains("stale=true"), "{stale}");
    let fresh = stranger.answer(&stale, "1000", "one-secret", 1);
    assert!(stranger.register("1000", &fresh).starts_with("SIP/2.0 200 "));
}

#[test]
fn who_guesses_too_often_is_refused_even_with_the_right_password() {
    let switch = switch("\"MD5\"", &["auth.failures_max=3"]);
    let mut stranger = Stranger::new(&switch);
    let asked = stranger.register("1000", "");
    for n in 1..=3 {
        let guess = stranger.answer(&asked, "1000", "guess", n);
        assert!(stranger.register("1000", &guess).starts_with("SIP/2.0 401 "));
    }
    let right = stranger.answer(&asked, "1000", "one-secret", 9);
    assert!(stranger.register("1000", &right).starts_with("SIP/2.0 403 "));
    // Another user at the same address is not shut out.
    let other = stranger.answer(&asked, "2000", "two-secret", 10);
    assert!(stranger.register("2000", &other).starts_with("SIP/2.0 200 "));
}

#[test]
fn what_cannot_be_read_is_a_bad_request() {
    let switch = switch("\"MD5\"", &[]);
    let mut stranger = Stranger::new(&switch);
    for bad in ["Digest realm=\"jackfield\"", "Digest username=\"x", "Digest a"] {
        let answer = stranger.register("1000", &format!("Authorization: {bad}\r\n"));
        assert!(answer.starts_with("SIP/2.0 400 "), "{bad}: {answer}");
    }
    let asked = stranger.register("1000", "Authorization: Basic MTAwMDpvbmU=\r\n");
    assert!(asked.starts_with("SIP/2.0 401 "), "{asked}");
}
