//! Calls taken from one switch by another: a shard of the same node, or a node that stands by.

use model::{ConnId, Instant, Shard};
use switch::{CallImage, Held, MovedCall, NotQuiescent, Output, Switch, Word};

use crate::{
    World,
    node::{Effect, Node},
};

impl World {
    /// Has a call go to another shard of the node.
    ///
    /// # Errors
    ///
    /// When the call does not rest, or is nowhere.
    pub fn move_call(&mut self, conn: ConnId, to: Shard) -> Result<(), NotQuiescent> {
        let effects = self.node.move_call(self.now(), conn, to)?;
        self.apply(effects);
        Ok(())
    }

    /// Has a new process go on with the calls of the node: they are exported, written down, read again and imported. Those that do not
    /// rest are lost with the old one. Gives how many went over.
    pub fn take_over(&mut self) -> usize {
        let now = self.now();
        let seed = self.random().seed();
        self.node.take_over(now, seed)
    }
}

impl Node {
    fn move_call(
        &mut self,
        now: Instant,
        conn: ConnId,
        to: Shard,
    ) -> Result<Vec<Effect>, NotQuiescent> {
        let at = self.shards().iter().position(|shard| shard.calls(now).any(|c| c.conn == conn));
        let at = at.ok_or(NotQuiescent::Unknown)?;
        let switch = self.shards_mut().get_mut(at).ok_or(NotQuiescent::Unknown)?;
        let word = Word::Call(Box::new(switch.export(now, conn, Some(to))?));
        let mut effects = vec![Effect::Tell { to, word }];
        effects.extend(self.drain(Shard(u16::try_from(at).unwrap_or(u16::MAX))));
        Ok(effects)
    }

    fn take_over(&mut self, now: Instant, seed: [u8; 32]) -> usize {
        let mut taken = 0;
        for at in 0..self.shards().len() {
            let Some((next, count)) = self.successor(now, at, seed) else { continue };
            taken += count;
            let old = std::mem::replace(&mut self.shards_mut()[at], next);
            self.retired.push(old);
        }
        taken
    }

    fn successor(&mut self, now: Instant, at: usize, seed: [u8; 32]) -> Option<(Switch, usize)> {
        let config = switch::Config { seed, ..self.config(at)?.clone() };
        let mut next = Switch::new(config);
        let calls: Vec<ConnId> = self.shards().get(at)?.calls(now).map(|call| call.conn).collect();
        let mut taken = 0;
        for conn in calls {
            let Ok(moved) = self.shards_mut()[at].export(now, conn, None) else { continue };
            let image = CallImage::decode(&moved.image.encode()).ok()?;
            // The old process and its places on trunks are gone.
            drop(moved);
            let moved = MovedCall { image, held: Held::default() };
            next.import(now, self.directory(), moved).ok()?;
            taken += 1;
        }
        Some((next, taken))
    }

    /// What those are still up to whose calls another has taken: nothing that anybody hears. Gives the last moment at which one of them
    /// wanted to be woken.
    ///
    /// # Panics
    ///
    /// When one says something, or is left with anything.
    pub fn rest_of_retired(&mut self) -> Instant {
        let mut last = Instant::ZERO;
        for mut switch in std::mem::take(&mut self.retired) {
            while let Some((at, reason)) = switch.poll_timeout() {
                if reason == switch::Reason::Registration {
                    break;
                }
                last = last.max(at);
                switch.handle_timeout(at, self.directory());
                while let Some(output) = switch.poll_output() {
                    assert!(
                        !matches!(output, Output::Transmit { .. } | Output::Relay(_)),
                        "{output:?}"
                    );
                }
            }
            assert!(switch.is_idle(), "{:?}", switch.stats());
        }
        last
    }
}
