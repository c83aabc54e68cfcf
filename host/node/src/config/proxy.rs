use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// `[proxy]`: calls that are forwarded because their route says `.proxy()`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyConfig {
    /// Signs our Record-Routes, so that within a call only its own parties can have requests sent on by this switch. Absent takes a
    /// new one at each start: what belongs to a call that was forwarded before a restart is then answered 481, and a temporary GRUU from before (`registrar.gruu`) 404. Any text; 16
    /// characters or more of chance are good.
    pub secret: Option<String>,
}

impl ProxyConfig {
    /// The key that is made of the secret, or of `chance` where there is none.
    pub(crate) fn key(&self, chance: [u8; 32]) -> [u8; 16] {
        let digest: [u8; 32] = match &self.secret {
            Some(secret) => Sha256::digest(secret.as_bytes()).into(),
            None => chance,
        };
        let mut key = [0; 16];
        key.iter_mut().zip(digest).for_each(|(key, byte)| *key = byte);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_same_key_whatever_the_start() {
        let config = ProxyConfig { secret: Some("between us".to_owned()) };
        assert_eq!(config.key([1; 32]), config.key([2; 32]));
        assert_ne!(config.key([1; 32]), [1; 16]);
        let other = ProxyConfig { secret: Some("among others".to_owned()) };
        assert_ne!(config.key([1; 32]), other.key([1; 32]));
        assert_eq!(ProxyConfig::default().key([1; 32]), [1; 16]);
    }
}
