//! Offers and answers: RFC 3264, and where RFC 3261 section 13.2.1 lets them stand.

use std::time::Duration;

/// Which way a message with a session description went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// We sent it.
    Sent,
    /// The peer sent it.
    Received,
}

impl Direction {
    /// The other way.
    pub const fn reverse(self) -> Self {
        match self {
            Self::Sent => Self::Received,
            Self::Received => Self::Sent,
        }
    }
}

/// Where the session of a dialog stands between offers and answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OfferAnswer {
    /// Nothing is open.
    #[default]
    Stable,
    /// An INVITE without an offer is open: its 2xx will carry the offer, and the ACK the answer.
    Solicited {
        /// Which way the INVITE went.
        invite: Direction,
    },
    /// An offer is open.
    Offered {
        /// Which way the offer went.
        offer: Direction,
        /// What carried it.
        carrier: Carrier,
    },
    /// The answer was given ahead of the 2xx, in a provisional response that may have been lost: the 2xx repeats it.
    Previewed {
        /// Which way the offer went.
        offer: Direction,
    },
}

/// What carried an offer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Carrier {
    /// An INVITE; the answer comes in its responses.
    Invite,
    /// The 2xx to an INVITE without offer; the answer comes in the ACK.
    Success,
}

/// A message that bears on the session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Step {
    /// An INVITE or a re-INVITE.
    Invite,
    /// A response 101-199 to it.
    Provisional,
    /// A response 2xx to it.
    Success,
    /// A response 300-699 to it, a timeout, or a transport error.
    Failure,
    /// The ACK of the 2xx.
    Ack,
}

/// Whether a message has a session description.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Description {
    /// It has one.
    Present,
    /// It has none.
    Absent,
}

/// What a message does to the session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Meaning {
    /// Its description is an offer.
    Offer,
    /// Its description is the answer.
    Answer,
    /// Its description, if any, is the likely answer, which may be acted on already.
    Preview,
    /// It has no description that counts.
    Nothing,
    /// The session stays as it was before the offer.
    Rollback,
}

/// A message that may not stand where it stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
pub enum Violation {
    /// Offers crossed: refuse the INVITE with 491 (RFC 3261 section 14.2).
    #[error("an INVITE crossed one of ours: answer 491")]
    Glare,
    /// The peer's second INVITE before its first was answered: refuse it with 500 and a Retry-After (RFC 3261 section 14.2).
    #[error("a second INVITE came before the first was answered: answer 500 with Retry-After")]
    Overlap,
    /// An answer was due and did not come (RFC 3261 section 13.2.1): end the dialog.
    #[error("the message should have carried an answer and has none: end the dialog")]
    AnswerMissing,
    /// An offer was due and did not come (RFC 3261 section 13.2.1): end the dialog.
    #[error("the 2xx should have carried an offer and has none: end the dialog")]
    OfferMissing,
    /// No INVITE is open that this message could belong to.
    #[error("the message belongs to no open INVITE: ignore it")]
    OutOfPlace,
}

impl Violation {
    /// The status with which to refuse the INVITE, when it is an INVITE that is refused.
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Glare => Some(491),
            Self::Overlap => Some(500),
            Self::AnswerMissing | Self::OfferMissing | Self::OutOfPlace => None,
        }
    }
}

impl OfferAnswer {
    /// Notes a message and says what its description means. `way` is that of the message itself: a response travels against
    /// its INVITE, the ACK with it.
    ///
    /// # Errors
    ///
    /// When the message may not stand here; the state is left as it was.
    pub fn on(
        &mut self,
        way: Direction,
        step: Step,
        body: Description,
    ) -> Result<Meaning, Violation> {
        let (next, meaning) = table(*self, way, step, body)?;
        *self = next;
        Ok(meaning)
    }

    /// Whether we may send an INVITE now.
    //= RFC 3261 section 14.1
    //# Note that a UAC MUST NOT initiate a new INVITE transaction within a dialog while another INVITE transaction is in
    //# progress in either direction.
    pub fn is_stable(self) -> bool {
        self == Self::Stable
    }
}

