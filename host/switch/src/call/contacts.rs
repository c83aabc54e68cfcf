//! The phones of a user, as places to call.

use std::collections::VecDeque;

use model::{Aor, Binding, Directory, Instant, hook::Party};

use super::{attempt::Hop, route};
use crate::{gruu, tables::Tables};

/// The contacts of an address-of-record in groups of equal q, best first; 480 when there are none (RFC 3261 section 21.4.18). Where `callee` is a
/// GRUU of it, those of the phone it names.
pub(super) fn groups_of_aor(
    tables: &Tables,
    dir: &dyn Directory,
    now: Instant,
    of: usize,
    aor: &Aor,
    callee: &Party,
) -> Result<Vec<Vec<Hop>>, u16> {
    let sealer = tables.sealer();
    let named = gruu::named(sealer, &callee.uri)
        .filter(|_| Aor::new(&callee.user, &callee.host) == *aor)
        .transpose()
        .map_err(|gruu::NoSuch| 404_u16)?;
    let is_meant = |b: &&Binding| named.as_ref().is_none_or(|named| named.is(sealer, b));
    let bindings = dir.bindings(aor);
    let live =
        bindings.iter().flat_map(|b| b.iter()).filter(|b| b.expires_at > now).filter(is_meant);
    let mut groups: Vec<(u16, Vec<Hop>)> = Vec::new();
    // The first contact of each phone that says which one it is.
    let mut phones: Vec<(&str, [usize; 2])> = Vec::new();
    for binding in live {
        let hop = hop_of(tables, of, binding);
        let known = phones.iter().find(|(instance, _)| *instance == &*binding.instance);
        //= RFC 5626 section 7
        //# The proxy MUST NOT populate the target set with more than one contact with the same AOR and instance-id at a time.
        if let Some((_, [group, at])) = known {
            if let Some(first) = groups.get_mut(*group).and_then(|(_, group)| group.get_mut(*at)) {
                first.spares.push(hop);
            }
            continue;
        }
        let group = groups.iter().position(|(q, _)| *q == binding.q_milli).unwrap_or_else(|| {
            groups.push((binding.q_milli, Vec::new()));
            groups.len() - 1
        });
        let Some((_, hops)) = groups.get_mut(group) else { continue };
        hops.push(hop);
        if !binding.instance.is_empty() {
            phones.push((&binding.instance, [group, hops.len() - 1]));
        }
    }
    groups.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
    if groups.is_empty() {
        return Err(named.map_or(480, |named| named.status_of_none()));
    }
    Ok(groups.into_iter().map(|(_, g)| g).collect())
}

/// The way to one contact.
fn hop_of(tables: &Tables, of: usize, binding: &Binding) -> Hop {
    let (uri, flow) = route::way_to(&tables.config.listeners, binding);
    let (others, spares, path) = (VecDeque::new(), Vec::new(), binding.path.clone());
    let is_large = binding.is_a_flow();
    let (trunk, auto, as_leg) = (None, false, None);
    Hop { of, uri, path, flow, others, spares, is_large, trunk, auto, as_leg }
}
