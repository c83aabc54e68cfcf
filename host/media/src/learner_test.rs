use super::*;

const CONFIG: LearnerConfig =
    LearnerConfig { packets_to_lock: 3, relearn_after: Duration::from_secs(2) };

fn addr(port: u16) -> SocketAddr {
    ([192, 0, 2, 1], port).into()
}

fn rtp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 0];
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet
}

struct Lab {
    learner: Learner,
    now: Instant,
}

impl Lab {
    fn signalled(port: u16) -> Self {
        let mut learner = Learner::default();
        learner.signal(Some(addr(port)));
        Self { learner, now: Instant::ZERO }
    }

    fn packet(&mut self, port: u16, ssrc: u32) -> Verdict {
        self.now = self.now + Duration::from_millis(20);
        self.learner.on_packet(self.now, addr(port), &rtp(ssrc), &CONFIG)
    }
}

#[test]
fn a_packet_from_the_signalled_address_locks_at_once() {
    let mut lab = Lab::signalled(1);
    assert_eq!(lab.learner.destination(), Some(addr(1)));
    assert_eq!(lab.packet(1, 7), Verdict::Learned(addr(1)));
    assert_eq!(lab.packet(1, 7), Verdict::Forward);
    assert_eq!(lab.packet(2, 7), Verdict::Stranger);
    assert_eq!(lab.learner.destination(), Some(addr(1)));
}

#[test]
fn a_phone_behind_nat_is_believed_after_a_few_packets_in_a_row() {
    let mut lab = Lab::signalled(1);
    assert_eq!(lab.packet(9, 7), Verdict::Stranger);
    assert_eq!(lab.packet(9, 7), Verdict::Stranger);
    assert_eq!(lab.packet(8, 7), Verdict::Stranger, "another one breaks the row");
    assert_eq!(lab.packet(9, 7), Verdict::Stranger);
    assert_eq!(lab.packet(9, 7), Verdict::Stranger);
    assert_eq!(lab.packet(9, 7), Verdict::Learned(addr(9)));
    assert_eq!(lab.learner.destination(), Some(addr(9)));
    assert_eq!(lab.packet(1, 7), Verdict::Stranger, "locked is locked");
}

#[test]
fn what_is_not_rtp_teaches_nothing() {
    let mut lab = Lab::signalled(1);
    for _ in 0..10 {
        assert_eq!(
            lab.learner.on_packet(lab.now, addr(9), b"hello, world", &CONFIG),
            Verdict::Stranger
        );
    }
    assert_eq!(lab.learner.destination(), Some(addr(1)));
}

#[test]
fn after_silence_the_same_source_is_followed_to_its_new_port_and_no_other() {
    let mut lab = Lab::signalled(1);
    lab.packet(1, 7);
    assert_eq!(lab.packet(2, 7), Verdict::Stranger, "not silent yet");
    lab.now = lab.now + Duration::from_secs(2);
    assert_eq!(lab.packet(3, 8), Verdict::Stranger, "another SSRC");
    assert_eq!(lab.packet(2, 7), Verdict::Learned(addr(2)));
}

#[test]
fn a_new_signalled_address_begins_anew_and_the_same_one_does_not() {
    let mut lab = Lab::signalled(1);
    for _ in 0..3 {
        lab.packet(9, 7);
    }
    lab.learner.signal(Some(addr(1)));
    assert_eq!(lab.learner.destination(), Some(addr(9)), "the lock stands");
    lab.learner.signal(Some(addr(5)));
    assert_eq!(lab.learner.destination(), Some(addr(5)));
    assert_eq!(lab.packet(9, 7), Verdict::Stranger);
    lab.learner.signal(None);
    assert_eq!(lab.learner.destination(), None, "on hold nothing is sent");
    lab.learner.forget();
    assert_eq!(lab.learner.destination(), None);
}

#[test]
fn rtcp_is_told_from_rtp() {
    assert!(is_rtcp(&[0x80, 200, 0, 1, 0, 0, 0, 1]));
    assert!(!is_rtcp(&[0x80, 0x80 | 8, 0, 1]));
    assert!(!is_rtcp(&[0x00, 200, 0, 1]));
    assert!(!is_rtcp(&[]));
}
