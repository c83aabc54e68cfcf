//! What comes of clients, in turns.

use model::Instant;
use tlib::{Session, session::Input};
use tracing::debug;

use super::{Clients, limits::TURN_MESSAGES_MAX};
use crate::modules::connection::{Came, Fault};

/// Bytes read from one client before the others get their turn.
const READ_MAX: usize = 256 << 10;

/// What a turn found.
enum Found {
    Input(Input),
    Nothing,
    /// A handshake failed.
    Failed(Fault),
}

impl Clients {
    /// Whether somebody has sent more than one turn takes.
    pub(in crate::modules) const fn are_behind(&self) -> bool {
        !self.behind.is_empty()
    }

    /// The slots of those who have sent more than one turn takes: each is to be read.
    pub(in crate::modules) fn take_behind(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.behind)
    }

    /// One turn of the client of a slot. What it has sent beyond that is kept or left to the kernel.
    pub(in crate::modules) fn read(&mut self, now: Instant, slot: usize) {
        let Some(client) = self.slots[slot].client.as_mut() else { return };
        client.is_behind = false;
        let before = client.session.stats().received;
        let mut left = READ_MAX;
        loop {
            let found = self.find(now, slot, &mut left);
            let Some(client) = self.slots[slot].client.as_mut() else { return };
            let input = match found {
                Found::Input(input) => input,
                Found::Nothing => break,
                Found::Failed(fault) => return self.fail(slot, &fault),
            };
            let taken = client.session.stats().received.saturating_sub(before);
            if taken > 0 && matches!(input, Input::Closed | Input::End(_)) {
                // What it has asked for is done before it is gone.
                client.end = Some(input);
                self.fall_behind(slot);
                break;
            }
            client.session.handle_input(now, input);
            let taken = client.session.stats().received.saturating_sub(before);
            if !self.take_outputs(now, slot) {
                return;
            }
            if taken >= TURN_MESSAGES_MAX {
                self.fall_behind(slot);
                break;
            }
        }
        self.mark(slot);
    }

    /// The next that came of a client.
    fn find(&mut self, now: Instant, slot: usize, left: &mut usize) -> Found {
        let Some(client) = self.slots[slot].client.as_mut() else { return Found::Nothing };
        if client.session.is_behind() {
            return Found::Input(Input::More);
        }
        if let Some(end) = client.end.take() {
            return Found::Input(end);
        }
        let longest = client.session.message_bytes_max();
        let came = client.connection.receive(&mut self.buffer, left, longest);
        if !client.is_open && client.connection.is_open() {
            // What the handshake took is not taken from the time to register.
            client.is_open = true;
            let config = self.limits.of_session(client.session.form());
            client.session = Session::new(config, now, self.unix_at_zero);
        }
        match came {
            Ok(Came::Nothing) => Found::Nothing,
            Ok(Came::Bytes(bytes)) => Found::Input(Input::Bytes(bytes)),
            Ok(Came::Sign) => Found::Input(Input::Heard),
            Err(fault) if !client.is_open => Found::Failed(fault),
            // What waits is written first.
            Err(fault @ Fault::Violation(_)) => Found::Input(Input::End(fault.to_string())),
            Err(fault) => {
                debug!(client = ?client.id, peer = %client.peer, reason = %fault, "a client's connection is over");
                Found::Input(Input::Closed)
            }
        }
    }

    fn fall_behind(&mut self, slot: usize) {
        if let Some(client) = self.slots[slot].client.as_mut()
            && !client.is_behind
        {
            client.is_behind = true;
            self.behind.push(slot);
        }
    }
}
