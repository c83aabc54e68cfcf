//! What the fuzz targets share.
#![forbid(unsafe_code)]

pub mod checks;
pub mod recorded;
pub mod tlib;
