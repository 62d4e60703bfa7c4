//! The program, and the list of what it knows.

use std::process::ExitCode;

use clap::Parser;

mod command;
mod logs;
mod out;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Everything that a pipeline file can name.
fn registry() -> weir_pipeline::registry::Registry {
    weir_pipeline::registry::Registry::default()
        .with(weir_stages::register)
        .with(weir_blocks::register)
        .with(weir_query::register)
}

fn main() -> ExitCode {
    command::Weir::parse().run()
}
