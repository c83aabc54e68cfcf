//! Refusals of T-Library clients on their way to the journal.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use model::{
    Instant,
    hook::{Ask, CallFacts, Decision, FailureKind, Hook, Reason, StepOutcome, Verdict},
};

/// How long those that are like one that was told are counted.
const WHILE: Duration = Duration::from_secs(10);
/// Refusals, each unlike the others, that are kept apart; what goes beyond it is counted together.
const KINDS_MAX: usize = 256;

/// A refusal, for the journal.
pub(super) type Told = (Arc<CallFacts>, Decision);

/// Of refusals that are alike the first is told, and after a while how many there were since: a client may ask for what is refused a
/// thousand times a second, and the journal has calls in it.
#[derive(Default)]
pub(super) struct Refusals {
    /// `None` is what there was no place for.
    kinds: BTreeMap<Option<Like>, Since>,
    /// When the first of them is over.
    next: Option<Instant>,
}

/// What refusals have in common: the client, what it asked for, which version of which plugin refused it, and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Like {
    address: IpAddr,
    application: String,
    hook: Hook,
    request: String,
    by: Option<(Arc<str>, u64)>,
    code: u16,
    reasons: Vec<String>,
    failures: Vec<FailureKind>,
}

impl Like {
    /// That of a decision about what a client asked for; `None` of one that is no refusal.
    pub(super) fn of(ask: &Ask, facts: &CallFacts, decision: &Decision) -> Option<Self> {
        let Verdict::Refuse(code) = decision.verdict else { return None };
        let request = match ask {
            Ask::AuthoriseRequest(request) => request.name.to_string(),
            Ask::FanOut(subscription) => subscription.kind.name().to_owned(),
            _ => return None,
        };
        let failure = |outcome: &StepOutcome| match outcome {
            StepOutcome::Failed(failure) => Some(failure.kind),
            StepOutcome::Passed | StepOutcome::Amended | StepOutcome::Decided => None,
        };
        let by = decision.decided_by.as_ref();
        Some(Self {
            by: by.map(|by| (Arc::clone(&by.plugin), by.serial)),
            address: facts.source.ip(),
            application: facts.caller.uri.clone(),
            hook: decision.hook,
            request,
            code,
            reasons: decision.reasons.iter().map(|reason| reason.code.clone()).collect(),
            failures: decision.steps.iter().filter_map(|step| failure(&step.outcome)).collect(),
        })
    }
}

/// What came since one was told.
struct Since {
    until: Instant,
    count: u64,
    last: Option<Told>,
}

impl Refusals {
    /// Takes a refusal. Gives it back when it is to be told.
    pub(super) fn take(&mut self, now: Instant, like: Like, told: Told) -> Option<Told> {
        let like = Some(like);
        let has_place = self.kinds.contains_key(&like) || self.kinds.len() < KINDS_MAX;
        let like = like.filter(|_| has_place);
        if let Some(since) = self.kinds.get_mut(&like) {
            since.count += 1;
            since.last = Some(told);
            return None;
        }
        let until = now + WHILE;
        self.next = self.next.or(Some(until));
        self.kinds.insert(like, Since { until, count: 0, last: None });
        Some(told)
    }

    /// What is to be told by now of those that were counted: the last of each, with how many there were.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Told> {
        if self.next.is_none_or(|next| now < next) {
            return Vec::new();
        }
        let mut due = Vec::new();
        self.kinds.retain(|_, since| {
            if now < since.until {
                return true;
            }
            let Some((facts, mut decision)) = since.last.take() else { return false };
            let text = format!("{} of this kind since the one that was told before", since.count);
            decision.reasons.push(Reason { code: "repeated".to_owned(), text });
            due.push((facts, decision));
            (since.until, since.count) = (now + WHILE, 0);
            true
        });
        self.next = self.kinds.values().map(|since| since.until).min();
        due
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::SocketAddr;

    use model::{
        ConnId, Digest, GenerationRef, Transport,
        hook::{ClientRequest, Failure, Party, RequestKind, Step, Subscription, SubscriptionKind},
    };

    use super::*;

