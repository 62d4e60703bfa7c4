//! Files that are read, and those that can't be.

use std::path::PathBuf;

use crate::config::{Env, Mistake};
use crate::fixture::registry;
use crate::plan::Plan;
use crate::plan::load::Loaded;
use crate::registry::Registry;

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
        let Loaded { documents, unread } = Loaded::paths(&paths);
        if unread.is_empty() {
            return Ok(documents.into_iter().map(|d| shown(d.name)).collect());
        }
        Err(unread.into_iter().map(|m| shown(m.to_string())).collect())
    }

    /// Writes a file.
    fn with(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.0.join(name), text).unwrap();
        self
    }

    /// What a plan of these files is, or the mistakes, without the directory.
    fn plan(&self, read: impl Fn(&Registry, &Env) -> Result<Plan, Vec<Mistake>>) -> Result<String, Vec<String>> {
        let dir = self.0.display().to_string();
        let read = read(&registry(), &Env::from_fn(|_| None)).map(|plan| plan.names().join(" "));
        read.map_err(|all| all.into_iter().map(|m| m.to_string().replace(&dir, "DIR")).collect())
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
    let files = files.with("latin.yaml", b"name: \xe4");
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
fn a_file_with_two_names_is_read_once() {
    let files = Files::new("twice", &["a.yaml", "b.yaml"]);
    std::os::unix::fs::symlink("a.yaml", files.0.join("c.yaml")).unwrap();
    let expect = |names: &[&str]| Ok(names.iter().map(|name| format!("DIR/{name}")).collect());
    assert_eq!(files.load(&["b.yaml", "", "c.yaml"]), expect(&["b.yaml", "a.yaml"]));
}

const SHELF: &str = "resources: { s: { shelf: { path: x } } }\n";
const USER: &str = "name: p\nsource: pulse\nsink: { keep: { shelf: s } }\n";

#[test]
fn a_file_that_can_not_be_read_hides_no_mistake_of_the_others() {
    let files = Files::new("hides", &[])
        .with("a.yaml", "name: p\nsource: pulse\nsink: { keep: { shelf: s, takes: 5 } }\n")
        .with("c.yaml", b"name: \xe4")
        .with("d.yaml", "name: [");
    std::os::unix::fs::symlink("nowhere", files.0.join("b.yaml")).unwrap();
    std::fs::create_dir(files.0.join("e.yaml")).unwrap();
    // `s` may be what one of them declares.
    let expect = [
        "DIR/a.yaml:3:34: sink.keep.takes: expected a duration such as `30s` or `1m30s`, got `5`",
        "DIR/b.yaml:1:1: can't be read: No such file or directory (os error 2)",
        "DIR/c.yaml:1:1: expected UTF-8, got other bytes from byte 6 on",
        "DIR/d.yaml:1:8: name[0]: not YAML: while parsing a node, did not find expected node content",
        "DIR/e.yaml:1:1: can't be read: Is a directory (os error 21)",
    ];
    let paths = [files.0.clone()];
    assert_eq!(files.plan(|registry, env| Plan::load(&paths, registry, env)).unwrap_err(), expect);
}

#[test]
fn a_file_is_read_with_its_neighbours_which_declare_what_it_names() {
    let beside = |files: &Files, name: &str| {
        let path = files.0.join(name);
        files.plan(|registry, env| Plan::load_beside(&path, registry, env))
    };
    let files = Files::new("beside", &[]).with("10-p.yaml", USER).with("20-s.yaml", SHELF).with("p.txt", USER);
    assert_eq!(beside(&files, "10-p.yaml").as_deref(), Ok("p"));
    assert_eq!(
        beside(&files, "p.txt").unwrap_err(),
        ["DIR/10-p.yaml:1:7: name: `p` is also the pipeline at DIR/p.txt:1:7"]
    );
    assert_eq!(beside(&files, "").as_deref(), Ok("p"));
    // What a neighbour that can't be read declares is not known, and that is what is said.
    let files = files.with("20-s.yaml", b"\xff");
    assert_eq!(
        beside(&files, "10-p.yaml").unwrap_err(),
        ["DIR/20-s.yaml:1:1: expected UTF-8, got other bytes from byte 0 on"]
    );
    // Without neighbours.
    let files = Files::new("alone", &[]).with("p.txt", "name: p\nsource: pulse\nsink: keep\n");
    assert_eq!(beside(&files, "p.txt").as_deref(), Ok("p"));
    assert_eq!(
        beside(&files, "none.txt").unwrap_err(),
        ["DIR/none.txt:1:1: can't be read: No such file or directory (os error 2)"]
    );
}
