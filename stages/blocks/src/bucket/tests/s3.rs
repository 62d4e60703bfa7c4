//! A bucket that speaks S3, over the protocol.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use bytes::Bytes;
use object_store::path::Path;
use tempfile::tempdir;
use tokio::task::JoinSet;
use weir_pipeline::testing::context;
use weir_pipeline::{Kind, Metrics};

use super::{KEY, S3Server, State, bucket, environment, objects, opened};

#[tokio::test]
async fn what_is_put_can_be_read_listed_and_removed() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let objects = objects(&server, "prefix: weir/", "").await;
    let path = Path::from("t/raw/b/series.parquet");
    objects.put(&path, Bytes::from_static(b"0123456789")).await.unwrap();
    objects.put(&Path::from("u/a"), Bytes::from_static(b"1")).await.unwrap();
    assert_eq!(std::fs::read(server.file("weir/t/raw/b/series.parquet")).unwrap(), b"0123456789");
    assert_eq!(objects.get(&path).await.unwrap(), "0123456789");
    assert_eq!(objects.get_ranges(&path, &[0..2, 8..10]).await.unwrap(), ["01", "89"]);
    let names = async |prefix: Option<&str>| {
        let found = objects.list(prefix.map(Path::from).as_ref()).await.unwrap();
        let mut names: Vec<_> = found.iter().map(|o| (o.location.to_string(), o.size)).collect();
        names.sort();
        names
    };
    assert_eq!(names(None).await, [("t/raw/b/series.parquet".to_owned(), 10), ("u/a".to_owned(), 1)]);
    assert_eq!(names(Some("t")).await, [("t/raw/b/series.parquet".to_owned(), 10)]);
    assert_eq!(names(Some("nothing")).await, []);
    objects.delete(&path).await.unwrap();
    objects.delete(&path).await.unwrap();
    assert_eq!(names(None).await.len(), 1);
    let missing = objects.get(&path).await.unwrap_err();
    assert_eq!(missing.to_string(), "the bucket has no `t/raw/b/series.parquet`");
    assert_eq!(missing.kind(), Kind::Internal);
}

#[tokio::test]
async fn of_eight_who_put_where_nothing_is_one_wins() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let objects = Arc::new(objects(&server, "prefix: weir/", "").await);
    for round in 0..10 {
        let mut writers = JoinSet::new();
        for writer in 0..8u8 {
            let objects = objects.clone();
            let path = Path::from(format!("log/{round}.json"));
            writers.spawn(async move { (writer, objects.put_if_absent(&path, vec![writer].into()).await.unwrap()) });
        }
        let winners: Vec<u8> = writers.join_all().await.into_iter().filter(|(_, won)| *won).map(|(w, _)| w).collect();
        assert_eq!(winners, objects.get(&Path::from(format!("log/{round}.json"))).await.unwrap(), "round {round}");
    }
}

#[tokio::test]
async fn so_many_requests_are_under_way_at_a_time_and_others_wait() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let most = async |settings: &str, together: u32| {
        server.faults().together.store(0, SeqCst);
        let objects = Arc::new(objects(&server, settings, "").await);
        objects.put(&Path::from("a"), Bytes::from_static(b"0123456789")).await.unwrap();
        server.faults().most.store(0, SeqCst);
        server.faults().together.store(together, SeqCst);
        let mut readers = JoinSet::new();
        for _ in 0..100 {
            let objects = objects.clone();
            readers.spawn(async move { objects.get_ranges(&Path::from("a"), &[0..2, 8..9]).await.unwrap() });
        }
        assert_eq!(readers.join_all().await, vec![["01", "8"]; 100]);
        server.faults().most.load(SeqCst)
    };
    assert_eq!(most("max_requests: 2", 2).await, 2);
    assert_eq!(most("", 64).await, 64);
}

