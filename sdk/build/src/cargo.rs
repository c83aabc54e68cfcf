//! Cargo run from within Cargo.

use std::{env, path::Path, process::Command};

use crate::probe;

/// Of the variables that configure Cargo, those that say where it is and how it reaches its
/// registries, and the job server that bounds how much runs at once.
const KEPT: [&str; 6] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTR",
    "CARGO_SOURCE_",
    "CARGO_MAKEFLAGS",
];

/// A cargo command that inherits nothing from a build it is started in: neither the outer build's
/// flags, profile and target directory nor its compiler and wrappers (under `cargo clippy` the
/// wrapper is clippy).
pub(crate) fn nested() -> Command {
    let mut cargo = Command::new(probe::cargo());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_dropped) {
            cargo.env_remove(name);
        }
    }
    // An empty value overrides what a user's own configuration says for the host.
    cargo.env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "");
    cargo
}

/// The flags that keep this machine's paths out of a module, in the encoding of
/// `CARGO_ENCODED_RUSTFLAGS`.
pub(crate) fn flags(workspace: &Path) -> String {
    let mut flags = format!("--remap-path-prefix={}=.", workspace.display());
    let home = env::var_os("CARGO_HOME").map(std::path::PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cargo")));
    if let Some(home) = home {
        flags.push_str(&format!("\x1f--remap-path-prefix={}=/cargo", home.display()));
    }
    flags
}

/// The `.wasm` files that `cargo build --message-format=json` reports, with the name of the
/// library each was made from.
pub(crate) fn artifacts(messages: &str) -> Vec<(String, String)> {
    messages
        .lines()
        .filter(|line| line.contains(r#""reason":"compiler-artifact""#))
        .filter_map(|line| {
            let (_, target) = line.split_once(r#""target":{"#)?;
            let (_, name) = target.split_once(r#""name":""#)?;
            let (_, files) = line.split_once(r#""filenames":["#)?;
            let file = files.split(']').next()?.split('"').find(|file| file.ends_with(".wasm"))?;
            Some((name.split('"').next()?.to_owned(), file.replace(r"\\", r"\")))
        })
        .collect()
}

fn is_dropped(name: &str) -> bool {
    let ours = name.starts_with("CARGO") || name.starts_with("RUSTC") || name == "RUSTFLAGS";
    ours && !KEPT.iter().any(|kept| name.starts_with(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outer_builds_settings_are_dropped_and_the_network_is_kept() {
        for name in [
            "CARGO",
            "CARGO_TARGET_DIR",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_BUILD_TARGET",
            "CARGO_MANIFEST_DIR",
            "CARGO_CFG_TARGET_OS",
            "RUSTC",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTC_BOOTSTRAP",
            "RUSTFLAGS",
        ] {
            assert!(is_dropped(name), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_REGISTRIES_CRATES_IO_PROTOCOL",
            "CARGO_MAKEFLAGS",
            "RUSTUP_TOOLCHAIN",
            "RUSTUP_AUTO_INSTALL",
            "RUST_BACKTRACE",
            "PATH",
        ] {
            assert!(!is_dropped(name), "{name}");
        }
    }

    #[test]
    fn modules_are_read_from_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","package_id":"path+file:///w/guest#g@0.1.0","#,
            r#""target":{"kind":["lib"],"name":"guest"},"filenames":["/t/libguest.rlib"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","package_id":"path+file:///w/route#r@0.1.0","#,
            r#""target":{"kind":["cdylib","rlib"],"crate_types":["cdylib","rlib"],"name":"route"},"#,
            r#""filenames":["/t/plugin/route.wasm","/t/plugin/libroute.rlib"],"fresh":false}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
            "\n",
        );
        assert_eq!(artifacts(messages), [("route".to_owned(), "/t/plugin/route.wasm".to_owned())]);
    }
}
