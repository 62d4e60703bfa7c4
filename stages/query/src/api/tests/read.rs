//! Remote read, with the messages of its own description.

use weir_pipeline::testing::histogram_point;
use weir_pipeline::{Batch, HistogramPoint, LabelSet};
use weir_stages::remote_write::read::{put_frames, put_result, put_series};
use weir_stages::remote_write::{compress, decompress};

use super::*;

/// A request for `name="value"` from 0 to an end, each query with one matcher.
fn request(queries: &[(&str, &str, i64)], accepts: &[u8]) -> Vec<u8> {
    let field = |number: u8, bytes: &[u8], out: &mut Vec<u8>| {
        out.extend([number << 3 | 2, bytes.len() as u8]);
        out.extend(bytes);
    };
    let mut message = Vec::new();
    for (name, value, end) in queries {
        let (mut matcher, mut query) = (Vec::new(), vec![2 << 3]);
        field(2, name.as_bytes(), &mut matcher);
        field(3, value.as_bytes(), &mut matcher);
        let mut end = *end as u64;
        while end >= 0x80 {
            query.push(end as u8 | 0x80);
            end >>= 7;
        }
        query.push(end as u8);
        field(3, &matcher, &mut query);
        field(1, &query, &mut message);
    }
    if !accepts.is_empty() {
        field(2, accepts, &mut message);
    }
    let mut body = Vec::new();
    compress(&message, &mut body).unwrap();
    body
}

impl Running {
    async fn read(&self, body: Vec<u8>) -> Got {
        let request = self.request(Method::POST, "/api/v1/read").body(Body::new(body.into())).unwrap();
        self.send(request).await
    }
}

/// Series whose order by labels is not the one of blocks.
async fn ordered(yaml: &str) -> Running {
    let series: [Labelled<'_>; 3] = [
        (&[("__name__", "up"), ("a", "2"), ("job", "a")], &[1.0, 2.0, 3.0]),
        (&[("__name__", "up"), ("a", "1"), ("job", "b")], &[4.0, 5.0, 6.0]),
        (&[("__name__", "up"), ("job", "c")], &[7.0, 8.0, 9.0]),
    ];
    over(memory(&series), yaml).await
}

/// A batch of one series, with samples every 15 seconds.
fn one(labels: &[(&str, &str)], values: &[f64]) -> Batch {
    let labels: LabelSet = labels.iter().copied().collect();
    let mut batch = Batch::builder("t".parse().unwrap());
    batch.series(labels.as_labels());
    values.iter().zip(TIMES).for_each(|(value, time)| _ = batch.sample(time, *value));
    batch.build()
}

const TIMES: [i64; 3] = [0, 15_000, 30_000];

#[tokio::test]
async fn samples_come_in_the_order_of_labels_in_one_message() {
    let running = ordered("").await;
    let got = running.read(request(&[("__name__", "up", 15_000), ("job", "none", 1)], &[])).await;
    assert_eq!((got.status, got.header("content-type")), (200, Some("application/x-protobuf")));
    assert_eq!(got.header("content-encoding"), Some("snappy"));
    let mut message = Vec::new();
    decompress(&got.body, 1 << 20, &mut message).unwrap();
    let (mut result, mut expect) = (Vec::new(), Vec::new());
    put_series(&one(&[("__name__", "up"), ("a", "1"), ("job", "b")], &[4.0, 5.0]).series(0), &mut result);
    put_series(&one(&[("__name__", "up"), ("a", "2"), ("job", "a")], &[1.0, 2.0]).series(0), &mut result);
    put_series(&one(&[("__name__", "up"), ("job", "c")], &[7.0, 8.0]).series(0), &mut result);
    put_result(&result, &mut expect);
    put_result(&[], &mut expect);
    assert_eq!(message, expect);
    assert!(running.seen().iter().all(|query| !query.partial));
}

