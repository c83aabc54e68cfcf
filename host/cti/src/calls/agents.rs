//! Which agent is on which DN, as the T-Controller tells.

use std::{collections::BTreeMap, sync::Arc};

use tlib::MessageType;

/// The agents that are logged in: not more than there are DNs.
#[derive(Default)]
pub(super) struct Agents {
    by_dn: BTreeMap<Arc<str>, Arc<str>>,
    /// The DN of each.
    by_id: BTreeMap<Arc<str>, Arc<str>>,
}

impl Agents {
    /// This agent is on a DN from now on, or none.
    pub(super) fn set(&mut self, dn: Arc<str>, agent: Option<Arc<str>>) {
        let was = match &agent {
            Some(agent) => self.by_dn.insert(Arc::clone(&dn), Arc::clone(agent)),
            None => self.by_dn.remove(&dn),
        };
        // It may have been told already that it is somewhere else.
        if let Some(was) = was
            && self.by_id.get(&was) == Some(&dn)
        {
            self.by_id.remove(&was);
        }
        if let Some(agent) = agent {
            self.by_id.insert(agent, dn);
        }
    }

    /// The agent on a DN.
    pub(super) fn on(&self, dn: &str) -> Option<&Arc<str>> {
        self.by_dn.get(dn)
    }

    /// The DN of an agent.
    pub(super) fn dn_of(&self, agent: &str) -> Option<&Arc<str>> {
        self.by_id.get(agent)
    }
}

/// Whether an event of a call names the agent on its DN (section 2.4).
pub(super) const fn names_agent(what: MessageType) -> bool {
    use MessageType as M;
    !matches!(
        what,
        M::EventAbandoned
            | M::EventQueued
            | M::EventDiverted
            | M::EventBridged
            | M::EventRouteRequest
            | M::EventRouteUsed
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_changes_its_dn_is_found_at_the_new_one_in_whichever_order_that_is_told() {
        let mut agents = Agents::default();
        let id = || Some(Arc::from("17"));
        agents.set("2001".into(), id());
        assert_eq!(agents.on("2001").map(|id| &**id), Some("17"));
        agents.set("2002".into(), id());
        agents.set("2001".into(), None);
        assert_eq!(agents.dn_of("17").map(|dn| &**dn), Some("2002"));
        assert_eq!(agents.on("2001"), None);
        agents.set("2002".into(), Some("18".into()));
        assert_eq!((agents.dn_of("17"), agents.on("2002").map(|id| &**id)), (None, Some("18")));
        agents.set("2002".into(), None);
        assert_eq!((agents.dn_of("18"), agents.on("2002")), (None, None));
    }
}
