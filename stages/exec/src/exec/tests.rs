//! Tests of `exec`, with programs that need nothing but a shell.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod answers;
mod restart;

use std::path::Path;

use arrow::array::RecordBatch;
use arrow::ipc::writer::StreamWriter;
use weir_pipeline::batch::{Metadata, MetricKind};
use weir_pipeline::testing::{
    Recorder, Subject, assert_contract, batch, context, documented, histogram_point, settings, text,
};
use weir_pipeline::{Exemplar, Kind, LabelSet, STALE, Tenant};

use super::*;

/// A rest that writes what it gets.
fn written() -> Recorder<Write> {
    Recorder::new(|batch: &Batch| Ok(Ack::written(batch.sample_count() as u64)))
}

/// The stage with a shell script, which gets `directory` as `$0`, and more settings.
fn script(script: &str, directory: &Path, more: &str) -> Exec {
    let script = script.replace('\'', "''");
    settings(&format!("{{ command: [sh, -c, '{script}', '{}'], {more} }}", directory.display())).unwrap()
}

/// The value of one of the stage's metrics, whose further labels are these.
fn metric(context: &Context, name: &str, labels: &str) -> u64 {
    let text = context.metrics.encode();
    let begin = format!("{name}{{pipeline=\"test\",place=\"test.stages[0]\"{labels}}}");
    let line = text.lines().find(|line| line.starts_with(&begin));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// A file with a stream of these record batches, as a program would write it.
fn stream(directory: &Path, batches: &[RecordBatch]) {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    std::fs::write(directory.join("answer"), writer.get_ref()).unwrap();
}

/// A program that answers the first batch with that file.
const CANNED: &str = "head -c 1 >/dev/null; cat \"$0/answer\"; exec sleep 1000";

fn odd() -> Batch {
    let mut out = Batch::builder("acme".parse().unwrap());
    let up: LabelSet = [("__name__", "up"), ("job", "ä \"b\"")].into_iter().collect();
    out.series(up.as_labels()).sample_since(5, 2_000, 1.5).sample(1_000, f64::NAN).sample(3_000, STALE);
    out.series(LabelSet::default().as_labels()).sample(i64::MIN, f64::INFINITY).sample(i64::MAX, -0.0);
    out.series(up.as_labels()).sample(4_000, 2.0);
    out.metadata(Metadata { metric: "up".into(), kind: MetricKind::Gauge, help: "Is it?".into(), unit: "1".into() });
    out.build()
}

#[tokio::test]
async fn histograms_and_exemplars_go_past_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let (rest, context) = (written(), context());
    let stage = script("cat", directory.path(), "timeout: 30s").wrap(&context, rest.next()).unwrap();
    let mut out = Batch::builder(Tenant::default());
    let labels = LabelSet::from_iter([("__name__", "h")]);
    let exemplar = Exemplar { labels: labels.clone(), value: 1.0, timestamp: 1 };
    out.series(labels.as_labels()).sample(1, 1.0).histogram(histogram_point(2, 5)).exemplar(exemplar);
    let ack = stage.send(out.build()).await.unwrap();
    assert_eq!((ack.count(Outcome::Written), ack.total()), (2, 2));
    let seen = rest.requests();
    let counts = |batch: &Batch| (batch.float_count(), batch.histogram_count(), batch.exemplar_count());
    assert_eq!(seen.iter().map(counts).collect::<Vec<_>>(), [(1, 1, 1)]);
}

#[test]
fn wrong_settings_are_refused() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Exec>(yaml).unwrap_err(), expect);
    check("{}", "1:1: `command` is missing");
    check("{ command: [] }", "1:12: command: expected a program, got none");
    check("{ command: [''] }", "1:12: command: expected a program, got none");
    check("{ command: cat }", "1:12: command: expected a list, got `cat`");
    check("{ command: [cat], timeout: 0s }", "1:28: timeout: expected more than 0, got `0s`");
    check("{ command: [cat], max_frame: 1B }", "1:1: expected a `max_frame` of 1KiB to 1GiB, got `1B`");
    check("{ command: [cat], max_frame: 2GiB }", "1:1: expected a `max_frame` of 1KiB to 1GiB, got `2GiB`");
    check("{ command: [cat], memory: 1KiB }", "1:1: expected a `memory` of at least 1MiB, got `1KiB`");
    check("{ command: [cat], cpu: 10ms }", "1:1: expected a `cpu` of at least 1s, got `10ms`");
    check("{ command: [cat], env: { 'a=b': c } }", "1:1: expected the name of a variable in `env`, got `a=b`");
    check(
        "{ command: [cat], restart: { initial: 9s, max: 1s } }",
        "1:1: expected `restart.initial` of at most `1s`, which is `restart.max`, got `9s`",
    );
    check(
        "{ command: [cat], file: a }",
        "1:19: file: unknown field `file`, expected one of `command`, `env`, `timeout`, `restart`, `max_frame`, `memory`, \
         `cpu`",
    );
}

