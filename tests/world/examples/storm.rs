//! Runs storms: `storm [SEEDS] [FIRST] [plain] [trace]`, each seed at one shard and at three, still and wild, 50 calls each; says
//! which broke what. With `plain` there is nothing in them that was added later, with `trace` everything that happened is printed.
#![expect(clippy::print_stdout, reason = "a command line's output")]

use std::sync::atomic::{AtomicU64, Ordering};

use jackfield_world::storm::{Kinds, Weather, storm, storm_traced};

/// What the command line says.
struct Order {
    next: AtomicU64,
    end: u64,
    kinds: Kinds,
    traced: bool,
    failed: AtomicU64,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| args.iter().any(|arg| arg == word);
    let mut numbers = args.iter().filter_map(|arg| arg.parse::<u64>().ok());
    let (seeds, first) = (numbers.next().unwrap_or(100), numbers.next().unwrap_or(0));
    let order = Order {
        next: AtomicU64::new(first),
        end: first + seeds,
        kinds: if has("plain") { Kinds::NONE } else { Kinds::ALL },
        traced: has("trace"),
        failed: AtomicU64::new(0),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| run(&order));
        }
    });
    let failed = order.failed.into_inner();
    println!("{seeds} seeds, {} storms of 50 calls: {failed} broke a rule", seeds * 4);
    std::process::exit(i32::from(failed > 0));
}

fn run(order: &Order) {
    loop {
        let seed = order.next.fetch_add(1, Ordering::Relaxed);
        if seed >= order.end {
            return;
        }
        for (shards, still) in [(1, true), (3, true), (1, false), (3, false)] {
            let kinds = order.kinds;
            let weather = Weather { seed, shards, calls: 50, still, kinds, sabotage: None };
            let broken = if order.traced {
                let (broken, trace) = storm_traced(weather);
                println!("{weather:?}:\n{trace}");
                broken
            } else {
                storm(weather)
            };
            if !broken.is_empty() {
                order.failed.fetch_add(1, Ordering::Relaxed);
                println!("{weather:?}: {}\nagain: {}", broken.join("\n"), weather.again());
            }
        }
    }
}
