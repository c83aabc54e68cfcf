//! `jackfield plugin bench`.

use anyhow::bail;
use model::ConnId;
use switch::Fact;
use testkit::{Measured, Suite};

use super::{args::BenchArgs, project::Project};
use crate::{
    cli::{print, table::table},
    clock::Clock,
    config::JournalConfig,
    journal::{Journal, Scribe},
};

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
    let (journal, facts) = Journal::new(&JournalConfig::default(), 1, Clock::start());
    let _scribe = Scribe::start(journal)?;
    let clock = Clock::start();
    let mut keep = |decision| {
        // What finds no room costs what it costs.
        let _ = facts.send(clock.now(), Fact::Decided { conn: ConnId(0), decision });
    };
    let measured = suite.bench(args.hook, args.count, &mut keep)?;
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&measured)?));
        return Ok(());
    }
    print(&table(
        &["HOOK", "CASE", "P50", "P99", "MAX", "JOURNAL P50", "P99", "FRESH P50", "P99"],
        &measured.iter().map(row).collect::<Vec<_>>(),
    ));
    print(
        "Nanoseconds for one decision; JOURNAL: with keeping it; FRESH: with making the instance that decides.\n",
    );
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
    let (kept, journalled, fresh) = (measured.decision, measured.journalled, measured.fresh);
    let figures = [
        [kept.p50_ns, kept.p99_ns, kept.max_ns].as_slice(),
        &[journalled.p50_ns, journalled.p99_ns, fresh.p50_ns, fresh.p99_ns],
    ]
    .concat();
    let names = [measured.hook.clone(), measured.name.clone()];
    names.into_iter().chain(figures.iter().map(u64::to_string)).collect()
}
