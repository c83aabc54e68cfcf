//! Runs storms: `storm [SEEDS] [FIRST]`, each seed at one shard and at three, still and wild, 50 calls each; says which broke what.
#![expect(clippy::print_stdout, reason = "a command line's output")]

use std::sync::atomic::{AtomicU64, Ordering};

use jackfield_world::storm::{Weather, storm};

fn main() {
    let mut args = std::env::args().skip(1).filter_map(|arg| arg.parse::<u64>().ok());
    let (seeds, first) = (args.next().unwrap_or(100), args.next().unwrap_or(0));
    let next = AtomicU64::new(first);
    let failed = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| run(&next, first + seeds, &failed));
        }
    });
    let failed = failed.into_inner();
    println!("{seeds} seeds, {} storms of 50 calls: {failed} broke a rule", seeds * 4);
    std::process::exit(i32::from(failed > 0));
}

fn run(next: &AtomicU64, end: u64, failed: &AtomicU64) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return;
        }
        for (shards, still) in [(1, true), (3, true), (1, false), (3, false)] {
            let weather = Weather { seed, shards, calls: 50, still, sabotage: None };
            let broken = storm(weather);
            if !broken.is_empty() {
                failed.fetch_add(1, Ordering::Relaxed);
                println!("{weather:?}: {}", broken.join("\n"));
            }
        }
    }
}
