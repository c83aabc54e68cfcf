//! The program under test.

use std::path::PathBuf;

use crate::{error::Error, run};

/// How the program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As the tests are, so that dependencies are built once.
    Dev,
    /// As it is delivered.
    Release,
}

/// Builds the program and gives its path.
pub(crate) fn build(profile: Profile) -> Result<PathBuf, Error> {
    build_one("jackfield", "jackfield-node", profile)
}

/// Builds the phones that load it, as fast as they can be.
pub(crate) fn build_load() -> Result<PathBuf, Error> {
    build_one("load", "jackfield-load", Profile::Release)
}

/// Cargo names the path: the target folder may be anywhere.
fn build_one(program: &str, package: &str, profile: Profile) -> Result<PathBuf, Error> {
    let format = "json-render-diagnostics";
    let mut arguments =
        vec!["build", "--locked", "-p", package, "--bin", program, "--message-format", format];
    if profile == Profile::Release {
        arguments.push("--release");
    }
    let messages = run::read(&mut run::cargo(&arguments))?;
    executable(&messages).ok_or_else(|| {
        Error::Unexpected(format!("cargo built `{program}` and named no executable"))
    })
}

/// The last executable named in Cargo's messages, one JSON object a line.
fn executable(messages: &str) -> Option<PathBuf> {
    const KEY: &str = "\"executable\":\"";
    messages.lines().rev().find_map(|line| {
        let value = &line[line.find(KEY)? + KEY.len()..];
        let path = &value[..value.find('"')?];
        Some(PathBuf::from(path.replace("\\\\", "\\")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_read_from_cargos_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/t/debug/jackfield\",\"fresh\":true}\n\
                        {\"reason\":\"build-finished\"}\n";
        assert_eq!(executable(messages), Some(PathBuf::from("/t/debug/jackfield")));
        assert_eq!(executable("{}"), None);
    }
}
