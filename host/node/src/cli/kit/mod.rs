//! The kit for authors of plugins: `jackfield plugin new`, `build`, `check`, `test`, `bench`, `replay` and `sdk`.

pub(super) mod args;
mod bench;
mod build;
mod check;
mod lock;
mod new;
mod project;
mod replay;
mod sdk;
mod template;
mod test;

pub(super) use bench::bench;
pub(super) use build::build;
pub(super) use check::check;
pub(super) use new::new;
pub(super) use replay::replay;
pub(super) use sdk::refresh;
pub(super) use test::test;
