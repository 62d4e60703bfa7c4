//! `weir new-plugin`: a crate with a stage, its tests, and a program that has it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use crate::out::{print, tell};
use crate::registry;

/// The files of a plugin: where they go, and what is in them.
const TEMPLATES: [(&str, &str); 8] = [
    ("Cargo.toml", include_str!("../../plugins/template/Cargo.toml.in")),
    ("README.md", include_str!("../../plugins/template/README.md.in")),
    ("src/lib.rs", include_str!("../../plugins/template/lib.rs.in")),
    ("src/main.rs", include_str!("../../plugins/template/main.rs.in")),
    ("src/{{name}}.rs", include_str!("../../plugins/template/stage.rs.in")),
    ("src/{{name}}/tests.rs", include_str!("../../plugins/template/tests.rs.in")),
    ("pipelines.d/10-receive.yaml", include_str!("../../plugins/template/receive.yaml.in")),
    ("pipelines.d/20-query.yaml", include_str!("../../plugins/template/query.yaml.in")),
];

/// Words that are no names of modules: those of Rust, what the crate has besides, and what is in every crate.
const RESERVED: [&str; 57] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true",
    "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "main", "lib", "tests",
    "std", "core", "alloc",
];

/// Make a plugin: a crate with a stage to start from, its tests, and a program that has it.
#[derive(Debug, Args)]
pub(super) struct NewPlugin {
    /// The stage's name, in snake_case.
    name: String,
    /// Where the crate goes. Default: a directory of its name here.
    #[arg(long)]
    path: Option<PathBuf>,
    /// Where Weir's sources are. Default: here.
    #[arg(long, default_value = ".")]
    weir: PathBuf,
}

// === impl NewPlugin ===

impl NewPlugin {
    /// Writes its files.
    pub(super) fn run(&self) -> Exit {
        let refused = |message: &str| {
            tell(&format!("weir: {message}"));
            Exit::Usage
        };
        if !is_name(&self.name) {
            return refused(&format!("expected a name in snake_case such as `max_labels`, got `{}`", self.name));
        }
        if RESERVED.contains(&self.name.as_str()) {
            return refused(&format!("expected another name: `{}` is a word of Rust", self.name));
        }
        if registry().components().iter().any(|known| known.name == self.name) {
            return refused(&format!(
                "expected another name: `{0}` is there already, see `weir stages {0}`",
                self.name
            ));
        }
        let weir = match self.weir.canonicalize() {
            Ok(weir) if weir.join("pipeline/Cargo.toml").is_file() => weir,
            _ => return refused(&format!("expected Weir's sources in `{}`; say `--weir`", self.weir.display())),
        };
        let dashed = self.name.replace('_', "-");
        let directory = self.path.clone().unwrap_or_else(|| format!("weir-plugin-{dashed}").into());
        if directory.exists() {
            return refused(&format!("`{}` is there already", directory.display()));
        }
        match self.write(&directory, &weir, &dashed) {
            Ok(()) => {
                print(&format!("made {0}\ntry:\n  cd {0} && cargo test\n", directory.display()));
                Exit::Success
            }
            Err(e) => {
                tell(&format!("weir: `{}` can't be written: {e}", directory.display()));
                Exit::Failure
            }
        }
    }

    fn write(&self, directory: &Path, weir: &Path, dashed: &str) -> io::Result<()> {
        let weir = weir.display().to_string();
        let (krate, module) = (format!("weir-plugin-{dashed}"), format!("weir_plugin_{}", self.name));
        let words = [
            ("{{name}}", self.name.as_str()),
            ("{{dashed}}", dashed),
            ("{{crate}}", &krate),
            ("{{module}}", &module),
            ("{{type}}", &pascal_case(&self.name)),
            ("{{weir}}", &weir),
        ];
        let filled = |text: &str| words.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        for (name, text) in TEMPLATES {
            let file = directory.join(filled(name));
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(file, filled(text))?;
        }
        // With the versions that Weir itself is built with.
        let lock = Path::new(&weir).join("Cargo.lock");
        if lock.is_file() {
            fs::copy(lock, directory.join("Cargo.lock"))?;
        }
        fs::write(directory.join(".gitignore"), "/target\n/data\n")
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.contains("__")
        && !name.ends_with('_')
}

fn pascal_case(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
    };
    name.split('_').map(capital).collect()
}
