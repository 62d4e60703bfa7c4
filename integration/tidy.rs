//! The shape of the workspace: what ARCHITECTURE.md says is absent, is absent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--filter-platform=x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The crates that `package` reaches through dependencies that are not for tests.
fn reach(metadata: &Value, package: &str) -> BTreeSet<String> {
    let nodes: BTreeMap<&str, &Value> =
        metadata["resolve"]["nodes"].as_array().unwrap().iter().map(|n| (text(n, "id"), n)).collect();
    let names: BTreeMap<&str, &str> =
        metadata["packages"].as_array().unwrap().iter().map(|p| (text(p, "id"), text(p, "name"))).collect();
    let start = names.iter().find(|(_, name)| **name == package).map(|(id, _)| *id).unwrap();
    let mut seen = BTreeSet::from([start]);
    let mut todo = vec![start];
    while let Some(id) = todo.pop() {
        for dep in nodes[id]["deps"].as_array().unwrap() {
            let linked = dep["dep_kinds"].as_array().unwrap().iter().any(|k| k["kind"].as_str() != Some("dev"));
            if linked && seen.insert(text(dep, "pkg")) {
                todo.push(text(dep, "pkg"));
            }
        }
    }
    seen.into_iter().map(|id| names[id].to_owned()).collect()
}

/// Every Rust file of the project.
fn sources() -> Vec<PathBuf> {
    let listed = Command::new("git").args(["ls-files", "*.rs"]).current_dir(root()).output().unwrap();
    assert!(listed.status.success());
    String::from_utf8(listed.stdout).unwrap().lines().map(|l| root().join(l)).filter(|p| p.exists()).collect()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

#[test]
fn there_is_one_arrow_one_parquet_and_one_object_store() {
    let metadata = metadata();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        versions.entry(text(package, "name")).or_default().insert(text(package, "version"));
    }
    for (name, versions) in versions {
        if name.starts_with("arrow")
            || ["parquet", "object_store", "datafusion", "tokio", "tower", "hyper", "zstd"].contains(&name)
        {
            assert_eq!(versions.len(), 1, "{name}: {versions:?}");
        }
    }
}

#[test]
fn the_framework_and_the_write_path_build_without_arrow() {
    let metadata = metadata();
    for package in ["weir-pipeline", "weir-stages", "weir-plugin-scale"] {
        let reached = reach(&metadata, package);
        let heavy: Vec<&String> =
            reached.iter().filter(|n| n.starts_with("arrow") || n.starts_with("datafusion")).collect();
        assert!(heavy.is_empty(), "{package} reaches {heavy:?}");
    }
    let pipeline = reach(&metadata, "weir-pipeline");
    for http in ["hyper", "axum", "object_store"] {
        assert!(!pipeline.contains(http), "weir-pipeline reaches {http}");
    }
}

#[test]
fn only_the_query_crate_builds_datafusion() {
    let metadata = metadata();
    for package in ["weir-blocks", "weir-exec"] {
        assert!(!reach(&metadata, package).iter().any(|n| n.starts_with("datafusion")), "{package}");
    }
    assert!(reach(&metadata, "weir-query").contains("datafusion"));
}

#[test]
fn no_second_tls_and_no_c_cryptography_is_linked() {
    let reached = reach(&metadata(), "weir");
    for name in ["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"] {
        assert!(!reached.contains(name), "{name} is linked");
    }
}

#[test]
fn every_dependency_has_a_licence_that_goes_with_ours() {
    let allowed = [
        "Apache-2.0",
        "MIT",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Zlib",
        "0BSD",
        "BSL-1.0",
        "CC0-1.0",
        "MIT-0",
        "Unicode-3.0",
        "Unlicense",
        "Apache-2.0 WITH LLVM-exception",
        "CDLA-Permissive-2.0",
        "bzip2-1.0.6",
    ];
    let fits = |expression: &str| {
        expression
            .replace('/', " OR ")
            .replace(['(', ')'], "")
            .split(" OR ")
            .any(|alternative| alternative.split(" AND ").all(|licence| allowed.contains(&licence.trim())))
    };
    let metadata = metadata();
    let wrong: Vec<String> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| !fits(text(p, "license")))
        .map(|p| format!("{} {}: {:?}", text(p, "name"), text(p, "version"), p["license"]))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_begins_with_its_doc() {
    let bare: Vec<String> = sources()
        .iter()
        .filter(|p| !p.ends_with("tests.rs") && !relative(p).contains("/tests/"))
        .filter(|p| !std::fs::read_to_string(p).unwrap().starts_with("//!"))
        .map(|p| relative(p))
        .collect();
    assert!(bare.is_empty(), "{bare:#?}");
}

#[test]
fn files_stay_small_enough_to_hold_in_the_head() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|p| !p.ends_with("tests.rs") && !relative(p).contains("/tests/"))
        .map(|p| (relative(p), std::fs::read_to_string(p).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > 500)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn tests_stand_in_files_of_their_own() {
    let inline: Vec<String> = sources()
        .iter()
        .filter(|p| relative(p).contains("src/"))
        .filter(|p| std::fs::read_to_string(p).unwrap().contains("\nmod tests {"))
        .map(|p| relative(p))
        .collect();
    assert!(inline.is_empty(), "an edit to these tests rebuilds every dependent: {inline:#?}");
}

#[test]
fn nothing_unfinished_is_left_in_the_code() {
    let marks = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("FIX", "ME"), concat!("#[ign", "ore")];
    let found: Vec<String> = sources()
        .iter()
        .flat_map(|p| {
            let text = std::fs::read_to_string(p).unwrap();
            marks.iter().filter(|m| text.contains(**m)).map(|m| format!("{}: {m}", relative(p))).collect::<Vec<_>>()
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}
