//! Tests of `ring::watch`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use tokio::time::sleep;
use weir_pipeline::testing::context;

use super::super::layout::Algorithm;
use weir_pipeline::config::parse::MAX_FILE_BYTES;

use super::*;

/// A ring whose file the test writes.
struct Watched {
    directory: tempfile::TempDir,
    context: Context,
    ring: Arc<OpenRing>,
}

fn listed(epoch: u64, names: &[&str]) -> String {
    let member = |(i, name): (usize, &&str)| format!("  - {{ name: {name}, address: 'h:{}' }}\n", i + 1);
    format!("epoch: {epoch}\nmembers:\n{}", names.iter().enumerate().map(member).collect::<String>())
}

async fn open(directory: &Path, context: &Context) -> Result<Arc<OpenRing>> {
    let shape = Shape::new(1, 8, Algorithm::Cells).unwrap();
    let pace = Pace { poll: Duration::from_secs(5), write_after: Duration::from_secs(4) };
    Watch::open(directory.join("ring.yaml"), shape, pace, context).await
}

impl Watched {
    async fn new(text: &str) -> Self {
        let (directory, context) = (tempfile::tempdir().unwrap(), context().at("", "resources.central.ring"));
        std::fs::write(directory.path().join("ring.yaml"), text).unwrap();
        let ring = open(directory.path(), &context).await.unwrap();
        Self { directory, context, ring }
    }

