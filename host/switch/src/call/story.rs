#![allow(clippy::unwrap_used)]
//! What is told of calls, in short, for tests of what a third party wants.

use model::{ConnId, LegId};

use crate::{
    Action, Control, Fact, Input,
    trunk::bench::{Bench, Sent},
};

impl Bench {
    /// A third party wants this, under the ticket 7.
    pub(crate) fn control(&mut self, action: Action) -> Vec<Sent> {
        let input = Input::Control(Control { ticket: 7, action });
        self.switch.handle_input(self.now, &self.town, input);
        self.drain()
    }

    /// The calls that are not over, oldest first.
    pub(crate) fn conns(&self) -> Vec<ConnId> {
        self.switch.calls(self.now).map(|call| call.conn).collect()
    }

    /// The first call that is not over.
    pub(crate) fn conn(&self) -> ConnId {
        self.conns()[0]
    }

    /// What was told since it was asked for last. Calls have the numbers of their order.
    pub(crate) fn story(&mut self) -> Vec<String> {
        std::mem::take(&mut self.facts).iter().filter_map(told).collect()
    }
}

fn name(leg: LegId) -> String {
    format!("{}.{}", leg.conn.sequence(), leg.number)
}

fn told(fact: &Fact) -> Option<String> {
    let text = match fact {
        Fact::CallOffered { facts, .. } => {
            let by = facts.transfer.as_ref().map(|transfer| format!(" by {}", transfer.by.user));
            let (from, to) = (&facts.caller.user, &facts.callee.user);
            let by = by.unwrap_or_default();
            format!("offered {}: {from} to {to}{by}", facts.conn_id.sequence())
        }
        Fact::Amended { facts } => format!("amended: to {}", facts.callee.uri),
        Fact::LegOffered { leg, uri, .. } => format!("leg {}: {uri}", name(*leg)),
        Fact::LegAlerting { leg, .. } => format!("alerting {}", name(*leg)),
        Fact::LegFailed { leg, status } => format!("failed {}: {status}", name(*leg)),
        Fact::TargetFailed { attempt, .. } => {
            format!("target {}: {}", attempt.target.to, attempt.status)
        }
        Fact::Established { leg, .. } => format!("established {}", name(*leg)),
        Fact::Held { leg } => format!("held {}", name(*leg)),
        Fact::Retrieved { leg } => format!("retrieved {}", name(*leg)),
        Fact::Queued { point, failed, .. } => format!("queued at {point}: {failed:?}"),
        Fact::Routed { facts, .. } => format!("routed to {}", facts.callee.uri),
        Fact::LegMoved { from, to } => format!("moved {} to {}", name(*from), name(*to)),
        Fact::DtmfSent { leg, digits } => format!("digits {}: {digits}", name(*leg)),
        Fact::TransferBegun { leg, into, to, .. } => {
            format!("transfer by {} into {}: {to}", name(*leg), into.sequence())
        }
        Fact::Transferred { conn, into } => {
            format!("transferred {} into {}", conn.sequence(), into.sequence())
        }
        Fact::TransferFailed { conn, status } => {
            format!("not transferred {}: {status}", conn.sequence())
        }
        Fact::Controlled { outcome: Ok(conn), .. } => format!("done {}", conn.sequence()),
        Fact::Controlled { outcome: Err(why), .. } => format!("not done: {why:?}"),
        Fact::Released { conn, cause, .. } => format!("released {}: {cause}", conn.sequence()),
        _ => return None,
    };
    Some(text)
}
