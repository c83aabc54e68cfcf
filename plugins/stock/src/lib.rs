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
    /// When it has something to do.
    pub serves: Serves,
}

/// When a stock plugin has something to do. Where it has not, the host does not load it; where the operator
/// configured it, the host always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Always.
    Always,
    /// Where there is a device of T-Library clients.
    Devices,
    /// Where the operator configured it.
    Configured,
}

/// Every stock plugin, in the order the host asks them.
pub fn plugins() -> &'static [Stock] {
    &PLUGINS
}

static PLUGINS: [Stock; 4] = [
    Stock {
        id: "stock.dialplan",
        manifest: include_str!("../../dialplan/plugin.toml"),
        module: include_bytes!(concat!(env!("OUT_DIR"), "/jackfield-dialplan.wasm")),
        serves: Serves::Configured,
    },
    Stock {
        id: "stock.dn-owner",
        manifest: include_str!("../../dn-owner/plugin.toml"),
        module: include_bytes!(concat!(env!("OUT_DIR"), "/jackfield-dn-owner.wasm")),
        serves: Serves::Devices,
    },
    Stock {
        id: "stock.fanout",
        manifest: include_str!("../../fanout/plugin.toml"),
        module: include_bytes!(concat!(env!("OUT_DIR"), "/jackfield-fanout.wasm")),
        serves: Serves::Configured,
    },
    Stock {
        id: "stock.route",
        manifest: include_str!("../../route/plugin.toml"),
        module: include_bytes!(concat!(env!("OUT_DIR"), "/jackfield-route.wasm")),
        serves: Serves::Always,
    },
];
