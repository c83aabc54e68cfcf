use std::{
    borrow::Cow,
    num::NonZero,
    panic::catch_unwind,
    sync::{Mutex, PoisonError},
    thread::available_parallelism,
};

use model::Digest;
use rayon_core::ThreadPoolBuilder;
use wasmtime::{Engine, Module, component::Component};
use wit_component::ComponentEncoder;

use super::archive::Archive;

/// More threads than this compile no component.
const COMPILE_THREADS_MAX: usize = 8;

/// Compiled components by the digest of their code, the least recently used first, and those that the disk keeps.
pub(crate) struct Cache {
    components_max: usize,
    threads: usize,
    archive: Option<Archive>,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    components: Vec<(Digest, Component)>,
    hits: u64,
}

impl Cache {
    /// Keeps `components_max` of them; each is compiled by `threads` threads, 0 for as many as there are processors.
    pub(crate) fn new(components_max: usize, threads: usize, archive: Option<Archive>) -> Self {
        let processors = || available_parallelism().map_or(1, NonZero::get);
        let threads = if threads == 0 { processors() } else { threads };
        let threads = threads.clamp(1, COMPILE_THREADS_MAX);
        Self { components_max, threads, archive, entries: Mutex::default() }
    }

    /// The compiled form of `code`, whose digest is `digest`.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the code.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        digest: Digest,
        code: &[u8],
    ) -> Result<Component, String> {
        if let Some(component) = self.kept(digest) {
            return Ok(component);
        }
        let archived = self.archive.as_ref().and_then(|archive| archive.get(engine, digest));
        let component = match archived {
            Some(component) => component,
            None => self.compile(engine, digest, code)?,
        };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.components.push((digest, component.clone()));
        let surplus = entries.components.len().saturating_sub(self.components_max);
        entries.components.drain(..surplus);
        Ok(component)
    }

    fn compile(&self, engine: &Engine, digest: Digest, code: &[u8]) -> Result<Component, String> {
        // They end with this component: nobody compiles most of the time, and a thread that is started by one of low priority has it too.
        let pool = ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .thread_name(|_| "plugin-compile".to_owned())
            .build()
            .map_err(|error| format!("cannot be compiled: no threads ({error}); check the limit of threads, or lower plugins.compile_threads"))?;
        let component = pool.install(|| compile(engine, code))?;
        if let Some(archive) = &self.archive {
            archive.put(digest, &component);
        }
        Ok(component)
    }

    /// How many components were loaded from the disk instead of compiled, and how many were written to it.
    pub(crate) fn archived(&self) -> (u64, u64) {
        self.archive.as_ref().map_or((0, 0), Archive::stats)
    }

    /// How many components are kept, and how often one was used again.
    pub(crate) fn stats(&self) -> (usize, u64) {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        (entries.components.len(), entries.hits)
    }

    fn kept(&self, digest: Digest) -> Option<Component> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let at = entries.components.iter().position(|(kept, _)| *kept == digest)?;
        let entry = entries.components.remove(at);
        let component = entry.1.clone();
        entries.components.push(entry);
        entries.hits += 1;
        Some(component)
    }
}

fn compile(engine: &Engine, code: &[u8]) -> Result<Component, String> {
    /// The magic number and version of a core module; a component has another version.
    const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
    let component = if code.starts_with(CORE_MODULE) {
        // Half a file is no rare thing to find on a disk, and what makes the component takes a whole one for granted.
        Module::validate(engine, code).map_err(|error| format!("is damaged: {error:#}"))?;
        Cow::Owned(componentize(code).map_err(|error| format!("is no plugin: {error}"))?)
    } else if code.starts_with(b"\0asm") {
        Cow::Borrowed(code)
    } else {
        return Err("is no WebAssembly".into());
    };
    Component::from_binary(engine, &component)
        .map_err(|error| format!("does not compile: {error:#}"))
}

/// Makes a component of a core module that carries its interface types, as `wit-bindgen` leaves it.
///
/// # Errors
///
/// A sentence that says what is wrong with the module.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, String> {
    let encode = || {
        let encoder = ComponentEncoder::default().module(module);
        encoder.and_then(|encoder| encoder.validate(true).encode())
    };
    // It reads sections that validation passes over, and a damaged one makes it panic: no reason to stop reloading.
    match catch_unwind(encode) {
        Ok(encoded) => encoded.map_err(|error| format!("{error:#}")),
        Err(_) => Err("its interface types are damaged; build it again".to_owned()),
    }
}