/// The table: a state, a message, what follows.
// table: one arm a rule of RFC 3261 sections 13.2.1, 14.1 and 14.2
fn table(
    state: OfferAnswer,
    way: Direction,
    step: Step,
    body: Description,
) -> Result<(OfferAnswer, Meaning), Violation> {
    use Description::{Absent, Present};
    use Direction::{Received, Sent};
    use OfferAnswer::{Offered, Previewed, Solicited, Stable};
    use Step::{Ack, Failure, Invite, Provisional, Success};

    let back = way.reverse();
    match (state, step, body) {
        (Stable, Invite, Present) => {
            Ok((Offered { offer: way, carrier: Carrier::Invite }, Meaning::Offer))
        }
        (Stable, Invite, Absent) => Ok((Solicited { invite: way }, Meaning::Nothing)),

        //= RFC 3261 section 14.2
        //# A UAS that receives an INVITE on a dialog while an INVITE it had sent on that dialog is in progress MUST return a
        //# 491 (Request Pending) response to the received INVITE.
        //= RFC 3261 section 14.2
        //# A UAS that receives a second INVITE before it sends the final response to a first INVITE with a lower CSeq
        //# sequence number on the same dialog MUST return a 500 (Server Internal Error) response to the second INVITE and
        //# MUST include a Retry-After header field with a randomly chosen value of between 0 and 10 seconds.
        (Solicited { .. } | Offered { .. } | Previewed { .. }, Invite, Present | Absent) => {
            let crossed = match (way, invite_way(state)) {
                (Received, Some(Sent)) | (Sent, Some(Received)) => true,
                (Received, Some(Received) | None) | (Sent, Some(Sent) | None) => false,
            };
            Err(if crossed { Violation::Glare } else { Violation::Overlap })
        }

        // Responses to an INVITE with an offer.
        (Offered { offer, carrier: Carrier::Invite }, Provisional, Present) if offer == back => {
            Ok((Previewed { offer }, Meaning::Preview))
        }
        (Offered { offer, carrier: Carrier::Invite }, Success, Present) if offer == back => {
            Ok((Stable, Meaning::Answer))
        }
        (Offered { offer, carrier: Carrier::Invite }, Success, Absent) if offer == back => {
            Err(Violation::AnswerMissing)
        }
        (Previewed { offer }, Provisional, Present) if offer == back => {
            Ok((state, Meaning::Preview))
        }
        (Previewed { offer }, Success, Present) if offer == back => Ok((Stable, Meaning::Answer)),
        (Previewed { offer }, Success, Absent) if offer == back => Ok((Stable, Meaning::Nothing)),

        // Responses to an INVITE without an offer. Without RFC 3262 no provisional response may carry one.
        //= RFC 3261 section 13.3.1.4
        //# If the INVITE did not contain an offer, the 2xx MUST contain an offer if the UAS had not yet sent an offer.
        (Solicited { invite }, Success, Present) if invite == back => {
            Ok((Offered { offer: way, carrier: Carrier::Success }, Meaning::Offer))
        }
        (Solicited { invite }, Success, Absent) if invite == back => Err(Violation::OfferMissing),
        (Solicited { invite }, Provisional, Present) if invite == back => {
            Ok((state, Meaning::Preview))
        }
        (
            Solicited { .. } | Offered { carrier: Carrier::Invite, .. } | Previewed { .. },
            Provisional,
            Absent,
        ) if invite_way(state) == Some(back) => Ok((state, Meaning::Nothing)),

        //= RFC 3261 section 14.1
        //# If a UA receives a non-2xx final response to a re-INVITE, the session parameters MUST remain unchanged, as if no
        //# re-INVITE had been issued.
        (
            Solicited { .. } | Offered { carrier: Carrier::Invite, .. } | Previewed { .. },
            Failure,
            Present | Absent,
        ) if invite_way(state) == Some(back) => Ok((Stable, Meaning::Rollback)),

        // The ACK answers the offer of the 2xx; any other ACK changes nothing.
        (Offered { offer, carrier: Carrier::Success }, Ack, Present) if offer == back => {
            Ok((Stable, Meaning::Answer))
        }
        (Offered { offer, carrier: Carrier::Success }, Ack, Absent) if offer == back => {
            Err(Violation::AnswerMissing)
        }
        (Stable, Ack, Present | Absent) => Ok((Stable, Meaning::Nothing)),

        // A repeated 2xx or a late response.
        (Stable, Provisional | Success | Failure, Present | Absent) => {
            Ok((Stable, Meaning::Nothing))
        }
        (
            Solicited { .. } | Offered { .. } | Previewed { .. },
            Provisional | Success | Failure | Ack,
            Present | Absent,
        ) => Err(Violation::OutOfPlace),
    }
}

/// Which way the open INVITE went.
const fn invite_way(state: OfferAnswer) -> Option<Direction> {
    match state {
        OfferAnswer::Stable => None,
        OfferAnswer::Solicited { invite } => Some(invite),
        OfferAnswer::Offered { offer, carrier: Carrier::Invite }
        | OfferAnswer::Previewed { offer } => Some(offer),
        OfferAnswer::Offered { offer, carrier: Carrier::Success } => Some(offer.reverse()),
    }
}

/// Who chose the Call-ID of the dialog.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CallIdOwner {
    /// We did.
    Us,
    /// The peer did.
    Peer,
}

/// How long to wait after a 491 before the re-INVITE is tried again, from a random number.
//= RFC 3261 section 14.1
//# If the UAC is the owner of the Call-ID of the dialog ID (meaning it generated the value), T has a randomly chosen value
//# between 2.1 and 4 seconds in units of 10 ms.
//= RFC 3261 section 14.1
//# If the UAC is not the owner of the Call-ID of the dialog ID, T has a randomly chosen value of between 0 and 2 seconds in
//# units of 10 ms.
pub fn glare_delay(owner: CallIdOwner, random: u64) -> Duration {
    let (least, units) = match owner {
        CallIdOwner::Us => (Duration::from_millis(2_100), 191),
        CallIdOwner::Peer => (Duration::ZERO, 201),
    };
    least + Duration::from_millis(10 * (random % units))
}

#[cfg(test)]
#[path = "offer_answer_test.rs"]
mod tests;
