//! Tests of `ring`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use weir_pipeline::testing::{context, documented, settings};

use super::*;

#[tokio::test(start_paused = true)]
async fn members_are_known_once_it_is_open() {
    let yaml = "{ factor: 2, partitions: 8, epoch: 7, members: [{ name: a, address: 'a:1' }, { name: b, address: '[::1]:2', read_address: 'b:3', zone: z }] }";
    let ring = settings::<Ring>(yaml).unwrap().open(&context()).await.unwrap();
    let layout = ring.current();
    assert_eq!((layout.epoch(), layout.factor(), layout.partitions()), (7, 2, 8));
    assert_eq!(layout.sets()[0].members, layout.members());
    assert_eq!(
        layout.members()[1],
        Member { name: "b".into(), address: "[::1]:2".into(), read_address: "b:3".into(), zone: "z".into() }
    );
}

#[test]
fn refuses_wrong_settings() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Ring>(yaml).unwrap_err(), expect, "{yaml}");
    let one = |member: &str| format!("{{ factor: 1, members: [{{ {member} }}] }}");
    let name = "expected a name of 1 to 100 letters, digits, `-`, `_` and `.`, got";
    let members = "members: [{ name: a, address: 'a:1' }]";
    check("{}", "1:1: expected one of `members`, `file` and `dns`, got none");
    check("{ members: [], file: a }", "1:1: expected one of `members`, `file` and `dns`, got several");
    let earlier =
        |epoch: u64, previous: &str| format!("{{ factor: 1, epoch: {epoch}, {members}, previous: [ {previous} ] }}");
    let before = "expected an epoch before `1` in `previous`, got `1`";
    check(&earlier(1, &format!("{{ epoch: 1, {members} }}")), &format!("1:1: {before}"));
    let twice = format!("{{ epoch: 1, {members} }}, {{ epoch: 1, {members} }}");
    check(&earlier(2, &twice), "1:1: expected each epoch once in `previous`, got `1` twice");
    check(
        &earlier(2, "{ epoch: 1, members: [] }"),
        "1:1: epoch `1`: expected at least `1` members, which is `factor`, got `0`",
    );
    check(
        &format!("{{ file: a, previous: [ {{ epoch: 1, {members} }} ] }}"),
        "1:1: expected `previous` in the file, not beside `file`",
    );
    check("members: []", "1:1: expected at least `3` members, which is `factor`, got `0`");
    check("{ factor: 0, file: a }", "1:1: expected `factor` of at least 1, got `0`");
    check("{ factor: x, file: a }", "1:11: factor: expected a whole number of at least 0, got `x`");
    check("{ partitions: 0, file: a }", "1:1: expected `partitions` of 1 to 4096, got `0`");
    check("{ partitions: 4097, file: a }", "1:1: expected `partitions` of 1 to 4096, got `4097`");
    check(
        "{ algorithm: ring, file: a }",
        "1:14: algorithm: unknown value `ring`, expected one of `cells`, `rendezvous`",
    );
    check("{ epoch: 2, file: a }", "1:1: expected `epoch` in the file, not beside `file`");
    check("{ poll: 0s, file: a }", "1:1: expected `poll` above 0, got `0s`");
    check("{ poll: 5, file: a }", "1:9: poll: expected a duration such as `30s` or `1m30s`, got `5`");
    check(&format!("{{ factor: 1, poll: 5s, {members} }}"), "1:1: expected `poll` only with `file`");
    let text = format!("{{ factor: 1, write_after: 5s, {members} }}");
    check(&text, "1:1: expected `write_after` only with `file`");
    check(&format!("{{ factor: 1, epoch: 0, {members} }}"), "1:1: expected `epoch` of at least 1, got `0`");
    check(&one("name: '', address: 'a:1'"), &format!("1:24: members[0]: {name} ``"));
    check(&one("name: a/b, address: 'a:1'"), &format!("1:24: members[0]: {name} `a/b`"));
    check(&one("name: a, address: a"), "1:24: members[0]: expected a host and a port, got `a`");
    check(&one("name: a, address: ':1'"), "1:24: members[0]: expected a host and a port, got `:1`");
    check(&one("name: a, address: 'a:0'"), "1:24: members[0]: expected a host and a port, got `a:0`");
    check(&one("name: a, address: 'a:65536'"), "1:24: members[0]: expected a host and a port, got `a:65536`");
    check(&one("name: a, address: 'a:+1'"), "1:24: members[0]: expected a host and a port, got `a:+1`");
    check(&one("name: a, address: 'a:'"), "1:24: members[0]: expected a host and a port, got `a:`");
    check(&one("name: a, address: '::1:5'"), "1:24: members[0]: expected a host and a port, got `::1:5`");
    check(&one("name: a, address: 'http://a:1'"), "1:24: members[0]: expected a host and a port, got `http://a:1`");
    check(&one("name: a"), "1:24: members[0]: `address` is missing");
    check(
        &one("name: a, address: 'a:1', host: b"),
        "1:51: members[0].host: unknown field `host`, expected one of `name`, `address`, `read_address`, `zone`",
    );
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let resources: BTreeMap<String, Ring> = documented(include_str!("../ring.rs"), "central");
    assert!(resources.contains_key("ring"));
}

#[tokio::test(start_paused = true)]
async fn what_it_was_is_remembered_for_as_long_as_somebody_asks_for_it() {
    let shape = Shape::new(1, 8, layout::Algorithm::Cells).unwrap();
    let layout = |epoch| {
        let (name, address) = (format!("n{epoch}"), format!("h:{epoch}"));
        let member = Member { name, address, read_address: String::new(), zone: String::new() };
        Arc::new(Layout::new(shape, epoch, vec![member]).unwrap())
    };
    let ring = OpenRing::fixed(layout(1));
    let epochs = |span| ring.recent(Duration::from_secs(span)).iter().map(|l| l.epoch()).collect::<Vec<_>>();
    ring.change(layout(2));
    assert_eq!(epochs(60), [2], "nobody had asked for it");
    ring.remember(Duration::from_secs(60));
    ring.remember(Duration::from_secs(30));
    // Changes that come one right after the other.
    ring.change(layout(3));
    tokio::time::advance(Duration::from_secs(20)).await;
    ring.change(layout(4));
    ring.change(layout(5));
    assert_eq!((epochs(60), epochs(20), epochs(0)), (vec![5, 4, 3, 2], vec![5, 4, 3], vec![5]));
    tokio::time::advance(Duration::from_secs(40)).await;
    assert_eq!(epochs(60), [5, 4, 3]);
    tokio::time::advance(Duration::from_secs(20)).await;
    ring.change(layout(6));
    assert_eq!(epochs(1000), [6, 5]);
}
