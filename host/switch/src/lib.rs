//! The call engine, sans-IO: calls, legs, registrar, questions to plugins.
