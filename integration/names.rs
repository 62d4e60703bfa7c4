//! One name, five places: what the registry knows, as YAML, as a type, as a module, and in metrics.

use std::path::Path;
use std::process::Command;

use weir_pipeline::{Read, Registry, Write};

fn registry() -> Registry {
    Registry::default()
        .with(weir_stages::register)
        .with(weir_exec::register)
        .with(weir_blocks::register)
        .with(weir_query::register)
}

/// The Rust files of the project.
fn files() -> Vec<String> {
    let listed =
        Command::new("git").args(["ls-files", "*.rs"]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn is_snake_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn pascal_case(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

#[test]
fn every_component_is_a_type_and_a_module_of_its_own_name() {
    let registry = registry();
    assert!(registry.twice().is_empty(), "{:?}", registry.twice());
    let files = files();
    let mut names: Vec<&str> = registry.names::<Write>().concat();
    names.extend(registry.names::<Read>().concat());
    names.sort_unstable();
    names.dedup();
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        assert!(is_snake_case(name), "{name}");
        // Not among tests and benchmarks, whose files may be called as they like.
        let component =
            |f: &&String| !f.starts_with("bench/") && !f.starts_with("integration/") && !f.contains("/tests/");
        let called = |f: &&String| Path::new(f).file_stem().is_some_and(|stem| stem == name);
        let kind = format!("pub struct {}", pascal_case(name));
        let text = |f: &String| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(f)).unwrap();
        let modules: Vec<&String> = files.iter().filter(component).filter(called).collect();
        assert!(modules.iter().any(|f| text(f).contains(&kind)), "none of {modules:?} has `{kind}`");
    }
}

#[test]
fn every_resource_has_a_name_in_snake_case() {
    let registry = registry();
    let names: Vec<&str> = registry.resource_names().collect();
    assert!(names.contains(&"store") && names.contains(&"bucket"), "{names:?}");
    assert!(names.iter().all(|name| is_snake_case(name)), "{names:?}");
}
