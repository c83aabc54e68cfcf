use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{BuildError, TARGET, cargo, command, toolchain::Toolchain};

/// The profile that plugins are compiled with. A workspace may define its own under this name.
const PROFILE: &str = "plugin";
/// What [`PROFILE`] is where a workspace does not define it: small, and gone on a panic.
const PROFILE_DEFAULT: [&str; 6] = [
    "inherits='release'",
    "opt-level='s'",
    "lto=true",
    "codegen-units=1",
    "panic='abort'",
    "strip=true",
];

/// What is to be built.
#[derive(Clone, Debug)]
pub struct Request {
    manifest: PathBuf,
    target_dir: PathBuf,
    packages: Vec<String>,
    locked: bool,
    progress: fn(&str),
}

/// One built plugin: a core WebAssembly module, which the plugin host makes a component of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The package's name, or its library's where the request named no packages.
    pub package: String,
    /// Where the module is. The next build may overwrite it.
    pub path: PathBuf,
}

impl Request {
    /// A request to build the package of a `Cargo.toml`, or packages of its workspace.
    ///
    /// `target_dir` is kept between builds and must not be the one of a build that is running;
    /// [`plugins_dir`] gives a good one. Several requests may share it.
    pub fn new(manifest: impl Into<PathBuf>, target_dir: impl Into<PathBuf>) -> Self {
        Self {
            manifest: manifest.into(),
            target_dir: target_dir.into(),
            packages: Vec::new(),
            locked: false,
            progress: |line| eprintln!("{line}"),
        }
    }

    /// Names a package to build; without one, the manifest's default is built.
    #[must_use]
    pub fn package(mut self, name: impl Into<String>) -> Self {
        self.packages.push(name.into());
        self
    }

    /// Fails rather than change `Cargo.lock`.
    #[must_use]
    pub const fn locked(mut self) -> Self {
        self.locked = true;
        self
    }

    /// Tells `progress` of every step that takes long; by default standard error is told. A
    /// build script would pass `|line| println!("cargo::warning={line}")`.
    #[must_use]
    pub const fn progress(mut self, progress: fn(&str)) -> Self {
        self.progress = progress;
        self
    }

