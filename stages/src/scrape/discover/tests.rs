//! Tests of `discover`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::super::tests::job;
use super::*;

fn group(target: &str) -> Group {
    Group { targets: vec![target.into()], labels: BTreeMap::new() }
}

#[tokio::test]
async fn a_board_has_what_all_lists_say_and_tells_of_changes_only() {
    let job = job("static_configs: [ { targets: ['a:1'] } ], http_sd_configs: [ { url: 'http://a/' } ]");
    let board = Arc::new(Board::new(&job, Vec::new()));
    assert_eq!(board.groups(), [group("a:1")]);
    let slot = Slot { board: board.clone(), place: 1 };
    slot.set(vec![group("b:1")]);
    board.changed().await;
    assert_eq!(board.groups(), [group("a:1"), group("b:1")]);
    slot.set(vec![group("b:1")]);
    assert!(futures_util::poll!(std::pin::pin!(board.changed())).is_pending());
}
