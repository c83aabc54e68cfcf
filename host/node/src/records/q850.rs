//! Causes of ITU-T Q.850 for what ended a call, after the mapping of SIP statuses in RFC 3398 section 8.2.6.1.

/// The number of "normal call clearing": who talked hung up, or who called gave up.
pub(super) const NORMAL: u8 = 16;
/// The number of "temporary failure".
pub(super) const TEMPORARY_FAILURE: u8 = 41;
/// The number of "recovery on timer expiry".
pub(super) const TIMER: u8 = 102;

/// The cause that stands for a final SIP status, 300 to 699.
pub(super) const fn of_status(status: u16) -> u8 {
    match status {
        404 | 485 | 604 => 1,
        486 | 600 => 17,
        480 => 18,
        401 | 402 | 403 | 407 | 603 => 21,
        410 => 22,
        482 | 483 => 25,
        484 => 28,
        502 => 38,
        400 | 481 | 500 | 503 => TEMPORARY_FAILURE,
        405 => 63,
        // The mapping leaves both to a Warning header; they nearly always say that no codec fits.
        488 | 606 => 65,
        406 | 415 | 501 => 79,
        408 | 504 => TIMER,
        413 | 414 | 416 | 420 | 421 | 423 | 505 | 513 => 127,
        487 => NORMAL,
        _ => 31,
    }
}

/// What a cause that this module gives is called.
pub(super) const fn text(cause: u8) -> &'static str {
    match cause {
        1 => "unallocated number",
        NORMAL => "normal call clearing",
        17 => "user busy",
        18 => "no user responding",
        21 => "call rejected",
        22 => "number changed",
        25 => "exchange routing error",
        28 => "invalid number format",
        38 => "network out of order",
        TEMPORARY_FAILURE => "temporary failure",
        63 => "service or option not available",
        65 => "bearer capability not implemented",
        79 => "service or option not implemented",
        TIMER => "recovery on timer expiry",
        127 => "interworking",
        _ => "normal, unspecified",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_cause_with_a_name_of_its_own() {
        for status in 300..700 {
            let cause = of_status(status);
            assert!(cause == 31 || text(cause) != text(31), "{status} is {cause}");
        }
        let named = |status| text(of_status(status));
        assert_eq!(
            [named(404), named(486), named(480)],
            ["unallocated number", "user busy", "no user responding"]
        );
    }
}
