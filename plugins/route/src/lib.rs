//! Stock routing plugin.
