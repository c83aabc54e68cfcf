use crate::Reason;

/// What a plugin makes of a dialled number: the result of the hook `dial-plan`.
///
/// ```
/// use jackfield_guest::Rewrite;
///
/// let rewrite = Rewrite::callee("+431234567")
///     .caller("+43198765")
///     .label("class", "national")
///     .because("national", "0 became +43");
/// # drop(rewrite);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Rewrite {
    /// What to do.
    pub outcome: Outcome,
    /// Why, for the journal; in the order they were given.
    pub reasons: Vec<Reason>,
}

/// What to do with a call before it is routed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Change nothing; the next plugin is asked.
    Pass,
    /// Change this; the next plugin is asked, and sees it.
    Amend(Amend),
    /// Refuse the call with this SIP status, 400 to 699.
    Refuse(u16),
}

/// What to change of a call.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Amend {
    /// Who is called: a user part such as `+431234567`, or a whole SIP or tel URI.
    pub callee: Option<String>,
    /// Who calls, as the called party shall see it: the same.
    pub caller: Option<String>,
    /// The display name the called party shall see.
    pub caller_name: Option<String>,
    /// Names and values for `route`.
    pub labels: Vec<(String, String)>,
    /// Whether the caller is to be known, whatever it asked for itself.
    pub privacy: Option<Privacy>,
}

/// Whether a caller is to be known (RFC 3323, RFC 3325).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// By everybody, even if it asked for privacy.
    None,
    /// Only by trunks and networks that the operator trusts with it; to everybody else it is anonymous.
    Id,
}

impl Rewrite {
    /// Changes nothing.
    pub const fn pass() -> Self {
        Self { outcome: Outcome::Pass, reasons: Vec::new() }
    }

    /// Refuses the call with a SIP status, 400 to 699.
    pub const fn refuse(status: u16) -> Self {
        Self { outcome: Outcome::Refuse(status), reasons: Vec::new() }
    }

    /// Calls this user part or URI instead.
    pub fn callee(to: impl Into<String>) -> Self {
        Self::pass().amend(|amend| amend.callee = Some(to.into()))
    }

    /// Shows the called party this user part or URI as the caller.
    pub fn caller(self, to: impl Into<String>) -> Self {
        self.amend(|amend| amend.caller = Some(to.into()))
    }

    /// Shows the called party this name.
    pub fn caller_name(self, name: impl Into<String>) -> Self {
        self.amend(|amend| amend.caller_name = Some(name.into()))
    }

    /// Says whether the caller is to be known.
    pub fn privacy(self, privacy: Privacy) -> Self {
        self.amend(|amend| amend.privacy = Some(privacy))
    }

    /// Notes something for `route`.
    pub fn label(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.amend(|amend| amend.labels.push((name.into(), value.into())))
    }

    /// A refusal stays one.
    fn amend(mut self, change: impl FnOnce(&mut Amend)) -> Self {
        if self.outcome == Outcome::Pass {
            self.outcome = Outcome::Amend(Amend::default());
        }
        if let Outcome::Amend(amend) = &mut self.outcome {
            change(amend);
        }
        self
    }
}
