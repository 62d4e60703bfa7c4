//! What the program says to whoever started it. Nobody who stops listening (`weir … | head -1`) stops the program.

use std::io::{self, Write};

/// Writes to standard output.
pub(crate) fn print(text: &str) {
    print_bytes(text.as_bytes());
}

/// Writes bytes to standard output.
pub(crate) fn print_bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// Writes a line to standard error.
pub(crate) fn tell(line: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(format!("{line}\n").as_bytes());
}

/// Writes to standard output, and says whether anybody still listens there: for what would go on for ever.
pub(crate) fn try_print(text: &str) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}
