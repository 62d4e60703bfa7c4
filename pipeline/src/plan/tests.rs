//! Tests of `plan`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;
use crate::fixture::{plan, registry};

#[track_caller]
fn check(texts: &[&str], expect: &str) {
    assert_eq!(plan(texts).unwrap().explain(None), expect);
}

#[test]
fn a_pipeline_is_shown_from_the_source_to_the_sink() {
    check(&["name: p\nsource: pulse\nsink: keep\n"], "p (write path, a.yaml)\n  source: pulse\n    sink: keep\n");
    check(
        &[
            "name: p\nexternal_labels: { cluster: local, az: '${HOME_DIR}' }\nsource: { pulse: { batches: 5 } }\nstages:\n  - \
           thin: { metric: up }\n  - pass:\n  - pass: {}\nsink: { keep: { takes: 5s } }\n",
        ],
        "p (write path, a.yaml)\n  source: pulse { batches: 5 }\n    external_labels: { az: /home, cluster: local }\n      \
         stages[0]: thin { metric: up }\n        stages[1]: pass\n          stages[2]: pass {}\n            \
         sink: keep { takes: 5s }\n",
    );
    check(
        &["name: p\nsource: desk\nstages: [clerk]\nsink: echo\n"],
        "p (read path, a.yaml)\n  source: desk\n    stages[0]: clerk\n      sink: echo\n",
    );
}

#[test]
fn what_is_below_a_fan_out_is_shown_once_for_all_branches() {
    check(
        &[
            "name: p\nsource: pulse\nstages:\n  - pass\n  - deal: { to: [a, b] }\n  - thin: { metric: up }\nsink: keep\n",
        ],
        "p (write path, a.yaml)\n  source: pulse\n    stages[0]: pass\n      stages[1]: deal { to: [a, b] }\n        \
         each branch:\n          stages[2]: thin { metric: up }\n            sink: keep\n",
    );
}

#[test]
fn long_settings_are_cut() {
    let metric = "ä".repeat(200);
    check(
        &[&format!("name: p\nsource: pulse\nstages: [thin: {{ metric: {metric} }}]\nsink: keep\n")],
        &format!(
            "p (write path, a.yaml)\n  source: pulse\n    stages[0]: thin {{ metric: {}…\n      sink: keep\n",
            &metric[..180]
        ),
    );
}

#[test]
fn resources_come_after_those_that_they_name() {
    check(
        &[
            "resources:\n  a: { shelf: { path: a, beside: [b, d] } }\n  b: { shelf: { path: b, beside: [c] } }\n",
            "resources:\n  c: { shelf: { path: c, beside: [d] } }\n  d: { shelf: { path: d, size: 5MiB } }\n  \
             e: { shelf: { path: e } }\n",
        ],
        "resources, in the order in which they are opened\n  d: shelf { path: d, size: 5MiB }\n  \
         c: shelf { path: c, beside: [d] }\n  b: shelf { path: b, beside: [c] }\n  \
         a: shelf { path: a, beside: [b, d] }\n  e: shelf { path: e }\n",
    );
}

#[test]
fn one_file_of_several_can_be_shown() {
    let texts = ["name: p\nsource: pulse\nsink: keep\n", "name: q\nsource: desk\nsink: echo\n"];
    let plan = plan(&texts).unwrap();
    assert_eq!(plan.names(), ["p", "q"]);
    assert_eq!(plan.explain(Some("b.yaml")), "q (read path, b.yaml)\n  source: desk\n    sink: echo\n");
    assert_eq!(plan.explain(Some("c.yaml")), "");
}

#[test]
fn a_component_may_stand_without_settings_or_with_empty_ones() {
    for sink in ["keep", "{ keep: }", "{ keep: {} }", "{ keep: ~ }", "'keep'"] {
        assert!(plan(&[&format!("name: p\nsource: pulse\nsink: {sink}\n")]).is_ok(), "{sink}");
    }
    for stages in ["", "[]", "~", "[pass, pass, pass: {}]"] {
        assert!(plan(&[&format!("name: p\nsource: pulse\nstages: {stages}\nsink: keep\n")]).is_ok(), "{stages}");
    }
}

