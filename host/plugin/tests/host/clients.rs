//! The hooks about T-Library clients and the owners of DNs: who decides, and what stands where nobody does.

use std::{sync::Arc, time::Duration};

use jackfield_plugin::{Kind, PluginHost};
use model::hook::{
    Answer, Ask, ClientRequest, DnOwner, FailureKind, Hook, OwnerChange, OwnerHappening, Question,
    StepOutcome, Subscription, SubscriptionKind, Verdict,
};

use crate::{
    common::{about, answer, failure, host, patient, source},
    guest,
};

/// A client of `softphone` has registered on this DN, whose phone owns it.
pub(crate) fn change(dn: &str) -> Ask {
    Ask::DnOwner(Arc::new(OwnerChange {
        dn: dn.into(),
        what: OwnerHappening::ClientRegistered("softphone".into()),
        is_sip: false,
        owner: Some(DnOwner::Application("desktop".into())),
        is_by_owner: false,
        applications: vec!["desktop".into(), "softphone".into()],
    }))
}

/// A desktop wants the events of this DN.
pub(crate) fn subscription(dn: &str) -> Ask {
    Ask::FanOut(Arc::new(Subscription {
        kind: SubscriptionKind::Dn,
        port: "TCport".into(),
        application: "desktop".into(),
        dn: Some(dn.into()),
        dn_type: Some("extension".into()),
        extensions: vec![("depth".into(), "3".into())],
    }))
}

/// A desktop wants this DN to call 2001.
pub(crate) fn request(dn: &str) -> Ask {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Ask::AuthoriseRequest(Arc::new(ClientRequest {
        name: "RequestMakeCall".into(),
        port: "TCport".into(),
        application: "desktop".into(),
        attributes: vec![
            pair("ThisDN", dn),
            pair("OtherDN", "2001"),
            pair("Extensions.why", "because"),
        ],
    }))
}

fn scripts(codes: &[&str]) -> Arc<PluginHost> {
    let sources = codes.iter().zip(["a", "b", "c", "d"]);
    host(patient(), sources.map(|(code, id)| source(id, Kind::Rhai, *code)).collect())
}

/// About the DN 300: the self-test asks about 2000.
fn asked(ask: fn(&str) -> Ask, codes: &[&str]) -> Answer {
    answer(&scripts(codes), &about("300", ask("300")))
}

/// What came out, and who is said to have decided it.
fn said(ask: fn(&str) -> Ask, codes: &[&str]) -> (String, String) {
    let answer = asked(ask, codes);
    assert_eq!(answer.verdict.to_string(), answer.decision.verdict.to_string(), "the journal too");
    let by = answer.decision.decided_by.map(|by| by.plugin.to_string());
    (answer.verdict.to_string(), by.unwrap_or_else(|| "nobody".to_owned()))
}

fn pair(verdict: &str, by: &str) -> (String, String) {
    (verdict.to_owned(), by.to_owned())
}

const OWNER_PASSES: &str = "fn dn_owner(change) { pass() }";
const OWNER_FAILS: &str = "fn dn_owner(c) { if c.dn.len == 4 { return pass(); } throw \"boom\" }";
const FAN_OUT_FAILS: &str = "fn fan_out(s) { if s.dn.len == 4 { return pass(); } refuse(0) }";
const REQUEST_FAILS: &str =
    "fn authorise_request(r) { if r.dn.len == 4 { return pass(); } throw \"boom\" }";
const TO_2002: &str = "fn authorise_request(r) { change(\"OtherDN\", \"2002\") }";

#[test]
fn the_first_plugin_that_decides_says_whose_a_dn_is() {
    let says = |what: &str| format!("fn dn_owner(change) {{ {what}().because(\"why\", \"\") }}");
    let (claim, keep, disown) = (says("claim"), says("keep"), says("disown"));
    assert_eq!(said(change, &[OWNER_PASSES, &claim, &keep]), pair("claim", "b"));
    assert_eq!(said(change, &[&keep, &claim]), pair("keep", "a"));
    assert_eq!(said(change, &[&disown]), pair("release", "a"));
    assert_eq!(said(change, &[OWNER_FAILS, &disown]), pair("release", "b"));
    assert_eq!(asked(change, &[OWNER_PASSES]).verdict, Verdict::BuiltIn);
    let decision = asked(change, &[&claim]).decision;
    assert_eq!(decision.about.as_deref(), Some("300 client-registered softphone"));
    assert_eq!((decision.hook, decision.reasons[0].code.as_str()), (Hook::DnOwner, "why"));
}

