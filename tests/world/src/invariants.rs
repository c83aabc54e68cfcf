//! What must be true of a world when everything has come to rest.

use std::{collections::BTreeMap, fmt};

use model::ConnId;
use switch::Fact;

use crate::World;

/// A rule that was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation(pub String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every rule that a world at rest breaks; call it after [`World::run`] has run long enough for every timer.
pub fn check(world: &World) -> Vec<Violation> {
    let mut broken = Vec::new();
    if !world.node.is_idle() {
        broken.push(Violation(format!(
            "the node is not idle: {} relays open, {:?}",
            world.node.relay.len(),
            world.node.shards().iter().map(switch::Switch::stats).collect::<Vec<_>>()
        )));
    }
    if world.node.relay.opened != world.node.relay.closed {
        broken.push(Violation(format!(
            "{} relays were opened and {} closed",
            world.node.relay.opened, world.node.relay.closed
        )));
    }
    broken.extend(lives(world).into_iter().filter_map(|(conn, life)| life.violation(conn)));
    broken
}

/// How often each thing happened to one call.
#[derive(Default, Debug)]
struct Life {
    offered: u32,
    established: u32,
    released: u32,
    after_release: u32,
}

impl Life {
    fn violation(&self, conn: ConnId) -> Option<Violation> {
        let well = self.offered == 1
            && self.established <= 1
            && self.released == 1
            && self.after_release == 0;
        (!well).then(|| Violation(format!("call {conn} lived wrongly: {self:?}")))
    }
}

fn lives(world: &World) -> BTreeMap<ConnId, Life> {
    let mut lives: BTreeMap<ConnId, Life> = BTreeMap::new();
    for fact in world.node.facts.iter().skip(world.node.forgotten) {
        match fact {
            Fact::CallOffered { facts, .. } => lives.entry(facts.conn_id).or_default().offered += 1,
            Fact::Established { conn, .. } => {
                let life = lives.entry(*conn).or_default();
                life.established += 1;
                life.after_release += u32::from(life.released > 0);
            }
            Fact::Released { conn, .. } => lives.entry(*conn).or_default().released += 1,
            Fact::Decided { .. }
            | Fact::Amended { .. }
            | Fact::TurnedAway { .. }
            | Fact::TargetFailed { .. }
            | Fact::Judged { .. }
            | Fact::LegOffered { .. }
            | Fact::LegOnTrunk { .. }
            | Fact::TrunkPassed { .. }
            | Fact::TransferBegun { .. }
            | Fact::Transferred { .. }
            | Fact::TransferFailed { .. }
            | Fact::Queued { .. }
            | Fact::Routed { .. }
            | Fact::LegMoved { .. }
            | Fact::DtmfSent { .. }
            | Fact::Controlled { .. }
            | Fact::Trunk { .. }
            | Fact::Device { .. }
            | Fact::LegAlerting { .. }
            | Fact::LegFailed { .. }
            | Fact::Held { .. }
            | Fact::Retrieved { .. }
            | Fact::NotAuthenticated { .. }
            | Fact::Registered { .. }
            | Fact::Unregistered { .. } => {}
        }
    }
    lives
}
