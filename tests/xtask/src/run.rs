//! Programs this one runs.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use crate::error::Error;

/// The root of the tree.
pub(crate) fn root() -> PathBuf {
    // tests/xtask lies two folders below the root.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Cargo, the one that runs this program, in the root of the tree.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs one step before the user's eyes, with its name above and its duration below.
pub(crate) fn step(name: &str, command: &mut Command) -> Result<(), Error> {
    println!("\n=== {name}: {}", line(command));
    let begun = Instant::now();
    let status = command.status().map_err(|source| start_error(command, source))?;
    if !status.success() {
        return Err(Error::Failed { line: line(command), code: status.code() });
    }
    println!("=== {name}: passed in {:.1} s", begun.elapsed().as_secs_f32());
    Ok(())
}

/// Runs a program and gives its standard output; what it says on standard error is shown.
pub(crate) fn read(command: &mut Command) -> Result<String, Error> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| start_error(command, source))?;
    if !output.status.success() {
        return Err(Error::Failed { line: line(command), code: output.status.code() });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// True when the program runs and says yes; nothing is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Where a program of this name is on the search path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    // Debian keeps servers out of a plain user's path.
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

fn start_error(command: &Command, source: std::io::Error) -> Error {
    Error::Start { program: command.get_program().to_string_lossy().into_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_names_its_command_and_its_status() {
        let error = step("nothing", Command::new("sh").args(["-c", "exit 3"]))
            .err()
            .map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("`sh -c exit 3` failed with exit status 3"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = step("nothing", &mut Command::new("no-such-program"))
            .err()
            .map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.starts_with("cannot start `no-such-program`")));
        assert_eq!(find("no-such-program"), None);
    }
}
