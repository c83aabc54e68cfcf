//! Calls of which something has not been told.

use jackfield_cti::session_controller::Input;
use model::{ConnId, Shard, hook::TransferKind};
use switch::Fact;

use crate::{
    NONE,
    engine::{answered, called, hung_up, offered, rings, sends_on, transferred},
    session_controller::Bench,
};

/// A caller talks to who was called.
fn talk(bench: &mut Bench, conn: u64, from: &str, to: &str) {
    for fact in [offered(conn, from, to), called(conn, to), rings(conn), answered(conn)] {
        bench.told(&fact);
    }
}

/// What clients are told of the end of calls.
fn lose(bench: &mut Bench, conn: u64) -> Vec<String> {
    let shown = bench.put(Input::Lost { conn: ConnId(conn) });
    shown.into_iter().filter(|line| line.starts_with("call event")).collect()
}

#[test]
fn nothing_more_is_told_of_a_call_that_was_cleared() {
    for kind in [TransferKind::Blind, TransferKind::Attended] {
        let mut bench = Bench::new();
        talk(&mut bench, 5, "5551001", "1001");
        assert_eq!(
            lose(&mut bench, 5),
            [
                "call event of 1001: EventReleased CallUUID=00000000000000070000000000000001 ANI=5551001 DNIS=1001 Reliability=2 OtherDNRole=1 OtherDN=5551001 ThisDNRole=2 ThisDN=1001 CallState=4 CallType=2 CallID=2 ConnID=5"
            ]
        );
        let after: Vec<Fact> = sends_on(5, 6, kind)
            .into_iter()
            .chain([called(6, "1002"), rings(6), answered(6)])
            .chain(transferred(5, 6))
            .chain([hung_up(6)])
            .collect();
        for fact in after {
            assert_eq!(bench.told(&fact), NONE, "{fact:?}");
            assert_eq!(bench.inner.calls().len(), 0, "{fact:?}");
        }
    }
}

#[test]
fn a_call_that_is_joined_with_one_that_was_cleared_is_cleared() {
    let mut bench = Bench::new();
    talk(&mut bench, 5, "5551001", "1001");
    talk(&mut bench, 7, "1001", "1002");
    assert_eq!(lose(&mut bench, 7).len(), 2);
    for fact in sends_on(5, 9, TransferKind::Attended) {
        assert_eq!(bench.told(&fact), NONE);
    }
    assert_eq!(bench.told(&answered(9)), NONE);
    let [of_first, first_ends] = transferred(5, 9);
    let [of_second, second_ends] = transferred(7, 9);
    assert_eq!(bench.told(&of_first), NONE);
    // Who is in the other call is not known: nobody can be told whom it talks to.
    let shown = bench.told(&of_second);
    assert_eq!(
        shown[1],
        "call event of 1001: EventReleased CallUUID=00000000000000070000000000000001 ANI=5551001 DNIS=1001 Reliability=2 OtherDNRole=1 OtherDN=5551001 ThisDNRole=2 ThisDN=1001 CallState=4 CallType=2 CallID=2 ConnID=5"
    );
    for fact in [first_ends, second_ends, hung_up(9)] {
        assert_eq!(bench.told(&fact), NONE);
    }
    assert_eq!(bench.inner.calls().len(), 0);
}

#[test]
fn the_calls_of_one_shard_are_cleared_and_no_others() {
    let mut bench = Bench::new();
    let calls = [(0, 5), (1, 5), (1, 6)].map(|(shard, number)| ConnId::mint(Shard(shard), number));
    calls.iter().for_each(|conn| talk(&mut bench, conn.0, "5551001", "1001"));
    assert_eq!(bench.put(Input::AllLost { shard: Shard(2) }), NONE);
    let shown = bench.put(Input::AllLost { shard: Shard(1) });
    let logged: Vec<&String> = shown.iter().filter(|line| line.starts_with("log ")).collect();
    assert_eq!(
        logged,
        [
            "log 20021: Call 0001000000000005 cleared, reliability uncertain",
            "log 20021: Call 0001000000000006 cleared, reliability uncertain"
        ]
    );
    assert_eq!(shown.iter().filter(|line| line.contains("EventReleased")).count(), 2);
    assert_eq!(bench.inner.calls().len(), 1);
    assert!(bench.told(&hung_up(5)).iter().any(|line| line.contains(": EventReleased ")));
}
