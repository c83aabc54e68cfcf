//! A plugin as one file: packed, signed, and kept in a store by its digest.
//!
//! A bundle is a tar archive in the one form that [`pack`] writes, so the same files make the same bytes and one digest, on any machine.
//! A signature stands behind the archive, where `tar` does not look, and is no part of the digest.
//!
//! **Invariant:** nothing of a bundle is believed before its digest or its signature is: [`Bundle::open`] says what a file is, the
//! [`Store`] only takes what is signed by whom the operator trusts, or what he takes unsigned by his own word, and gives only what has
//! the digest that its index names.

mod archive;
mod bundle;
mod digest;
mod error;
mod folder;
mod index;
mod key;
mod store;

pub use archive::{Files, pack};
pub use bundle::{Bundle, BundleLimits, Signed};
pub use digest::BundleDigest;
pub use error::BundleError;
pub use folder::make_private;
pub use index::{Granted, Index, Installed, Trusted, Version};
pub use key::{PublicKey, SecretKey};
pub use store::{Admission, Store, StoreLimits};
