#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;

const CONFIG: LearnerConfig = LearnerConfig {
    packets_to_lock: 3,
    row_within: Duration::from_secs(1),
    relearn_after: Duration::from_secs(2),
};

const SIGNALLED: &str = "192.0.2.1:4000";
/// The same phone as its NAT shows it.
const NAT: &str = "198.51.100.9:61000";
/// The same phone after its NAT has forgotten it.
const NAT_LATER: &str = "198.51.100.9:62000";
const STRANGER: &str = "203.0.113.66:5000";
const STUN: &[u8] = &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0];
const KEEP_ALIVE: &[u8] = b"";

fn rtp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 0];
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

/// A learner and its clock, 20 ms a packet.
#[derive(Default)]
struct Lab {
    learner: Learner,
    now: Instant,
}

impl Lab {
    fn signalled() -> Self {
        let mut lab = Self::default();
        lab.learner.signal(Some(at(SIGNALLED)));
        lab
    }

    fn locked(from: &str) -> Self {
        let mut lab = Self::signalled();
        lab.rtp(from, 7);
        lab.rtp(from, 7);
        lab.rtp(from, 7);
        assert_eq!(lab.learner.locked(), Some(at(from)));
        lab
    }

    fn held(from: &str) -> Self {
        let mut lab = Self::locked(from);
        lab.learner.signal(None);
        lab
    }

    fn pass(mut self, time: Duration) -> Self {
        self.now = self.now + time;
        self
    }

    fn rtp(&mut self, from: &str, ssrc: u32) -> Verdict {
        self.packet(from, &rtp(ssrc))
    }

    fn packet(&mut self, from: &str, packet: &[u8]) -> Verdict {
        self.now = self.now + Duration::from_millis(20);
        self.learner.on_packet(self.now, at(from), packet, &CONFIG)
    }
}

type Make = fn() -> Lab;

/// What three packets in a row from one address come to: `L`earned, `F`orwarded, `x` dropped.
fn three(mut lab: Lab, from: &str, packet: &[u8]) -> String {
    let letter = |verdict| match verdict {
        Verdict::Forward => 'F',
        Verdict::Learned(learned) => {
            assert_eq!(learned, at(from), "only a packet's own source is learned");
            'L'
        }
        Verdict::Stranger => 'x',
    };
    (0..3).map(|_| letter(lab.packet(from, packet))).collect()
}

#[test]
fn every_state_meets_every_kind_of_packet() {
    let silence = CONFIG.relearn_after;
    let states: [(&str, Make); 7] = [
        ("nothing signalled", Lab::default),
        ("signalled", Lab::signalled),
        ("locked where signalled", || Lab::locked(SIGNALLED)),
        ("locked behind NAT", || Lab::locked(NAT)),
        ("locked where signalled, held", || Lab::held(SIGNALLED)),
        ("locked behind NAT, held", || Lab::held(NAT)),
        ("forgotten", || {
            let mut lab = Lab::locked(NAT);
            lab.learner.forget();
            lab
        }),
    ];
    // By state: from the signalled address, from behind NAT with the SSRC that was heard, from there with another, from a
    // stranger with that SSRC; then the same after the locked address has been silent for long.
    let expected = [
        ["xxx", "xxx", "xxx", "xxx", "xxx", "xxx", "xxx", "xxx"],
        ["LFF", "xxL", "xxL", "xxL", "LFF", "xxL", "xxL", "xxL"],
        ["FFF", "xxx", "xxx", "xxx", "FFF", "LFF", "xxx", "LFF"],
        ["xxL", "FFF", "FFF", "xxx", "xxL", "FFF", "FFF", "LFF"],
        ["FFF", "xxx", "xxx", "xxx", "FFF", "LFF", "xxx", "LFF"],
        ["xxL", "FFF", "FFF", "xxx", "xxL", "FFF", "FFF", "LFF"],
        ["xxx", "xxx", "xxx", "xxx", "xxx", "xxx", "xxx", "xxx"],
    ];
    for ((state, make), expected) in states.into_iter().zip(expected) {
        let kinds = [(SIGNALLED, 7), (NAT, 7), (NAT, 8), (STRANGER, 7)];
        let at_once = kinds.map(|(from, ssrc)| three(make(), from, &rtp(ssrc)));
        let later = kinds.map(|(from, ssrc)| three(make().pass(silence), from, &rtp(ssrc)));
        assert_eq!([at_once, later].concat(), expected, "{state}");
    }
    // By state: what is neither RTP nor RTCP, from the signalled address, from behind NAT and from a stranger.
    let expected = [
        ["xxx", "xxx", "xxx"],
        ["FFF", "xxx", "xxx"],
        ["FFF", "xxx", "xxx"],
        ["xxx", "FFF", "xxx"],
        ["FFF", "xxx", "xxx"],
        ["xxx", "FFF", "xxx"],
        ["xxx", "xxx", "xxx"],
    ];
    for ((state, make), expected) in states.into_iter().zip(expected) {
        for junk in [STUN, KEEP_ALIVE] {
            let verdicts = [SIGNALLED, NAT, STRANGER].map(|from| three(make(), from, junk));
            assert_eq!(verdicts, expected, "{state}");
            let later =
                [SIGNALLED, NAT, STRANGER].map(|from| three(make().pass(silence), from, junk));
            assert_eq!(later, expected, "{state}, after silence");
        }
    }
}

