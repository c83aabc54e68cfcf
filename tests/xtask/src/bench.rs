//! Benchmarks: the program as it is delivered, measured beside others in one run.

use std::{env, path::PathBuf, process::Command};

use crate::{binary, error::Error, machine, plugins, python, run};

/// Benchmarks there are; each is `tests/bench/<name>.py`.
const NAMES: [&str; 14] = [
    "calls",
    "register",
    "transports",
    "reload",
    "loop",
    "reload-memory",
    "reloads",
    "decisions",
    "memory",
    "overload",
    "soak",
    "shift",
    "events",
    "cti",
];

/// Runs the benchmark named first, with the rest as its options.
pub(crate) fn run(arguments: &[String]) -> Result<(), Error> {
    let Some((name, options)) =
        arguments.split_first().filter(|(name, _)| NAMES.contains(&name.as_str()))
    else {
        return Err(Error::Usage(format!("name a benchmark: {}", NAMES.join(", "))));
    };
    let script = run::root().join("tests/bench").join(format!("{}.py", name.replace('-', "_")));
    // The shift has T-Library clients, which need protobuf.
    let mut python = match name.as_str() {
        "shift" => python::with(&python::TLIB.install()?),
        _ => Command::new("python3"),
    };
    python.arg(script).args(options);
    if !options.iter().any(|option| option == "--help") {
        machine::provide_for_benchmarks()?;
        // A program named in the environment is measured as it is; else the one of this tree.
        let program = match env::var_os("JACKFIELD_BIN") {
            Some(program) => PathBuf::from(program),
            None => binary::build(binary::Profile::Release)?,
        };
        let folder = plugins::target().join("bench");
        python
            .env("JACKFIELD_BIN", program)
            .env("JACKFIELD_LOAD", binary::build_load()?)
            .env("JACKFIELD_ROUTE", plugins::build_one(&plugins::STOCK[0], &folder)?)
            .env("JACKFIELD_STEPS", plugins::build_one(&plugins::STEPS, &folder)?);
    }
    run::step(&format!("bench {name}"), &mut python)
}
