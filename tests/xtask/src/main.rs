//! The project's commands: `cargo xtask test` and its parts.
//!
//! Only the standard library and `sdk/build` are used, so that the command itself is there in seconds.

mod bench;
mod binary;
mod check;
mod error;
mod machine;
mod plugins;
mod python;
mod run;

use std::{env, process::ExitCode};

use error::Error;

const USAGE: &str = "\
cargo xtask COMMAND

  test            everything a change must pass: installs what the machine lacks, then format, lints, tests
  ci              the same as test
  check           format and lints only
  fix             formats, and applies the lints that fix themselves
  interop [NAME]  the tests with real peers (SIPp, pjsua2) only, or those whose names contain NAME
  python          the tests of the T-Library client for Python only
  plugins [DIR]   builds the stock plugins to WebAssembly, into DIR (default: stock below the target folder)
  bench NAME ...  a benchmark: calls, register, overload, memory, soak …; without a NAME all are named, --help after it shows its options
  storm [N [FROM]] [plain] [trace]
                  N storms of 50 calls (default 5000), each at one and three shards, still and wild, against the reference; with
                  plain there are no transfers and the like in them, with trace all that happens is printed
  needs           what tests and benchmarks need on this machine, and what of it is missing
  binary          builds the program for tests and prints its path
  pjsua2          installs the pjsua2 phone for tests and prints its folder
  tlib-python     installs what T-Library clients in Python need and prints its folder
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &arguments[..]),
    };
    match dispatch(command, rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask {command}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: &str, rest: &[String]) -> Result<(), Error> {
    match command {
        "test" | "ci" => check::all(),
        "check" => check::format_and_lints(),
        "fix" => check::fix(),
        "interop" => check::interop(rest.first().map(String::as_str)),
        "python" => check::python(),
        "plugins" => plugins::build(rest.first().map(String::as_str)),
        "bench" => bench::run(rest),
        "storm" => check::storm(rest),
        "needs" => machine::show(),
        "binary" => binary::build(binary::Profile::Dev).map(|path| println!("{}", path.display())),
        "pjsua2" => python::PJSUA2.install().map(|folder| println!("{}", folder.display())),
        "tlib-python" => python::TLIB.install().map(|folder| println!("{}", folder.display())),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        unknown => Err(Error::Usage(format!("no such command: {unknown}\n\n{USAGE}"))),
    }
}
