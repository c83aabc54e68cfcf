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
    /// Whether it does something without being configured. The host asks the others only when
    /// the operator configured them.
    pub needs_no_configuration: bool,
}

/// Every stock plugin, in the order the host asks them.
pub fn plugins() -> &'static [Stock] {
    &PLUGINS
}

static PLUGINS: [Stock; 2] = [
    Stock {
        id: "stock.dialplan",
        manifest: include_str!("../../dialplan/plugin.toml"),
        module: include_bytes!(concat!(env!("OUT_DIR"), "/jackfield-dialplan.wasm")),
        needs_no_configuration: false,
    },
    Stock {
        id: "stock.route",
        manifest: include_str!("../../route/plugin.toml"),
        module: include_bytes!(concat!(env!("OUT_DIR"), "/jackfield-route.wasm")),
        needs_no_configuration: true,
    },
];
