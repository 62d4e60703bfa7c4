//! The scripts beside the repository, and those of our own.

use std::path::{Path, PathBuf};

use weir_promql::script::Report;

/// The scripts in a directory.
fn scripts(directory: &Path) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "test"));
    files.sort();
    files
}

async fn run(files: &[PathBuf]) -> Report {
    let mut all = Report::default();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let report = crate::promqltest::run(&name, &std::fs::read_to_string(file).unwrap()).await;
        println!("{name}: {report}");
        all.merge(report);
    }
    all
}

#[tokio::test]
async fn promqltest_scripts_answer_as_prometheus_does() {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/promqltest"));
    let only = std::env::var("WEIR_SCRIPTS").unwrap_or_default();
    let mut files = scripts(directory);
    if files.is_empty() {
        println!("skipped: there are no scripts beside the repository");
        return;
    }
    files.retain(|file| file.to_string_lossy().contains(&only));
    let report = run(&files).await;
    println!("{report}");
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(report.is_ok(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}