    /// A client at the last byte of an address, what it asks for, and the code and the reason of its refusal.
    fn refused(client: u8, name: &str, code: u16, reason: &str) -> (Like, Told) {
        let source = SocketAddr::from(([192, 0, 2, client], 40_000));
        let came = (Transport::Tcp, source);
        let facts = CallFacts {
            caller: Party { uri: "desktop".to_owned(), ..Party::default() },
            ..CallFacts::new(ConnId(1), RequestKind::TLibrary, came)
        };
        let request = ClientRequest {
            name: name.to_owned().into(),
            port: "TCport".into(),
            application: "desktop".into(),
            attributes: Vec::new(),
        };
        let mut decision = Decision::of(Hook::AuthoriseRequest, 0);
        decision.verdict = Verdict::Refuse(code);
        let text = "said at length".to_owned();
        decision.reasons.push(Reason { code: reason.to_owned(), text });
        let like = Like::of(&Ask::AuthoriseRequest(Arc::new(request)), &facts, &decision).unwrap();
        (like, (Arc::new(facts), decision))
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn texts(due: &[Told]) -> Vec<String> {
        due.iter().map(|(_, decision)| decision.reasons.last().unwrap().text.clone()).collect()
    }

    #[test]
    fn of_refusals_that_are_alike_one_is_told_and_then_how_many_there_were() {
        let mut refusals = Refusals::default();
        let mut told = 0;
        for n in 0..5_000 {
            let (like, refusal) = refused(9, "RequestRouteCall", 71, "desk");
            told += refusals.take(at(n / 1_000), like, refusal).iter().count();
        }
        assert_eq!((told, refusals.due(at(9)).len()), (1, 0));
        let due = refusals.due(at(10));
        assert_eq!(texts(&due), ["4999 of this kind since the one that was told before"]);
        let reasons: Vec<&str> = due[0].1.reasons.iter().map(|reason| &*reason.code).collect();
        assert_eq!(reasons, ["desk", "repeated"]);
        // It goes on: again nothing more than how many.
        let (like, refusal) = refused(9, "RequestRouteCall", 71, "desk");
        assert!(refusals.take(at(11), like, refusal).is_none());
        assert_eq!(
            texts(&refusals.due(at(20))),
            ["1 of this kind since the one that was told before"]
        );
        // It is over, and the next is the first again.
        assert_eq!(refusals.due(at(30)).len(), 0);
        assert!(refusals.kinds.is_empty() && refusals.next.is_none());
        let (like, refusal) = refused(9, "RequestRouteCall", 71, "desk");
        assert!(refusals.take(at(31), like, refusal).is_some());
    }

    #[test]
    fn another_client_request_code_or_reason_is_told_for_itself() {
        let mut refusals = Refusals::default();
        for (client, name, code, reason) in [
            (9, "RequestRouteCall", 71, "desk"),
            (8, "RequestRouteCall", 71, "desk"),
            (9, "RequestMakeCall", 71, "desk"),
            (9, "RequestRouteCall", 72, "desk"),
            (9, "RequestRouteCall", 71, "night"),
        ] {
            let (like, refusal) = refused(client, name, code, reason);
            assert!(
                refusals.take(at(0), like, refusal).is_some(),
                "{client} {name} {code} {reason}"
            );
        }
    }

    #[test]
    fn who_refused_and_how_it_failed_tells_refusals_apart() {
        let (_, (facts, mut decision)) = refused(9, "RequestMakeCall", 1016, "plugin-failed");
        let subscription = Ask::FanOut(Arc::new(Subscription {
            kind: SubscriptionKind::Calls,
            port: "IPport".into(),
            application: "desktop".into(),
            dn: None,
            dn_type: None,
            extensions: Vec::new(),
        }));
        let generation =
            |serial| GenerationRef { plugin: "desk".into(), serial, digest: Digest([0; 32]) };
        let of_version = [1, 2].map(|serial| {
            let decided_by = Some(generation(serial));
            Like::of(&subscription, &facts, &Decision { decided_by, ..decision.clone() })
        });
        assert!(of_version[0] != of_version[1], "a version that is replaced is not the next one");
        let mut likes = Vec::new();
        for kind in [FailureKind::Trap, FailureKind::Quarantined] {
            let failure = Failure { kind, detail: "for another 9.9 s".to_owned() };
            decision.steps = vec![Step {
                generation: generation(1),
                outcome: StepOutcome::Failed(failure),
                took_ns: 1,
            }];
            likes.push(Like::of(&subscription, &facts, &decision).unwrap());
        }
        assert!(likes[0] != likes[1]);
        decision.verdict = Verdict::Authorised(Vec::new());
        assert!(Like::of(&subscription, &facts, &decision).is_none());
    }

    #[test]
    fn what_there_is_no_place_for_is_counted_together() {
        let mut refusals = Refusals::default();
        let mut told = 0;
        for n in 0..1_000 {
            let (like, refusal) = refused(9, "RequestMakeCall", 71, &format!("to {n}"));
            told += refusals.take(at(0), like, refusal).iter().count();
        }
        assert_eq!((told, refusals.kinds.len()), (KINDS_MAX + 1, KINDS_MAX + 1));
        let due = refusals.due(at(10));
        assert_eq!(texts(&due), ["743 of this kind since the one that was told before"]);
    }
}
