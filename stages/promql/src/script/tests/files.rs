//! Prometheus' own scripts.

use super::super::*;

/// The scripts beside the repository, with their names; nothing where they are not there.
pub(super) fn scripts() -> Vec<(String, String)> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/promqltest");
    let Ok(files) = std::fs::read_dir(dir) else {
        println!("skipped: {dir} is not there");
        return Vec::new();
    };
    let paths = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "test"));
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut scripts: Vec<_> = paths.map(|path| (name(&path), std::fs::read_to_string(&path).unwrap())).collect();
    scripts.sort();
    scripts
}

#[test]
fn every_script_of_prometheus_is_read_and_loaded() {
    let scripts = scripts();
    if scripts.is_empty() {
        return;
    }
    let (mut loads, mut clears, mut evals, mut refused, mut items, mut histograms) = (0, 0, 0, 0, 0, 0);
    for (name, text) in &scripts {
        let mut storage = Storage::default();
        for command in parse(text).unwrap_or_else(|error| panic!("{name}: {error}")) {
            match command.kind {
                CommandKind::Clear => {
                    storage.clear();
                    clears += 1;
                }
                CommandKind::Load(load) => {
                    storage.load(&load).unwrap_or_else(|error| panic!("{name}:{}: {error}", command.line));
                    loads += 1;
                }
                CommandKind::Eval(eval) => {
                    evals += 1;
                    refused += usize::from(eval.tree.is_err());
                    let values = eval.expect.value.series.iter().flat_map(|series| series.values.iter().flatten());
                    for item in values {
                        items += 1;
                        histograms += usize::from(item.float().is_none());
                    }
                }
            }
        }
    }
    println!("{items} values expected, of which {histograms} histograms");
    assert_eq!((loads, clears, evals, refused), (310, 231, 1650, 2));
}
