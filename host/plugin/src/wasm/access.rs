//! The hooks before a call: what goes in and what comes out.

use model::hook::{ContactFacts, Credentials};

use super::{
    bindings::{
        exports::jackfield::plugin::{admission, authenticate, register},
        jackfield::plugin::types::Reason,
    },
    instance::from_reasons,
};
use crate::{
    access::{ProposedAccess, ProposedRegistration},
    proposal::{Proposal, Proposed},
};

pub(super) fn from_admission((verdict, reasons): (admission::Verdict, Vec<Reason>)) -> Proposal {
    use admission::Verdict;
    let verdict = match verdict {
        Verdict::Pass => Proposed::Pass,
        Verdict::Allow => Proposed::Access(ProposedAccess::Allow(None)),
        Verdict::Refuse(status) => Proposed::Refuse(status.into()),
        Verdict::Drop => Proposed::Access(ProposedAccess::Drop),
    };
    Proposal { verdict, reasons: from_reasons(reasons) }
}

pub(super) fn from_authenticate(
    (verdict, reasons): (authenticate::Verdict, Vec<Reason>),
) -> Proposal {
    use authenticate::Verdict;
    let verify = |credentials| Proposed::Access(ProposedAccess::Verify(credentials));
    let verdict = match verdict {
        Verdict::Pass => Proposed::Pass,
        Verdict::Allow(user) => Proposed::Access(ProposedAccess::Allow(user)),
        Verdict::Challenge => Proposed::Access(ProposedAccess::Challenge),
        Verdict::Password(text) => verify(Credentials::Password(text)),
        Verdict::Ha1(hex) => verify(Credentials::Ha1(hex)),
        Verdict::Refuse(status) => Proposed::Refuse(status.into()),
    };
    Proposal { verdict, reasons: from_reasons(reasons) }
}

pub(super) fn from_register((verdict, reasons): (register::Verdict, Vec<Reason>)) -> Proposal {
    use register::Verdict;
    let verdict = match verdict {
        Verdict::Pass => Proposed::Pass,
        Verdict::Accept(how) => Proposed::Access(ProposedAccess::Accept(ProposedRegistration {
            expires: how.expires_s.map(i64::from),
            contacts: how.contacts.map(i64::from),
        })),
        Verdict::Refuse(status) => Proposed::Refuse(status.into()),
    };
    Proposal { verdict, reasons: from_reasons(reasons) }
}

pub(super) fn contact(contact: &ContactFacts) -> register::Contact<'_> {
    let seconds = |expires: std::time::Duration| u32::try_from(expires.as_secs());
    register::Contact {
        uri: &contact.uri,
        expires_s: contact.expires.map(|expires| seconds(expires).unwrap_or(u32::MAX)),
        q_milli: contact.q_milli,
        attrs: &[],
    }
}