#[test]
fn media_goes_to_the_signalled_address_until_another_is_locked() {
    let mut lab = Lab::default();
    assert_eq!(lab.learner.destination(), None);
    lab.learner.signal(Some(at(SIGNALLED)));
    assert_eq!(lab.learner.destination(), Some(at(SIGNALLED)));
    lab.rtp(NAT, 7);
    lab.rtp(NAT, 7);
    assert_eq!(lab.learner.destination(), Some(at(SIGNALLED)));
    lab.rtp(NAT, 7);
    assert_eq!(lab.learner.destination(), Some(at(NAT)));
}

#[test]
fn a_row_is_broken_by_another_address_another_ssrc_and_by_time() {
    let mut lab = Lab::signalled();
    for _ in 0..10 {
        assert_eq!(lab.rtp(NAT, 7), Verdict::Stranger);
        assert_eq!(lab.rtp(NAT, 7), Verdict::Stranger);
        assert_eq!(lab.rtp(STRANGER, 7), Verdict::Stranger);
    }
    for ssrc in 0..10 {
        assert_eq!(lab.rtp(NAT, ssrc), Verdict::Stranger);
    }
    for _ in 0..10 {
        lab = lab.pass(CONFIG.row_within / 2);
        assert_eq!(lab.rtp(NAT, 7), Verdict::Stranger, "a scanner that knocks now and then");
    }
    assert_eq!(lab.learner.locked(), None);
}

#[test]
fn the_signalled_address_wins_over_a_row_that_has_begun() {
    let mut lab = Lab::signalled();
    lab.rtp(NAT, 7);
    lab.rtp(NAT, 7);
    assert_eq!(lab.rtp(SIGNALLED, 9), Verdict::Learned(at(SIGNALLED)));
    assert_eq!(lab.rtp(NAT, 7), Verdict::Stranger);
}

#[test]
fn the_signalled_address_evicts_one_that_was_faster_though_that_goes_on() {
    let mut lab = Lab::locked(STRANGER);
    let mut verdicts = Vec::new();
    for _ in 0..3 {
        lab.rtp(STRANGER, 7);
        verdicts.push(lab.rtp(SIGNALLED, 9));
    }
    assert_eq!(verdicts, [Verdict::Stranger, Verdict::Stranger, Verdict::Learned(at(SIGNALLED))]);
    for _ in 0..10 {
        assert_eq!(lab.rtp(STRANGER, 7), Verdict::Stranger);
    }
}

#[test]
fn a_phone_whose_nat_gives_it_another_port_is_followed_once_the_old_one_is_silent() {
    let mut lab = Lab::locked(NAT);
    assert_eq!(lab.rtp(NAT_LATER, 7), Verdict::Stranger, "the old port was heard just now");
    let mut lab = lab.pass(CONFIG.relearn_after);
    assert_eq!(lab.rtp(STRANGER, 8), Verdict::Stranger, "a stranger does not know the SSRC");
    assert_eq!(lab.rtp(NAT_LATER, 7), Verdict::Learned(at(NAT_LATER)));
    assert_eq!(lab.rtp(NAT, 7), Verdict::Stranger);
}

#[test]
fn the_ssrc_that_is_followed_is_the_last_one_heard() {
    let mut lab = Lab::locked(NAT);
    lab.rtp(NAT, 8);
    lab.packet(NAT, STUN);
    let mut lab = lab.pass(CONFIG.relearn_after);
    assert_eq!(lab.rtp(NAT_LATER, 7), Verdict::Stranger);
    assert_eq!(lab.rtp(NAT_LATER, 8), Verdict::Learned(at(NAT_LATER)));
}

