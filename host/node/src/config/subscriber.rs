use serde::{Deserialize, Serialize};

/// `[[subscriber]]`: a user that may register and be called.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubscriberConfig {
    /// The user part of the address-of-record. Required.
    pub user: String,
    /// The host part. Absent takes every domain of this node.
    pub host: Option<String>,
}