#[test]
fn the_owner_stays_where_a_plugin_failed_and_nobody_decides() {
    assert_eq!(said(change, &[OWNER_FAILS, OWNER_PASSES]), pair("keep", "nobody"));
    let answer = asked(change, &[OWNER_PASSES, OWNER_FAILS]);
    let [why] = answer.decision.reasons.as_slice() else { panic!("{:?}", answer.decision) };
    assert_eq!(why.code, "plugin-failed");
    assert!(why.text.starts_with("b#1"), "{}", why.text);
    assert!(why.text.ends_with("failed (trap) and no other plugin decided: keep"), "{}", why.text);
}

#[test]
fn the_first_plugin_that_decides_says_what_a_client_gets() {
    let inbound = "fn fan_out(s) { deliver().events([\"EventRinging\"]).events([\"EventReleased\"])
        .without([\"EventPartyChanged\"]).call_types([\"Inbound\"]).group(\"g\") }";
    let line =
        "deliver EventRinging, EventReleased but EventPartyChanged of Inbound calls, for group g";
    let refuses = "fn fan_out(s) { refuse(9999) }";
    let passes = "fn fan_out(s) { pass() }";
    assert_eq!(said(subscription, &[passes, inbound, refuses]), pair(line, "b"));
    assert_eq!(said(subscription, &[refuses, inbound]), pair("refuse 9999", "a"));
    assert_eq!(said(subscription, &["fn fan_out(s) { deliver() }"]), pair("deliver all", "a"));
    assert_eq!(said(subscription, &[FAN_OUT_FAILS, inbound]), pair(line, "b"));
    assert_eq!(asked(subscription, &[passes]).verdict, Verdict::BuiltIn);
    let decision = asked(subscription, &[inbound]).decision;
    assert_eq!(decision.about.as_deref(), Some("dn 300 for desktop at TCport"));
}

#[test]
fn a_client_gets_nothing_where_a_plugin_failed_and_nobody_decides() {
    let passes = "fn fan_out(s) { pass() }";
    assert_eq!(said(subscription, &[FAN_OUT_FAILS, passes]), pair("refuse 1016", "nobody"));
    // The self-test passes, and so does another DN.
    let host = scripts(&[FAN_OUT_FAILS]);
    assert_eq!(answer(&host, &about("2000", subscription("2000"))).verdict, Verdict::BuiltIn);
}

#[test]
fn each_plugin_sees_what_those_before_it_changed_of_a_request() {
    let tells = "fn authorise_request(r) { pass().because(\"saw\", r.attribute(\"OtherDN\")) }";
    let on = "fn authorise_request(r) { change(\"OtherDN\", r.attribute(\"OtherDN\") + \"0\").change(\"AgentID\", 7) }";
    assert_eq!(said(request, &[TO_2002]), pair("allow with OtherDN=2002", "a"));
    let both = "allow with OtherDN=20020 AgentID=7";
    assert_eq!(said(request, &[TO_2002, tells, on]), pair(both, "c"));
    let allows = "fn authorise_request(r) { if r.attribute(\"OtherDN\") == \"2002\" { allow() } else { pass() } }";
    assert_eq!(said(request, &[TO_2002, allows, on]), pair("allow with OtherDN=2002", "b"));
    assert_eq!(said(request, &[allows]).0, "built-in");
    let refuses = "fn authorise_request(r) { refuse(1) }";
    assert_eq!(said(request, &[TO_2002, refuses, allows]), pair("refuse 1", "b"));
    assert_eq!(said(request, &["fn authorise_request(r) { allow() }", refuses]).0, "allow");
    let decision = asked(request, &[TO_2002, refuses]).decision;
    assert_eq!(decision.about.as_deref(), Some("RequestMakeCall on 300 by desktop at TCport"));
    let outcomes: Vec<_> = decision.steps.iter().map(|step| step.outcome.clone()).collect();
    assert_eq!(outcomes, [StepOutcome::Amended, StepOutcome::Decided]);
}

#[test]
fn nothing_may_be_asked_for_where_a_plugin_failed_and_nobody_decides() {
    let allows = "fn authorise_request(r) { allow() }";
    assert_eq!(said(request, &[TO_2002, REQUEST_FAILS]), pair("refuse 1016", "nobody"));
    assert_eq!(said(request, &[REQUEST_FAILS, TO_2002]), pair("refuse 1016", "nobody"));
    let changed = pair("allow with OtherDN=2002", "c");
    assert_eq!(said(request, &[REQUEST_FAILS, TO_2002, allows]), changed);
}

#[test]
fn a_plugin_that_rests_opens_nothing() {
    let mut config = patient();
    config.quarantine.strikes = 1;
    config.quarantine.rest = Duration::from_secs(3600);
    let host = host(config, vec![source("sour", Kind::Rhai, FAN_OUT_FAILS)]);
    let good = about("2000", subscription("2000"));
    assert_eq!(answer(&host, &good).verdict, Verdict::BuiltIn);
    answer(&host, &about("300", subscription("300")));
    let rested = answer(&host, &good);
    assert_eq!(failure(&rested).0, FailureKind::Quarantined);
    assert_eq!(rested.verdict, Verdict::Refuse(1016));
}

#[test]
fn a_script_is_told_all_that_there_is() {
    let told = |ask: fn(&str) -> Ask, code: &str| {
        let answer = asked(ask, &[code]);
        let reasons = answer.decision.reasons;
        reasons.first().map_or_else(|| panic!("{:?}", answer.verdict), |why| why.text.clone())
    };
    let owner = "fn dn_owner(c) { keep().because(\"\", `${c.dn} ${c.kind} ${c.application} ${c.sip} ${c.owner} ${c.owner_application} ${c.by_owner} ${c.applications}`) }";
    assert_eq!(
        told(change, owner),
        "300 client-registered softphone false application desktop false [\"desktop\", \"softphone\"]"
    );
    let fan_out = "fn fan_out(s) { deliver().because(\"\", `${s.kind} ${s.port} ${s.application} ${s.dn} ${s.dn_type} ${s.extensions.depth}`) }";
    assert_eq!(told(subscription, fan_out), "dn TCport desktop 300 extension 3");
    let authorise = "fn authorise_request(r) { allow().because(\"\", `${r.name} ${r.port} ${r.application} ${r.dn} ${r.attributes.OtherDN} ${r.attribute(\"Extensions.why\")} ${r.attribute(\"no\")}.`) }";
    assert_eq!(told(request, authorise), "RequestMakeCall TCport desktop 300 2001 because .");
}

#[test]
fn a_component_says_the_same_as_a_script() {
    let wasm = |hook: &str, tag: u8, payload: u16| {
        let body = format!("(call $refuse (i32.const {tag}) (i32.const {payload}))");
        guest::of_clients(hook, &body, "")
    };
    let both = |ask: fn(&str) -> Ask, code: Vec<u8>, script: &str| {
        let question: Question = about("300", ask("300"));
        let [wasm, rhai] = [(Kind::Wasm, code), (Kind::Rhai, script.into())].map(|(kind, code)| {
            answer(&host(patient(), vec![source("twin", kind, code)]), &question).verdict
        });
        assert_eq!(wasm, rhai);
        wasm.to_string()
    };
    let owner = |tag, word: &str| {
        both(change, wasm("dn-owner", tag, 0), &format!("fn dn_owner(c) {{ {word}() }}"))
    };
    assert_eq!(owner(0, "pass"), "built-in");
    assert_eq!(owner(1, "claim"), "claim");
    assert_eq!(owner(2, "keep"), "keep");
    assert_eq!(owner(3, "disown"), "release");
    let refuses = wasm("fan-out", 2, 59);
    assert_eq!(both(subscription, refuses, "fn fan_out(s) { refuse(59) }"), "refuse 59");
    let delivers = wasm("fan-out", 1, 0);
    assert_eq!(both(subscription, delivers, "fn fan_out(s) { deliver() }"), "deliver all");
    let refuses = wasm("authorise-request", 3, 9999);
    let script = "fn authorise_request(r) { refuse(9999) }";
    assert_eq!(both(request, refuses, script), "refuse 9999");
    let allows = wasm("authorise-request", 1, 0);
    assert_eq!(both(request, allows, "fn authorise_request(r) { allow() }"), "allow");
}