    /// Writes the file, or removes it, and waits until it was looked at.
    async fn write(&self, text: Option<&str>) -> (u64, usize) {
        let path = self.directory.path().join("ring.yaml");
        match text {
            Some(text) => std::fs::write(path, text).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
        sleep(Duration::from_secs(11)).await;
        let layout = self.ring.current();
        (layout.epoch(), layout.members().len())
    }

    fn metric(&self, name: &str) -> u64 {
        let encoded = self.context.metrics.encode();
        let line = encoded.lines().find(|line| line.starts_with(name));
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_with_a_greater_epoch_is_followed() {
    let watched = Watched::new(&listed(1, &["a"])).await;
    let none = "weir_ring_reloads_total{ring=\"central\",result=\"error\"} 0";
    assert!(watched.context.metrics.encode().contains(none), "it is there before the first failure");
    let mut changes = watched.ring.changes();
    assert_eq!(watched.write(Some(&listed(3, &["a", "b"]))).await, (3, 2));
    assert_eq!(changes.borrow_and_update().epoch(), 3);
    assert_eq!(watched.write(Some(&listed(4, &["b"]))).await, (4, 1));
    assert_eq!(watched.metric("weir_ring_epoch{ring=\"central\"}"), 4);
    assert_eq!(watched.metric("weir_ring_members{ring=\"central\"}"), 1);
    assert_eq!(watched.metric("weir_ring_reloads_total{ring=\"central\",result=\"ok\"}"), 2);
    assert_eq!(watched.metric("weir_ring_reloads_total{ring=\"central\",result=\"error\"}"), 0);
}

#[tokio::test(start_paused = true)]
async fn who_asks_knows_of_a_change_before_it_comes() {
    let watched = Watched::new(&listed(1, &["a"])).await;
    watched.ring.remember(Duration::from_secs(600));
    let epochs = |expect: &[u64], current: u64| {
        let recent = watched.ring.recent(Duration::from_secs(600));
        assert_eq!(recent.iter().map(|layout| layout.epoch()).collect::<Vec<_>>(), expect);
        assert_eq!((watched.ring.current().epoch(), watched.metric("weir_ring_epoch")), (current, current));
    };
    let put = |text: &str| std::fs::write(watched.directory.path().join("ring.yaml"), text).unwrap();
    let start = tokio::time::Instant::now();
    let at = async |second: f64| tokio::time::sleep_until(start + Duration::from_secs_f64(second)).await;
    put(&listed(2, &["a", "b"]));
    at(4.5).await;
    epochs(&[1], 1);
    at(5.5).await;
    epochs(&[2, 1], 1);
    // It changes again before.
    put(&listed(3, &["a", "b", "c"]));
    at(8.5).await;
    epochs(&[2, 1], 1);
    at(9.5).await;
    epochs(&[2, 1], 2);
    at(10.5).await;
    epochs(&[3, 2, 1], 2);
    at(14.5).await;
    epochs(&[3, 2, 1], 3);
}

#[tokio::test(start_paused = true)]
async fn who_starts_just_after_a_change_goes_by_the_epoch_before_until_all_know_of_it() {
    let check = async |previous: &str, age: u64, at_once: u64, later: (f64, u64)| {
        let (directory, context) = (tempfile::tempdir().unwrap(), context().at("", "resources.central.ring"));
        let path = directory.path().join("ring.yaml");
        std::fs::write(&path, format!("{}previous: [ {previous} ]\n", listed(3, &["a", "b"]))).unwrap();
        let written = UNIX_EPOCH + Duration::from_millis(context.clock.now() as u64) - Duration::from_secs(age);
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(written).unwrap();
        let ring = open(directory.path(), &context).await.unwrap();
        assert_eq!(ring.current().epoch(), at_once, "{previous}, {age} s");
        let known = |epoch: u64| ring.recent(Duration::ZERO).iter().any(|layout| layout.epoch() == epoch);
        assert!(known(3) && known(at_once), "who queries goes by both");
        sleep(Duration::from_secs_f64(later.0)).await;
        assert_eq!(ring.current().epoch(), later.1, "{previous}, {age} s, after {} s", later.0);
    };
    let before = "{ epoch: 1, members: [ { name: b, address: 'h:2' } ] }, { epoch: 2, members: [ { name: a, address: 'h:1' } ] }";
    check(before, 0, 2, (3.9, 2)).await;
    check(before, 0, 2, (4.1, 3)).await;
    check(before, 3, 2, (0.9, 2)).await;
    check(before, 3, 2, (1.1, 3)).await;
    check(before, 4, 3, (60.0, 3)).await;
    // It is the first one.
    check("", 0, 3, (60.0, 3)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_changes_nothing_and_is_counted_once() {
    let watched = Watched::new(&listed(3, &["a", "b"])).await;
    let check = async |text: Option<&str>, errors: u64| {
        assert_eq!(watched.write(text).await, (3, 2), "{text:?}");
        let text = "weir_ring_reloads_total{ring=\"central\",result=\"error\"}";
        sleep(Duration::from_secs(60)).await;
        assert_eq!(watched.metric(text), errors, "{text:?}");
    };
    check(Some(&listed(3, &["a", "c"])), 1).await;
    check(Some(&listed(2, &["a"])), 2).await;
    check(Some("epoch: ["), 3).await;
    check(Some(&listed(4, &["a", "a"])), 4).await;
    check(Some(""), 5).await;
    check(None, 6).await;
    // Only the text differs.
    check(Some(&format!("# ours\n{}", listed(3, &["a", "b"]))), 6).await;
    assert_eq!(watched.write(Some(&listed(4, &["c"]))).await, (4, 1));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_wrong_at_the_start_is_told_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ring.yaml");
    let check = async |text: Option<&str>, expect: &str| {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let error = open(directory.path(), &context()).await.unwrap_err().to_string();
        assert_eq!(error.strip_prefix(&file.display().to_string()).unwrap(), expect);
    };
    check(None, ": can't be read: No such file or directory (os error 2)").await;
    check(
        Some("epoch: 1\nmembers: [{ name: a, address: a }]"),
        ":2:11: members[0]: expected a host and a port, got `a`",
    )
    .await;
    check(Some("epoch: 1\nmembers: []"), ":2:10: members: expected at least `1` members, which is `factor`, got `0`")
        .await;
    check(
        Some("epoch: 1\nmembers:\n  - { name: a, address: 'h:1' }\n  - { name: a, address: 'h:2' }"),
        ":3:3: members: expected members of different names, got `a` twice",
    )
    .await;
    check(
        Some("epoch: 0\nmembers: [{ name: a, address: 'h:1' }]"),
        ":1:8: epoch: expected `epoch` of at least 1, got `0`",
    )
    .await;
    check(Some("members: []\nepochs: 1"), ":2:1: epochs: unknown field `epochs`, did you mean `epoch`?").await;
    check(Some("epoch: -1\nmembers: []"), ":1:8: epoch: expected a whole number of at least 0, got `-1`").await;
    check(Some(&"#".repeat(MAX_FILE_BYTES + 1)), ":1:1: expected at most 1048576 bytes, got 1048577").await;
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_the_program() {
    let watched = Watched::new(&listed(1, &["a"])).await;
    watched.context.shutdown.cancel();
    assert_eq!(watched.write(Some(&listed(2, &["a", "b"]))).await, (1, 1));
}
