//! Runs a plugin against scenario files, no switch needed.
