//! Transactions by number.

/// Values named by place and generation, so that a number is never mistaken for a later tenant of its place. Each has memory of its
/// own: what a flood of requests took is given back when it has passed, and an empty place is small.
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    len: usize,
}

struct Place<T> {
    generation: u32,
    value: Option<Box<T>>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), len: 0 }
    }

    /// Puts a value in and names it. The caller keeps the number of values below 2^32.
    pub(crate) fn insert(&mut self, value: T) -> u64 {
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, value: None });
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let Some(place) = self.places.get_mut(at as usize) else { return u64::MAX };
        place.value = Some(Box::new(value));
        self.len += 1;
        name(place.generation, at)
    }

    pub(crate) fn get(&self, id: u64) -> Option<&T> {
        let (generation, at) = split(id);
        let place = self.places.get(at)?;
        if place.generation == generation { place.value.as_deref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let (generation, at) = split(id);
        let place = self.places.get_mut(at)?;
        if place.generation == generation { place.value.as_deref_mut() } else { None }
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<T> {
        let (generation, at) = split(id);
        let place = self.places.get_mut(at)?;
        if place.generation != generation {
            return None;
        }
        let value = place.value.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(u32::try_from(at).unwrap_or(u32::MAX));
        self.len -= 1;
        Some(*value)
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }
}

const fn name(generation: u32, at: u32) -> u64 {
    (generation as u64) << 32 | at as u64
}

const fn split(id: u64) -> (u32, usize) {
    ((id >> 32) as u32, (id & 0xffff_ffff) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_does_not_name_the_next_tenant_of_its_place() {
        let mut slab = Slab::new();
        let first = slab.insert("a");
        assert_eq!(slab.remove(first), Some("a"));
        let second = slab.insert("b");
        assert_ne!(first, second);
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.get_mut(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&"b"));
        assert_eq!(slab.len(), 1);
    }
}
