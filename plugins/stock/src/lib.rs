//! The stock plugins as bytes, built from source.
