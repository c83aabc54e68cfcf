//! The stock plugins as bytes, built from source.
//!
//! The host embeds them, so that it starts without a file; see `sdk/build` for how they are
//! compiled and `plugins/` for the plugins themselves.

/// A stock plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stock {
    /// Its id, as its manifest gives it.
    pub id: &'static str,
    /// Its `plugin.toml`.
    pub manifest: &'static str,
    /// Its core WebAssembly module, with the interface types embedded that the host makes a
    /// component from.
    pub module: &'static [u8],
}

/// Every stock plugin, in the order the host asks them.
pub fn plugins() -> &'static [Stock] {
    &PLUGINS
}

static PLUGINS: [Stock; 1] = [Stock {
    id: "stock.route",
    manifest: include_str!("../../route/plugin.toml"),
    module: include_bytes!(concat!(env!("OUT_DIR"), "/jackfield-route.wasm")),
}];