#[tokio::test]
async fn a_store_that_overwrites_is_refused_at_the_start() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let expect =
        "the bucket refuses to probe `_weir`: the bucket ignores `If-None-Match: *` and overwrites what is there";
    let check = async || {
        let error = opened(&bucket(&server, "", ""), &context(), &environment).await.unwrap_err();
        assert_eq!(error.report(), expect);
        assert_eq!(error.kind(), Kind::Internal);
        assert!(!server.file("_weir").exists() || std::fs::read_dir(server.file("_weir")).unwrap().count() == 0);
    };
    server.faults().overwrite.store(true, SeqCst);
    check().await;
    server.faults().overwrite.store(false, SeqCst);
    server.faults().refuse_conditions.store(true, SeqCst);
    check().await;
}

#[tokio::test]
async fn a_server_that_is_away_at_the_start_is_asked_again_until_it_is_there() {
    let dir = tempdir().unwrap();
    let mut server = S3Server::start(dir.path()).await;
    server.pause().await;
    let mut context = context().at("", "resources.main.bucket");
    context.metrics = Metrics::default();
    let bucket = bucket(&server, "", "retry: { attempts: 1 }");
    let (objects, probe) = opened(&bucket, &context, &environment).await.unwrap();
    assert_eq!(probe.state(), State::Unknown);
    assert!(context.metrics.encode().contains("weir_bucket_probe_failures_total{bucket=\"main\"} 1"));
    let error = objects.put_if_absent(&Path::from("a"), Bytes::new()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: None });
    let expect = "the bucket can't put `a`: the bucket has not shown yet that it keeps what is there (If-None-Match)";
    assert_eq!(error.report(), expect);
    let error = objects.get(&Path::from("a")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: None });
    let report = error.report();
    assert!(report.starts_with(&format!("the bucket can't read `a`: GET {}: ", server.endpoint())), "{report}");
    assert!(report.contains("refused"), "{report}");
    server.resume().await;
    probe.known().await;
    assert_eq!(probe.state(), State::Keeps);
    assert!(objects.put_if_absent(&Path::from("a"), Bytes::new()).await.unwrap());
    assert!(context.close().await.is_empty());
}

#[tokio::test]
async fn requests_without_an_answer_in_time_are_sent_again() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let objects = objects(&server, "", "timeout: 100ms").await;
    let path = Path::from("a");
    let hang = |n| server.faults().hang.store(n, SeqCst);
    hang(1);
    objects.put(&path, Bytes::from_static(b"1")).await.unwrap();
    hang(2);
    assert_eq!(objects.get(&path).await.unwrap(), "1");
    hang(1);
    assert!(objects.put_if_absent(&Path::from("b"), Bytes::from_static(b"2")).await.unwrap());
    assert_eq!(server.faults().asked("PUT /metrics/b"), 2);
    hang(u32::MAX);
    let check = |error: weir_pipeline::Error, expect: &str| {
        assert_eq!(error.kind(), Kind::TimedOut, "{error:?}");
        assert_eq!(error.to_string(), expect);
    };
    check(objects.get(&path).await.unwrap_err(), "the bucket took too long to read `a`");
    check(objects.put_if_absent(&path, Bytes::new()).await.unwrap_err(), "the bucket took too long to put `a`");
    check(objects.delete(&path).await.unwrap_err(), "the bucket took too long to remove `a`");
}

#[tokio::test]
async fn a_bucket_that_fails_every_third_time_serves_all_the_same() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let objects = objects(&server, "", "").await;
    server.faults().fail_every.store(3, SeqCst);
    for i in 0..10u8 {
        let path = Path::from(format!("{i}"));
        assert!(objects.put_if_absent(&path, vec![i].into()).await.unwrap());
        assert_eq!(objects.get(&path).await.unwrap(), vec![i]);
    }
    assert_eq!(objects.list(None).await.unwrap().len(), 10);
    server.faults().fail_every.store(1, SeqCst);
    let error = objects.get(&Path::from("1")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: None });
    let expect = "the bucket can't read `1`: status 500, `InternalError`: as the test wants it";
    assert_eq!(error.report(), expect);
}

