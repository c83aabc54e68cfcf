#![allow(clippy::unwrap_used)]
//! What an authenticating switch asks of whom, message by message.

use bytes::Bytes;
use model::{Binding, ListenerId, Shard, Shards, Transport, hook::MediaMode};
use sip::auth::{Answer, Challenge};

use super::*;
use crate::{
    Config, Emergency, Fact, Input, Limits, Listener, Output, RegistrarConfig, Settings, Switch,
};

const REALM: &str = "realm";

/// `1000@example.org` has a password, `2000@example.org` has none; nobody else is ours.
struct Office;

impl Directory for Office {
    fn bindings(&self, _: &Aor) -> Option<Arc<[Binding]>> {
        None
    }

    fn membership(&self, aor: &Aor) -> Membership {
        match (aor.host(), aor.user()) {
            ("example.org", "1000" | "2000") => Membership::Subscriber,
            ("example.org", _) => Membership::UnknownUser,
            _ => Membership::ForeignHost,
        }
    }

    fn secret(&self, aor: &Aor) -> Option<Arc<Secret>> {
        (aor.as_str() == "1000@example.org").then(|| secret_of_password("1000", REALM, "secret"))
    }
}

struct Bench {
    switch: Switch,
    settings: Settings,
    sent: u32,
    now: Instant,
}

impl Bench {
    fn new(anonymous_calls: bool) -> Self {
        Self::offering(&[], anonymous_calls)
    }

    /// With a listener that offers algorithms of its own.
    fn offering(own: &[Algorithm], anonymous_calls: bool) -> Self {
        let own = (!own.is_empty()).then(|| (ListenerId(0), own.to_vec()));
        let auth = AuthConfig {
            required: true,
            realm: REALM.to_owned(),
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            offered: own.into_iter().collect(),
            nonce_life: Duration::from_secs(60),
            nonces_max: 10,
            anonymous_calls,
            failures_max: 3,
            failures_window: Duration::from_secs(60),
            sources_max: 10,
        };
        let route = ["sip:192.0.2.112".to_owned()];
        let config = Config {
            shard: Shard(0),
            shards: Shards::ONE,
            seed: [1; 32],
            timers: sip::Timers::default(),
            sip_limits: sip::ParseLimits::default(),
            listeners: vec![Listener {
                name: "udp".to_owned(),
                transport: Transport::Udp,
                advertised: ([192, 0, 2, 9], 5060).into(),
            }],
            limits: Limits::default(),
            ring_timeout: Duration::from_secs(60),
            routing_timeout: Duration::from_secs(60),
            question_timeout: Duration::from_secs(1),
            relay_timeout: Duration::from_secs(1),
            failover_after: Duration::from_secs(4),
            udp_request_max: 1300,
            locate_timeout: Duration::from_secs(4),
            media: MediaMode::Bypass,
            media_address6: None,
            transfers: crate::TransferConfig::default(),
            call_events: crate::CallEventConfig::default(),
            proxy_key: None,
            service_route: "".into(),
            trusted: Vec::new(),
            diversion: crate::DiversionStyle::default(),
            sessions: crate::SessionConfig::default(),
            emergency: Emergency::new(&["112".to_owned()], &[], &route).unwrap(),
            auth: Some(auth),
            events: crate::EventsConfig::default(),
            registrar: RegistrarConfig::default(),
            devices: Vec::new(),
            trunks: Vec::new(),
            server_header: String::new(),
        };
        let settings = config.settings();
        let switch = Switch::new(config);
        Self { switch, settings, sent: 0, now: Instant::ZERO + Duration::from_secs(1) }
    }

    /// Sends a request from a user to a user, and gives what the switch does: its final or first answer, `asks` when the
    /// plugins are asked, `calls` when an INVITE goes out.
    fn send(&mut self, method: &str, from: &str, to: &str, extra: &str) -> (String, String) {
        self.sent += 1;
        let n = self.sent;
        let uri =
            if method == "REGISTER" { "sip:example.org".to_owned() } else { format!("sip:{to}") };
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{n}\r\nFrom: <sip:{from}>;tag=a\r\n\
             To: <sip:{to}>\r\nCall-ID: {n}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\nContact: <sip:x@192.0.2.1>\r\n\
             {extra}Content-Length: 0\r\n\r\n"
        );
        let peer = ([192, 0, 2, 1], 5060).into();
        let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer };
        self.switch.handle_input(
            self.now,
            &Office,
            Input::Datagram { flow, bytes: Bytes::from(text) },
        );
        let (mut did, mut answer) = (Vec::new(), String::new());
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    match text.split(' ').nth(1).unwrap() {
                        status if text.starts_with("SIP/2.0 ") => did.push(status.to_owned()),
                        _ => did.push("calls".to_owned()),
                    }
                    answer = text;
                }
                Output::Ask(question) => did.push(format!(
                    "asks, {}",
                    question.call.identity.as_ref().map_or("of nobody", Aor::as_str)
                )),
                Output::Emit(Fact::NotAuthenticated { trouble, .. }) => {
                    did.push(format!("{trouble:?}"))
                }
                _ => {}
            }
        }
        (did.join("; "), answer)
    }

    fn configure(&mut self, settings: Settings) {
        let input = Input::Configure(Box::new(settings));
        self.switch.handle_input(self.now, &Office, input);
    }

    fn did(&mut self, method: &str, from: &str, to: &str, extra: &str) -> String {
        self.send(method, from, to, extra).0
    }
}

