//! What has changed on members.

use super::*;

fn tells(number: u64, lowest: i64) -> (Way, Arc<Mutex<Option<Changes>>>) {
    let changes = Arc::new(Mutex::new(Some(Changes { number, lowest })));
    (Way::Tells(changes.clone()), changes)
}

async fn changes(ground: &Ground, since: Option<u64>) -> Option<Changes> {
    ground.cluster.changes(&Tenant::default(), since).await.unwrap()
}

/// Since which number each node was asked last.
fn since(ground: &Ground) -> Vec<Option<u64>> {
    let last = |node: &Node| match node.asked.lock().unwrap().last().map(|query| query.ask.clone()) {
        Some(Ask::Changes { since }) => since,
        other => panic!("{other:?}"),
    };
    ground.nodes.iter().map(last).collect()
}

#[tokio::test]
async fn each_member_is_asked_since_it_was_asked_last_and_the_least_change_is_told() {
    // All three must be heard, so that it is known who is.
    let ((a, at_a), (b, _), (c, at_c)) = (tells(5, i64::MIN), tells(6, i64::MIN), tells(7, i64::MIN));
    let ground = ground_with(vec![a, b, c], "quorum: 1").await;
    let first = changes(&ground, None).await.unwrap();
    assert_eq!((first.lowest, since(&ground)), (i64::MIN, vec![None; 3]));
    *at_a.lock().unwrap() = Some(Changes { number: 8, lowest: 90_000 });
    *at_c.lock().unwrap() = Some(Changes { number: 9, lowest: 50_000 });
    let second = changes(&ground, Some(first.number)).await.unwrap();
    // The second member says once more that anything may have changed.
    assert_eq!((second.lowest, since(&ground)), (i64::MIN, vec![Some(5), Some(6), Some(7)]));
}

#[tokio::test]
async fn as_many_members_as_must_be_heard_are_enough_and_fewer_can_not_tell() {
    let (a, at_a) = tells(5, 10_000);
    let (b, _) = tells(6, 20_000);
    let ground = ground([a, b, Way::Waits]).await;
    let begin = Instant::now();
    let first = changes(&ground, None).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    let second = changes(&ground, Some(first.number)).await.unwrap();
    assert_eq!(second.lowest, 10_000);
    // One that can't tell is one that is not heard.
    *at_a.lock().unwrap() = None;
    assert_eq!(changes(&ground, Some(second.number)).await, None);
    let (a, _) = tells(5, 10_000);
    let ground = ground_with(vec![a, Way::Gone, Way::Fails(Kind::Internal)], "hedge: 10s").await;
    assert_eq!(changes(&ground, None).await, None);
}