#[tokio::test]
async fn chunks_come_as_frames_where_they_are_liked_best() {
    let running = ordered("").await;
    let got = running.read(request(&[("job", "c", 30_000), ("a", "1", 30_000)], &[1, 0])).await;
    let media = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
    assert_eq!((got.status, got.header("content-type"), got.header("content-encoding")), (200, Some(media), None));
    let mut expect = Vec::new();
    put_frames(&one(&[("__name__", "up"), ("job", "c")], &[7.0, 8.0, 9.0]).series(0), 0, &mut expect);
    let second = one(&[("__name__", "up"), ("a", "1"), ("job", "b")], &[4.0, 5.0, 6.0]);
    put_frames(&second.series(0), 1, &mut expect);
    assert_eq!(got.body, expect);
}

#[tokio::test]
async fn native_histograms_come_in_samples_and_in_chunks() {
    let labels = [("__name__", "h"), ("job", "a")];
    let points = [histogram_point(15_000, 8), histogram_point(45_000, 9)];
    let mut memory = Memory::default();
    let run = |histograms: &[HistogramPoint], timestamps: Vec<i64>, values: Vec<f64>| Run {
        timestamps,
        values,
        histograms: histograms.to_vec(),
        ..Run::default()
    };
    memory.add(labels.into_iter().collect(), run(&points[..1], vec![0], vec![1.0]));
    memory.add(labels.into_iter().collect(), run(&points, vec![15_000, 30_000], vec![2.0, 3.0]));
    let running = over(memory, "").await;
    let mut expect = Batch::builder("t".parse().unwrap());
    let labels: LabelSet = labels.into_iter().collect();
    expect.series(labels.as_labels()).sample(0, 1.0).sample(30_000, 3.0);
    points.iter().for_each(|point| _ = expect.histogram(point.clone()));
    let expect = expect.build();
    let got = running.read(request(&[("__name__", "h", 60_000)], &[])).await;
    let (mut message, mut result, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    decompress(&got.body, 1 << 20, &mut message).unwrap();
    put_series(&expect.series(0), &mut result);
    put_result(&result, &mut whole);
    assert_eq!(message, whole);
    let got = running.read(request(&[("__name__", "h", 60_000)], &[1])).await;
    let mut frames = Vec::new();
    put_frames(&expect.series(0), 0, &mut frames);
    assert_eq!(got.body, frames);
}

#[tokio::test]
async fn what_is_wrong_is_told_as_text() {
    let running = ordered("max_read_samples: 8\nmax_body: 1KiB").await;
    let check = async |body: Vec<u8>, status: u16, text: &str| {
        let got = running.read(body).await;
        let shown = String::from_utf8_lossy(&got.body);
        assert!(got.status == status && shown.contains(text), "{}: {shown}", got.status);
    };
    check(b"no snappy".to_vec(), 400, "expected a snappy block").await;
    check(vec![0; 2000], 413, "expected a body of at most 1024 bytes").await;
    let mut body = Vec::new();
    compress(b"\xff", &mut body).unwrap();
    check(body, 400, "expected a ReadRequest").await;
    check(request(&[("a", "b", 1)], &[7]), 400, "server does not support any of the requested response types").await;
    check(request(&[("__name__", "up", 30_000)], &[]), 400, "exceeded sample limit (8)").await;
    check(request(&[("__name__", "up", 15_000)], &[]), 200, "").await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_taken_for_whole() {
    let running = start(settings(""), async |_| {
        let batch = testing::batch("up 1 1");
        let rest = [Ok(batch), Err(weir_pipeline::Error::unavailable("away"))];
        Ok(Answer::from(Data::Samples(weir_pipeline::Batches::new(futures_util::stream::iter(rest)))))
    })
    .await;
    let got = running.read(request(&[("a", "b", 1)], &[0])).await;
    assert_eq!((got.status, got.header("retry-after")), (503, Some("1")));
    let body = Body::new(request(&[("a", "b", 1)], &[1]).into());
    let request = running.request(Method::POST, "/api/v1/read").body(body).unwrap();
    // Whatever of it was on its way already, its end never comes.
    let whole = match running.client.request(request).await {
        Ok(response) => response.into_body().collect().await.is_ok(),
        Err(_) => false,
    };
    assert!(!whole);
}