#[tokio::test]
async fn wrong_keys_are_told_without_the_keys() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let check = async |key: &'static str, secret: &'static str, code: &str| {
        let lookup = move |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some(key.to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some(secret.to_owned()),
            "AWS_SESSION_TOKEN" => Some("tokentokentoken".to_owned()),
            _ => None,
        };
        let bucket = bucket(&server, "", "");
        let (objects, probe) = opened(&bucket, &context(), &lookup).await.unwrap();
        assert_eq!(probe.state(), State::Unknown);
        let error = objects.get(&Path::from("a")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
        assert_eq!(error.to_string(), "the bucket denies to read `a`");
        let told = format!("{} {error:?} {objects:?} {bucket:?} {probe:?}", error.report());
        assert!(told.contains(code), "{told}");
        assert!(!told.contains(secret) && !told.contains("tokentokentoken"), "{told}");
    };
    check(KEY.0, "not-the-secret-of-this-key", "SignatureDoesNotMatch").await;
    check("AKIDOTHER", KEY.1, "403").await;
    let anonymous = bucket(&server, "credentials: anonymous", "");
    let (objects, _) = opened(&anonymous, &context(), &environment).await.unwrap();
    assert_eq!(objects.list(None).await.unwrap_err().to_string(), "the bucket denies to list `/`");
    let error = objects.put(&Path::from("a"), Bytes::new()).await.unwrap_err();
    assert_eq!(error.report(), "the bucket denies to put `a`: status 403, `AccessDenied`: Signature is required");
}

#[tokio::test]
async fn a_put_whose_answer_was_lost_is_no_conflict() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let objects = objects(&server, "", "timeout: 100ms").await;
    let put = async |name: &str, text: &'static str| objects.put_if_absent(&Path::from(name), Bytes::from(text)).await;
    server.faults().lose_answers.store(1, SeqCst);
    assert!(put("broken", "1").await.unwrap());
    assert!(!put("broken", "1").await.unwrap(), "who comes second with the same content has not put it");
    assert!(server.faults().asked("PUT /metrics/broken") >= 3);
    server.faults().keep_answers.store(1, SeqCst);
    assert!(put("late", "1").await.unwrap());
    assert_eq!(server.faults().asked("PUT /metrics/late"), 2);
    // The object of another one stays a conflict, however often answers get lost.
    server.faults().lose_answers.store(2, SeqCst);
    assert!(!put("late", "2").await.unwrap());
    assert_eq!(objects.get(&Path::from("late")).await.unwrap(), "1");
    // No answer at all: not known, and said so. The next one hears of the object that is there.
    server.faults().keep_answers.store(u32::MAX, SeqCst);
    let error = put("unknown", "1").await.unwrap_err();
    assert_eq!(error.kind(), Kind::TimedOut);
    server.faults().keep_answers.store(0, SeqCst);
    assert!(!put("unknown", "1").await.unwrap());
}

#[tokio::test]
async fn a_put_that_meets_another_one_is_sent_again() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let objects = objects(&server, "", "").await;
    server.faults().conflict.store(2, SeqCst);
    assert!(objects.put_if_absent(&Path::from("a"), Bytes::from_static(b"1")).await.unwrap());
    server.faults().conflict.store(1, SeqCst);
    assert!(!objects.put_if_absent(&Path::from("a"), Bytes::from_static(b"2")).await.unwrap());
    server.faults().conflict.store(u32::MAX, SeqCst);
    let error = objects.put_if_absent(&Path::from("b"), Bytes::new()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: None });
    let expect = "the bucket can't put `b`: it says that there is an object, and there is none";
    assert_eq!(error.report(), expect);
}

