//! Checkpoints, cleaning, and what a reader asks for.

use std::time::{Duration, SystemTime};

use weir_pipeline::{Metrics, Tenant};

use super::*;
use crate::block::Memory;
use crate::depot::Depot;

/// A catalog with a checkpoint after each four commits.
async fn four(ground: &Ground) -> DeltaCatalog {
    ground.catalog_with("", Settings { checkpoint_every: 4, ..Settings::default() }).await
}

/// Makes the files of the log that are there look hours older.
#[expect(clippy::disallowed_methods, reason = "files have the system's time")]
fn age(ground: &Ground) {
    for name in ground.log() {
        let file = std::fs::File::open(ground.file("default-tenant/raw/_delta_log").join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3 * 3600)).unwrap();
    }
}

#[tokio::test]
async fn a_checkpoint_is_written_after_each_so_many_commits_and_read_by_the_next_one() {
    each(async |ground| {
        let catalog = four(ground).await;
        for n in 1..=10 {
            commit(&catalog, add([n])).await;
        }
        commit(&catalog, replace([2, 3], [20])).await;
        let log = ground.log();
        let checkpoints: Vec<_> = log.iter().filter(|name| name.contains("checkpoint.parquet")).collect();
        assert_eq!(checkpoints, ["00000000000000000004.checkpoint.parquet", "00000000000000000008.checkpoint.parquet"]);
        let blocks = [1, 4, 5, 6, 7, 8, 9, 10, 20];
        let again = four(ground).await;
        expect(&again, blocks).await;
        // Removals of what came with the checkpoint, and of what came after it.
        commit(&again, replace([1, 10], [21])).await;
        expect(&catalog, [4, 5, 6, 7, 8, 9, 20, 21]).await;
        expect(&four(ground).await, [4, 5, 6, 7, 8, 9, 20, 21]).await;
    })
    .await;
}

#[tokio::test]
async fn cleaning_leaves_readers_whole() {
    each(async |ground| {
        let (catalog, idle) = (four(ground).await, four(ground).await);
        commit(&idle, add([1])).await;
        let old = idle.snapshot(&Tenant::default(), RAW).await.unwrap();
        for n in 2..=9 {
            commit(&catalog, add([n])).await;
        }
        assert_eq!(catalog.tidy(&Tenant::default(), RAW).await.unwrap(), 0, "all of it is young");
        age(ground);
        for n in 10..=12 {
            commit(&catalog, add([n])).await;
        }
        // The checkpoint at 12 is young, the one at 8 is old: it stays, with what came after it.
        let log = ground.log();
        let first = log.iter().find(|name| name.ends_with(".json")).unwrap();
        assert_eq!(first, "00000000000000000008.json", "{log:?}");
        assert!(!log.contains("00000000000000000004.checkpoint.parquet"), "{log:?}");
        assert!(log.contains("00000000000000000008.checkpoint.parquet"), "{log:?}");
        expect(&four(ground).await, 1..=12).await;
        // Who has not looked for long asks for commits that are gone.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(1800)).await;
        tokio::time::resume();
        expect(&idle, 1..=12).await;
        assert_eq!(old.entries().len(), 1);
        commit(&idle, numbered(add([13]), "idle", 1)).await;
        commit(&idle, numbered(add([14]), "idle", 1)).await;
        expect(&catalog, 1..=13).await;
    })
    .await;
}

#[tokio::test]
async fn a_checkpoint_that_is_not_told_or_told_wrongly_hides_nothing() {
    let ground = Ground::local();
    let catalog = four(&ground).await;
    for n in 1..=9 {
        commit(&catalog, add([n])).await;
    }
    let last = ground.file("default-tenant/raw/_delta_log/_last_checkpoint");
    for wrong in ["", "{}", "no JSON", "{\"version\":4,\"size\":1}", "{\"version\":18446744073709551615}"] {
        std::fs::write(&last, wrong).unwrap();
        expect(&four(&ground).await, 1..=9).await;
    }
    // A checkpoint that is not there: the kernel does not go on with less than it was told.
    std::fs::write(&last, "{\"version\":99,\"size\":1}").unwrap();
    let error = four(&ground).await.snapshot(&Tenant::default(), RAW).await.unwrap_err();
    assert!(error.to_string().starts_with("the catalog's log can't be used: "), "{error}");
    std::fs::remove_file(&last).unwrap();
    expect(&four(&ground).await, 1..=9).await;
}

#[tokio::test]
async fn series_without_samples_are_removed_after_a_while() {
    let ground = Ground::local();
    let catalog = ground.catalog().await;
    commit(&catalog, add([1, 2])).await;
    let row = |n| super::super::row::SeriesRow { resolution: RAW, block: id(n), bytes: 1, series: 1 };
    let young = Ulid::from_parts(Clock::system().now() as u64, 1);
    let rows = vec![row(3), super::super::row::SeriesRow { block: young, ..row(0) }];
    let wanted = super::super::commit::Wanted {
        add: rows,
        remove: Vec::new(),
        transaction: None,
        data_change: true,
        columns: Vec::new(),
        loose: true,
    };
    catalog.series(&Tenant::default()).commit(&wanted).await.unwrap();
    assert_eq!(series(&catalog).await, [id(1), id(2), id(3), young]);
    assert_eq!(catalog.tidy(&Tenant::default(), RAW).await.unwrap(), 1);
    assert_eq!(series(&catalog).await, [id(1), id(2), young]);
    expect(&catalog, [1, 2]).await;
}

