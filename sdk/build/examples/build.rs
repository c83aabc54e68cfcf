//! Builds packages of a workspace: `build <Cargo.toml> <target directory> <package>…`.

use std::{env, process::ExitCode};

use jackfield_plugin_build::Request;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (Some(manifest), Some(target_dir)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: build <Cargo.toml> <target directory> <package>...");
        return ExitCode::FAILURE;
    };
    match arguments.fold(Request::new(manifest, target_dir), Request::package).build() {
        Ok(modules) => {
            for module in modules {
                println!("{} {}", module.package, module.path.display());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
