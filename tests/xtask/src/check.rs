//! What a change must pass.

use std::{path::Path, process::Command};

use crate::{binary, error::Error, machine, python, run};

/// Everything: the machine, format, lints, and every test there is.
pub(crate) fn all() -> Result<(), Error> {
    machine::provide_for_tests()?;
    let phone = python::PJSUA2.install()?;
    format_and_lints()?;
    let program = binary::build(binary::Profile::Dev)?;
    run::step("tests", with_peers(&mut tests(&["--workspace"]), &program, &phone))?;
    run::step(
        "documentation tests",
        &mut run::cargo(&["test", "--locked", "--workspace", "--doc"]),
    )?;
    python()?;
    println!("\nEverything passed.");
    Ok(())
}

/// What reads and changes nothing.
pub(crate) fn format_and_lints() -> Result<(), Error> {
    run::step("format", &mut run::cargo(&["fmt", "--all", "--check"]))?;
    let clippy = ["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    run::step("lints", &mut run::cargo(&clippy))
}

/// What writes.
pub(crate) fn fix() -> Result<(), Error> {
    let clippy =
        ["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--allow-staged"];
    run::step("lints", &mut run::cargo(&clippy))?;
    run::step("format", &mut run::cargo(&["fmt", "--all"]))
}

/// The tests with real peers only, or those of them whose names contain `name`.
pub(crate) fn interop(name: Option<&str>) -> Result<(), Error> {
    machine::provide_for_tests()?;
    let phone = python::PJSUA2.install()?;
    let program = binary::build(binary::Profile::Dev)?;
    let mut arguments = vec!["--package", "jackfield-interop"];
    arguments.extend(name);
    run::step("tests with real peers", with_peers(&mut tests(&arguments), &program, &phone))
}

/// The tests of the T-Library client for Python.
pub(crate) fn python() -> Result<(), Error> {
    let folder = python::TLIB.install()?;
    let pytest = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "sdk/tlib/python/tests",
        "sdk/examples/strategy/tests",
        "tests/bench/floor",
    ];
    let mut tests = python::with(&folder);
    run::step("client for Python", tests.args(pytest).current_dir(run::root()))
}

fn tests(arguments: &[&str]) -> Command {
    let runner: &[&str] = if run::succeeds(&mut run::cargo(&["nextest", "--version"])) {
        &["nextest", "run", "--locked", "--no-fail-fast"]
    } else {
        &["test", "--locked", "--no-fail-fast", "--tests"]
    };
    run::cargo(&[runner, arguments].concat())
}

fn with_peers<'a>(command: &'a mut Command, program: &Path, phone: &Path) -> &'a mut Command {
    command.env("JACKFIELD_BIN", program).env("JACKFIELD_PJSUA2", phone)
}

/// Storms of calls against the reference (`tests/world`), as many seeds as asked for.
pub(crate) fn storm(rest: &[String]) -> Result<(), Error> {
    let is_number = |arg: &&String| arg.parse::<u64>().is_ok();
    let mut numbers = rest.iter().filter(is_number).map(String::as_str);
    let (seeds, first) = (numbers.next().unwrap_or("5000"), numbers.next().unwrap_or("0"));
    let words = rest.iter().filter(|arg| !is_number(arg)).map(String::as_str);
    let run = ["run", "--release", "-q", "-p", "jackfield-world", "--example", "storm", "--"];
    run::step("storms", run::cargo(&run).args([seeds, first]).args(words))
}