const ANN: &str = "1000@example.org";
const BEN: &str = "2000@example.org";

fn credentials(challenged: &str, method: &str, uri: &str, password: &str, count: u32) -> String {
    let values = challenged.lines().filter_map(|line| line.strip_prefix("WWW-Authenticate: "));
    let challenge = Challenge::strongest(values).unwrap();
    assert_eq!(challenge.algorithm, Algorithm::Sha256, "the first that is offered");
    let answer = Answer { user: "1000", password, method, uri, cnonce: "c", count };
    format!("Authorization: {}\r\n", challenge.answer(&answer))
}

#[test]
fn what_begins_something_is_asked_and_what_proves_itself_goes_on() {
    let mut bench = Bench::new(false);
    for from in [ANN, BEN, "3000@example.org", "1000@example.net"] {
        for method in ["REGISTER", "INVITE"] {
            assert_eq!(bench.did(method, from, from, ""), "401", "{method} {from}");
        }
    }
    let (_, asked) = bench.send("REGISTER", ANN, ANN, "");
    let right = |method: &str, uri: &str, n| credentials(&asked, method, uri, "secret", n);
    assert_eq!(bench.did("REGISTER", ANN, ANN, &right("REGISTER", "sip:example.org", 1)), "200");
    let to_ben = format!("sip:{BEN}");
    let call = bench.did("INVITE", ANN, BEN, &right("INVITE", &to_ben, 2));
    assert_eq!(call, format!("asks, {ANN}"));
}

#[test]
fn a_listener_may_offer_less_than_is_taken() {
    let offered = |bench: &mut Bench| -> Vec<String> {
        let (_, asked) = bench.send("REGISTER", ANN, ANN, "");
        let values = asked.lines().filter(|line| line.starts_with("WWW-Authenticate: "));
        values.map(|line| line.split("algorithm=").nth(1).unwrap().to_owned()).collect()
    };
    let every = offered(&mut Bench::new(false));
    assert_eq!(every, ["SHA-256, qop=\"auth\"", "MD5, qop=\"auth\""]);
    let mut bench = Bench::offering(&[Algorithm::Md5], false);
    assert_eq!(offered(&mut bench), ["MD5, qop=\"auth\""]);
}

#[test]
fn a_user_registers_itself_and_calls_as_itself() {
    let mut bench = Bench::new(false);
    let (_, asked) = bench.send("REGISTER", ANN, ANN, "");
    let right = |n| credentials(&asked, "REGISTER", "sip:example.org", "secret", n);
    assert_eq!(bench.did("REGISTER", ANN, BEN, &right(1)), "403");
    // As another, the password of this one is worth nothing.
    assert_eq!(bench.did("REGISTER", BEN, BEN, &right(2)), "Some(User); 401");
    assert_eq!(bench.did("REGISTER", ANN, ANN, &right(2)), "200");
}

#[test]
fn who_guesses_is_told_nothing_and_then_shut_out_for_a_while() {
    let mut bench = Bench::new(false);
    let (_, asked) = bench.send("REGISTER", ANN, ANN, "");
    let with = |password, n| credentials(&asked, "REGISTER", "sip:example.org", password, n);
    for n in 1..=3 {
        assert_eq!(bench.did("REGISTER", ANN, ANN, &with("guess", n)), "Some(Password); 401");
    }
    assert_eq!(bench.did("REGISTER", ANN, ANN, &with("secret", 4)), "None; 403");
    // Told once: who goes on does not fill the log.
    assert_eq!(bench.did("REGISTER", ANN, ANN, &with("secret", 5)), "403");
    bench.now = bench.now + Duration::from_secs(61);
    let (did, asked) = bench.send("REGISTER", ANN, ANN, &with("secret", 4));
    assert_eq!(did, "401");
    assert!(asked.contains("stale=true"), "{asked}");
    let fresh = credentials(&asked, "REGISTER", "sip:example.org", "secret", 1);
    assert_eq!(bench.did("REGISTER", ANN, ANN, &fresh), "200");
}

