//! Plugins as files that are signed and installed: `jackfield plugin pack`, `key`, `sign`, `install`, `installed`, `use`, `uninstall`,
//! `grant`, `revoke`, `grants`, `trust` and `untrust`.

pub(super) mod args;
mod grants;
mod install;
mod pack;
mod show;
mod trust;

pub(super) use grants::{grant, revoke};
pub(super) use install::{choose, install, uninstall};
pub(super) use pack::{key, pack, sign};
pub(super) use show::{grants, installed};
pub(super) use trust::{trust, untrust};
