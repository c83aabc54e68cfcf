use std::{collections::VecDeque, net::IpAddr};

use model::TrunkId;

use super::TrunkConfig;

/// Every trunk of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Trunks {
    list: Vec<TrunkConfig>,
}

impl Trunks {
    pub(crate) fn new(list: Vec<TrunkConfig>) -> Self {
        Self { list }
    }

    pub(crate) fn get(&self, id: TrunkId) -> Option<&TrunkConfig> {
        self.list.get(usize::from(id.0))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (TrunkId, &TrunkConfig)> {
        (0_u16..).map(TrunkId).zip(&self.list)
    }

    /// The trunk of a name.
    pub(crate) fn named(&self, name: &str) -> Option<TrunkId> {
        self.iter().find(|(_, trunk)| trunk.name == name).map(|(id, _)| id)
    }

    /// The trunk a name stands for, or the trunks of the group of that name in the order to try: by priority, and among equals
    /// by chance in the proportion of their weights, for which `roll` gives random numbers. Empty when there is none.
    pub(crate) fn order(&self, name: &str, mut roll: impl FnMut() -> u64) -> VecDeque<TrunkId> {
        if let Some(id) = self.named(name) {
            return [id].into();
        }
        let is_member = |trunk: &TrunkConfig| trunk.group.as_deref() == Some(name);
        let mut members: Vec<_> = self.iter().filter(|(_, trunk)| is_member(trunk)).collect();
        members.sort_by_key(|(_, trunk)| trunk.priority);
        let mut order = VecDeque::with_capacity(members.len());
        for equals in members.chunk_by(|(_, a), (_, b)| a.priority == b.priority) {
            let mut left: Vec<(TrunkId, u64)> =
                equals.iter().map(|(id, trunk)| (*id, u64::from(trunk.weight))).collect();
            while let Some((id, _)) = draw(&mut left, &mut roll) {
                order.push_back(id);
            }
        }
        order
    }

    /// The trunk an address belongs to: that with the longest prefix, the first of equals.
    pub(crate) fn at(&self, source: IpAddr) -> Option<TrunkId> {
        let mut best: Option<(u8, TrunkId)> = None;
        for (id, trunk) in self.iter() {
            let longest = trunk.identify.iter().filter(|network| network.holds(source));
            let Some(bits) = longest.map(super::Network::bits).max() else { continue };
            if best.is_none_or(|(most, _)| bits > most) {
                best = Some((bits, id));
            }
        }
        best.map(|(_, id)| id)
    }
}

/// Takes one out by chance; one of weight 0 comes when no other is left.
fn draw(left: &mut Vec<(TrunkId, u64)>, roll: &mut impl FnMut() -> u64) -> Option<(TrunkId, u64)> {
    let sum: u64 = left.iter().map(|(_, weight)| weight).sum();
    let mut at = 0;
    if sum > 0 && left.len() > 1 {
        let mut point = roll() % sum;
        at = left.iter().position(|(_, weight)| {
            let here = point < *weight;
            point = point.saturating_sub(*weight);
            here
        })?;
    }
    (at < left.len()).then(|| left.remove(at))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn trunk(name: &str, group: &str, priority: u16, weight: u16) -> TrunkConfig {
        TrunkConfig {
            name: name.to_owned(),
            group: Some(group.to_owned()),
            uri: format!("sip:{name}.example"),
            login: None,
            register: None,
            probe: None,
            identify: Vec::new(),
            priority,
            weight,
            from_user: None,
            from_domain: None,
            trusted: true,
            assert_identity: false,
            diversion: crate::DiversionStyle::default(),
            service_route: true,
            overload_control: false,
            connection_reuse: false,
        }
    }

    fn order(trunks: &Trunks, name: &str, point: u64) -> Vec<u16> {
        trunks.order(name, || point).into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn a_group_is_tried_by_priority_and_then_by_weight() {
        let trunks = Trunks::new(vec![
            trunk("spare", "out", 2, 1),
            trunk("big", "out", 1, 3),
            trunk("small", "out", 1, 1),
            trunk("never", "out", 1, 0),
            trunk("other", "else", 0, 1),
        ]);
        assert_eq!(order(&trunks, "out", 0), [1, 2, 3, 0]);
        assert_eq!(order(&trunks, "out", 2), [1, 2, 3, 0]);
        assert_eq!(order(&trunks, "out", 3), [2, 1, 3, 0]);
        assert_eq!(order(&trunks, "small", 0), [2]);
        assert_eq!(order(&trunks, "nobody", 0), [0; 0]);
    }

    #[test]
    fn the_longest_prefix_says_whose_a_call_is() {
        let of = |name: &str, networks: &[&str]| TrunkConfig {
            identify: networks.iter().filter_map(|text| text.parse().ok()).collect(),
            ..trunk(name, "", 1, 1)
        };
        let trunks = Trunks::new(vec![
            of("wide", &["192.0.0.0/16"]),
            of("near", &["198.51.100.7", "192.0.2.0/24"]),
            of("twin", &["192.0.2.0/24"]),
        ]);
        let at = |ip: [u8; 4]| trunks.at(ip.into()).map(|id| id.0);
        assert_eq!(at([192, 0, 2, 1]), Some(1));
        assert_eq!(at([192, 0, 3, 1]), Some(0));
        assert_eq!(at([198, 51, 100, 7]), Some(1));
        assert_eq!(at([203, 0, 113, 1]), None);
    }
}