#[test]
fn calls_of_strangers_are_taken_where_the_configuration_says_so_and_no_registrations() {
    let mut bench = Bench::new(true);
    assert_eq!(bench.did("INVITE", "eve@example.net", BEN, ""), "asks, of nobody");
    assert_eq!(bench.did("REGISTER", "eve@example.net", BEN, ""), "401");
    // Who says to be one of ours must still prove it.
    assert_eq!(bench.did("INVITE", ANN, BEN, ""), "401");
    assert_eq!(bench.did("INVITE", "3000@example.org", BEN, ""), "401");
}

#[test]
fn nobody_is_asked_for_a_password_before_help_is_called() {
    let mut bench = Bench::new(false);
    assert_eq!(bench.did("INVITE", ANN, "112@example.org", ""), "calls");
    assert_eq!(bench.did("INVITE", "eve@example.net", "112@example.net", ""), "calls");
    assert_eq!(bench.did("INVITE", ANN, "1120@example.org", ""), "401");
}

#[test]
fn authentication_is_switched_on_and_off_while_the_switch_runs() {
    let mut bench = Bench::new(false);
    let settings = bench.settings.clone();
    assert_eq!(bench.did("INVITE", BEN, ANN, ""), "401");
    bench.configure(Settings { auth: None, ..settings.clone() });
    assert_eq!(bench.did("INVITE", BEN, ANN, ""), "asks, of nobody");
    bench.configure(settings);
    assert_eq!(bench.did("INVITE", BEN, ANN, ""), "401");
}

#[test]
fn a_nonce_goes_stale_with_a_change_of_what_is_asked_and_with_no_other() {
    let mut bench = Bench::new(false);
    let mut settings = bench.settings.clone();
    let (_, asked) = bench.send("REGISTER", ANN, ANN, "");
    let right = |n| credentials(&asked, "REGISTER", "sip:example.org", "secret", n);
    settings.ring_timeout = Duration::from_secs(7);
    bench.configure(settings.clone());
    assert_eq!(bench.did("REGISTER", ANN, ANN, &right(1)), "200");
    settings.auth.as_mut().unwrap().failures_max = 9;
    bench.configure(settings);
    let (did, answer) = bench.send("REGISTER", ANN, ANN, &right(2));
    assert_eq!(did, "401");
    assert!(answer.contains("stale=true"), "{answer}");
}

#[test]
fn other_limits_and_other_emergency_numbers_hold_for_the_next_call() {
    let mut bench = Bench::new(true);
    let mut settings = bench.settings.clone();
    let eve = "eve@example.net";
    assert_eq!(bench.did("INVITE", eve, BEN, ""), "asks, of nobody");
    assert_eq!(bench.did("INVITE", eve, "911@example.org", ""), "asks, of nobody");
    settings.limits.calls_max = 2;
    let route = ["sip:192.0.2.112".to_owned()];
    settings.emergency = Emergency::new(&["911".to_owned()], &[], &route).unwrap();
    bench.configure(settings);
    assert_eq!(bench.did("INVITE", eve, BEN, ""), "503");
    assert_eq!(bench.did("INVITE", eve, "911@example.org", ""), "calls");
    assert_eq!(bench.did("INVITE", eve, "112@example.org", ""), "503");
}

/// What a plugin gives a password for is the name that it was shown, which stands in From.
#[test]
fn the_password_of_a_plugin_is_for_nobody_else() {
    let mut bench = Bench::new(false);
    let proof = || Proof::Of(Credentials::Password("welcome".to_owned()));
    let random = 7;
    let authenticator = &bench.switch.authenticator;
    let asked = authenticator.challenges(ListenerId(0), bench.now, random, false);
    let asked: String =
        asked.iter().map(|value| format!("WWW-Authenticate: {value}\r\n")).collect();
    let mut judged = |from: &str, fields: &str, count: u32| {
        let answer = credentials(&asked, "REGISTER", "sip:example.org", "welcome", count);
        let text = format!(
            "REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:{from}>;tag=a\r\n\
             To: <sip:{ANN}>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n{answer}{fields}\r\n"
        );
        let request = Message::parse(text.into_bytes().into(), &Default::default()).unwrap();
        let peer = ([192, 0, 2, 1], 5060).into();
        let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer };
        let (now, tx) = (bench.now, sip::ServerTx::NONE);
        bench.switch.authenticate(now, &Office, flow, tx, &request, proof())
    };
    let preferred = format!("P-Preferred-Identity: <sip:{ANN}>\r\n");
    assert_eq!(judged("guest@anonymous.invalid", &preferred, 1), None);
    assert_eq!(judged("anonymous@anonymous.invalid", &preferred, 2), None);
    let ann = Aor::new("1000", "example.org");
    assert_eq!(judged(ANN, "", 3), Some(Some(ann)), "the same for who is asked");
}