#[test]
fn a_component_of_both_paths_is_of_the_path_of_its_source() {
    let plan = plan(&["name: p\nsource: desk\nstages: [pass]\nsink: echo\n"]).unwrap();
    assert!(matches!(&plan.pipelines[0], Pipeline::Read(_)));
}

/// Fresh files below the directory of temporary files, gone at the end.
struct Files(PathBuf);

impl Files {
    fn new(test: &str, names: &[&str]) -> Self {
        let path = std::env::temp_dir().join(format!("weir-plan-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        names.iter().for_each(|name| std::fs::write(path.join(name), *name).unwrap());
        Self(path)
    }

    /// What is loaded, or the mistakes, without the directory.
    fn load(&self, names: &[&str]) -> Result<Vec<String>, Vec<String>> {
        let paths: Vec<PathBuf> = names.iter().map(|name| self.0.join(name)).collect();
        let dir = self.0.display().to_string();
        let shown = |text: String| text.replace(&dir, "DIR");
        let read = Document::load(&paths).map(|all| all.into_iter().map(|d| shown(d.name)).collect());
        read.map_err(|all| all.into_iter().map(|m| shown(m.to_string())).collect())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn directories_are_read_in_the_order_of_names_and_files_as_they_are_given() {
    let files = Files::new("order", &["20-b.yaml", "10-a.yml", "notes.txt", "30-c.yaml"]);
    let expect = |names: &[&str]| Ok(names.iter().map(|name| format!("DIR/{name}")).collect());
    assert_eq!(files.load(&[""]), expect(&["10-a.yml", "20-b.yaml", "30-c.yaml"]));
    assert_eq!(files.load(&["30-c.yaml", "notes.txt"]), expect(&["30-c.yaml", "notes.txt"]));
}

#[test]
fn paths_that_can_not_be_read_are_all_told() {
    let files = Files::new("unreadable", &["notes.txt"]);
    std::fs::write(files.0.join("latin.yaml"), b"name: \xe4").unwrap();
    let expect = [
        "DIR/none.yaml:1:1: can't be read: No such file or directory (os error 2)",
        "DIR/latin.yaml:1:1: expected UTF-8, got other bytes from byte 6 on",
    ];
    assert_eq!(files.load(&["none.yaml", "latin.yaml"]).unwrap_err(), expect);
    std::fs::write(files.0.join("large.yaml"), " ".repeat((1 << 20) + 1)).unwrap();
    std::fs::write(files.0.join("largest.yaml"), " ".repeat(1 << 20)).unwrap();
    std::fs::create_dir(files.0.join("nested.yaml")).unwrap();
    // All of a directory as well.
    assert_eq!(
        files.load(&[""]).unwrap_err(),
        [
            "DIR/large.yaml:1:1: expected at most 1048576 bytes, got more",
            "DIR/latin.yaml:1:1: expected UTF-8, got other bytes from byte 6 on",
            "DIR/nested.yaml:1:1: can't be read: Is a directory (os error 21)",
        ],
    );
    std::fs::remove_dir(files.0.join("nested.yaml")).unwrap();
    std::fs::remove_file(files.0.join("large.yaml")).unwrap();
    std::fs::remove_file(files.0.join("largest.yaml")).unwrap();
    std::fs::remove_file(files.0.join("latin.yaml")).unwrap();
    assert_eq!(files.load(&[""]).unwrap_err(), ["DIR/:1:1: expected `*.yaml` files in this directory, found none"]);
}

#[test]
fn every_name_is_snake_case() {
    let registry = registry();
    let names = [registry.names::<Write>(), registry.names::<Read>()].concat().concat();
    let snake_case = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !name.contains("__")
            && !name.ends_with('_')
    };
    let all: Vec<&str> = names.into_iter().chain(registry.resource_names()).collect();
    assert_eq!(all.iter().filter(|name| !snake_case(name)).count(), 0, "{all:?}");
    assert!(all.len() > 10 && registry.twice().is_empty());
}
