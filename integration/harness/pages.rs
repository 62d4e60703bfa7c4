//! Pages that are generated from the code.

use std::path::{Path, PathBuf};

/// A file of the project.
pub fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// Holds a file to what the code makes of it. With `WEIR_UPDATE_DOCS` it is written anew; `test` is which test does that.
pub fn hold(file: &str, page: &str, test: &str) {
    if std::env::var_os("WEIR_UPDATE_DOCS").is_some() {
        std::fs::write(path(file), page).unwrap();
    }
    let written = std::fs::read_to_string(path(file)).unwrap_or_default();
    assert!(
        written == page,
        "{file} is not what the code says: `WEIR_UPDATE_DOCS=1 cargo test --test integration {test}` writes it anew\n{page}"
    );
}

/// The code blocks of a Markdown text whose info string is `info`.
pub fn blocks(text: &str, info: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(&format!("```{info}\n")) {
        let body = &rest[start + info.len() + 4..];
        let Some(end) = body.find("```") else { break };
        found.push(body[..end].to_owned());
        rest = &body[end + 3..];
    }
    found
}

/// The pages that have pipelines, commands and links.
pub fn all() -> Vec<String> {
    let named = ["README.md", "ARCHITECTURE.md", "plugins/README.md", "bench/README.md", "stages/promql/README.md"];
    let mut pages: Vec<String> = named.iter().map(|page| (*page).to_owned()).collect();
    for directory in ["docs", "docs/guides"] {
        let entries = std::fs::read_dir(path(directory)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        pages.extend(names.filter(|name| name.ends_with(".md")).map(|name| format!("{directory}/{name}")));
    }
    pages.sort();
    pages
}