#[tokio::test]
async fn nobody_lists_to_answer_a_query() {
    let ground = Ground::s3().await;
    let (catalog, reader) = (ground.catalog().await, ground.catalog().await);
    commit(&catalog, add([1])).await;
    let faults = ground.server.as_ref().unwrap().faults();
    let check = async |reader: &DeltaCatalog, what: &str, gets: usize| {
        faults.requests.lock().unwrap().clear();
        reader.snapshot(&Tenant::default(), RAW).await.unwrap();
        let asked = faults.requests.lock().unwrap().clone();
        assert!(
            asked.iter().all(|asked| asked.starts_with("GET /metrics/default-tenant/raw/_delta_log/")),
            "{asked:?}"
        );
        assert_eq!(asked.len(), gets, "{what}: {asked:?}");
    };
    check(&reader, "a table that is opened: two commits, the end, and whether there is a checkpoint", 5).await;
    check(&reader, "nothing new", 1).await;
    commit(&catalog, add([2])).await;
    check(&reader, "one commit", 2).await;
    for n in 3..=6 {
        commit(&catalog, add([n])).await;
    }
    check(&reader, "four commits, in 1 + 1 + 2 + 4 requests", 8).await;
    check(&catalog, "one's own commits", 1).await;
    expect(&reader, 1..=6).await;
}

/// How often the server has listed.
fn lists(ground: &Ground) -> usize {
    let asked = ground.server.as_ref().unwrap().faults().requests.lock().unwrap().clone();
    asked.iter().filter(|asked| asked.trim_end_matches('/') == format!("GET /{BUCKET}")).count()
}

#[tokio::test]
async fn nobody_lists_to_answer_a_query_where_there_are_checkpoints() {
    let ground = Ground::s3().await;
    let (catalog, idle, gone) = (four(&ground).await, four(&ground).await, four(&ground).await);
    commit(&catalog, add([1])).await;
    expect(&idle, [1]).await;
    expect(&gone, [1]).await;
    for n in 2..=14 {
        commit(&catalog, add([n])).await;
    }
    commit(&catalog, replace([3, 13], [15])).await;
    let blocks = || (1..=15).filter(|n| ![3, 13].contains(n));
    let fresh = four(&ground).await;
    let before = lists(&ground);
    expect(&fresh, blocks()).await;
    assert_eq!(lists(&ground), before, "a reader that knows nothing");
    let depot = Depot::new(ground.objects("").await, Clock::system(), Memory::mib(1, 1), &Metrics::default());
    // The blocks' files are not there; what is looked for is.
    let found = depot.look(&Tenant::default(), 0, 100).await;
    assert_eq!(found.missing.len(), blocks().count(), "{:?}", found.missing);
    assert_eq!(lists(&ground), before, "a query");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(301)).await;
    tokio::time::resume();
    expect(&idle, blocks()).await;
    expect(&fresh, blocks()).await;
    assert_eq!(lists(&ground), before, "readers that have not looked for long");
    // Commits that a reader who has not looked for long would ask for are gone.
    age(&ground);
    commit(&catalog, add([16])).await;
    assert!(!ground.log().contains("00000000000000000002.json"), "{:?}", ground.log());
    let before = lists(&ground);
    expect(&four(&ground).await, blocks().chain([16])).await;
    expect(&gone, blocks().chain([16])).await;
    assert_eq!(lists(&ground), before, "a reader that finds its next commits gone");
}

#[tokio::test]
async fn the_log_is_listed_where_the_checkpoint_that_is_told_is_gone() {
    let ground = Ground::s3().await;
    let catalog = four(&ground).await;
    for n in 1..=9 {
        commit(&catalog, add([n])).await;
    }
    let log = ground.file("default-tenant/raw/_delta_log");
    for n in 0..4 {
        std::fs::remove_file(log.join(format!("{n:020}.json"))).unwrap();
    }
    std::fs::remove_file(log.join("00000000000000000004.checkpoint.parquet")).unwrap();
    std::fs::write(log.join("_last_checkpoint"), "{\"version\":4,\"size\":9}").unwrap();
    let reader = four(&ground).await;
    let before = lists(&ground);
    expect(&reader, 1..=9).await;
    assert!(lists(&ground) > before);
}

#[tokio::test]
async fn labels_become_columns_of_the_series_once() {
    let ground = Ground::local();
    let (catalog, other) = (ground.catalog().await, ground.catalog().await);
    let labelled = |n, labels: &[&str]| Change { labels: labels.iter().map(|l| (*l).to_owned()).collect(), ..add([n]) };
    commit(&catalog, labelled(1, &["job", "instance"])).await;
    commit(&other, labelled(2, &["job", "pod", "POD", "no good", ""])).await;
    commit(&catalog, labelled(3, &["pod", "job"])).await;
    expect(&ground.catalog().await, [1, 2, 3]).await;
    assert_eq!(series(&catalog).await, [1, 2, 3].map(id));
    let commit = |n: u64| {
        let name = format!("default-tenant/_delta_log/{n:020}.json");
        std::fs::read_to_string(ground.file(&name)).unwrap()
    };
    let columns = |n| {
        let text = commit(n);
        assert!(!text.contains("\"protocol\"") || n == 0, "{text}");
        let split = text.split("\\\"name\\\":\\\"").filter_map(|part| part.split('\\').next());
        split.filter(|name| name.starts_with("l_")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(columns(1), ["l_job", "l_instance"]);
    assert_eq!(columns(2), ["l_job", "l_instance", "l_pod"]);
    assert!(columns(3).is_empty());
}
