use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{BundleDigest, BundleError, PublicKey};

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

/// A plugin in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Installed {
    /// The version that is to serve.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub wanted: Option<BundleDigest>,
    /// The version that served last, while that is another: it serves after a restart, and `use` comes as its manifest says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served: Option<BundleDigest>,
    /// What it may have, each as a plugin of that publisher.
    pub grants: Vec<Granted>,
    /// Its versions, the one that was installed last at the end.
    pub versions: Vec<Version>,
}

/// What versions of one publisher may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Granted {
    /// Who signs them; absent are those that the operator installed unsigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<PublicKey>,
    /// Hooks and capabilities.
    pub names: BTreeSet<String>,
}

/// A version of a plugin in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Of its bundle.
    pub digest: BundleDigest,
    /// Who signed it; absent where the operator installed it unsigned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<PublicKey>,
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

    /// What a version may have: nothing, if it is none of these.
    pub fn granted(&self, digest: BundleDigest) -> BTreeSet<String> {
        let version = self.version(digest);
        let theirs = version.and_then(|version| {
            self.grants.iter().find(|granted| granted.publisher == version.publisher)
        });
        theirs.map(|granted| granted.names.clone()).unwrap_or_default()
    }

    /// What the versions of a publisher may have.
    pub fn grants_of(&mut self, publisher: Option<PublicKey>) -> &mut BTreeSet<String> {
        let at = self.grants.iter().position(|granted| granted.publisher == publisher);
        let at = at.unwrap_or_else(|| {
            self.grants.push(Granted { publisher, names: BTreeSet::new() });
            self.grants.len() - 1
        });
        &mut self.grants[at].names
    }

    /// Whose the version is that is to serve.
    pub fn publisher(&self) -> Option<PublicKey> {
        self.wanted.and_then(|digest| self.version(digest)?.publisher)
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

    /// A version was taken out of service, and `instead` serves. What an operator chose meanwhile is still to serve.
    pub fn roll_back(&mut self, bad: BundleDigest, why: &str, instead: BundleDigest) {
        if bad == instead {
            return;
        }
        for version in &mut self.versions {
            if version.digest == bad {
                version.rolled_back = Some(why.to_owned());
            }
        }
        if self.version(instead).is_none() {
            // It was removed since. A version that failed is better to begin with than none.
            return;
        }
        if self.wanted == Some(bad) {
            self.wanted = Some(instead);
        }
        self.served = Some(instead).filter(|served| self.wanted != Some(*served));
    }

    /// A version is to serve, whatever was held against it.
    ///
    /// # Errors
    ///
    /// When there is no such version.
    pub fn choose(&mut self, digest: BundleDigest) -> Result<(), BundleError> {
        let known = self.versions.iter_mut().find(|version| version.digest == digest);
        let version = known.ok_or_else(|| {
            BundleError::new(
                format!("there is no version {digest}"),
                "`jackfield plugin installed` lists them",
            )
        })?;
        version.rolled_back = None;
        if self.wanted != Some(digest) {
            self.served = self.served.or(self.wanted).filter(|served| *served != digest);
        }
        self.wanted = Some(digest);
        Ok(())
    }

    /// This version serves all calls; gives whether that is news.
    pub fn serves(&mut self, digest: BundleDigest) -> bool {
        // What serves and is not wanted is what to begin with, as long as what is wanted waits or is on trial.
        let served = Some(digest).filter(|_| self.wanted != Some(digest));
        let is_news =
            self.served.is_some() && self.served != served && self.version(digest).is_some();
        if is_news {
            self.served = served;
        }
        is_news
    }
}
