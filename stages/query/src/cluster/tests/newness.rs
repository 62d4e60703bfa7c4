//! Members that came empty in the place of others, and members of a set that is new.

use super::*;

/// Long before the question, which is asked at 10 seconds and reaches back five minutes.
const OLD: i64 = -86_400_000;

fn m(i: usize) -> String {
    format!("m{{i=\"{i}\"}} {i} 9000")
}

/// What is found, and what is warned of, with the address of nobody in it.
async fn ask(ways: Vec<Way>, extra: &str) -> (Vec<String>, Vec<String>, Vec<usize>) {
    let ground = ground_with(ways, &format!("hedge: 10s, {extra}")).await;
    let (found, warnings) = ground.query("m").await;
    let set = ground.context.resource::<OpenRing>("central").unwrap().current().sets()[0].name.clone();
    let shown = warnings.iter().map(|warning| {
        let warning = warning.replace(&format!("`{set}`"), "SET");
        ground.nodes.iter().fold(warning, |text, node| text.replace(&node.address, "ADDRESS"))
    });
    (found.into_keys().collect(), shown.collect(), ground.asked())
}

#[tokio::test]
async fn one_that_came_empty_is_taken_and_not_counted() {
    // What it has not is with the third.
    let ways = vec![came(5000, &m(1)), came(OLD, &m(2)), came(OLD, &m(3))];
    let (found, warnings, asked) = ask(ways, "").await;
    assert_eq!((found.concat(), warnings, asked), ("123".into(), vec![], vec![1, 1, 1]));
    let ways = vec![came(5000, &m(1)), came(OLD, &m(2)), Way::Gone];
    let (found, warnings, _) = ask(ways, "").await;
    let why = "`n0`: it came empty since; `n2`: member `n2` at ADDRESS can't be reached";
    let text = format!("partial response: heard 1 of the 2 members of SET that must be heard ({why}");
    assert_eq!(found.concat(), "12");
    assert!(warnings.len() == 1 && warnings[0].starts_with(&text), "{warnings:?}");
}

#[tokio::test]
async fn one_that_came_before_the_question_begins_counts() {
    let begins = 10_000 - 300_000 + 1;
    for (began, expect) in [(begins - 1000, 2), (begins - 999, 3)] {
        let (_, warnings, asked) = ask(vec![came(began, &m(1)), came(OLD, &m(2)), has("")], "founded_within: 0s").await;
        assert_eq!((warnings, asked.iter().sum::<usize>()), (vec![], expect), "{began}");
    }
}

#[tokio::test]
async fn one_that_does_not_say_counts() {
    let (_, warnings, asked) = ask(vec![has(""), has(""), came(5000, "")], "").await;
    assert_eq!((warnings, asked), (vec![], vec![1, 1, 0]));
    // And nobody is new beside it, as it may be old.
    let (_, warnings, _) = ask(vec![came(5000, ""), has(""), Way::Gone], "").await;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[tokio::test]
async fn members_that_came_together_are_the_first_ones() {
    let set = |c: Way| vec![came(5000, &m(1)), came(65_000, &m(2)), c];
    // As many as acknowledge a batch tell it.
    assert_eq!(ask(set(came(8000, &m(3))), "").await.2, [1, 1, 0]);
    assert_eq!(ask(set(Way::Gone), "").await.1, Vec::<String>::new());
    // One that came later than that is in the place of another.
    let (_, warnings, asked) = ask(set(came(7000, "")), "founded_within: 59s").await;
    assert_eq!((warnings, asked), (vec![], vec![1, 1, 1]));
    let (_, warnings, _) = ask(set(Way::Gone), "founded_within: 59s").await;
    assert!(
        warnings[0].contains("heard 1 of the 2 members of SET that must be heard (`n1`: it came empty since; `n2`:")
    );
}

#[tokio::test]
async fn where_one_is_enough_it_does_not_say_itself_that_it_is_the_first() {
    // A quorum of all: each has everything, but for one that came empty.
    let ways = |b: i64, c: Way| vec![came(5000, &m(1)), came(b, &m(2)), c];
    let (found, warnings, asked) = ask(ways(OLD, has("")), "quorum: 3").await;
    assert_eq!((found.concat(), warnings, asked), ("12".into(), vec![], vec![1, 1, 0]));
    // All must tell, as any two may have lost what they had.
    let (_, warnings, asked) = ask(ways(5000, came(5000, "")), "quorum: 3").await;
    assert_eq!((warnings, asked), (vec![], vec![1, 1, 1]));
    let (_, warnings, _) = ask(ways(5000, Way::Gone), "quorum: 3").await;
    assert!(warnings[0].contains("heard 0 of the 1 members of SET"), "{warnings:?}");
}

#[tokio::test]
async fn once_it_is_long_ago_all_from_before_is_in_the_bucket_and_it_counts() {
    let now = Clock::system().now();
    let check = async |began: i64, is_shared: bool, partial: usize| {
        let dir = tempfile::tempdir().unwrap();
        let ways = [came(began, "m{i=\"1\"} 1 9000"), came(OLD, ""), Way::Gone];
        let extra = if is_shared { "bucket: main, uploaded_after: 1h" } else { "uploaded_after: 1h" };
        let bucket: weir_blocks::bucket::Bucket =
            settings(&format!("local: {{ path: '{}' }}", dir.path().display())).unwrap();
        let context = Context::new(Clock::system(), Metrics::default(), CancellationToken::new());
        context.keep_resource("main", bucket.open(&context.at("", "resources.main.bucket")).await.unwrap());
        let ground = ground_in(context, ways.into(), &format!("hedge: 10s, {extra}")).await;
        let (found, warnings) = ground.query("m").await;
        assert_eq!((found, warnings.len()), (values(&[("1", 1.0)]), partial), "{began} {is_shared}: {warnings:?}");
    };
    check(now - 3_590_000, true, 1).await;
    check(now - 3_601_000, true, 0).await;
    // Without a bucket it is nowhere else, for ever.
    check(now - 3_601_000, false, 1).await;
}
