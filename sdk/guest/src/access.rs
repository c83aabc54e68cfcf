//! What a plugin says of a request before it is a call or a registration.

use crate::Reason;

/// Whether a request may come in: the result of the hook `admission`.
///
/// ```
/// use jackfield_guest::Admission;
///
/// let scanner = Admission::drop().because("scanner", "it calls itself a scanner");
/// # drop(scanner);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Admission {
    /// What to do.
    pub verdict: AdmissionVerdict,
    /// Why, for the journal.
    pub reasons: Vec<Reason>,
}

/// What to do with a request that comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdmissionVerdict {
    /// Leave it to the next plugin; below the last one everything comes in.
    Pass,
    /// Let it in.
    Allow,
    /// Refuse it with this SIP status, 400 to 699.
    Refuse(u16),
    /// Say nothing at all.
    Drop,
}

/// Who a request is from: the result of the hook `authenticate`.
///
/// ```
/// use jackfield_guest::Identification;
///
/// let door = Identification::user("door@example.com").because("door", "known by its address");
/// # drop(door);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Identification {
    /// What to do.
    pub verdict: IdentificationVerdict,
    /// Why, for the journal.
    pub reasons: Vec<Reason>,
}

/// What proof of its sender a request needs.
#[derive(Clone, PartialEq, Eq)]
pub enum IdentificationVerdict {
    /// Leave it to the next plugin; below the last one stands what the configuration says.
    Pass,
    /// None: it is from this `user@host`, or from whom it may be.
    Allow(Option<String>),
    /// That of the password the configuration has for its user.
    Challenge,
    /// That of this password.
    Password(String),
    /// The same as a hash of user, realm and password, in hexadecimal digits.
    Ha1(String),
    /// Refuse it with this SIP status, 400 to 699.
    Refuse(u16),
}

/// Whether contacts are bound: the result of the hook `register`.
///
/// ```
/// use jackfield_guest::Acceptance;
///
/// let one_phone = Acceptance::accept().contacts(1).expires_secs(300);
/// # drop(one_phone);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Acceptance {
    /// What to do.
    pub verdict: AcceptanceVerdict,
    /// Why, for the journal.
    pub reasons: Vec<Reason>,
}

/// What to do with a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcceptanceVerdict {
    /// Leave it to the next plugin; below the last one subscribers register themselves.
    Pass,
    /// Take it, even for another user than its sender, or one that is no subscriber.
    Accept {
        /// Bound no longer than so many seconds.
        expires_secs: Option<u32>,
        /// At most so many contacts; a new one replaces the oldest.
        contacts: Option<u32>,
    },
    /// Refuse it with this SIP status, 400 to 699.
    Refuse(u16),
}

/// One Contact of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its URI; `*` for all that are bound.
    pub uri: String,
    /// How many seconds it asks to be bound, 0 to be removed; `None` leaves it to the switch.
    pub expires_secs: Option<u32>,
    /// Its preference, 0 to 1000.
    pub q_milli: u16,
}

impl Admission {
    /// Leaves it to the next plugin.
    pub const fn pass() -> Self {
        Self { verdict: AdmissionVerdict::Pass, reasons: Vec::new() }
    }

    /// Lets it in and asks no further plugin.
    pub const fn allow() -> Self {
        Self { verdict: AdmissionVerdict::Allow, reasons: Vec::new() }
    }

    /// Refuses it with a SIP status, 400 to 699.
    pub const fn refuse(status: u16) -> Self {
        Self { verdict: AdmissionVerdict::Refuse(status), reasons: Vec::new() }
    }

    /// Says nothing, as if nobody were here.
    pub const fn drop() -> Self {
        Self { verdict: AdmissionVerdict::Drop, reasons: Vec::new() }
    }
}

impl Identification {
    const fn of(verdict: IdentificationVerdict) -> Self {
        Self { verdict, reasons: Vec::new() }
    }

    /// Leaves it to the next plugin.
    pub const fn pass() -> Self {
        Self::of(IdentificationVerdict::Pass)
    }

    /// Lets it on without proof, from whom it may be.
    pub const fn anyone() -> Self {
        Self::of(IdentificationVerdict::Allow(None))
    }

    /// Lets it on without proof: it is from this `user@host`.
    pub fn user(aor: impl Into<String>) -> Self {
        Self::of(IdentificationVerdict::Allow(Some(aor.into())))
    }

    /// Asks for the password that the configuration has for its user.
    pub const fn challenge() -> Self {
        Self::of(IdentificationVerdict::Challenge)
    }

    /// Asks for this password.
    pub fn password(password: impl Into<String>) -> Self {
        Self::of(IdentificationVerdict::Password(password.into()))
    }

    /// Asks for the password of this hash: 32 hexadecimal digits of MD5 or 64 of SHA-256 over
    /// `user:realm:password`.
    pub fn ha1(hex: impl Into<String>) -> Self {
        Self::of(IdentificationVerdict::Ha1(hex.into()))
    }

    /// Refuses it with a SIP status, 400 to 699.
    pub const fn refuse(status: u16) -> Self {
        Self::of(IdentificationVerdict::Refuse(status))
    }
}

impl Acceptance {
    /// Leaves it to the next plugin.
    pub const fn pass() -> Self {
        Self { verdict: AcceptanceVerdict::Pass, reasons: Vec::new() }
    }

    /// Takes it.
    pub const fn accept() -> Self {
        let verdict = AcceptanceVerdict::Accept { expires_secs: None, contacts: None };
        Self { verdict, reasons: Vec::new() }
    }

    /// Refuses it with a SIP status, 400 to 699.
    pub const fn refuse(status: u16) -> Self {
        Self { verdict: AcceptanceVerdict::Refuse(status), reasons: Vec::new() }
    }

    /// Binds no longer than so many seconds. What is not accepted stays as it is.
    pub const fn expires_secs(mut self, secs: u32) -> Self {
        if let AcceptanceVerdict::Accept { expires_secs, .. } = &mut self.verdict {
            *expires_secs = Some(secs);
        }
        self
    }

    /// Keeps at most so many contacts. What is not accepted stays as it is.
    pub const fn contacts(mut self, most: u32) -> Self {
        if let AcceptanceVerdict::Accept { contacts, .. } = &mut self.verdict {
            *contacts = Some(most);
        }
        self
    }
}

impl std::fmt::Debug for IdentificationVerdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pass => f.write_str("Pass"),
            Self::Allow(user) => write!(f, "Allow({user:?})"),
            Self::Challenge => f.write_str("Challenge"),
            Self::Password(_) => f.write_str("Password(hidden)"),
            Self::Ha1(_) => f.write_str("Ha1(hidden)"),
            Self::Refuse(status) => write!(f, "Refuse({status})"),
        }
    }
}