    /// Builds, and gives a module for every package named, in that order.
    ///
    /// The first build on a machine without the target takes about a minute; see the crate's
    /// documentation.
    ///
    /// # Errors
    ///
    /// [`BuildError::NoToolchain`] when the machine has no way to a standard library for the
    /// target; [`BuildError::Failed`] when a program failed, above all when the plugin does not
    /// compile (the compiler's words are then on standard error); else what the variant says.
    pub fn build(&self) -> Result<Vec<Module>, BuildError> {
        let toolchain = Toolchain::find(&self.target_dir, self.progress)?;
        let mut build = self.command(&toolchain)?;
        let output = build.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = output.map_err(|source| BuildError::Start {
            program: build.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        if !output.status.success() {
            return Err(BuildError::Failed {
                doing: "compiling plugins",
                command: command::line(&build),
                status: output.status,
                output: String::new(),
            });
        }
        self.modules(cargo::artifacts(&String::from_utf8_lossy(&output.stdout)))
    }

    fn command(&self, toolchain: &Toolchain) -> Result<Command, BuildError> {
        let workspace = self.workspace()?;
        let mut build = cargo::nested();
        match toolchain {
            Toolchain::Installed { rustc } => {
                build.env("RUSTC", rustc);
            }
            Toolchain::Sysroot(sysroot) => sysroot.apply(&mut build),
        }
        build
            .args(["build", "--message-format=json-render-diagnostics", "--target", TARGET])
            .args(["--profile", PROFILE, "--manifest-path"])
            .arg(&self.manifest)
            .arg("--target-dir")
            .arg(&self.target_dir)
            .args(self.packages.iter().flat_map(|package| ["--package", package]))
            .args(self.locked.then_some("--locked"))
            .env("CARGO_ENCODED_RUSTFLAGS", cargo::flags(workspace.parent().unwrap_or(&workspace)));
        if !defines_profile(&workspace)? {
            for setting in PROFILE_DEFAULT {
                build.arg("--config").arg(format!("profile.{PROFILE}.{setting}"));
            }
        }
        Ok(build)
    }

    /// The `Cargo.toml` that profiles are read from.
    fn workspace(&self) -> Result<PathBuf, BuildError> {
        let mut locate = cargo::nested();
        locate.args(["locate-project", "--workspace", "--message-format=plain", "--manifest-path"]);
        let text = command::read("finding the workspace", locate.arg(&self.manifest))?;
        Ok(PathBuf::from(text.trim_end()))
    }

    fn modules(&self, artifacts: Vec<(String, String)>) -> Result<Vec<Module>, BuildError> {
        let module = |package: &str, path: &str| Module {
            package: package.to_owned(),
            path: PathBuf::from(path),
        };
        if self.packages.is_empty() {
            let all: Vec<Module> =
                artifacts.iter().map(|(library, path)| module(library, path)).collect();
            return if all.is_empty() { Err(self.no_module(&self.manifest)) } else { Ok(all) };
        }
        let find = |package: &String| {
            let library = package.replace('-', "_");
            artifacts
                .iter()
                .find(|(name, _)| *name == library)
                .map(|(_, path)| module(package, path))
                .ok_or_else(|| self.no_module(Path::new(package)))
        };
        self.packages.iter().map(find).collect()
    }

    fn no_module(&self, package: &Path) -> BuildError {
        BuildError::NoModule { package: package.display().to_string() }
    }
}

/// The directory that a build shares for its plugins, given any path inside the build's target
/// directory, such as a build script's `OUT_DIR`.
///
/// It is apart from the build's own artifacts, whose lock the build holds while its build scripts
/// run: a cargo started by one of them in the same directory would wait for ever.
pub fn plugins_dir(inside: &Path) -> PathBuf {
    let root = inside.ancestors().find(|dir| dir.join("CACHEDIR.TAG").is_file());
    root.unwrap_or(inside).join("plugins")
}

fn defines_profile(workspace: &Path) -> Result<bool, BuildError> {
    let text = std::fs::read_to_string(workspace).map_err(|source| BuildError::File {
        doing: "reading a manifest",
        path: workspace.to_owned(),
        source,
    })?;
    let heading = format!("[profile.{PROFILE}]");
    Ok(text.lines().any(|line| line.trim() == heading))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn request() -> Request {
        Request::new("Cargo.toml", "target/plugins")
    }

    fn artifact(name: &str) -> (String, String) {
        (name.to_owned(), format!("/t/{name}.wasm"))
    }

    #[test]
    fn modules_come_in_the_order_they_were_asked_for() {
        let request = request().package("acme-b").package("acme-a");
        let modules = request.modules(vec![artifact("acme_a"), artifact("acme_b")]).unwrap();
        let names: Vec<&str> = modules.iter().map(|module| module.package.as_str()).collect();
        assert_eq!(names, ["acme-b", "acme-a"]);
        assert_eq!(modules[0].path, Path::new("/t/acme_b.wasm"));
    }

    #[test]
    fn a_package_without_a_module_is_named() {
        let error = request().package("acme").modules(Vec::new()).unwrap_err();
        assert!(error.to_string().starts_with("cargo built acme but no .wasm came out"), "{error}");
        let error = request().modules(Vec::new()).unwrap_err();
        assert!(error.to_string().contains("cargo built Cargo.toml"), "{error}");
    }

    #[test]
    fn the_shared_directory_is_beside_the_builds_own() {
        let target =
            std::env::temp_dir().join(format!("jackfield-plugins-dir-{}", std::process::id()));
        let out = target.join("debug/build/stock-1/out");
        std::fs::create_dir_all(&out).unwrap();
        assert_eq!(plugins_dir(&out), out.join("plugins"));
        std::fs::write(target.join("CACHEDIR.TAG"), "").unwrap();
        assert_eq!(plugins_dir(&out), target.join("plugins"));
        std::fs::remove_dir_all(&target).unwrap();
    }
}
