//! What a configuration allows and hardly means.

use tracing::{info, warn};

use crate::config::Config;

/// What is allowed and hardly meant.
pub(super) fn warn_of(config: &Config) {
    warn_if_open(config);
    if let Some(warning) = config.emergency.warning() {
        warn!("{warning}");
    }
}

/// An open switch on loopback is a workbench; off it, an invitation.
fn warn_if_open(config: &Config) {
    if config.asks_for_credentials() {
        return;
    }
    let exposed = config.sip.listen.iter().find(|listen| !listen.bind.ip().is_loopback());
    match exposed {
        Some(listen) => warn!(
            listener = listen.name, bind = %listen.bind,
            "no credentials are asked for: anyone who reaches this listener may register and call as any user; give each [[subscriber]] a password"
        ),
        None => info!(
            "no credentials are asked for: every program on this machine may register and call as any user"
        ),
    }
}
