//! Verdicts as journals, logs and explanations show them.

use std::fmt;

use super::{Access, Credentials, FanOut, MediaMode, Plan, Target, Verdict};

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to)?;
        if let Some(ring) = self.ring {
            write!(f, " for {} s", ring.as_secs_f64())?;
        }
        if let Some(diverted) = self.diverted {
            write!(f, " (diverted: {})", diverted.name())?;
        }
        Ok(())
    }
}

/// `aor:2000@example.com for 20 s and aor:2001@example.com, then trunk:outside, media anchored`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, target) in self.targets.iter().enumerate() {
            match (n, target.together) {
                (0, _) => {}
                (_, true) => f.write_str(" and ")?,
                (_, false) => f.write_str(", then ")?,
            }
            write!(f, "{target}")?;
        }
        f.write_str(match self.media {
            MediaMode::Default => "",
            MediaMode::Anchor => ", media anchored",
            MediaMode::Bypass => ", media bypassed",
            MediaMode::Proxy => ", as a proxy",
        })
    }
}

/// `deliver EventRinging, EventEstablished of Inbound calls, for group ICON`; `deliver all but EventPartyChanged`.
impl fmt::Display for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = || "all".to_owned();
        let events = if self.events.is_empty() { all() } else { self.events.join(", ") };
        write!(f, "deliver {events}")?;
        if !self.without.is_empty() {
            write!(f, " but {}", self.without.join(", "))?;
        }
        if !self.call_types.is_empty() {
            write!(f, " of {} calls", self.call_types.join(", "))?;
        }
        self.group.as_ref().map_or(Ok(()), |group| write!(f, ", for group {group}"))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::Plan(plan) => write!(f, "{plan}"),
            Self::Continue => f.write_str("proceed with the plan"),
            Self::Refuse(status) => write!(f, "refuse {status}"),
            Self::Access(access) => write!(f, "{access}"),
            Self::Owner(ruling) => f.write_str(ruling.name()),
            Self::Deliver(what) => write!(f, "{what}"),
            Self::Authorised(changes) if changes.is_empty() => f.write_str("allow"),
            Self::Authorised(changes) => {
                f.write_str("allow with")?;
                changes.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
            }
            Self::Edit(edits) => {
                for (n, edit) in edits.iter().enumerate() {
                    write!(f, "{}{edit}", if n > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
            Self::Orders(orders) => {
                for (n, order) in orders.iter().enumerate() {
                    if n > 0 {
                        f.write_str(", ")?;
                    }
                    match &order.command {
                        Ok(command) => write!(f, "{command}")?,
                        Err(why) => write!(f, "wrong: {why}")?,
                    }
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow(None) => f.write_str("allow"),
            Self::Allow(Some(aor)) => write!(f, "allow {aor}"),
            Self::Drop => f.write_str("drop"),
            Self::Challenge => f.write_str("challenge"),
            Self::Verify(_) => f.write_str("verify"),
            Self::Accept(_) => f.write_str("accept"),
        }
    }
}

impl Verdict {
    /// The same for those who read of it: without credentials.
    #[must_use]
    pub fn told(&self) -> Self {
        match self {
            Self::Access(Access::Verify(_)) => {
                Self::Access(Access::Verify(Credentials::Password(String::new())))
            }
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        Aor, Digest, GenerationRef,
        hook::{Decision, Destination, Failure, FailureKind, Hook, Step, StepOutcome},
    };

    #[test]
    fn a_plan_is_a_line() {
        let desk = Target::new(Destination::Aor(Aor::new("2000", "example.com")));
        let desk = Target { ring: Some(Duration::from_secs(20)), ..desk };
        let other = Target::new(Destination::Aor(Aor::new("2001", "example.com")));
        let other = Target { together: true, ..other };
        let name = "outside".to_owned();
        let outside = Target::new(Destination::Trunk { name, user: None });
        let targets = vec![desk, other, outside];
        let plan = Verdict::Plan(Plan { targets, media: MediaMode::Anchor });
        assert_eq!(
            plan.to_string(),
            "aor:2000@example.com for 20 s and aor:2001@example.com, then trunk:outside, media anchored"
        );
    }

    #[test]
    fn a_decision_has_not_failed_where_another_version_made_it_good() {
        let step = |plugin: &str, failed: bool| {
            let plugin = plugin.into();
            let generation = GenerationRef { plugin, serial: 1, digest: Digest([0; 32]) };
            let failure = Failure { kind: FailureKind::Trap, detail: String::new() };
            let outcome = if failed { StepOutcome::Failed(failure) } else { StepOutcome::Passed };
            Step { generation, outcome, took_ns: 0 }
        };
        let failed =
            |steps: Vec<Step>| Decision { steps, ..Decision::of(Hook::Route, 0) }.has_failed();
        assert!(!failed(vec![step("a", true), step("a", false)]));
        assert!(failed(vec![step("a", true), step("a", true)]));
        assert!(failed(vec![step("a", true), step("b", false)]));
        assert!(failed(vec![step("a", true), step("a", false), step("b", true)]));
    }

    #[test]
    fn what_is_told_has_no_password() {
        let secret = Credentials::Password("secret".to_owned());
        let told = Verdict::Access(Access::Verify(secret)).told();
        let empty = Credentials::Password(String::new());
        assert_eq!(told, Verdict::Access(Access::Verify(empty)));
        assert_eq!(told.to_string(), "verify");
    }
}
