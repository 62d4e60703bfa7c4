//! Lists the sources of components, whose docs `weir stages` shows.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Where components are, and their crates.
const CRATES: [(&str, &str); 5] = [
    ("pipeline/src", "weir_pipeline"),
    ("stages/src", "weir_stages"),
    ("stages/exec/src", "weir_exec"),
    ("stages/blocks/src", "weir_blocks"),
    ("stages/query/src", "weir_query"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let mut list = "&[\n".to_owned();
    for (directory, name) in CRATES {
        let mut files = Vec::new();
        collect(&root.join(directory), &mut files)?;
        files.sort();
        for file in files {
            let text = fs::read_to_string(&file)?;
            // Settings, and modules that show how they look.
            if text.contains("Deserialize") || text.contains("//! ```yaml") {
                let module = module(name, file.strip_prefix(root.join(directory))?);
                writeln!(list, "    ({module:?}, include_str!({file:?})),")?;
            }
        }
        writeln!(std::io::stdout(), "cargo:rerun-if-changed={directory}")?;
    }
    list.push_str("]\n");
    fs::write(Path::new(&std::env::var("OUT_DIR")?).join("sources.rs"), list)?;
    Ok(())
}

/// The Rust files of a directory and those below it, tests aside.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests" || stem == "fixture");
        if is_test {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The path of the module that a file is.
fn module(name: &str, file: &Path) -> String {
    let parts = file.with_extension("");
    let parts = parts.iter().map(|part| part.to_string_lossy()).filter(|part| part != "lib");
    std::iter::once(name.into()).chain(parts).collect::<Vec<_>>().join("::")
}
