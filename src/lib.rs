//! The program, for those who add components of their own to it: see `plugins/README.md`.
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     weir::main_with(|_registry| {})
//! }
//! ```

use std::process::ExitCode;
use std::sync::OnceLock;

use clap::Parser;
use serde_json::Value;
use weir_pipeline::Registry;

mod command;
mod logs;
mod out;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The sources of components, by module: their docs describe settings.
static SOURCES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// What the program at hand adds to what Weir knows.
static MORE: OnceLock<Box<Register>> = OnceLock::new();

type Register = dyn Fn(&mut Registry) + Send + Sync;

/// Runs the program with the arguments of the process. Pipeline files can name what Weir has, and what `register` adds.
/// To be called once.
pub fn main_with(register: impl Fn(&mut Registry) + Send + Sync + 'static) -> ExitCode {
    MORE.get_or_init(|| Box::new(register));
    command::Weir::parse().run()
}

/// The JSON Schema of pipeline files with what this registry has, as `weir stages --json-schema` prints it.
pub fn schema(registry: &Registry) -> Value {
    command::json_schema(registry)
}

/// Everything that a pipeline file can name.
pub fn registry() -> Registry {
    let mut registry = Registry::default()
        .with(weir_stages::register)
        .with(weir_exec::register)
        .with(weir_blocks::register)
        .with(weir_query::register);
    for (module, source) in SOURCES {
        registry.document(module, source);
    }
    if let Some(more) = MORE.get() {
        more(&mut registry);
    }
    registry
}
