use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{BundleDigest, PublicKey};

/// What a store holds and what of it is to serve: `index.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Index {
    /// Publishers whose bundles may be installed.
    pub trusted: Vec<Trusted>,
    /// The installed plugins, by id.
    pub plugin: BTreeMap<String, Installed>,
}

/// A publisher whose bundles may be installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trusted {
    /// What its signatures are verified with.
    pub key: PublicKey,
    /// What it calls itself.
    pub name: String,
}

/// A plugin in the store. What it was granted, it was as a plugin of this publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Installed {
    /// Who signs it; absent where the operator installed it unsigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<PublicKey>,
    /// The version that is to serve.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub wanted: Option<BundleDigest>,
    /// The version that served last, while that is another: it serves after a restart, and `use` comes as its manifest says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<BundleDigest>,
    /// What it may have: hooks and capabilities.
    pub grants: BTreeSet<String>,
    /// Its versions, the one that was installed last at the end.
    pub versions: Vec<Version>,
}

/// A version of a plugin in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Of its bundle.
    pub digest: BundleDigest,
    /// As its manifest calls it; may be empty.
    pub version: String,
    /// What it wants: hooks and capabilities.
    pub wants: BTreeSet<String>,
    /// Why it was rolled back, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<String>,
}

impl Installed {
    /// The version with this digest.
    pub fn version(&self, digest: BundleDigest) -> Option<&Version> {
        self.versions.iter().find(|version| version.digest == digest)
    }

    /// The versions to begin with after a restart, the best first: what served last, what is wanted, then the others that were not
    /// rolled back, the newest first.
    pub fn at_boot(&self) -> Vec<BundleDigest> {
        let others = self.versions.iter().rev().filter(|version| version.rolled_back.is_none());
        let mut order: Vec<BundleDigest> = Vec::new();
        let all = [self.served, self.wanted].into_iter().flatten();
        for digest in all.chain(others.map(|version| version.digest)) {
            if !order.contains(&digest) && self.version(digest).is_some() {
                order.push(digest);
            }
        }
        order
    }

    /// A version was taken out of service, and `instead` serves.
    pub fn roll_back(&mut self, bad: BundleDigest, why: &str, instead: BundleDigest) {
        for version in &mut self.versions {
            if version.digest == bad {
                version.rolled_back = Some(why.to_owned());
            }
        }
        self.wanted = Some(instead);
        self.served = None;
    }

    /// A version is to serve, whatever was held against it.
    pub fn choose(&mut self, digest: BundleDigest) {
        if self.wanted != Some(digest) {
            self.served = self.served.or(self.wanted).filter(|served| *served != digest);
        }
        self.wanted = Some(digest);
        for version in &mut self.versions {
            if version.digest == digest {
                version.rolled_back = None;
            }
        }
    }

    /// The version that is wanted serves all calls.
    pub fn serves(&mut self, digest: BundleDigest) -> bool {
        let is_news = self.wanted == Some(digest) && self.served.is_some();
        if is_news {
            self.served = None;
        }
        is_news
    }
}
