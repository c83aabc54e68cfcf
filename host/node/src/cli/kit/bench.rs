//! `jackfield plugin bench`.

use anyhow::bail;
use testkit::{Measured, Suite};

use super::{args::BenchArgs, project::Project};
use crate::cli::{print, table::table};

/// Measures what a plugin's decisions cost, on this machine, in this build of the program.
///
/// # Errors
///
/// When it does not load, or a case makes it fail.
pub(in crate::cli) fn bench(args: &BenchArgs) -> anyhow::Result<()> {
    if args.count == 0 {
        bail!("--count 0 measures nothing");
    }
    let project = Project::open(args.plugin.plugin.as_deref())?;
    let suite = Suite::load(&project.source()?, &project.scenarios())?;
    let measured = suite.bench(args.hook, args.count)?;
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&measured)?));
        return Ok(());
    }
    print(&table(
        &["HOOK", "CASE", "P50", "P99", "MAX", "FRESH P50", "FRESH P99"],
        &measured.iter().map(row).collect::<Vec<_>>(),
    ));
    print("Nanoseconds for one decision; FRESH: with making the instance that decides.\n");
    if cfg!(debug_assertions) {
        print(
            "This program was built without optimisation: a release build is several times faster.\n",
        );
    }
    if let Some(warning) = project.warning() {
        print(&warning);
    }
    Ok(())
}

fn row(measured: &Measured) -> Vec<String> {
    let (kept, fresh) = (measured.decision, measured.fresh);
    let figures = [kept.p50_ns, kept.p99_ns, kept.max_ns, fresh.p50_ns, fresh.p99_ns];
    let names = [measured.hook.clone(), measured.name.clone()];
    names.into_iter().chain(figures.map(|ns| ns.to_string())).collect()
}
