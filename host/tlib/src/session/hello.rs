//! RequestRegisterClient: who a client is, which version it speaks, and after what silence each side polls.

use std::{sync::Arc, time::Duration};

use crate::{Attribute, ErrorCode, Message, SessionConfig};

/// The version of the protocol that this crate speaks.
pub const PROTOCOL_VERSION: &str = "jackfield tlib 1";

/// What a client says when it registers. Who reads this accepts or refuses it.
#[derive(Clone, PartialEq, Debug)]
pub struct Registration {
    /// ApplicationName; not empty.
    pub name: Arc<str>,
    /// ApplicationPassword; empty when there is none.
    pub password: Arc<str>,
    /// The version that is spoken.
    pub version: Arc<str>,
    /// The whole request: Host, Port, SessionID, Extensions and what else it has.
    pub message: Message,
}

/// After what silence each side polls; zero is never.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Timeouts {
    pub(super) ours: Duration,
    pub(super) theirs: Duration,
}

/// Reads the request.
///
/// # Errors
///
/// With what it is refused.
pub(super) fn read(
    message: Message,
    config: &SessionConfig,
) -> Result<(Registration, Timeouts), (ErrorCode, String)> {
    let text = |attribute| message.text(attribute).cloned().unwrap_or_default();
    let version = text(Attribute::ProtocolVersion);
    if &*version != PROTOCOL_VERSION {
        let what = format!("ProtocolVersion is \"{version}\"; supported is \"{PROTOCOL_VERSION}\"");
        return Err((ErrorCode::ProtocolVersion, what));
    }
    let name = text(Attribute::ApplicationName);
    if name.is_empty() {
        let what = "a client registers with an ApplicationName".to_owned();
        return Err((ErrorCode::InvalidAttribute, what));
    }
    let password = text(Attribute::ApplicationPassword);
    let wish = |attribute, default| timeout(&message, attribute, default, config);
    let timeouts = Timeouts {
        ours: wish(Attribute::KeepAliveRemoteTimeout, config.keep_alive_timeout)?,
        theirs: wish(Attribute::KeepAliveTimeout, config.keep_alive_remote_timeout)?,
    };
    Ok((Registration { name, password, version, message }, timeouts))
}

/// A wish of the client, in milliseconds, as near to it as may be.
fn timeout(
    message: &Message,
    attribute: Attribute,
    default: Duration,
    config: &SessionConfig,
) -> Result<Duration, (ErrorCode, String)> {
    let Some(ms) = message.int(attribute) else { return Ok(default) };
    let Ok(ms) = u64::try_from(ms) else {
        let what = format!("{} is {ms}, not milliseconds", attribute.name());
        return Err((ErrorCode::InvalidAttribute, what));
    };
    if ms == 0 {
        return Ok(Duration::ZERO);
    }
    let wish = Duration::from_millis(ms).min(config.keep_alive_timeout_max);
    Ok(wish.max(config.keep_alive_timeout_min))
}

pub(super) fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
