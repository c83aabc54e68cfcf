//! Virtual clock, network and phones around the real switch.