#[test]
fn the_example_in_the_docs_is_valid_and_has_the_defaults_that_they_say() {
    let exec: Exec = documented(include_str!("../exec.rs"), "exec");
    let Fields { command, env, timeout, restart, max_frame, memory, cpu } = exec.0;
    assert_eq!(command, ["python3", "plugins/python/add_label.py", "env", "prod"]);
    assert_eq!((timeout, max_frame), (Span::from_secs(10), Bytes::mib(64)));
    assert_eq!((restart.initial, restart.max), (Span::from_millis(100), Span::from_secs(30)));
    assert!(env.is_empty() && memory.is_none() && cpu.is_none());
}

#[test]
fn it_keeps_the_contract() {
    assert_contract(Subject::<Write>::stage(settings::<Exec>("command: [cat]").unwrap()));
}

#[tokio::test(start_paused = true)]
async fn what_a_program_echoes_goes_on_as_it_came() {
    let (context, rest) = (context(), written());
    let next = settings::<Exec>("command: [cat]").unwrap().wrap(&context, rest.next()).unwrap();
    for sent in [batch("up{job=\"a\"} 1 1000\nup{job=\"a\"} 2 2000\nup{job=\"b\"} 3 1000"), odd()] {
        let ack = next.send(sent.clone()).await.unwrap();
        assert_eq!(ack, Ack::written(sent.sample_count() as u64));
        let got = rest.requests().pop().unwrap();
        assert_eq!((text(&got), got.tenant(), got.metadata()), (text(&sent), sent.tenant(), sent.metadata()));
        let bits = |batch: &Batch| -> Vec<_> {
            let series = batch.iter().map(|s| {
                let starts: Vec<i64> =
                    (0..s.values.len()).map(|i| s.start_timestamps.get(i).copied().unwrap_or(0)).collect();
                (s.id, s.timestamps.to_vec(), s.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), starts)
            });
            series.collect()
        };
        assert_eq!(bits(&got), bits(&sent));
    }
    assert_eq!(metric(&context, "weir_exec_batches_total", ""), 2);
    assert_eq!(metric(&context, "weir_exec_duration_seconds_count", ""), 2);
    assert_eq!(metric(&context, "weir_exec_running", ""), 1);
}

