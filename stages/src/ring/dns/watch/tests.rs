//! Tests of `ring::dns::watch`: names that say what the test says, with time paused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Mutex;

use tokio::time::timeout;
use weir_pipeline::testing::context;

use super::super::super::layout::Algorithm;
use super::*;

/// What is remembered.
const SPAN: Duration = Duration::from_secs(600);

/// What names say: a letter for each member, `?` where no server tells, nothing where there is nobody.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<&'static str>>);

impl Lookup for Book {
    async fn members(&self) -> Result<Vec<Member>, Unknown> {
        let names = *self.0.lock().unwrap();
        match names {
            "?" => Err(Unknown::Silent("nobody tells".into())),
            "" => Err(Unknown::Nothing("there is nobody".into())),
            names => Ok(names.chars().map(member).collect()),
        }
    }
}

fn member(name: char) -> Member {
    Member::new(name.to_string(), format!("{name}:1"), None, String::new()).unwrap()
}

/// A ring that looks every ten seconds, and follows after a minute.
struct Ground {
    book: Book,
    ring: Arc<OpenRing>,
    context: Context,
}

fn open(book: Book, context: &Context) -> impl Future<Output = Result<Arc<OpenRing>>> {
    let shape = (Shape::new(2, 8, Algorithm::Cells).unwrap(), Shards::default());
    let pace = Pace { interval: Duration::from_secs(10), settle: Duration::from_secs(60) };
    Watch::open(book, pace, shape, context)
}

impl Ground {
    async fn new(names: &'static str) -> Self {
        let (book, context) = (Book::default(), context().at("", "resources.central.ring"));
        *book.0.lock().unwrap() = names;
        let ring = open(book.clone(), &context).await.unwrap();
        ring.remember(SPAN);
        Self { book, ring, context }
    }

    /// Names say this for so many seconds. Returns whom batches go by then.
    async fn say(&self, names: &'static str, seconds: u64) -> String {
        *self.book.0.lock().unwrap() = names;
        // The looks are at whole tens of seconds; this is between two of them.
        sleep(Duration::from_secs(seconds)).await;
        names_of(&self.ring.current())
    }

    /// What queries go by, the newest first.
    fn heard(&self) -> Vec<String> {
        self.ring.recent(SPAN).iter().map(|layout| names_of(layout)).collect()
    }

    fn metric(&self, name: &str) -> u64 {
        let encoded = self.context.metrics.encode();
        let line = encoded.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

fn names_of(layout: &Layout) -> String {
    layout.members().iter().map(|member| member.name.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn it_begins_once_names_have_said_the_same_for_a_while() {
    let (book, context) = (Book::default(), context());
    let begin = Instant::now();
    let opening = tokio::spawn({
        let (book, context) = (book.clone(), context.clone());
        async move { open(book, &context).await.unwrap() }
    });
    for (names, until) in [("?", 25), ("abc", 55), ("ab", 65), ("a", 75), ("", 85)] {
        *book.0.lock().unwrap() = names;
        sleep(begin + Duration::from_secs(until) - Instant::now()).await;
    }
    *book.0.lock().unwrap() = "abc";
    let ring = opening.await.unwrap();
    assert_eq!((names_of(&ring.current()).as_str(), begin.elapsed().as_secs()), ("abc", 150));
    assert!(ring.is_new(SPAN) && !ring.is_new(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn it_ends_while_it_waits_to_begin() {
    let context = context();
    context.shutdown.cancel();
    let error = timeout(Duration::from_secs(1), open(Book::default(), &context)).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), weir_pipeline::Kind::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_heard_after_half_of_the_time_and_followed_after_all_of_it() {
    let ground = Ground::new("ab").await;
    assert_eq!(ground.say("ab", 5).await, "ab");
    assert_eq!((ground.say("abcd", 30).await, ground.heard()), ("ab".into(), vec!["ab".into()]));
    assert_eq!((ground.say("abcd", 10).await, ground.heard()), ("ab".into(), vec!["abcd".into(), "ab".into()]));
    assert_eq!(ground.say("abcd", 20).await, "ab");
    assert_eq!(ground.say("abcd", 10).await, "abcd");
    assert_eq!((ground.heard(), ground.ring.current().epoch()), (vec!["abcd".into(), "ab".into()], 2));
    assert_eq!(ground.metric("weir_ring_epoch{ring=\"central\"}"), 2);
    assert_eq!(ground.metric("weir_ring_members{ring=\"central\"}"), 4);
}

#[tokio::test(start_paused = true)]
async fn what_comes_and_goes_makes_no_epoch() {
    let ground = Ground::new("abc").await;
    ground.say("abc", 5).await;
    for _ in 0..10 {
        assert_eq!(ground.say("ab", 50).await, "abc");
        assert_eq!(ground.say("abc", 10).await, "abc");
    }
    assert_eq!(ground.ring.current().epoch(), 1);
    // Others may have looked at other times, and have seen nothing else.
    assert_eq!(ground.heard(), ["abc", "ab"]);
    // What was there for a moment nobody has followed.
    ground.say("abx", 20).await;
    ground.say("abc", 60).await;
    assert_eq!(ground.heard(), ["abc", "ab"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_said_twice_is_heard_though_something_else_was_said_between() {
    let ground = Ground::new("ab").await;
    ground.say("ab", 5).await;
    ground.say("abc", 20).await;
    ground.say("ab", 10).await;
    ground.say("abc", 10).await;
    assert_eq!(ground.heard(), ["abc", "ab"]);
    assert_eq!(ground.say("abc", 50).await, "ab");
    assert_eq!(ground.say("abc", 10).await, "abc");
}

#[tokio::test(start_paused = true)]
async fn where_nobody_tells_the_members_stay_and_that_is_counted_and_doubted() {
    let ground = Ground::new("ab").await;
    ground.say("ab", 5).await;
    assert_eq!((ground.say("?", 20).await, ground.ring.doubt()), ("ab".into(), None));
    assert_eq!(ground.say("?", 20).await, "ab");
    let doubt = ground.ring.doubt().unwrap();
    assert!(doubt.starts_with("the ring's members are not known for ") && doubt.ends_with(": nobody tells"), "{doubt}");
    assert_eq!(ground.metric("weir_ring_lookups_total{ring=\"central\",result=\"error\"}"), 4);
    assert_eq!((ground.say("ab", 10).await, ground.ring.doubt()), ("ab".into(), None));
    // A silence ends what was said for a while.
    ground.say("abc", 50).await;
    ground.say("?", 10).await;
    assert_eq!(ground.say("abc", 60).await, "ab");
    assert_eq!(ground.say("abc", 10).await, "abc");
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_ring_is_counted_and_changes_nothing() {
    let ground = Ground::new("ab").await;
    ground.say("ab", 5).await;
    for names in ["a", "", "aa"] {
        assert_eq!((ground.say(names, 300).await, ground.ring.doubt()), ("ab".into(), None));
    }
    assert_eq!(ground.metric("weir_ring_lookups_total{ring=\"central\",result=\"wrong\"}"), 90);
    assert_eq!(ground.metric("weir_ring_lookups_total{ring=\"central\",result=\"error\"}"), 0);
    assert_eq!(ground.heard(), ["ab"]);
}
