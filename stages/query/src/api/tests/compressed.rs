//! Long answers, compressed and in pieces.

use std::io::Read as _;

use weir_pipeline::LabelSet;

use super::*;

/// A matrix that is longer than a piece.
fn long() -> Data {
    let labels = |i: usize| -> LabelSet { [("i", i.to_string().as_str())].into_iter().collect() };
    let points = |i: usize| (0..100).map(|t| (t * 1000, (i as f64).sin())).collect::<Vec<_>>().into();
    Data::Matrix((0..500).map(|i| (labels(i), points(i))).collect())
}

#[tokio::test]
async fn a_long_answer_is_the_same_however_it_is_compressed() {
    let running = start_with(long()).await;
    let path = "/api/v1/query_range?query=up&start=0&end=1&step=1";
    let plain = running.get(path).await;
    assert_eq!((plain.header("content-encoding"), plain.header("content-length")), (None, None));
    assert!(plain.body.len() > 1 << 20);
    assert_eq!(plain.json()["data"]["result"].as_array().unwrap().len(), 500);
    for (accept, encoding) in [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip;q=0.8", "gzip"),
        ("zstd;q=0, gzip", "gzip"),
    ] {
        let got = running.with(Method::GET, path, &[("accept-encoding", accept)]).await;
        let varies = "Accept-Encoding, Origin";
        assert_eq!((got.header("content-encoding"), got.vary().as_str()), (Some(encoding), varies));
        let mut text = Vec::new();
        match encoding {
            "gzip" => flate2::read::GzDecoder::new(&*got.body).read_to_end(&mut text).map(drop).unwrap(),
            _ => text = zstd::stream::decode_all(&*got.body).unwrap(),
        }
        assert!(text == plain.body, "{accept}");
        assert!(got.body.len() * 4 < plain.body.len());
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_more_gives_its_turn_back() {
    let running = start(settings("max_concurrent: 1\ntimeout: 1s"), async |_| Ok(Answer::from(long()))).await;
    let path = "/api/v1/query_range?query=up&start=0&end=1&step=1";
    let request = running.request(Method::GET, path).body(Body::default()).unwrap();
    let response = running.client.request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    // Its turn is held by who does not read, and ends with it.
    drop(response);
    assert_eq!(running.get(path).await.status, 200);
}
