use std::time::Duration;

use model::hook::{Access, Credentials, Failure, Hook, Registration};

use crate::{
    AnswerLimits,
    amendment::check_text,
    proposal::{self, bad, no_verdict, shown},
};

/// What a plugin says of a request that is no call yet, before the host looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProposedAccess {
    /// From this `user@host`, or from whom it may be.
    Allow(Option<String>),
    Drop,
    Challenge,
    Verify(Credentials),
    Accept(ProposedRegistration),
}

/// How a plugin wants a REGISTER to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct ProposedRegistration {
    /// Seconds.
    pub(crate) expires: Option<i64>,
    pub(crate) contacts: Option<i64>,
}

impl ProposedAccess {
    /// What a script calls it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Allow(_) => "allow()",
            Self::Drop => "drop()",
            Self::Challenge => "challenge()",
            Self::Verify(Credentials::Password(_)) => "password(…)",
            Self::Verify(Credentials::Ha1(_)) => "ha1(…)",
            Self::Accept(_) => "accept()",
        }
    }

    /// Checks that the hook may say it, and what it says.
    ///
    /// # Errors
    ///
    /// A bad answer that says what is wrong and what to write.
    pub(crate) fn check(self, hook: Hook, limits: &AnswerLimits) -> Result<Access, Failure> {
        match (self, hook) {
            (Self::Allow(None), Hook::Admission | Hook::Authenticate) => Ok(Access::Allow(None)),
            (Self::Allow(Some(user)), Hook::Authenticate) => check_text(&user, limits)
                .and_then(|()| proposal::aor(&user))
                .map(|aor| Access::Allow(Some(aor)))
                .map_err(|why| bad(format!("allow `{}`: {why}", shown(&user)))),
            (Self::Drop, Hook::Admission) => Ok(Access::Drop),
            (Self::Challenge, Hook::Authenticate) => Ok(Access::Challenge),
            (Self::Verify(credentials), Hook::Authenticate) => {
                check_credentials(&credentials, limits)?;
                Ok(Access::Verify(credentials))
            }
            (Self::Accept(registration), Hook::Register) => {
                registration.check().map(Access::Accept)
            }
            (other, _) => Err(no_verdict(hook, other.name())),
        }
    }
}

/// What is wrong is told without the secret itself.
fn check_credentials(credentials: &Credentials, limits: &AnswerLimits) -> Result<(), Failure> {
    match credentials {
        Credentials::Password(password) if password.is_empty() => {
            Err(bad("password is empty; use refuse for a user that may not log in"))
        }
        Credentials::Password(password) => {
            check_text(password, limits).map_err(|why| bad(format!("password: {why}")))
        }
        Credentials::Ha1(hex) => {
            let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            let message = "ha1 takes 32 hexadecimal digits of MD5 or 64 of SHA-256";
            if is_hex && [32, 64].contains(&hex.len()) { Ok(()) } else { Err(bad(message)) }
        }
    }
}

impl ProposedRegistration {
    fn check(self) -> Result<Registration, Failure> {
        let positive = |what: &str, value: Option<i64>| match value.map(u32::try_from) {
            None => Ok(None),
            Some(Ok(value)) if value > 0 => Ok(Some(value)),
            Some(_) => {
                Err(bad(format!("{what} takes a number from 1, not {}", value.unwrap_or(0))))
            }
        };
        let expires = positive("expires", self.expires)?;
        let contacts = positive("contacts", self.contacts)?;
        Ok(Registration {
            expires_max: expires.map(|seconds| Duration::from_secs(seconds.into())),
            contacts_max: contacts.and_then(|most| usize::try_from(most).ok()),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::Aor;

    use super::*;

    fn check(access: ProposedAccess, hook: Hook) -> Result<Access, String> {
        access.check(hook, &AnswerLimits::default()).map_err(|failure| failure.detail)
    }

    #[test]
    fn each_hook_says_what_is_its_own() {
        let allowed = |hook| {
            let all = [
                ProposedAccess::Allow(None),
                ProposedAccess::Allow(Some("201@example.com".into())),
                ProposedAccess::Drop,
                ProposedAccess::Challenge,
                ProposedAccess::Verify(Credentials::Password("secret".into())),
                ProposedAccess::Accept(ProposedRegistration::default()),
            ];
            all.map(|access| check(access, hook).is_ok())
        };
        assert_eq!(allowed(Hook::Admission), [true, false, true, false, false, false]);
        assert_eq!(allowed(Hook::Authenticate), [true, true, false, true, true, false]);
        assert_eq!(allowed(Hook::Register), [false, false, false, false, false, true]);
        assert_eq!(allowed(Hook::Route), [false; 6]);
        let said = check(ProposedAccess::Drop, Hook::Register).unwrap_err();
        assert!(said.contains("register gave drop() where a verdict belongs"), "{said}");
    }

    #[test]
    fn what_is_said_is_checked_and_secrets_are_not_repeated() {
        let user = |user: &str| check(ProposedAccess::Allow(Some(user.into())), Hook::Authenticate);
        assert_eq!(
            user("201@EXAMPLE.com"),
            Ok(Access::Allow(Some(Aor::new("201", "example.com"))))
        );
        assert!(user("sip:201@example.com").unwrap_err().contains("without a scheme"));
        assert!(user("201\r\n@x").unwrap_err().contains("control characters"));
        let verify = |c| check(ProposedAccess::Verify(c), Hook::Authenticate);
        let said = verify(Credentials::Password("top\nsecret".into())).unwrap_err();
        assert!(said.contains("control characters") && !said.contains("secret"), "{said}");
        assert!(verify(Credentials::Ha1("a".repeat(64))).is_ok());
        let said = verify(Credentials::Ha1("deadbeef".into())).unwrap_err();
        assert!(said.contains("32 hexadecimal digits") && !said.contains("deadbeef"), "{said}");
        assert!(verify(Credentials::Password(String::new())).is_err());
    }

    #[test]
    fn limits_of_a_registration_are_positive() {
        let accept = |expires, contacts| {
            let registration = ProposedRegistration { expires, contacts };
            check(ProposedAccess::Accept(registration), Hook::Register)
        };
        let taken =
            Registration { expires_max: Some(Duration::from_secs(120)), contacts_max: Some(1) };
        assert_eq!(accept(Some(120), Some(1)), Ok(Access::Accept(taken)));
        assert!(
            accept(Some(0), None).unwrap_err().contains("expires takes a number from 1, not 0")
        );
        assert!(accept(None, Some(-1)).unwrap_err().contains("contacts takes a number from 1"));
    }
}
