//! `cargo` for a plugin: what is built for it is kept, so that the next time it takes a moment.

use std::path::Path;

/// It stands in the place of `cargo`.
const CARGO: &str = r#"#!/bin/bash
set -eu
export CARGO_NET_OFFLINE=true CARGO_TARGET_DIR=@ROOT@/target/plugin
exec @CARGO@ "$@"
"#;

/// Writes such a `cargo` into a directory.
pub fn write(bin: &Path) {
    let text = CARGO.replace("@ROOT@", env!("CARGO_MANIFEST_DIR")).replace("@CARGO@", env!("CARGO"));
    std::fs::write(bin.join("cargo"), text).unwrap();
}
