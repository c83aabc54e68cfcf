//! Keeps the structure of the tree: who may depend on whom, how long a file and a function may be, what may not be
//! left behind, and that every link leads somewhere.
//!
//! A rule is a function from text to [`Finding`]s with unit tests on small bad samples beside it; `tests/tree.rs` runs
//! every rule over the real tree. Nothing here is a style guide to read: it fails, names the line and says what to do.

pub mod arrows;
pub mod finding;
pub mod lengths;
pub mod links;
pub mod paths;
pub mod placeholders;
pub mod plugins;
pub mod quotes;
pub mod rust_source;
pub mod sans_io;
pub mod sleeps;
pub mod tree;

pub use finding::Finding;
