use std::{cell::Cell, sync::Arc};

use rhai::{
    Dynamic, Engine, EvalAltResult, FLOAT, INT, ImmutableString, Module, OptimizationLevel,
    Position, Shared, Token,
    module_resolvers::DummyModuleResolver,
    packages::{
        BasicArrayPackage, BasicMapPackage, BasicMathPackage, CorePackage, LogicPackage,
        MoreStringPackage, Package,
    },
};

use super::{call, clients, command, headers, number, state, table, verdict};
use crate::{
    HostConfig, ScriptLimits, alloc, cpu,
    settings::{Level, Settings},
};

/// The clock of a thread's CPU time is looked at once in so many operations.
const OPERATIONS_A_LOOK: u64 = 64;

/// Which limit a run broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Time,
    Memory,
}

thread_local! {
    /// The thread's balance of heap bytes when the run began.
    static HEAP_BASE: Cell<isize> = const { Cell::new(0) };
    /// Set when the run broke a limit, and then it stays: Rhai lets a script catch the end of a function it called, and only the
    /// next operation's end gets past that.
    static OVER: Cell<Option<Over>> = const { Cell::new(None) };
}

/// Begins a run on this thread: from now on it is charged for its heap.
pub(crate) fn begin() {
    HEAP_BASE.set(alloc::balance());
    OVER.set(None);
}

/// The limit that the run on this thread broke.
pub(crate) fn over() -> Option<Over> {
    OVER.get()
}

/// Rhai's own functions, made once and shared by the engines of all generations: text, numbers, arrays and maps. Nothing that
/// reads a clock, waits or loads code.
pub(crate) struct Packages(Vec<Shared<Module>>);

impl Packages {
    pub(crate) fn new() -> Self {
        Self(vec![
            CorePackage::new().as_shared_module(),
            LogicPackage::new().as_shared_module(),
            BasicMathPackage::new().as_shared_module(),
            BasicArrayPackage::new().as_shared_module(),
            BasicMapPackage::new().as_shared_module(),
            MoreStringPackage::new().as_shared_module(),
        ])
    }

    /// An engine for one generation.
    pub(crate) fn engine(&self, config: &HostConfig, settings: &Arc<Settings>) -> Engine {
        let mut engine = Engine::new_raw();
        for package in &self.0 {
            engine.register_global_module(Arc::clone(package));
        }
        limit(&mut engine, &config.script);
        watch(&mut engine, config.memory_limit);
        forbid(&mut engine);
        free_the_word_call(&mut engine);
        call::register(&mut engine);
        verdict::register(&mut engine);
        command::register(&mut engine);
        headers::register(&mut engine);
        clients::register(&mut engine);
        state::register(&mut engine);
        table::register(&mut engine);
        number::register(&mut engine);
        connect_log(&mut engine, settings);
        engine
    }
}

/// Makes constants visible in every function of the engine's scripts.
pub(crate) fn define<'a>(
    engine: &mut Engine,
    constants: impl IntoIterator<Item = (&'a str, Dynamic)>,
) {
    let mut module = Module::new();
    for (name, value) in constants {
        module.set_var(name, value);
    }
    engine.register_global_module(module.into());
}

fn limit(engine: &mut Engine, limits: &ScriptLimits) {
    engine
        .set_max_operations(limits.operations_max)
        .set_max_call_levels(limits.call_levels_max)
        .set_max_expr_depths(limits.expression_depth_max, limits.function_depth_max)
        .set_max_string_size(limits.string_bytes_max)
        .set_max_array_size(limits.array_elements_max)
        .set_max_map_size(limits.map_entries_max)
        .set_max_functions(limits.functions_max)
        .set_max_variables(limits.variables_max)
        .set_max_modules(0)
        // With `sync` the interner is a lock that all workers would share.
        .set_max_strings_interned(0)
        .set_optimization_level(OptimizationLevel::Simple);
}

fn watch(engine: &mut Engine, memory_limit: usize) {
    let memory_limit = isize::try_from(memory_limit).unwrap_or(isize::MAX);
    engine.on_progress(move |operations| {
        if OVER.get().is_none() {
            if alloc::balance().wrapping_sub(HEAP_BASE.get()) > memory_limit {
                OVER.set(Some(Over::Memory));
            } else if operations % OPERATIONS_A_LOOK == 0 && cpu::is_over() {
                OVER.set(Some(Over::Time));
            } else {
                return None;
            }
        }
        Some(Dynamic::UNIT)
    });
}

fn forbid(engine: &mut Engine) {
    engine.set_module_resolver(DummyModuleResolver::new());
    for symbol in ["eval", "import", "export"] {
        engine.disable_symbol(symbol);
    }
    // The core package has `sleep`, and a decision must not wait.
    engine.register_fn("sleep", |_: INT| no_sleep());
    engine.register_fn("sleep", |_: FLOAT| no_sleep());
}

/// Lets a script name its parameter `call`. Rhai keeps that word for calling function pointers; in telephony it is the word for
/// what the script is about.
fn free_the_word_call(engine: &mut Engine) {
    #[expect(deprecated, reason = "marked volatile by Rhai; a test holds it in place")]
    engine.on_parse_token(|token, _, _| match token {
        Token::Reserved(word) if *word == "call" => Token::Identifier(word),
        other => other,
    });
}

fn no_sleep() -> Result<(), Box<EvalAltResult>> {
    let text = "a decision cannot wait; sleep is not available";
    Err(EvalAltResult::ErrorRuntime(text.into(), Position::NONE).into())
}

fn connect_log(engine: &mut Engine, settings: &Arc<Settings>) {
    let logger = |level| {
        let settings = Arc::clone(settings);
        move |text: ImmutableString| settings.log(level, text.into_owned())
    };
    let (print, debug) = (logger(Level::Info), logger(Level::Debug));
    engine
        .on_print(move |text| print(text.into()))
        .on_debug(move |text, _, _| debug(text.into()))
        .register_fn("log", logger(Level::Info))
        .register_fn("warn", logger(Level::Warn));
}
