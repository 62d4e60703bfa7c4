//! Commits and snapshots.

use tokio::task::JoinSet;
use weir_pipeline::{Kind, Tenant};

use super::*;

#[tokio::test]
async fn blocks_are_added_and_replaced_and_old_snapshots_stay_as_they_were() {
    each(async |ground| {
        let tenant = Tenant::default();
        let catalog = ground.catalog().await;
        let none = catalog.snapshot(&tenant, RAW).await.unwrap();
        assert_eq!((none.version(), none.entries().len()), (None, 0));
        assert_eq!(commit(&catalog, add([1, 2])).await, 1);
        let old = catalog.snapshot(&tenant, RAW).await.unwrap();
        assert_eq!(commit(&catalog, replace([1, 2], [3])).await, 2);
        expect(&catalog, [3]).await;
        let blocks: Vec<_> = old.entries().map(|entry| entry.block).collect();
        assert_eq!((old.version(), blocks), (Some(1), vec![id(1), id(2)]));
        assert_eq!((none.version(), none.entries().len()), (None, 0));
        let again = ground.catalog().await;
        expect(&again, [3]).await;
        assert_eq!(series(&again).await, [id(3)]);
        assert_eq!(commit(&again, replace([3], [])).await, 3);
        expect(&catalog, []).await;
    })
    .await;
}

#[tokio::test]
async fn the_table_has_a_column_of_starts_once_a_block_with_some_comes_and_of_histograms_when_they_do() {
    each(async |ground| {
        let catalog = ground.catalog().await;
        let mut told = Vec::new();
        for (n, starts, format) in [(1, false, 1), (2, true, 1), (3, true, 1), (4, true, 2)] {
            let mut change = Change { starts, ..add([n]) };
            change.add[0].format = format;
            commit(&catalog, change).await;
            let last = ground.log().into_iter().rfind(|name| name.ends_with(".json")).unwrap();
            let commit = std::fs::read_to_string(ground.file("default-tenant/raw/_delta_log").join(last)).unwrap();
            told.push(["start_ts", "positive_counts"].map(|column| commit.contains(column)));
        }
        // A commit that brings columns tells all there are.
        assert_eq!(told, [[false, false], [true, false], [false, false], [true, true]]);
    })
    .await;
}

#[tokio::test]
async fn the_table_has_columns_of_histograms_once_a_block_with_some_comes() {
    each(async |ground| {
        let catalog = ground.catalog().await;
        let told = |ground: &Ground| {
            let last = ground.log().into_iter().rfind(|name| name.ends_with(".json")).unwrap();
            let commit = std::fs::read_to_string(ground.file("default-tenant/raw/_delta_log").join(last)).unwrap();
            ["start_ts", "histogram", "positive_counts"].map(|column| commit.contains(column))
        };
        commit(&catalog, add([1])).await;
        assert_eq!(told(ground), [false; 3]);
        let mut change = add([2]);
        change.add[0].format = 2;
        commit(&catalog, change).await;
        assert_eq!(told(ground), [true; 3]);
        let mut change = add([3]);
        change.add[0].format = 2;
        commit(&catalog, change).await;
        assert_eq!(told(ground), [false; 3], "they are there already");
        let snapshot = ground.catalog().await.snapshot(&Tenant::default(), RAW).await.unwrap();
        assert_eq!(
            snapshot.entries().map(|entry| (entry.block, entry.format)).collect::<Vec<_>>(),
            [(id(1), 1), (id(2), 2), (id(3), 2),]
        );
    })
    .await;
}

#[tokio::test]
async fn tenants_and_resolutions_are_apart() {
    let ground = Ground::local();
    let catalog = ground.catalog().await;
    // What a path or a URL would need to escape.
    let odd = Tenant::new("a*(b)'c").unwrap();
    catalog.commit(&odd, RAW, add([1])).await.unwrap();
    catalog.commit(&odd, Resolution::OneHour, add([2])).await.unwrap();
    catalog.commit(&odd, RAW, add([3])).await.unwrap();
    let again = ground.catalog().await;
    let blocks = async |resolution| {
        let snapshot = again.snapshot(&odd, resolution).await.unwrap();
        snapshot.entries().map(|entry| entry.block).collect::<Vec<_>>()
    };
    assert_eq!(blocks(RAW).await, [id(1), id(3)]);
    assert_eq!(blocks(Resolution::OneHour).await, [id(2)]);
    assert_eq!(blocks(Resolution::FiveMinutes).await, []);
    expect(&again, []).await;
}

