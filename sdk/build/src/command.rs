use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::BuildError;

/// How many bytes of a failed program's output a message repeats.
const OUTPUT_BYTES_MAX: usize = 4096;

/// Runs a command and gives what it printed to its standard output.
pub(crate) fn read(doing: &'static str, command: &mut Command) -> Result<String, BuildError> {
    let output = run(command)?;
    if !output.status.success() {
        return Err(failed(doing, command, &output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command for its effect.
pub(crate) fn succeed(doing: &'static str, command: &mut Command) -> Result<(), BuildError> {
    read(doing, command).map(drop)
}

/// Whether a program of this name is on the search path.
pub(crate) fn exists(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| is_file(&dir.join(program))))
}

fn is_file(path: &Path) -> bool {
    path.is_file() || path.with_extension("exe").is_file()
}

fn run(command: &mut Command) -> Result<Output, BuildError> {
    command.stdin(Stdio::null()).output().map_err(|source| BuildError::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })
}

fn failed(doing: &'static str, command: &Command, output: &Output) -> BuildError {
    BuildError::Failed {
        doing,
        command: line(command),
        status: output.status,
        output: tail(&String::from_utf8_lossy(&output.stderr)),
    }
}

/// The command as a person would type it, without its environment.
pub(crate) fn line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// The last lines of a text, as many as fit a message.
fn tail(text: &str) -> String {
    let text = text.trim_end();
    if text.len() <= OUTPUT_BYTES_MAX {
        return text.to_owned();
    }
    let start = text.ceil_char_boundary(text.len() - OUTPUT_BYTES_MAX);
    let rest = &text[start..];
    rest.split_once('\n').map_or(rest, |(_, lines)| lines).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_repeats_the_end_of_the_output_from_a_line_start() {
        let text = format!("{}\nlast line\n", "ä".repeat(OUTPUT_BYTES_MAX));
        assert_eq!(tail(&text), "last line");
        assert_eq!(tail("short\n"), "short");
    }
}
