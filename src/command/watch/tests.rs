//! Tests of `watch`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

fn watch(dir: &std::path::Path) -> Watch {
    Watch::new(&Pipelines { paths: vec![dir.to_owned()] })
}

/// Whether a change is seen within so many seconds.
async fn sees(watch: &mut Watch, seconds: u64) -> bool {
    tokio::time::timeout(Duration::from_secs(seconds), watch.changed()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_change_is_seen_once_it_stays() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.yaml");
    std::fs::write(&file, "name: a").unwrap();
    let mut watch = watch(dir.path());
    assert!(!sees(&mut watch, 10).await);
    std::fs::write(&file, "name: b").unwrap();
    // It may be half of what is written.
    assert!(!sees(&mut watch, 1).await);
    std::fs::write(&file, "name: bc").unwrap();
    assert!(!sees(&mut watch, 1).await);
    assert!(sees(&mut watch, 3).await);
    watch.note();
    assert!(!sees(&mut watch, 10).await);
    std::fs::write(dir.path().join("c.yaml"), "name: c").unwrap();
    assert!(sees(&mut watch, 3).await);
    watch.note();
    std::fs::remove_file(&file).unwrap();
    assert!(sees(&mut watch, 3).await);
}

#[tokio::test(start_paused = true)]
async fn what_changes_back_and_what_is_no_pipeline_file_is_no_change() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.yaml");
    std::fs::write(&file, "name: a").unwrap();
    let mut watch = watch(dir.path());
    std::fs::write(&file, "name: b").unwrap();
    assert!(!sees(&mut watch, 1).await);
    std::fs::write(&file, "name: a").unwrap();
    std::fs::write(dir.path().join(".a.yaml.swp"), "x").unwrap();
    assert!(!sees(&mut watch, 10).await);
}