#[test]
fn the_same_address_signalled_again_opens_no_gap_and_another_begins_anew() {
    let mut lab = Lab::locked(NAT);
    lab.learner.signal(Some(at(SIGNALLED)));
    assert_eq!(lab.learner.destination(), Some(at(NAT)), "the lock stands");
    assert_eq!(lab.rtp(STRANGER, 8), Verdict::Stranger);
    lab.learner.signal(Some(at("192.0.2.7:4000")));
    assert_eq!(lab.learner.destination(), Some(at("192.0.2.7:4000")));
    assert_eq!(lab.rtp(NAT, 7), Verdict::Stranger, "the old address has to be learned again");
    assert_eq!(lab.rtp(SIGNALLED, 7), Verdict::Stranger);
}

#[test]
fn the_last_packets_of_a_party_that_is_gone_take_nobodys_place() {
    for last in [SIGNALLED, NAT] {
        let mut lab = Lab::locked(last);
        lab.learner.forget();
        lab.learner.signal(Some(at("192.0.2.7:4000")));
        for _ in 0..10 {
            assert_eq!(lab.rtp(NAT_LATER, 9), Verdict::Stranger);
            assert_eq!(lab.rtp(last, 7), Verdict::Stranger);
            lab = lab.pass(CONFIG.relearn_after);
        }
        assert_eq!(three(lab, NAT_LATER, &rtp(9)), "xxL", "the next one behind a NAT");
    }
}

#[test]
fn a_party_that_moved_is_believed_at_its_old_address_only_when_it_goes_on_there() {
    let mut lab = Lab::locked(NAT);
    lab.learner.signal(Some(at("192.0.2.7:4000")));
    let mut heard = 0;
    while lab.rtp(NAT, 7) == Verdict::Stranger {
        heard += 1;
    }
    let before = u32::try_from(CONFIG.relearn_after.as_millis() / 20).unwrap();
    assert_eq!(heard, before + 2, "packets, 20 ms apart, and a row after them");
    lab.learner.signal(Some(at(SIGNALLED)));
    assert_eq!(lab.rtp(SIGNALLED, 7), Verdict::Learned(at(SIGNALLED)));
    lab.learner.signal(Some(at(NAT)));
    lab.learner.signal(Some(at(SIGNALLED)));
    assert_eq!(lab.rtp(SIGNALLED, 7), Verdict::Learned(at(SIGNALLED)), "signalled again");
}

#[test]
fn rows_of_others_are_not_broken_by_a_former_party() {
    let mut lab = Lab::locked(NAT);
    lab.learner.forget();
    lab.learner.signal(Some(at(SIGNALLED)));
    let mut verdicts = Vec::new();
    for _ in 0..3 {
        lab.rtp(NAT, 7);
        verdicts.push(lab.rtp(NAT_LATER, 9));
    }
    assert_eq!(verdicts, [Verdict::Stranger, Verdict::Stranger, Verdict::Learned(at(NAT_LATER))]);
}

#[test]
fn a_party_on_hold_is_sent_nothing_and_is_where_it_was_afterwards() {
    let mut lab = Lab::held(NAT);
    assert_eq!(lab.learner.destination(), None);
    assert_eq!(lab.rtp(NAT, 7), Verdict::Forward, "music on hold");
    lab.learner.signal(Some(at(SIGNALLED)));
    assert_eq!(lab.learner.destination(), Some(at(NAT)));
}

#[test]
fn a_party_that_begins_on_hold_is_learned_when_it_says_where_it_is() {
    let mut lab = Lab::default();
    lab.learner.signal(None);
    assert_eq!(three(Lab { learner: lab.learner.clone(), ..lab }, NAT, &rtp(7)), "xxx");
    lab.learner.signal(Some(at(SIGNALLED)));
    assert_eq!(lab.learner.destination(), Some(at(SIGNALLED)));
}

