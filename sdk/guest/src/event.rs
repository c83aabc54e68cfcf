use std::time::Duration;

use crate::Reason;

/// Something that has happened to a call, for the hook `call-event`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Event {
    /// What: `offered`, `ringing`, `leg-failed`, `answered`, `held`, `resumed`, `transfer-begun`,
    /// `transferred`, `transfer-failed`, `timer` or `released`. There may be more one day.
    pub kind: String,
    /// How long after the call was routed.
    pub after: Duration,
    /// What else is known of it, by name.
    pub attrs: Vec<(String, String)>,
}

impl Event {
    /// An event of this kind, for tests.
    pub fn new(kind: &str) -> Self {
        Self { kind: kind.to_owned(), ..Self::default() }
    }

    /// The same with one more value, for tests.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.attrs.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A value by its name, such as `by`, `status`, `leg`, `cause`.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// Who has done it, where a party has.
    pub fn by(&self) -> Option<End> {
        self.attr("by").and_then(End::named)
    }

    /// Whether it is this timer of the plugin's.
    pub fn is_timer(&self, name: &str) -> bool {
        self.kind == "timer" && self.attr("name") == Some(name)
    }

    /// The SIP status of a leg that rings or failed.
    pub fn status(&self) -> Option<u16> {
        self.attr("status")?.parse().ok()
    }
}

/// One end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Who calls, or was sent on to where this call goes.
    Caller,
    /// Who is called.
    Callee,
}

impl End {
    /// The name in events and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
        }
    }

    /// The other end.
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }

    /// The end of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Caller, Self::Callee].into_iter().find(|end| end.name() == name)
    }
}

/// What is to be done about a call: the result of the hook `call-event`.
///
/// ```
/// use std::time::Duration;
///
/// use jackfield_guest::Commands;
///
/// let limit = Commands::none().tag("vip", "yes").timer("long", Duration::from_secs(3600));
/// let end = Commands::none().release().status(486).cause(17).because("long", "an hour is enough");
/// # drop((limit, end));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[must_use]
pub struct Commands {
    /// What, in this order.
    pub commands: Vec<Command>,
    /// Why, for the journal.
    pub reasons: Vec<Reason>,
}

/// One thing to do: a kind, and values by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// `tag`, `timer`, `stop-timer`, `release`…
    pub kind: &'static str,
    /// As the kind wants them.
    pub attrs: Vec<(&'static str, String)>,
}

impl Commands {
    /// Nothing is to be done.
    pub const fn none() -> Self {
        Self { commands: Vec::new(), reasons: Vec::new() }
    }

    /// Sets a label of the call: it shows in call records and the list of calls, and later questions
    /// about the call have it.
    pub fn tag(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.and("tag", vec![("name", name.into()), ("value", value.into())])
    }

    /// Has the plugin told when this time is over, by an event `timer` of this name. One that runs
    /// under the name begins anew; it ends with the call.
    pub fn timer(self, name: impl Into<String>, after: Duration) -> Self {
        self.and("timer", vec![("name", name.into()), ("ms", after.as_millis().to_string())])
    }

    /// Stops a timer of this plugin.
    pub fn stop_timer(self, name: impl Into<String>) -> Self {
        self.and("stop-timer", vec![("name", name.into())])
    }

    /// Holds a party: it is told that no media flows.
    pub fn hold(self, party: End) -> Self {
        self.and("hold", vec![("party", party.name().to_owned())])
    }

    /// Holds both parties.
    pub fn hold_both(self) -> Self {
        self.and("hold", Vec::new())
    }

    /// Takes a party back that was held by [`hold`](Self::hold).
    pub fn resume(self, party: End) -> Self {
        self.and("resume", vec![("party", party.name().to_owned())])
    }

    /// Takes both parties back.
    pub fn resume_both(self) -> Self {
        self.and("resume", Vec::new())
    }

    /// Sends a party on, as if the other one had asked for it: to a SIP URI, or a number.
    pub fn transfer(self, party: End, to: impl Into<String>) -> Self {
        self.and("transfer", vec![("party", party.name().to_owned()), ("to", to.into())])
    }

    /// Ends the call. What is said of it with [`status`](Self::status), [`cause`](Self::cause) and
    /// [`text`](Self::text) comes after.
    pub fn release(self) -> Self {
        self.and("release", Vec::new())
    }

    /// The status for the caller of a call that nobody has answered, 400 to 699.
    pub fn status(self, status: u16) -> Self {
        self.more("status", status.to_string())
    }

    /// The cause of ITU-T Q.850 in the Reason header field, 1 to 127.
    pub fn cause(self, cause: u8) -> Self {
        self.more("cause", cause.to_string())
    }

    /// The text in the Reason header field.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.more("text", text.into())
    }

    fn and(mut self, kind: &'static str, attrs: Vec<(&'static str, String)>) -> Self {
        self.commands.push(Command { kind, attrs });
        self
    }

    /// Says more of the command that was given last.
    fn more(mut self, name: &'static str, value: String) -> Self {
        if let Some(last) = self.commands.last_mut() {
            last.attrs.push((name, value));
        }
        self
    }
}
