//! A phone that stops answering, as T-Library clients and callers see it, with the real program and real phones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use jackfield_interop::{Floor, Handset as _};

#[test]
fn a_phone_that_is_stopped_is_out_of_service_until_it_goes_on() {
    let floor = Floor::start(0);
    let (mut ann, mut ben) = (floor.phone("2001"), floor.phone("2009"));
    let mut desk = floor.desk(&["2001", "2009"]);
    ben.signal("STOP");
    desk.sees(&["2009 DNOutOfService{}"]);
    // Nobody waits for it.
    ann.call("2009");
    assert_eq!(ann.ended(), "480");
    desk.sees(&["2001 Dialing{C1 Or, O 2009 De}", "2001 Released{C1 Or, O 2009 De, cs 7}"]);
    ben.signal("CONT");
    desk.sees(&["2009 DNBackInService{}"]);
    ann.call("2009");
    desk.sees(&["2001 Dialing{C2 Or, O 2009 De}"]);
    ben.ringing();
    desk.sees(&["2009 Ringing{C2 De, O 2001 Or}"]);
    ben.answer();
    desk.sees(&["2001 Established{C2 Or, O 2009 De}", "2009 Established{C2 De, O 2001 Or}"]);
    ann.expect_call("CONFIRMED");
    ben.expect_call("CONFIRMED");
    ann.hang_up();
    desk.sees(&["2001 Released{C2 Or, O 2009 De}", "2009 Released{C2 De, O 2001 Or}"]);
    desk.sees_nothing_more();
}