#[test]
fn rtcp_from_the_host_the_rtp_comes_from_is_believed_at_once() {
    let mut lab = Lab::signalled();
    lab.learner.vouch(at(NAT).ip());
    assert_eq!(lab.packet(NAT, STUN), Verdict::Stranger);
    assert_eq!(lab.rtp(NAT, 7), Verdict::Learned(at(NAT)));
    assert_eq!(lab.rtp(NAT_LATER, 8), Verdict::Stranger, "only while nothing is locked");
    let mut unsignalled = Lab::default();
    unsignalled.learner.vouch(at(NAT).ip());
    assert_eq!(unsignalled.rtp(NAT, 7), Verdict::Stranger);
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Signal(Option<usize>),
        Forget,
        Pass(u64),
        Rtp(usize, u32),
        Junk(usize),
    }

    const PLACES: [&str; 4] = [SIGNALLED, NAT, NAT_LATER, STRANGER];

    /// What holds after any steps whatever.
    fn keep(steps: &[Step]) {
        let mut lab = Lab::default();
        let (mut signalled, mut held) = (None, false);
        for step in steps {
            let before = lab.learner.locked();
            match *step {
                Step::Signal(place) => {
                    let address = place.map(|place| at(PLACES[place]));
                    lab.learner.signal(address);
                    held = address.is_none();
                    let same = address.is_none() || address == signalled;
                    signalled = address.or(signalled);
                    assert_eq!(lab.learner.locked(), if same { before } else { None });
                }
                Step::Forget => {
                    lab.learner.forget();
                    (signalled, held) = (None, false);
                }
                Step::Pass(ms) => lab.now = lab.now + Duration::from_millis(ms),
                Step::Rtp(place, ssrc) => {
                    let from = at(PLACES[place]);
                    let verdict = lab.rtp(PLACES[place], ssrc);
                    judge(&lab, before, signalled, from, verdict);
                }
                Step::Junk(place) => {
                    let from = at(PLACES[place]);
                    let verdict = lab.packet(PLACES[place], STUN);
                    assert_eq!(lab.learner.locked(), before, "junk teaches nothing");
                    let own = before.or(signalled) == Some(from);
                    assert_eq!(verdict == Verdict::Forward, own, "junk passes from the party only");
                }
            }
            let known = lab.learner.locked().or(signalled);
            assert_eq!(lab.learner.destination(), if held { None } else { known });
        }
    }

    fn judge(
        lab: &Lab,
        before: Option<SocketAddr>,
        signalled: Option<SocketAddr>,
        from: SocketAddr,
        verdict: Verdict,
    ) {
        let after = lab.learner.locked();
        match verdict {
            Verdict::Learned(learned) => {
                assert!(learned == from && after == Some(from) && before != Some(from));
                assert!(signalled.is_some(), "nobody is learned before anything is signalled");
            }
            Verdict::Forward => assert_eq!((before, after), (Some(from), Some(from))),
            Verdict::Stranger => assert!(after == before && before != Some(from)),
        }
        if before.is_none() && signalled == Some(from) {
            assert_eq!(verdict, Verdict::Learned(from), "the signalled address locks at once");
        }
    }

    #[test]
    fn hold_for_every_short_history() {
        let alphabet = [
            Step::Signal(None),
            Step::Signal(Some(0)),
            Step::Signal(Some(3)),
            Step::Forget,
            Step::Pass(2_000),
            Step::Rtp(0, 7),
            Step::Rtp(1, 7),
            Step::Rtp(3, 8),
            Step::Junk(1),
        ];
        const LENGTH: u32 = 5;
        for history in 0..alphabet.len().pow(LENGTH) {
            let digit = |place| alphabet[history / alphabet.len().pow(place) % alphabet.len()];
            let steps: Vec<_> = (0..LENGTH).map(digit).collect();
            keep(&steps);
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        let place = 0..PLACES.len();
        prop_oneof![
            1 => proptest::option::of(place.clone()).prop_map(Step::Signal),
            1 => Just(Step::Forget),
            2 => (0..3_000u64).prop_map(Step::Pass),
            9 => (place.clone(), 0..3u32).prop_map(|(place, ssrc)| Step::Rtp(place, ssrc)),
            2 => place.prop_map(Step::Junk),
        ]
    }

    proptest! {
        #[test]
        fn hold_for_long_histories(steps in prop::collection::vec(step(), 0..200)) {
            keep(&steps);
        }

        #[test]
        fn no_bytes_make_a_learner_panic_or_teach_it_what_is_not_rtp(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..24), 0..20),
        ) {
            let mut lab = Lab::signalled();
            for packet in packets {
                let verdict = lab.packet(SIGNALLED, &packet);
                prop_assert!(ssrc(&packet).is_some() || verdict == Verdict::Forward);
            }
        }

        /// Without the SSRC, and without the signalled address, nobody takes a lock, whatever they send and however long it is
        /// silent.
        #[test]
        fn a_stranger_never_takes_a_lock(
            tries in prop::collection::vec((0..10_000u64, 8..12u32, 1..4usize), 1..200),
        ) {
            let mut lab = Lab::locked(SIGNALLED);
            for (ms, ssrc, place) in tries {
                lab.now = lab.now + Duration::from_millis(ms);
                prop_assert_eq!(lab.rtp(PLACES[place], ssrc), Verdict::Stranger);
            }
            prop_assert_eq!(lab.learner.locked(), Some(at(SIGNALLED)));
        }
    }
}
