//! What becomes of an agent, as a table (sections 3.8 and 4.12); `docs/agents.md` prints it.

use tlib::ErrorCode;

/// What an agent that is logged in does. With a call through a queue on the device these are BusyNotReady, BusyReady and
/// BusyAfterCallWork of section 3.8; whoever is in none of them is Null.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AgentStatus {
    /// Takes no calls.
    NotReady,
    /// Waits for calls, or talks.
    Ready,
    /// Works on what a call left.
    AfterCallWork,
    /// Has the pause between two calls that the law demands; clients see Not Ready with work mode AutoIn.
    LegalGuard,
}

/// What happens to an agent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AgentEvent {
    /// TAgentSetReady.
    AskedReady,
    /// TAgentSetNotReady with any work mode but AfterCallWork.
    AskedNotReady,
    /// TAgentSetNotReady with work mode AfterCallWork.
    AskedAfterCallWork,
    /// A call through a queue that was answered is over, and no other is on the device.
    CallOver,
    /// The time of after-call work is over.
    AfterCallWorkOver,
    /// The time of the legal guard is over.
    LegalGuardOver,
    /// A call that was routed to the agent was not answered, and the option says Not Ready.
    NoAnswer,
}

/// What else the table goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// There is a time for after-call work.
    pub wraps_up: bool,
    /// There is a time for the legal guard.
    pub is_guarded: bool,
    /// After-call work leads to Ready.
    pub goes_ready: bool,
    /// The time of after-call work runs.
    pub is_timed: bool,
    /// What is asked for is what there is: the same work mode and reasons, or after-call work without a time of its own.
    pub is_same: bool,
}

/// What the table says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AgentStep {
    /// EventError with this code; nothing changes.
    Refused(ErrorCode),
    /// Nothing changes; a time that runs for this status begins anew.
    Stay,
    /// Nothing changes yet: what is asked for follows after-call work. The request is answered with the state that there is.
    Noted,
    /// This, and the event that says so.
    To(AgentStatus),
}

/// The table.
pub const fn step(status: AgentStatus, event: AgentEvent, facts: Facts) -> AgentStep {
    use AgentEvent as E;
    use AgentStatus as S;
    use AgentStep::{Noted, Refused, Stay, To};
    match (event, status) {
        (E::AskedReady, S::NotReady | S::AfterCallWork) => To(S::Ready),
        (E::AskedReady, S::Ready) => Refused(ErrorCode::SameState),
        (E::AskedReady, S::LegalGuard) => Refused(ErrorCode::RequestInProgress),
        (E::AskedNotReady, S::NotReady) if facts.is_same => Refused(ErrorCode::SameState),
        (E::AskedNotReady, S::AfterCallWork) if facts.is_timed => Noted,
        (E::AskedNotReady, _) => To(S::NotReady),
        (E::AskedAfterCallWork, S::AfterCallWork) if facts.is_same => Refused(ErrorCode::SameState),
        (E::AskedAfterCallWork, _) => To(S::AfterCallWork),
        (E::CallOver, S::AfterCallWork) => Stay,
        (E::CallOver, _) if facts.wraps_up => To(S::AfterCallWork),
        (E::CallOver, S::Ready) if facts.is_guarded => To(S::LegalGuard),
        (E::CallOver, _) => Stay,
        (E::AfterCallWorkOver, S::AfterCallWork) if !facts.goes_ready => To(S::NotReady),
        (E::AfterCallWorkOver, S::AfterCallWork) if facts.is_guarded => To(S::LegalGuard),
        (E::AfterCallWorkOver, S::AfterCallWork) => To(S::Ready),
        (E::LegalGuardOver, S::LegalGuard) => To(S::Ready),
        (E::AfterCallWorkOver | E::LegalGuardOver, _) => Stay,
        (E::NoAnswer, S::NotReady) => Stay,
        (E::NoAnswer, _) => To(S::NotReady),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUSES: [AgentStatus; 4] = [
        AgentStatus::NotReady,
        AgentStatus::Ready,
        AgentStatus::AfterCallWork,
        AgentStatus::LegalGuard,
    ];
    const EVENTS: [AgentEvent; 7] = [
        AgentEvent::AskedReady,
        AgentEvent::AskedNotReady,
        AgentEvent::AskedAfterCallWork,
        AgentEvent::CallOver,
        AgentEvent::AfterCallWorkOver,
        AgentEvent::LegalGuardOver,
        AgentEvent::NoAnswer,
    ];

    /// Every outcome of a pair, with the facts that it takes where they count.
    fn cell(status: AgentStatus, event: AgentEvent) -> String {
        let none = Facts::default();
        let plain = step(status, event, none);
        let mut text = said(plain);
        let cases = [
            ("same", Facts { is_same: true, ..none }),
            ("timed", Facts { is_timed: true, ..none }),
            ("wrap-up", Facts { wraps_up: true, ..none }),
            ("guard", Facts { is_guarded: true, ..none }),
            ("to Ready", Facts { goes_ready: true, ..none }),
            ("to Ready, guard", Facts { goes_ready: true, is_guarded: true, ..none }),
        ];
        let mut last = plain;
        for (name, facts) in cases {
            let other = step(status, event, facts);
            let alone = step(status, event, Facts { goes_ready: false, ..facts });
            if other != plain && !(name == "to Ready, guard" && (other == last || other == alone)) {
                text += &format!("; {name}: {}", said(other));
                last = other;
            }
        }
        text
    }

    fn said(step: AgentStep) -> String {
        match step {
            AgentStep::Refused(code) => format!("error {}", code.number()),
            AgentStep::Stay => "–".into(),
            AgentStep::Noted => "noted".into(),
            AgentStep::To(status) => format!("{status:?}"),
        }
    }

    #[test]
    fn the_manual_prints_the_table() {
        let mut table = String::from("| |");
        for status in STATUSES {
            table += &format!(" {status:?} |");
        }
        table += "\n|---|---|---|---|---|\n";
        for event in EVENTS {
            table += &format!("| {event:?} |");
            for status in STATUSES {
                table += &format!(" {} |", cell(status, event));
            }
            table += "\n";
        }
        let manual = include_str!("../../../../docs/agents.md");
        assert!(manual.contains(&table), "docs/agents.md must have this table:\n{table}");
    }
}
