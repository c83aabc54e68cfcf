//! What the tests need on the machine, and how Debian brings it.

use std::{fs, process::Command};

use crate::{error::Error, python, run};

/// Something a test or a benchmark runs.
struct Need {
    /// The program looked for.
    program: &'static str,
    /// Debian's package.
    package: &'static str,
    /// What it is for.
    purpose: &'static str,
}

/// What `cargo xtask test` needs.
const TESTS: [Need; 8] = [
    Need { program: "sipp", package: "sip-tester", purpose: "places calls in tests/interop" },
    Need {
        program: "curl",
        package: "curl",
        purpose: "reads the journal in the guides that tests/interop walks",
    },
    Need {
        program: "dnsmasq",
        package: "dnsmasq-base",
        purpose: "is the name server in tests/interop",
    },
    Need { program: "kamailio", package: "kamailio", purpose: "is the carrier in tests/interop" },
    Need { program: "baresip", package: "baresip-core", purpose: "is a phone in tests/interop" },
    Need { program: "linphonec", package: "linphone-cli", purpose: "is a phone in tests/interop" },
    Need { program: "svwar", package: "sipvicious", purpose: "is the stranger in tests/interop" },
    Need {
        program: "python3",
        package: "python3",
        purpose: "runs the pjsua2 phones in tests/interop and the tests of sdk/tlib/python",
    },
];

/// What `cargo xtask bench` needs besides.
const BENCHMARKS: [Need; 2] = [
    Need {
        program: "kamailio",
        package: "kamailio",
        purpose: "the peer that benchmarks are measured beside",
    },
    Need { program: KAMAILIO_LUA, package: "kamailio-lua-modules", purpose: "that peer, scripted" },
];

/// Stands for a module of Kamailio, which is a library and not on the search path.
const KAMAILIO_LUA: &str = "kamailio/modules/app_lua.so";

/// Makes sure that the tests find what they need.
pub(crate) fn provide_for_tests() -> Result<(), Error> {
    provide(&TESTS)
}

/// Makes sure that a benchmark finds what it needs.
pub(crate) fn provide_for_benchmarks() -> Result<(), Error> {
    provide(&TESTS[..1])?;
    provide(&BENCHMARKS)
}

/// Prints every need and whether it is met.
pub(crate) fn show() -> Result<(), Error> {
    for need in TESTS.iter().chain(&BENCHMARKS) {
        println!("{:7} {}", if need.is_met() { "here" } else { "missing" }, need.describe());
    }
    for packages in [python::PJSUA2, python::TLIB] {
        let word = if packages.are_installed() { "here" } else { "missing" };
        println!("{word:7} {}", packages.description);
    }
    Ok(())
}

fn provide(needs: &[Need]) -> Result<(), Error> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !need.is_met()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let installed = install(&packages);
    let still: Vec<String> =
        missing.iter().filter(|need| !need.is_met()).map(|need| need.describe()).collect();
    if still.is_empty() { Ok(()) } else { Err(Error::Missing(with_reason(still, installed))) }
}

fn with_reason(mut needs: Vec<String>, installed: Result<(), Error>) -> Vec<String> {
    if let Err(error) = installed {
        needs.push(format!("(they could not be installed from here: {error})"));
    }
    needs
}

/// Installs Debian packages, as root or through sudo where it asks no password.
pub(crate) fn install(packages: &[&str]) -> Result<(), Error> {
    if run::find("apt-get").is_none() {
        return Err(Error::Unexpected("there is no apt-get on this machine".to_owned()));
    }
    if !is_root() && !run::succeeds(Command::new("sudo").args(["-n", "true"])) {
        return Err(Error::Unexpected(format!(
            "that takes root: sudo apt-get install {}",
            packages.join(" ")
        )));
    }
    let mut arguments = vec!["-q", "install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    // Package lists may be absent, as in a fresh container, or older than the archive.
    if run::step("install", &mut apt(&arguments)).is_ok() {
        return Ok(());
    }
    run::step("package lists", &mut apt(&["-q", "update"]))?;
    run::step("install", &mut apt(&arguments))
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = if is_root() { Command::new("env") } else { Command::new("sudo") };
    if !is_root() {
        command.args(["-n", "env"]);
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments);
    command
}

fn is_root() -> bool {
    fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            status.lines().find_map(|line| {
                line.strip_prefix("Uid:")?.split_whitespace().nth(1).map(str::to_owned)
            })
        })
        .is_some_and(|effective| effective == "0")
}

impl Need {
    fn is_met(&self) -> bool {
        if self.program == KAMAILIO_LUA {
            return ["x86_64-linux-gnu", "aarch64-linux-gnu"].iter().any(|arch| {
                std::path::Path::new("/usr/lib").join(arch).join(KAMAILIO_LUA).is_file()
            });
        }
        run::find(self.program).is_some()
    }

    fn describe(&self) -> String {
        format!("{} (Debian package {}): {}", self.program, self.package, self.purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_package_and_purpose() {
        let need = Need {
            program: "no-such-program",
            package: "no-such-package",
            purpose: "is not there",
        };
        assert!(!need.is_met());
        assert_eq!(
            need.describe(),
            "no-such-program (Debian package no-such-package): is not there"
        );
        let message = Error::Missing(vec![need.describe()]).to_string();
        assert!(message.contains("  - no-such-program"));
    }
}
