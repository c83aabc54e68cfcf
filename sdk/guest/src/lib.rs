//! For authors of Jackfield plugins in Rust: one function a hook.
