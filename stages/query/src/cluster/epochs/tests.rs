//! Tests of `epochs`: rings whose file changes, with time paused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::PathBuf;

use tokio::time::sleep;
use weir_pipeline::Resource;
use weir_pipeline::testing::{context, settings};
use weir_stages::ring::Ring;

use super::*;

/// A ring whose file the test writes, and what is heard of it for ten minutes.
struct Ground {
    dir: tempfile::TempDir,
    epochs: Epochs,
    _context: weir_pipeline::Context,
}

fn listed(epoch: u64, names: &str, previous: &[(u64, &str)]) -> String {
    let member = |name: char| format!("{{ name: {name}, address: '{name}:1', read_address: '{name}:2' }}");
    let members = |names: &str| format!("[ {} ]", names.chars().map(member).collect::<Vec<_>>().join(", "));
    let earlier = |(epoch, names): &(u64, &str)| format!("{{ epoch: {epoch}, members: {} }}", members(names));
    let previous: Vec<String> = previous.iter().map(earlier).collect();
    format!("epoch: {epoch}\nmembers: {}\nprevious: [ {} ]\n", members(names), previous.join(", "))
}

impl Ground {
    async fn new(text: &str) -> Self {
        let (dir, context) = (tempfile::tempdir().unwrap(), context());
        let file: PathBuf = dir.path().join("ring.yaml");
        std::fs::write(&file, text).unwrap();
        let ring: Ring = settings(&format!("{{ factor: 1, file: '{}', poll: 5s }}", file.display())).unwrap();
        let epochs = Epochs::new(ring.open(&context).await.unwrap(), Duration::from_secs(600));
        Self { dir, epochs, _context: context }
    }

    /// Writes the file, and waits until it was looked at.
    async fn write(&self, text: &str) {
        std::fs::write(self.dir.path().join("ring.yaml"), text).unwrap();
        sleep(Duration::from_secs(11)).await;
    }

    /// Whose sets must be heard, sorted.
    fn heard(&self) -> String {
        let sets = self.epochs.sets(&Tenant::default(), Quorum::Majority).unwrap();
        let mut names: Vec<&str> = sets.iter().map(|needed| needed.set.members[0].name.as_str()).collect();
        names.sort_unstable();
        names.concat()
    }
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_came_and_went_between_two_questions_is_heard() {
    let ground = Ground::new(&listed(1, "a", &[])).await;
    assert_eq!(ground.heard(), "a");
    ground.write(&listed(2, "b", &[])).await;
    ground.write(&listed(3, "c", &[])).await;
    assert_eq!(ground.heard(), "abc");
}

#[tokio::test(start_paused = true)]
async fn an_epoch_is_forgotten_once_the_ring_does_not_name_it_and_its_time_is_over() {
    let ground = Ground::new(&listed(1, "a", &[])).await;
    ground.write(&listed(2, "b", &[(1, "a")])).await;
    sleep(Duration::from_secs(6000)).await;
    assert_eq!(ground.heard(), "ab", "it is named");
    ground.write(&listed(3, "b", &[])).await;
    sleep(Duration::from_secs(500)).await;
    assert_eq!(ground.heard(), "ab", "it was named just now");
    sleep(Duration::from_secs(120)).await;
    assert_eq!(ground.heard(), "b");
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_was_never_named_is_forgotten_too() {
    let ground = Ground::new(&listed(1, "a", &[])).await;
    ground.write(&listed(2, "b", &[])).await;
    sleep(Duration::from_secs(580)).await;
    assert_eq!(ground.heard(), "ab");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(ground.heard(), "b");
}

/// The members that must be heard of each set, and how many, sorted.
fn needed(sets: &[Needed]) -> Vec<String> {
    let shown = |needed: &Needed| {
        let names: Vec<&str> = needed.set.members.iter().map(|member| member.name.as_str()).collect();
        format!("{} of {}", needed.members, names.concat())
    };
    let mut all: Vec<String> = sets.iter().map(shown).collect();
    all.sort();
    all
}

#[tokio::test(start_paused = true)]
async fn a_tenant_has_its_shard_alone_in_each_epoch() {
    let members = "{ name: a, address: 'a:1' }, { name: b, address: 'b:1' }, { name: c, address: 'c:1' }";
    let yaml = |sizes: &str, before: &str| {
        format!(
            "{{ factor: 1, epoch: 2, members: [ {members} ], {sizes}, previous: [ {{ epoch: 1, members: [ {members} ], {before} }} ] }}"
        )
    };
    let check = async |sizes: &str, before: &str, tenant: &str, expect: usize| {
        let ring: Ring = settings(&yaml(sizes, before)).unwrap();
        let ring = ring.open(&context()).await.unwrap();
        let (tenant, epochs) = (tenant.parse().unwrap(), Epochs::new(ring.clone(), Duration::from_secs(600)));
        let sets = epochs.sets(&tenant, Quorum::Majority).unwrap();
        assert_eq!(sets.len(), expect, "{sizes}; {before}; {tenant}");
        let shard = ring.current().shard_of(&tenant).sets();
        let current = epochs.current(&tenant, Quorum::Majority).unwrap();
        assert_eq!(current.len(), shard.len());
        let all = ring.current();
        assert!(current.iter().zip(shard).all(|(needed, place)| needed.set == all.sets()[place]));
    };
    let one = "shuffle_shard_size: 1";
    check(one, one, "team-a", 1).await;
    check("shuffle_shard_size: 2", one, "team-a", 2).await;
    check(one, "shuffle_shard_size: 2", "team-a", 2).await;
    check(one, "shuffle_shard_size: 0", "team-a", 3).await;
    check("shuffle_shard_sizes: { team-a: 1 }", "shuffle_shard_sizes: { team-a: 1 }", "team-a", 1).await;
    check("shuffle_shard_sizes: { team-a: 1 }", "shuffle_shard_sizes: { team-a: 1 }", "team-b", 3).await;
}

#[tokio::test(start_paused = true)]
async fn where_nobody_tells_of_earlier_members_all_of_now_are_heard_for_a_while() {
    let members = "abcdef".chars().map(|name| format!("{{ name: {name}, address: '{name}:1' }}")).collect::<Vec<_>>();
    let ring: Ring = settings(&format!("{{ members: [ {} ] }}", members.join(", "))).unwrap();
    let ring = ring.open(&context()).await.unwrap();
    let sets = |ring: &Arc<OpenRing>| {
        let epochs = Epochs::new(ring.clone(), Duration::from_secs(600));
        needed(&epochs.sets(&Tenant::default(), Quorum::Majority).unwrap())
    };
    assert_eq!(sets(&ring), ["2 of abc", "2 of def"]);
    let ring = Arc::new(OpenRing::learned(ring.current(), Duration::from_secs(60)));
    sleep(Duration::from_secs(659)).await;
    assert_eq!(sets(&ring), ["2 of abc", "2 of def", "6 of abcdef"]);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(sets(&ring), ["2 of abc", "2 of def"]);
}
