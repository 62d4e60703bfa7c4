//! Batches that are compressed on their way.

use std::sync::Mutex;

use http_body_util::Full;
use hyper::Response;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

fn wide(series: usize) -> Batch {
    let line = |i: usize| format!("requests_total{{namespace=\"monitoring\",pod=\"pod-{i}\"}} {} 1\n", i * 7);
    batch(&(0..series).map(line).collect::<String>())
}

/// The bytes of messages that a node has read.
fn body_bytes(context: &Context) -> usize {
    let encoded = context.metrics.encode();
    let mut lines =
        encoded.lines().filter_map(|line| line.strip_prefix("weir_peers_body_bytes_total{pipeline=\"in\"} "));
    lines.next().unwrap().parse().unwrap()
}

/// The bytes of three messages with a batch, as they come to a node.
async fn sizes(yaml: &str, batch: &Batch) -> [usize; 3] {
    let (address, rest, context) = node(written).await;
    let way = way(&address.to_string(), yaml).unwrap();
    let (mut sizes, mut before) = ([0; 3], 0);
    for size in &mut sizes {
        assert_eq!(way.send(batch.clone()).await.unwrap(), Ack::written(batch.sample_count() as u64));
        let after = body_bytes(&context);
        (*size, before) = (after - before, after);
    }
    assert!(rest.requests().iter().all(|got| text(got) == text(batch)));
    sizes
}

#[tokio::test]
async fn a_batch_is_compressed_for_a_node_that_has_said_that_it_takes_that() {
    let check = async |batch: Batch| {
        let plain = Encoded::new(&batch).message.len();
        let [first, second, third] = sizes("{}", &batch).await;
        assert_eq!((first, second), (plain, third));
        assert!(second < plain / 2, "{second} of {plain}");
        plain
    };
    assert!(check(wide(500)).await < LONG);
    assert!(check(wide(80_000)).await > LONG);
}

#[tokio::test]
async fn a_batch_goes_as_it_is_where_it_is_short_or_that_is_wanted() {
    let check = async |yaml: &str, batch: Batch| {
        let plain = Encoded::new(&batch).message.len();
        assert_eq!(sizes(yaml, &batch).await, [plain; 3]);
    };
    check("{}", wide(10)).await;
    check("compression: none", wide(500)).await;
    let error = settings::<Peer>("compression: gzip").unwrap_err();
    assert!(error.contains("`none`") && error.contains("`zstd`"), "{error}");
}

#[tokio::test]
async fn a_batch_is_compressed_once_for_all_members() {
    let encoded = Arc::new(Encoded::new(&wide(500)));
    let (one, two) = (encoded.packed().await.unwrap().unwrap(), encoded.packed().await.unwrap().unwrap());
    assert_eq!(one.as_ptr(), two.as_ptr());
}

/// A node that takes what is compressed, and goes back to an older version after some batches; whether what it was sent
/// was compressed.
async fn going_back(after: usize) -> (SocketAddr, Arc<Mutex<Vec<bool>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<bool>>>::default());
    let sent = seen.clone();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let sent = sent.clone();
            async move {
                let limits = wire::Limits::default();
                let message = request.into_body().collect().await.unwrap().to_bytes();
                let unpacked = wire::unpack(&message, limits.message_bytes).unwrap();
                let is_newer = sent.lock().unwrap().len() < after;
                sent.lock().unwrap().push(*unpacked != *message);
                let mut response = Response::new(Full::<Bytes>::default());
                let mut body = Vec::new();
                if is_newer {
                    response.headers_mut().insert(node::UNPACKS, node::ZSTD);
                }
                match wire::decode_batch(if is_newer { &unpacked } else { &message }, &limits) {
                    Ok(batch) => wire::encode_ack(&Ack::written(batch.sample_count() as u64), &mut body),
                    Err(error) => {
                        wire::encode_error(&error, &mut body);
                        *response.status_mut() = StatusCode::BAD_REQUEST;
                    }
                }
                *response.body_mut() = Full::from(body);
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let io = TokioIo::new(stream);
        hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await.unwrap();
    });
    (address, seen)
}

#[tokio::test]
async fn a_node_that_goes_back_to_an_older_version_gets_what_it_can_read() {
    let (address, seen) = going_back(2).await;
    let way = way(&address.to_string(), "{}").unwrap();
    for _ in 0..4 {
        assert_eq!(way.send(wide(500)).await.unwrap(), Ack::written(500));
    }
    assert_eq!(*seen.lock().unwrap(), [false, true, true, false, false]);
}
