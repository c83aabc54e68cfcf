use std::{sync::Arc, time::Duration};

use model::Digest;
use wasmtime::{
    Config, Engine, OptLevel,
    component::{HasSelf, Linker},
};

use super::{
    archive::Archive,
    bindings::jackfield::plugin::{logging, snapshot, state as keep, types},
    compile::Cache,
    state::State,
};
use crate::{
    HostConfig, HostError,
    manifest::Grants,
    ticker::{Slot, Ticker},
};

/// The WebAssembly engine of a host.
pub(crate) struct Wasm {
    pub(crate) engine: Engine,
    pub(crate) cache: Cache,
    ticker: Ticker,
}

impl Wasm {
    pub(crate) fn new(config: &HostConfig) -> Result<Self, HostError> {
        let engine_error = |error: wasmtime::Error| HostError::Engine(format!("{error:#}"));
        let mut tunables = Config::new();
        tunables
            // Guests answer at once and never wait; without concurrency a call is several times cheaper.
            .concurrency_support(false)
            .epoch_interruption(true)
            .max_wasm_stack(config.wasm.stack_bytes)
            .wasm_relaxed_simd(false)
            // A memory's whole address range is reserved, so it grows in place and its address can be a constant of the code.
            .memory_may_move(false)
            .cranelift_opt_level(OptLevel::Speed);
        let engine = Engine::new(&tunables).map_err(engine_error)?;
        // A guest in its first period is never looked at twice, and one that is over is looked at once more: it is ended after one to two
        // limits of CPU time.
        let period =
            (config.cpu_limit / 2).clamp(Duration::from_millis(1), Duration::from_millis(10));
        let ticker = Ticker::start(&engine, period).map_err(HostError::Ticker)?;
        let archive = config.compiled_files.as_ref().and_then(|files| {
            Archive::open(&engine, files)
                .inspect_err(|why| {
                    tracing::warn!(why, "compiled plugins are not kept over a restart");
                })
                .ok()
        });
        Ok(Self {
            engine,
            cache: Cache::new(config.compiled_max, config.compile_threads, archive),
            ticker,
        })
    }

    /// A place for one more worker to be watched at.
    pub(crate) fn slot(&self) -> Arc<Slot> {
        self.ticker.slot()
    }

    /// The interfaces that `code`, whose digest is `digest`, imports.
    pub(crate) fn imports(&self, digest: Digest, code: &[u8]) -> Result<Vec<String>, String> {
        let component = self.cache.component(&self.engine, digest, code)?;
        let component = component.component_type();
        Ok(component.imports(&self.engine).map(|(name, _)| name.to_owned()).collect())
    }

    /// What a plugin with these grants may import.
    pub(crate) fn linker(&self, grants: Grants) -> wasmtime::Result<Linker<State>> {
        let mut linker = Linker::new(&self.engine);
        types::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
        snapshot::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
        if grants.log {
            logging::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
        }
        if grants.state {
            keep::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
        }
        Ok(linker)
    }
}
