//! RTCP: on the odd port, or muxed (RFC 5761).

use media::Side;

use crate::lab::{CALL, Call, Lab, Phone, next_port, receive, rtcp, rtp};

/// A call whose parties offer to mux, or do not.
fn call(a_offers: bool, b_offers: bool) -> Call {
    let lab = Lab::new();
    let call = Call { ports: lab.open(CALL), lab, a: Phone::new(), b: Phone::new() };
    for (side, phone, mux) in [(Side::A, &call.a, a_offers), (Side::B, &call.b, b_offers)] {
        // As the session description says it: the same port for both.
        let rtcp = if mux { phone.at() } else { phone.rtcp.local_addr().unwrap() };
        call.lab.remote_at(side, Some(phone.at()), Some(rtcp), mux);
    }
    call
}

#[test]
fn rtcp_goes_by_the_odd_ports() {
    let call = call(false, false);
    call.a.rtcp.send_to(&rtcp("report"), next_port(call.ports.a)).unwrap();
    assert_eq!(receive(&call.b.rtcp), (rtcp("report"), next_port(call.ports.b)));
    call.b.rtcp.send_to(&rtcp("back"), next_port(call.ports.b)).unwrap();
    assert_eq!(receive(&call.a.rtcp), (rtcp("back"), next_port(call.ports.a)));
    assert_eq!(call.close().from_a, 1);
}

#[test]
fn parties_that_both_mux_get_it_on_their_rtp_ports() {
    let call = call(true, true);
    call.a.send(&rtcp("report"), call.ports.a);
    assert_eq!(call.b.receive(), (rtcp("report"), call.ports.b));
    call.b.send(&rtcp("back"), call.ports.b);
    assert_eq!(call.a.receive(), (rtcp("back"), call.ports.a));
}

#[test]
fn an_offer_to_mux_that_was_refused_leaves_rtcp_on_the_odd_ports() {
    let call = call(true, false);
    call.b.rtcp.send_to(&rtcp("first"), next_port(call.ports.b)).unwrap();
    assert_eq!(receive(&call.a.rtcp), (rtcp("first"), next_port(call.ports.a)));
    call.a.rtcp.send_to(&rtcp("second"), next_port(call.ports.a)).unwrap();
    assert_eq!(receive(&call.b.rtcp), (rtcp("second"), next_port(call.ports.b)));
}

#[test]
fn a_party_that_muxes_and_one_that_does_not_are_joined() {
    let call = call(true, false);
    call.a.send(&rtcp("muxed"), call.ports.a);
    assert_eq!(receive(&call.b.rtcp), (rtcp("muxed"), next_port(call.ports.b)));
    call.b.rtcp.send_to(&rtcp("plain"), next_port(call.ports.b)).unwrap();
    assert_eq!(call.a.receive(), (rtcp("plain"), call.ports.a));
}

#[test]
fn rtcp_is_learned_apart_and_at_once_from_where_the_rtp_comes() {
    let lab = Lab::new();
    let (ports, a, b, elsewhere) = (lab.open(CALL), Phone::new(), Phone::new(), Phone::new());
    lab.remote(Side::A, &elsewhere);
    lab.remote(Side::B, &b);
    a.rtcp.send_to(&rtcp("who is that"), next_port(ports.a)).unwrap();
    for n in 0..3 {
        a.send(&rtp(&n.to_string()), ports.a);
    }
    assert_eq!(b.receive().0, rtp("2"));
    a.rtcp.send_to(&rtcp("known by its RTP"), next_port(ports.a)).unwrap();
    assert_eq!(receive(&b.rtcp).0, rtcp("known by its RTP"));
    b.rtcp.send_to(&rtcp("back"), next_port(ports.b)).unwrap();
    assert_eq!(receive(&a.rtcp).0, rtcp("back"));
}