#[tokio::test]
async fn a_transaction_is_done_once_whoever_repeats_it() {
    each(async |ground| {
        let every = Settings { checkpoint_every: 3, ..Settings::default() };
        let catalog = ground.catalog_with("", every).await;
        let first = commit(&catalog, numbered(add([1]), "store-1", 7)).await;
        assert!(commit(&catalog, numbered(add([2]), "store-1", 7)).await >= first, "the same number");
        commit(&catalog, numbered(add([3]), "store-1", 6)).await;
        expect(&catalog, [1]).await;
        commit(&catalog, numbered(add([4]), "store-2", 1)).await;
        let other = ground.catalog().await;
        commit(&other, numbered(add([5]), "store-2", 1)).await;
        commit(&other, numbered(add([6]), "store-1", 8)).await;
        for n in 10..14 {
            commit(&catalog, add([n])).await;
        }
        assert!(ground.log().contains("_last_checkpoint"));
        // Now the transactions are in a checkpoint.
        let again = ground.catalog().await;
        let before = again.snapshot(&Tenant::default(), RAW).await.unwrap().version();
        commit(&again, numbered(add([7]), "store-1", 8)).await;
        commit(&again, numbered(add([8]), "store-2", 0)).await;
        assert_eq!(again.snapshot(&Tenant::default(), RAW).await.unwrap().version(), before);
        commit(&again, numbered(add([9]), "store-1", 9)).await;
        expect(&catalog, [1, 4, 6, 9, 10, 11, 12, 13]).await;
        assert_eq!(series(&again).await, [1, 4, 6, 9, 10, 11, 12, 13].map(id));
    })
    .await;
}

#[tokio::test]
async fn the_same_blocks_are_added_once_also_without_a_transaction() {
    let ground = Ground::local();
    let (catalog, other) = (ground.catalog().await, ground.catalog().await);
    let version = commit(&catalog, add([1, 2])).await;
    assert_eq!(commit(&other, add([1, 2])).await, version);
    let version = commit(&catalog, replace([1], [3, 4])).await;
    assert_eq!(commit(&other, replace([1], [3, 4])).await, version);
    expect(&other, [2, 3, 4]).await;
    let error = other.commit(&Tenant::default(), RAW, add([4, 5])).await.unwrap_err();
    assert_eq!(error.to_string(), format!("expected block `{}` not to be in the catalog yet", id(4)));
    assert_eq!(error.kind(), Kind::Unprocessable);
}

#[tokio::test]
async fn blocks_that_somebody_else_has_replaced_are_not_replaced_again() {
    each(async |ground| {
        let (catalog, other) = (ground.catalog().await, ground.catalog().await);
        commit(&catalog, add([1, 2, 3])).await;
        expect(&other, [1, 2, 3]).await;
        commit(&catalog, replace([1, 2], [4])).await;
        let error = other.commit(&Tenant::default(), RAW, replace([2, 3], [5])).await.unwrap_err();
        let expected = format!("expected block `{}` in the catalog: somebody else has removed it", id(2));
        assert_eq!((error.to_string(), error.kind()), (expected, Kind::Unprocessable));
        expect(&catalog, [3, 4]).await;
        expect(&other, [3, 4]).await;
        assert_eq!(series(&other).await, [id(3), id(4)]);
    })
    .await;
}

/// Commits by several catalogs at one time.
async fn at_once(ground: &Ground, writers: u64, commits: u64) -> Vec<DeltaCatalog> {
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        let catalog = ground.catalog().await;
        tasks.spawn(async move {
            for n in 0..commits {
                let change = numbered(add([writer * 1000 + n]), &format!("store-{writer}"), n as i64);
                commit(&catalog, change).await;
            }
            catalog
        });
    }
    tasks.join_all().await
}

async fn check_two_writers(ground: &Ground) {
    let catalogs = at_once(ground, 2, 100).await;
    let blocks = || (0..100).chain(1000..1100);
    for catalog in catalogs.iter().chain([&ground.catalog().await]) {
        expect(catalog, blocks()).await;
        let snapshot = catalog.snapshot(&Tenant::default(), RAW).await.unwrap();
        assert_eq!(snapshot.version(), Some(200), "a commit each, and the first one");
        assert_eq!(series(catalog).await, blocks().map(id).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_commit_at_once_lose_nothing() {
    check_two_writers(&Ground::local()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_commit_at_once_over_s3_lose_nothing() {
    check_two_writers(&Ground::s3().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_replace_the_same_blocks_at_once_one_wins() {
    for ground in [Ground::local(), Ground::s3().await] {
        let catalogs = [ground.catalog().await, ground.catalog().await];
        for round in 0..10 {
            let (old, new) = (round * 10, [round * 10 + 1, round * 10 + 2]);
            commit(&catalogs[0], add([old])).await;
            let tenant = Tenant::default();
            let (a, b) = tokio::join!(
                catalogs[0].commit(&tenant, RAW, replace([old], [new[0]])),
                catalogs[1].commit(&tenant, RAW, replace([old], [new[1]])),
            );
            let loser = match (a, b) {
                (Ok(_), Err(error)) => (new[0], error),
                (Err(error), Ok(_)) => (new[1], error),
                both => panic!("{both:?}"),
            };
            assert_eq!(loser.1.kind(), Kind::Unprocessable);
            expect(&catalogs[1], [loser.0]).await;
            commit(&catalogs[1], replace([loser.0], [])).await;
        }
    }
}