#[tokio::test(start_paused = true)]
async fn batches_at_the_same_time_each_get_their_own_answer() {
    let rest = written();
    let next = settings::<Exec>("command: [cat]").unwrap().wrap(&context(), rest.next()).unwrap();
    let sends: Vec<_> = (1..=20)
        .map(|i| {
            let next = next.clone();
            let tenant: Tenant = format!("t{i}").parse().unwrap();
            let lines: String = (0..i).map(|t| format!("up 1 {t}\n")).collect();
            tokio::spawn(async move { (i, next.send(batch(&lines).with_tenant(tenant)).await) })
        })
        .collect();
    for send in sends {
        let (i, ack) = send.await.unwrap();
        assert_eq!(ack.unwrap(), Ack::written(i));
    }
    assert!(rest.requests().iter().all(|got| got.tenant().as_str() == format!("t{}", got.sample_count())));
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_many_times_what_a_pipe_holds_passes() {
    let rest = written();
    let next = settings::<Exec>("command: [cat]").unwrap().wrap(&context(), rest.next()).unwrap();
    let mut large = Batch::builder(Tenant::default());
    for i in 0..20_000 {
        let labels: LabelSet =
            [("__name__", "requests".to_owned()), ("instance", format!("host-{i}"))].into_iter().collect();
        large.series(labels.as_labels()).sample(1000, f64::from(i));
    }
    let large = large.build();
    assert_eq!(next.send(large.clone()).await.unwrap(), Ack::written(20_000));
    assert_eq!(text(&rest.requests()[0]), text(&large));
}

#[tokio::test(start_paused = true)]
async fn samples_that_do_not_come_back_are_dropped_and_those_beyond_created() {
    let sent = batch("up{job=\"a\"} 1 1000\nup{job=\"b\"} 2 1000");
    let check = async |answer: RecordBatch, expect: Ack, passed: &str| {
        let (directory, rest) = (tempfile::tempdir().unwrap(), written());
        stream(directory.path(), &[answer]);
        let next = script(CANNED, directory.path(), "").wrap(&context(), rest.next()).unwrap();
        let ack = next.send(sent.clone()).await.unwrap();
        assert_eq!(ack, expect);
        assert_eq!(rest.requests().iter().map(text).collect::<String>(), passed);
    };
    let rows = rows::question(&sent, 0).unwrap();
    let dropped = |count| Ack::default().with(Outcome::Dropped, "exec", count);
    check(rows.slice(0, 0), dropped(2), "").await;
    check(rows.slice(1, 1), dropped(1).with(Outcome::Written, "", 1), "up{job=\"b\"} 2 1000\n").await;
    let more = rows::question(&batch("up 1 1\nup 2 2\nup 3 3"), 0).unwrap();
    let mut created = Ack::written(3);
    created.created = 1;
    check(more, created, "up 1 1\nup 2 2\nup 3 3\n").await;
}

#[tokio::test(start_paused = true)]
async fn the_ack_is_that_of_the_rest() {
    let rest = written();
    let next = settings::<Exec>("command: [cat]").unwrap().wrap(&context(), rest.next()).unwrap();
    let expect = Ack::written(1).with(Outcome::Rejected, "too_old", 1);
    let answer = expect.clone();
    rest.answer(move |_| Ok(answer.clone()));
    assert_eq!(next.send(batch("up 1\nup 2")).await.unwrap(), expect);
    rest.answer(|_| Err(Error::new(Kind::Overloaded { retry_after: None }, "no")));
    let error = next.send(batch("up 1")).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Overloaded { retry_after: None }, "no"));
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_samples_goes_past_the_program() {
    let (directory, rest) = (tempfile::tempdir().unwrap(), written());
    let next = script("head -c 1; exit 1", directory.path(), "").wrap(&context(), rest.next()).unwrap();
    let mut said = Batch::builder(Tenant::default());
    said.metadata(Metadata { metric: "up".into(), ..Metadata::default() });
    assert_eq!(next.send(said.build()).await.unwrap(), Ack::default());
    assert_eq!(rest.requests()[0].metadata().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_too_large_is_refused_for_good_and_the_program_stays() {
    let (context, rest) = (context(), written());
    let exec: Exec = settings("{ command: [cat], max_frame: 4KiB }").unwrap();
    let next = exec.wrap(&context, rest.next()).unwrap();
    let large: String = (0..100).map(|i| format!("up{{job=\"{i}\"}} 1\n")).collect();
    let error = next.send(batch(&large)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let expect =
        "expected a batch that takes at most `4KiB` as rows, which is `max_frame`, got one of 100 samples that takes ";
    assert!(error.message().starts_with(expect), "{error}");
    assert_eq!(next.send(batch("up 1")).await.unwrap(), Ack::written(1));
    assert_eq!(metric(&context, "weir_exec_restarts_total", ""), 0);
}

#[tokio::test(start_paused = true)]
async fn a_program_has_the_variables_and_the_limits_that_its_settings_say() {
    let (directory, rest) = (tempfile::tempdir().unwrap(), written());
    let check = "[ \"$A\" = \"b c\" ] && [ \"$(ulimit -v)\" = 131072 ] && [ \"$(ulimit -t)\" = 90 ] && exec cat";
    let more = "env: { A: b c }, memory: 128MiB, cpu: 1m30s";
    let next = script(check, directory.path(), more).wrap(&context(), rest.next()).unwrap();
    assert_eq!(next.send(batch("up 1")).await.unwrap(), Ack::written(1));
}

#[test]
fn the_values_of_variables_are_not_shown() {
    let exec: Exec = settings("{ command: [cat], env: { TOKEN: hunter2 } }").unwrap();
    assert!(!format!("{exec:?}").contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn at_the_end_the_program_may_end_by_itself() {
    let (directory, rest, context) = (tempfile::tempdir().unwrap(), written(), context());
    let exec = script("cat; : >\"$0/ended\"", directory.path(), "");
    let next = exec.wrap(&context, rest.next()).unwrap();
    next.send(batch("up 1")).await.unwrap();
    assert!(!directory.path().join("ended").exists());
    assert!(context.close().await.is_empty());
    assert!(directory.path().join("ended").exists());
    assert_eq!(next.send(batch("up 1")).await.unwrap_err().kind(), Kind::Closed);
    assert_eq!(metric(&context, "weir_exec_running", ""), 0);
}
