use std::{sync::Arc, time::Duration};

use tlib::{Form, SessionConfig};

/// Messages taken of one client before the others get their turn.
pub(super) const TURN_MESSAGES_MAX: u64 = 64;

/// What the clients of a module may have.
#[derive(Clone, PartialEq, Debug)]
pub struct ClientLimits {
    /// Clients at once.
    pub clients_max: usize,
    /// How long the handshakes of TLS and WebSocket may take.
    pub handshake_timeout: Duration,
    /// Connections at once whose handshake is under way.
    pub handshakes_max: usize,
    /// The password that each must give, if one is wanted.
    pub password: Option<Arc<str>>,
    /// Of each session.
    pub session: SessionConfig,
}

impl ClientLimits {
    /// What a session of this form begins with.
    pub(super) fn of_session(&self, form: Form) -> SessionConfig {
        SessionConfig { form, turn_messages_max: TURN_MESSAGES_MAX, ..self.session.clone() }
    }
}
