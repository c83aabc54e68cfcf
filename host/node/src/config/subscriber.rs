use std::fmt;

use model::{Ha1, Secret};
use serde::{Deserialize, Serialize};
use sip::auth::Algorithm;

/// `[[subscriber]]`: a user that may register and be called.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubscriberConfig {
    /// The user part of the address-of-record, and the name it logs in with. Required.
    pub user: String,
    /// The host part. Absent takes every domain of this node.
    pub host: Option<String>,
    /// The password. Without one, and without a hash, the user cannot log in.
    pub password: Option<String>,
    /// Instead of the password, for MD5: `printf '%s' 'USER:REALM:PASSWORD' | md5sum`, 32 hexadecimal digits.
    pub ha1_md5: Option<String>,
    /// Instead of the password, for SHA-256: `printf '%s' 'USER:REALM:PASSWORD' | sha256sum`, 64 hexadecimal digits.
    pub ha1_sha256: Option<String>,
}

impl SubscriberConfig {
    /// What the user logs in with at `realm`. A hash that stands there wins over the password.
    pub fn secret(&self, realm: &str) -> Secret {
        let password = self.password.as_deref().filter(|password| !password.is_empty());
        let mut secret = password.map_or_else(Secret::default, |password| {
            sip::auth::secret_of_password(&self.user, realm, password)
        });
        let given = |text: &Option<String>, algorithm: Algorithm| {
            text.as_deref().and_then(|text| Ha1::from_hex(text, algorithm.hex_length()))
        };
        if let Some(ha1) = given(&self.ha1_md5, Algorithm::Md5) {
            secret.md5 = Some(ha1);
        }
        if let Some(ha1) = given(&self.ha1_sha256, Algorithm::Sha256) {
            secret.sha256 = Some(ha1);
        }
        secret
    }

    /// Whether there is something to log in with.
    pub fn has_secret(&self) -> bool {
        self.password.as_deref().is_some_and(|password| !password.is_empty())
            || self.ha1_md5.is_some()
            || self.ha1_sha256.is_some()
    }
}

impl fmt::Debug for SubscriberConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriberConfig")
            .field("user", &self.user)
            .field("host", &self.host)
            .field("has_secret", &self.has_secret())
            .finish()
    }
}
