use std::time::Duration;

use crate::{Call, Privacy, Target, host};

/// One target that was tried and did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The target.
    pub target: Target,
    /// The SIP status it ended with; 408 when it did not answer in time, 480 when it had no
    /// contact.
    pub status: u16,
    /// How long it was tried.
    pub lasted: Duration,
}

/// What a call has been through when a target of it has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Every target tried, in order; the last has just failed.
    pub attempts: Vec<Attempt>,
    /// Targets of the plan that were not tried yet.
    pub remaining: Vec<Target>,
}

impl Failure {
    /// The SIP status of the target that has just failed.
    pub fn status(&self) -> Option<u16> {
        self.attempts.last().map(|attempt| attempt.status)
    }
}

impl Call {
    /// The value of the first header field of that name in the caller's INVITE: the long form of
    /// the name, in any case. Asked of the host, so keep the answer rather than ask twice.
    pub fn header(&self, name: &str) -> Option<String> {
        host::headers(name).into_iter().next()
    }

    /// The values of every header field of that name, in order.
    pub fn headers(&self, name: &str) -> Vec<String> {
        host::headers(name)
    }

    /// What the request is: `INVITE` or `REGISTER`.
    pub fn method(&self) -> String {
        host::fact("method").unwrap_or_else(|| "INVITE".to_owned())
    }

    /// What it came in over: `UDP`, `TCP`, `TLS`.
    pub fn transport(&self) -> String {
        host::fact("transport").unwrap_or_default()
    }

    /// Who the caller has proved to be, as `user@host`; `None` for one that was not asked to.
    pub fn identity(&self) -> Option<String> {
        host::fact("identity")
    }

    /// The name of the trunk the call came over; `None` for a call that came over none.
    pub fn trunk(&self) -> Option<String> {
        host::fact("trunk")
    }

    /// Whether the caller is to be known, as a dial plan said; `None` leaves it to the caller.
    pub fn privacy(&self) -> Option<Privacy> {
        match host::fact("privacy")?.as_str() {
            "id" => Some(Privacy::Id),
            _ => Some(Privacy::None),
        }
    }

    /// The user part of the Request-URI as the caller dialled it, before any dial plan.
    pub fn dialled(&self) -> String {
        host::fact("dialled-user").unwrap_or_else(|| self.callee.user.clone())
    }

    /// The user part of From as the caller sent it, before any dial plan.
    pub fn calling(&self) -> String {
        host::fact("calling-user").unwrap_or_else(|| self.caller.user.clone())
    }

    /// Whether the switch knows the number as one of an emergency service.
    pub fn is_emergency(&self) -> bool {
        host::fact("emergency").as_deref() == Some("true")
    }

    /// The value of a label that a plugin of `dial-plan` set.
    pub fn label(&self, name: &str) -> Option<String> {
        self.labels().into_iter().find(|(have, _)| have == name).map(|(_, value)| value)
    }

    /// Every label that plugins of `dial-plan` set.
    pub fn labels(&self) -> Vec<(String, String)> {
        host::labels()
    }
}
