//! `cargo` for a plugin that has all of Weir in it: what is built for these tests is built already for it.

use std::path::Path;

use super::pages;
use super::weir::program;

/// It stands in the place of `cargo`. A program with all of Weir is built where Weir is, with the versions, the profile and
/// the features that are in use there (`s3s` of the tests has some of these), so that DataFusion is not built again. A plugin
/// alone has a directory of its own.
const CARGO: &str = r#"#!/bin/bash
set -eu
export CARGO_NET_OFFLINE=true
case "$*" in
*"--features program"*)
    if ! grep -q '^s3s ' Cargo.toml; then
        cp @ROOT@/Cargo.lock .
        sed -i 's/^\[dependencies\]$/&\n@S3S@/' Cargo.toml
        printf '\n[profile.dev]\ndebug = "line-tables-only"\n[profile.dev.package."*"]\ndebug = false\n' >>Cargo.toml
    fi
    export CARGO_TARGET_DIR=@TARGET@
    ;;
*) export CARGO_TARGET_DIR=@ROOT@/target/plugin ;;
esac
exec @CARGO@ "$@"
"#;

/// Writes such a `cargo` into a directory.
pub fn write(bin: &Path) {
    let manifest = std::fs::read_to_string(pages::path("Cargo.toml")).unwrap();
    let s3s = manifest.lines().find(|line| line.starts_with("s3s = ")).unwrap();
    let target = Path::new(program()).parent().unwrap().parent().unwrap();
    let text = CARGO
        .replace("@ROOT@", env!("CARGO_MANIFEST_DIR"))
        .replace("@S3S@", s3s)
        .replace("@TARGET@", target.to_str().unwrap())
        .replace("@CARGO@", env!("CARGO"));
    std::fs::write(bin.join("cargo"), text).unwrap();
}
