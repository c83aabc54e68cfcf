//! The plugin host: WebAssembly and Rhai behind one contract, generations, limits.