#[tokio::test]
async fn a_store_that_turns_out_to_overwrite_gets_no_conditional_puts() {
    let dir = tempdir().unwrap();
    let mut server = S3Server::start(dir.path()).await;
    server.pause().await;
    let (objects, probe) = opened(&bucket(&server, "", ""), &context(), &environment).await.unwrap();
    server.faults().overwrite.store(true, SeqCst);
    server.resume().await;
    probe.known().await;
    let error = objects.put_if_absent(&Path::from("a"), Bytes::new()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Internal);
    let expect = "the bucket refuses to put `a`: the bucket ignores `If-None-Match: *` and overwrites what is there";
    assert_eq!(error.report(), expect);
    let error = objects.put(&Path::from("a"), Bytes::new()).await.unwrap_err();
    assert_eq!(error.report(), expect, "what no commit could name is not put either");
}

#[tokio::test]
async fn the_answer_of_the_probe_may_get_lost() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    server.faults().lose_answers.store(1, SeqCst);
    let (_, probe) = opened(&bucket(&server, "", ""), &context(), &environment).await.unwrap();
    assert_eq!(probe.state(), State::Keeps);
    assert!(server.faults().asked("PUT /metrics/_weir/probe-") >= 2);
}

#[tokio::test]
async fn credentials_that_are_not_there_stop_the_start() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let check = async |credentials: &str, expect: &str| {
        let bucket = bucket(&server, &format!("credentials: {credentials}"), "");
        let error = opened(&bucket, &context(), &|_| None).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind()), (expect, Kind::Invalid));
    };
    check("environment", "expected `AWS_ACCESS_KEY_ID` in the environment").await;
    check("{ file: no/such }", "the credentials file `no/such` can't be read").await;
}

#[tokio::test]
async fn keys_of_a_file_are_used() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let file = dir.path().join("keys.yaml");
    std::fs::write(&file, format!("access_key_id: {}\nsecret_access_key: {}\n", KEY.0, KEY.1)).unwrap();
    let of_file = bucket(&server, &format!("credentials: {{ file: {} }}", file.display()), "");
    let (objects, probe) = opened(&of_file, &context(), &|_| None).await.unwrap();
    assert_eq!(probe.state(), State::Keeps);
    objects.put(&Path::from("a"), Bytes::new()).await.unwrap();
}

#[tokio::test]
async fn operations_are_counted_once_however_often_they_are_repeated() {
    let dir = tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    let mut context = context().at("", "resources.main.bucket");
    context.metrics = Metrics::default();
    let (objects, _) = opened(&bucket(&server, "", ""), &context, &environment).await.unwrap();
    server.faults().fail_every.store(2, SeqCst);
    let path = Path::from("a");
    objects.put(&path, Bytes::from_static(b"0123456789")).await.unwrap();
    objects.get(&path).await.unwrap();
    server.faults().fail_every.store(1, SeqCst);
    objects.get(&path).await.unwrap_err();
    let text = context.metrics.encode();
    let check = |line: &str| assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    let bucket = "bucket=\"main\",operation=";
    check(&format!("thanos_objstore_bucket_operations_total{{{bucket}\"upload\"}} 1"));
    check(&format!("thanos_objstore_bucket_operations_total{{{bucket}\"get\"}} 2"));
    check(&format!("thanos_objstore_bucket_operation_failures_total{{{bucket}\"get\"}} 1"));
    check(&format!("weir_bucket_sent_bytes_total{{{bucket}\"upload\"}} 10"));
    check(&format!("thanos_objstore_bucket_operation_fetched_bytes_total{{{bucket}\"get\"}} 10"));
    check(&format!("thanos_objstore_bucket_operation_duration_seconds_count{{{bucket}\"get\"}} 1"));
    // Each attempt is a request: of the probe two puts, of the put one or two.
    let requests = |method: &str, code: &str| {
        let begin = format!("weir_bucket_requests_total{{bucket=\"main\",method=\"{method}\",code=\"{code}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&begin)).map_or(0, |n| n.parse::<u32>().unwrap())
    };
    assert_eq!((requests("PUT", "200"), requests("PUT", "412"), requests("POST", "200")), (2, 1, 1), "{text}");
    assert!(requests("GET", "500") >= 5, "{text}");
}
