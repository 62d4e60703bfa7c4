//! `weir completions` and `weir man`: what shells and readers of manuals need, made from the arguments themselves.

use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Exit, Weir};
use crate::out::{print, tell};

/// Print the completions of a shell, as `weir completions bash >~/.local/share/bash-completion/completions/weir`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// For which shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual page, as `weir man | man -l -`.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write the pages of all commands into this directory instead, `weir.1` among them.
    #[arg(long)]
    out: Option<PathBuf>,
}

// === impl Completions ===

impl Completions {
    /// Prints them.
    pub(super) fn run(&self) -> Exit {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Weir::command(), "weir", &mut text);
        print(&String::from_utf8_lossy(&text));
        Exit::Success
    }
}

// === impl Man ===

impl Man {
    /// Prints the page, or writes all.
    pub(super) fn run(&self) -> Exit {
        let written = match &self.out {
            Some(directory) => clap_mangen::generate_to(Weir::command(), directory),
            None => page(),
        };
        match written {
            Ok(()) => Exit::Success,
            Err(e) => {
                tell(&format!("weir: the manual can't be written: {e}"));
                Exit::Failure
            }
        }
    }
}

fn page() -> io::Result<()> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Weir::command()).render(&mut text)?;
    print(&String::from_utf8_lossy(&text));
    Ok(())
}
