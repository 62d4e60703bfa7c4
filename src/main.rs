//! The program with what Weir has.

use std::process::ExitCode;

fn main() -> ExitCode {
    weir::main_with(|_| {})
}
