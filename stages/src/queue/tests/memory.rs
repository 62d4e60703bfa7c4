//! A queue in memory, and its senders.

use std::collections::HashMap;
use std::sync::Mutex;

use weir_pipeline::Kind;

use super::*;
use crate::outage::tests::Logged;

fn queue(context: &Context, rest: &Recorder<Write>, more: &str) -> Next<Write> {
    settings::<Queue>(&format!("{{ memory: {{ bytes: 1MiB }}, {more} }}")).unwrap().wrap(context, rest.next()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_accepted_at_once_and_arrives_later() {
    let (context, rest) = (context(), written());
    rest.set_open(false);
    let next = queue(&context, &rest, "");
    assert_eq!(next.send(batch("up 1 1\nup 2 2")).await.unwrap(), accepted(2));
    until(&rest, 1).await;
    assert_eq!(text(&rest.requests()[0]), "up 1 1\nup 2 2\n");
    assert!(metric(&context, "weir_queue_bytes", "") > 0);
    rest.set_open(true);
    assert!(context.close().await.is_empty());
    assert_eq!(metric(&context, "weir_queue_accepted_samples_total", ""), 2);
    assert_eq!(metric(&context, "weir_queue_sent_samples_total", ""), 2);
    assert_eq!(metric(&context, "weir_queue_bytes", ""), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_says_when_to_come_back_and_has_room_again_later() {
    let (context, rest) = (context(), written());
    rest.set_open(false);
    let next: Next<Write> =
        settings::<Queue>("{ memory: { bytes: 1KiB } }").unwrap().wrap(&context, rest.next()).unwrap();
    // One that would be alone is always taken.
    let long = batch(&format!("up{{a=\"{}\"}} 1", "x".repeat(9999)));
    assert_eq!(next.send(long).await.unwrap(), accepted(1));
    let error = next.send(batch("up 1")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: Some(COME_BACK) });
    assert_eq!(error.message(), "expected to find room in the queue, and all of its `1KiB` are in use");
    assert_eq!(metric(&context, "weir_queue_full_total", ""), 1);
    rest.set_open(true);
    until(&rest, 1).await;
    while metric(&context, "weir_queue_bytes", "") > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(next.send(batch("up 1")).await.unwrap(), accepted(1));
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_repeated_with_pauses_that_grow_and_heed_the_rest() {
    let (context, rest) = (context(), written());
    let times = Arc::new(Mutex::new(Vec::new()));
    let seen = times.clone();
    rest.answer(move |batch| {
        let mut times = seen.lock().unwrap();
        times.push(Instant::now());
        match times.len() {
            1..=3 => Err(Error::unavailable("down")),
            4 => Err(Error::new(Kind::Overloaded { retry_after: Some(Duration::from_secs(60)) }, "slowly")),
            5 => Err(Error::closed()),
            _ => Ok(Ack::written(batch.sample_count() as u64)),
        }
    });
    let next = queue(&context, &rest, "backoff: { initial: 1s, max: 4s }");
    next.send(batch("up 1")).await.unwrap();
    until(&rest, 6).await;
    let times = times.lock().unwrap().clone();
    let waits: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    let bounds = [(0.5, 1.1), (1.0, 2.1), (2.0, 4.1), (60.0, 60.1), (2.0, 4.1)];
    for (wait, (least, most)) in waits.iter().zip(bounds) {
        assert!((least..most).contains(wait), "{waits:?}");
    }
    assert_eq!(metric(&context, "weir_queue_retries_total", ",kind=\"unavailable\""), 3);
    assert_eq!(metric(&context, "weir_queue_sent_samples_total", ""), 1);
}

#[tokio::test(start_paused = true)]
async fn why_the_rest_fails_is_logged_and_that_it_works_again() {
    let (context, rest, log) = (context(), written(), Logged::start());
    rest.answer(|_| Err(Error::unavailable("no answer").with_source(std::io::Error::other("UnknownIssuer"))));
    let next = queue(&context, &rest, "");
    next.send(batch("up 1")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(300)).await;
    let told = log.take("WARN");
    let begin = "a request failed, and is repeated place=test.stages[0] failures=";
    let tells = |line: &String| line.starts_with(begin) && line.ends_with("error=\"no answer: UnknownIssuer\"");
    assert!((4..=5).contains(&told.len()) && told.iter().all(tells), "{told:?}");
    assert!(rest.requests().len() > 20);
    rest.answer(|batch| Ok(Ack::written(batch.sample_count() as u64)));
    next.send(batch("up 1 2")).await.unwrap();
    context.close().await;
    let told = log.take("INFO");
    assert!(told.len() == 1 && told[0].starts_with("requests work again place=test.stages[0] seconds=30"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_is_lost_by_name_and_the_next_goes_on() {
    let (context, rest) = (context(), written());
    let next = queue(&context, &rest, "");
    for kind in [Kind::Invalid, Kind::Unprocessable, Kind::Internal] {
        rest.answer(move |_| Err(Error::new(kind, "no")));
        next.send(batch("up 1\nup 2 2")).await.unwrap();
        let reason = format!(",reason=\"{}\"", kind.as_str());
        while metric(&context, "weir_queue_lost_samples_total", &reason) < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    rest.answer(|batch| Ok(Ack::written(batch.sample_count() as u64)));
    next.send(batch("up 1")).await.unwrap();
    until(&rest, 4).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_given_up() {
    let (context, rest) = (context(), written());
    rest.answer(|_| Err(Error::unavailable("down")));
    let next = queue(&context, &rest, "max_age: 5m");
    let begin = Instant::now();
    next.send(batch("up 1")).await.unwrap();
    while metric(&context, "weir_queue_lost_samples_total", ",reason=\"max_age\"") < 1 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let took = begin.elapsed().as_secs();
    assert!((300..320).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn the_samples_of_a_series_stay_in_order_whatever_fails() {
    let (context, rest) = (context(), written());
    let taken = Arc::new(Mutex::new(HashMap::<String, Vec<i64>>::new()));
    let (seen, asked) = (taken.clone(), Mutex::new(0));
    rest.answer(move |batch| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        if *asked % 3 == 0 {
            return Err(Error::unavailable("now and then"));
        }
        for series in batch.iter() {
            seen.lock().unwrap().entry(series.labels.to_string()).or_default().extend(series.timestamps);
        }
        Ok(Ack::written(batch.sample_count() as u64))
    });
    let next = queue(&context, &rest, "max_samples_per_send: 30");
    for at in 1..=20 {
        let lines: String = (0..30).map(|i| format!("up{{i=\"{i}\"}} 1 {at}\n")).collect();
        assert_eq!(next.send(batch(&lines)).await.unwrap(), accepted(30));
    }
    context.close().await;
    let taken = taken.lock().unwrap();
    assert_eq!(taken.len(), 30);
    let wanted: Vec<i64> = (1..=20).collect();
    taken.iter().for_each(|(series, times)| assert_eq!(*times, wanted, "{series}"));
    // Senders share the work, and send together what waits.
    assert!((20..200).contains(&rest.requests().len()), "{}", rest.requests().len());
}

#[tokio::test(start_paused = true)]
async fn at_the_end_it_sends_what_it_has_for_a_while_and_takes_nothing_new() {
    let (context, rest) = (context(), written());
    rest.answer(|_| Err(Error::unavailable("down")));
    let next = queue(&context, &rest, "drain: 30s");
    next.send(batch("up 1\nup 1 2")).await.unwrap();
    until(&rest, 1).await;
    let begin = Instant::now();
    context.close().await;
    assert_eq!(begin.elapsed().as_secs(), 30);
    assert_eq!(metric(&context, "weir_queue_lost_samples_total", ",reason=\"shutdown\""), 2);
    assert_eq!(metric(&context, "weir_queue_bytes", ""), 0);
    assert_eq!(next.send(batch("up 1")).await.unwrap_err().kind(), Kind::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_samples_or_words_is_nothing() {
    let (context, rest) = (context(), written());
    let next = queue(&context, &rest, "");
    assert_eq!(next.send(batch("")).await.unwrap(), Ack::default());
    context.close().await;
    assert!(rest.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_metrics_goes_along_also_alone() {
    let (context, rest) = (context(), written());
    let next = queue(&context, &rest, "");
    let mut said = Batch::builder(weir_pipeline::Tenant::default());
    said.metadata(weir_pipeline::batch::Metadata { metric: "up".into(), ..Default::default() });
    assert_eq!(next.send(said.build()).await.unwrap(), Ack::default());
    context.close().await;
    assert_eq!(rest.requests()[0].metadata().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_on_together_as_far_as_it_is_of_one_tenant_and_not_too_much() {
    let (context, rest) = (context(), written());
    rest.set_open(false);
    let next = queue(&context, &rest, "senders: 1, max_samples_per_send: 4");
    for (tenant, lines) in [
        ("x", "first 1 1"),
        ("x", "a 1 1\nb 1 1"),
        ("x", "b 2 2\na 2 2"),
        ("x", "a 3 3"),
        ("y", "a 4 4"),
        ("y", "a 5 5\na 6 6\na 7 7\na 8 8\na 9 9"),
    ] {
        next.send(batch(lines).with_tenant(tenant.parse().unwrap())).await.unwrap();
        tokio::task::yield_now().await;
    }
    until(&rest, 1).await;
    rest.set_open(true);
    context.close().await;
    let sent: Vec<_> =
        rest.requests().iter().map(|b| format!("{}: {}", b.tenant(), text(b).trim_end().replace('\n', ", "))).collect();
    assert_eq!(
        sent,
        [
            "x: first 1 1",
            "x: a 1 1, a 2 2, b 1 1, b 2 2",
            "x: a 3 3",
            "y: a 4 4",
            "y: a 5 5, a 6 6, a 7 7, a 8 8, a 9 9",
        ]
    );
    assert_eq!(rest.requests()[1].series_count(), 2);
    assert_eq!(metric(&context, "weir_queue_sent_samples_total", ""), 12);
    assert_eq!(metric(&context, "weir_queue_bytes", ""), 0);
}
