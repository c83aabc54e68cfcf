//! Two pjsua2 phones over TCP and UDP, each hearing the other.

use jackfield_interop::{Phone, Switch, tone::assert_hears};

const LISTENERS: [&str; 2] = [
    "name=\"udp\",bind=\"127.0.0.1:@PORT@\"",
    "name=\"tcp\",transport=\"tcp\",bind=\"127.0.0.1:@PORT@\"",
];
/// What each phone plays; neither is a harmonic of the other.
const ANN_HZ: u32 = 440;
const BEN_HZ: u32 = 1000;
/// RTP packets of 20 ms: two seconds.
const PACKETS: u64 = 100;

/// Ann calls Ben; both hear the other's tone and not their own; Ben hangs up.
#[track_caller]
fn they_hear_each_other(ann_by: &str, ben_by: &str) {
    let switch = Switch::listening(&LISTENERS, &[], &[]);
    let mut ann = Phone::register_by(&switch, "1000", ANN_HZ, ann_by);
    let mut ben = Phone::register_by(&switch, "2000", BEN_HZ, ben_by);
    ann.call("2000");
    ben.expect(&serde_json::json!({ "event": "incoming" }));
    ben.tell("answer");
    for phone in [&mut ann, &mut ben] {
        phone.expect_media("active");
        phone.expect_call("CONFIRMED");
    }
    for (phone, who, theirs, own) in
        [(&mut ann, "ann", BEN_HZ, ANN_HZ), (&mut ben, "ben", ANN_HZ, BEN_HZ)]
    {
        let file = switch.folder().join(format!("{who}.wav"));
        phone.record(&file, PACKETS);
        assert_hears(&file, theirs.into(), own.into());
    }
    let by_tcp = [ann_by, ben_by].iter().filter(|by| **by == "tcp").count();
    assert_eq!(switch.counter("jackfield_connections_accepted_total"), by_tcp as u64);
    assert_eq!(switch.counter("jackfield_connections_made_total"), 0);
    ben.tell("hangup");
    ben.expect_call("DISCONNECTED");
    ann.expect_end(200);
}

#[test]
fn over_tcp_each_is_called_over_the_connection_it_made() {
    they_hear_each_other("tcp", "tcp");
}

#[test]
fn from_udp_to_tcp() {
    they_hear_each_other("udp", "tcp");
}

#[test]
fn from_tcp_to_udp() {
    they_hear_each_other("tcp", "udp");
}
