//! SQL queries: how they are asked, and rows as the client gets them.

use std::io::Read as _;

use futures_util::{StreamExt, stream};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use weir_pipeline::{Ask, RowForm, Rows};

use super::*;

/// The API over a pipeline that answers in these pieces.
async fn start_with_pieces(pieces: &'static [Result<&'static str, &'static str>]) -> Running {
    start(settings(""), move |query| async move {
        let Ask::Sql { form, .. } = query.ask else { return Err(Error::invalid("expected SQL")) };
        let piece = |piece: &Result<&'static str, &'static str>| match piece {
            Ok(bytes) => Ok(bytes::Bytes::from_static(bytes.as_bytes())),
            Err(why) => Err(Error::unprocessable(*why)),
        };
        let rows = Rows::new(form, stream::iter(pieces.iter().map(piece).collect::<Vec<_>>()));
        Ok(Answer { warnings: vec!["a \"store\" is away".to_owned()], ..Data::Rows(rows).into() })
    })
    .await
}

#[tokio::test]
async fn rows_are_sent_as_they_come_in_the_form_that_is_asked_for() {
    let running = start_with_pieces(&[Ok("a,"), Ok("b\n"), Ok("1,2\n")]).await;
    let check = async |path: &str, accept: &str, form: RowForm, media: &str| {
        let got = running.with(Method::GET, path, &[("accept", accept)]).await;
        assert_eq!((got.status, got.text(), got.header("content-type")), (200, "a,b\n1,2\n", Some(media)), "{path}");
        assert_eq!(got.header("warning"), Some(r#"299 - "a \"store\" is away""#));
        let Ask::Sql { text, form: asked } = running.seen().remove(0).ask else { panic!() };
        assert_eq!((&*text, asked), ("SELECT 1", form), "{path} {accept}");
    };
    let (json, csv, arrow) = ("application/json", "text/csv; charset=utf-8", "application/vnd.apache.arrow.stream");
    check("/api/v1/sql?query=SELECT+1", "*/*", RowForm::Json, json).await;
    check("/api/v1/sql?query=SELECT+1&format=csv", json, RowForm::Csv, csv).await;
    check("/api/v1/sql?query=SELECT+1&format=arrow", "", RowForm::Arrow, arrow).await;
    check("/api/v1/sql?query=SELECT+1&format=json", csv, RowForm::Json, json).await;
    check("/api/v1/sql?query=SELECT+1", "text/html, text/csv;q=0.9", RowForm::Csv, csv).await;
    check("/api/v1/sql?query=SELECT+1", arrow, RowForm::Arrow, arrow).await;
}

#[tokio::test]
async fn parameters_come_as_a_form_or_as_json() {
    let running = start_with_pieces(&[Ok("")]).await;
    assert_eq!(running.post("/api/v1/sql", "query=SELECT+1&timeout=5s&partial_response=false").await.status, 200);
    let json = r#"{"query":"SELECT 1","timeout":"5s","partial_response":"false","format":"csv"}"#;
    let request =
        running.request(Method::POST, "/api/v1/sql").header("content-type", "application/json; charset=utf-8");
    let request = request.header("x-scope-orgid", "team-a").body(Body::from(json)).unwrap();
    assert_eq!(running.send(request).await.status, 200);
    let seen = running.seen();
    for query in &seen {
        assert!(matches!(&query.ask, Ask::Sql { text, .. } if &**text == "SELECT 1"));
        assert!(!query.partial && query.timeout.unwrap() <= std::time::Duration::from_secs(5));
    }
    assert_eq!((seen[0].tenant.as_str(), seen[1].tenant.as_str()), ("default-tenant", "team-a"));
}

#[tokio::test]
async fn what_is_wrong_is_told_in_the_envelope() {
    let running = start_with_pieces(&[Ok("")]).await;
    let check = async |got: Got, status: u16, error: &str| {
        assert_eq!((got.status, got.error().as_str()), (status, error));
        assert_eq!(got.header("content-type"), Some("application/json"));
    };
    let empty = "invalid parameter \"query\": expected an SQL text";
    check(running.get("/api/v1/sql").await, 400, empty).await;
    check(running.get("/api/v1/sql?query=+").await, 400, empty).await;
    let format = "invalid parameter \"format\": expected `json`, `csv` or `arrow`, got \"xml\"";
    check(running.get("/api/v1/sql?query=SELECT+1&format=xml").await, 400, format).await;
    let request = running.request(Method::POST, "/api/v1/sql").header("content-type", "application/json");
    let got = running.send(request.body(Body::from("{\"sql\":1}")).unwrap()).await;
    assert!(got.status == 400 && got.error().starts_with("expected a JSON object of parameters"), "{}", got.error());
    assert!(running.seen().is_empty());
    let failing = start(settings(""), |_| async { Err(Error::invalid("no such table")) }).await;
    check(failing.get("/api/v1/sql?query=x").await, 400, "invalid parameter \"query\": no such table").await;
    let failing = start(settings(""), |_| async { Err(Error::unprocessable("too much")) }).await;
    check(failing.get("/api/v1/sql?query=x").await, 422, "too much").await;
    let failing = start(settings(""), |_| async { Err(Error::new(Kind::TimedOut, "late")) }).await;
    check(failing.get("/api/v1/sql?query=x").await, 503, "late").await;
}

#[tokio::test]
async fn a_reply_that_fails_midway_breaks_off() {
    let running = start_with_pieces(&[Ok("a\n"), Err("too much")]).await;
    let request = running.request(Method::GET, "/api/v1/sql?query=x").body(Body::default()).unwrap();
    // Whatever of it was on its way already, its end never comes.
    let whole = match running.client.request(request).await {
        Ok(response) => response.into_body().collect().await.is_ok(),
        Err(_) => false,
    };
    assert!(!whole);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_query() {
    let ended = CancellationToken::new();
    let guard = ended.clone();
    let running = start(settings("max_concurrent: 1"), move |_| {
        let guard = guard.clone().drop_guard();
        async move {
            let pieces = stream::unfold(guard, |guard| async move {
                tokio::task::yield_now().await;
                Some((Ok(bytes::Bytes::from_static(&[b'x'; 4096])), guard))
            });
            Ok(Answer::from(Data::Rows(Rows::new(RowForm::Csv, pieces))))
        }
    })
    .await;
    let request = running.request(Method::GET, "/api/v1/sql?query=x").body(Body::default()).unwrap();
    let mut response = running.client.request(request).await.unwrap();
    assert!(response.body_mut().frame().await.unwrap().is_ok());
    drop(response);
    ended.cancelled().await;
    // Its place is free again.
    assert_eq!(running.get("/api/v1/sql?query=").await.status, 400);
}

#[tokio::test]
async fn rows_are_compressed_as_the_client_accepts_it_and_sent_as_they_come() {
    let go = Arc::new(Notify::new());
    let wait = go.clone();
    let long = "some rows,some more\n".repeat(20_000);
    let expected = format!("a,b\n{long}");
    let running = start(settings(""), move |_| {
        let (wait, long) = (wait.clone(), long.clone());
        async move {
            let rest = stream::once(async move {
                wait.notified().await;
                Ok(long.into())
            });
            let first = stream::iter([Ok(bytes::Bytes::from_static(b"a,b\n"))]);
            Ok(Answer::from(Data::Rows(Rows::new(RowForm::Csv, first.chain(rest)))))
        }
    })
    .await;
    for encoding in ["gzip", "zstd"] {
        let request = running.request(Method::GET, "/api/v1/sql?query=x").header("accept-encoding", encoding);
        let mut response = running.client.request(request.body(Body::default()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["content-encoding"], encoding);
        // The first rows are not held back until there are more.
        let first = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
        go.notify_one();
        let bytes = [first, response.into_body().collect().await.unwrap().to_bytes()].concat();
        let mut text = Vec::new();
        match encoding {
            "gzip" => flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut text).map(drop).unwrap(),
            _ => text = zstd::stream::decode_all(&*bytes).unwrap(),
        }
        assert!(text == expected.as_bytes() && bytes.len() * 10 < text.len(), "{encoding}");
    }
    let failing = start_with_pieces(&[Ok("a\n"), Err("too much")]).await;
    let request = failing.request(Method::GET, "/api/v1/sql?query=x").header("accept-encoding", "zstd");
    let whole = match failing.client.request(request.body(Body::default()).unwrap()).await {
        Ok(response) => response.into_body().collect().await.is_ok(),
        Err(_) => false,
    };
    assert!(!whole);
}

#[tokio::test]
async fn promql_in_sql_has_at_most_as_many_points_as_the_setting_allows() {
    let up: Labelled<'_> = (&[("__name__", "up")], &[1.0; 41]);
    let running = over(memory(&[up]), "max_points: 10").await;
    let ask = async |end: u32| {
        let text = format!("SELECT count(*) FROM promql('up', 0, {end}, 1)").replace(' ', "+");
        running.get(&format!("/api/v1/sql?query={text}&format=csv")).await
    };
    assert_eq!(ask(10).await.text(), "count(*)\n11\n");
    let got = ask(11).await;
    assert!(got.status == 400 && got.error().contains("at most 10 points"), "{}", got.error());
    assert!(got.error().contains("`max_points`"), "{}", got.error());
}

#[tokio::test]
async fn at_the_end_rows_are_sent_to_their_last() {
    let go = Arc::new(Notify::new());
    let wait = go.clone();
    let running = start(settings(""), move |_| {
        let wait = wait.clone();
        async move {
            let rest = stream::once(async move {
                wait.notified().await;
                Ok(bytes::Bytes::from_static(b"2\n"))
            });
            let first = stream::iter([Ok(bytes::Bytes::from_static(b"a\n1\n"))]);
            Ok(Answer::from(Data::Rows(Rows::new(RowForm::Csv, first.chain(rest)))))
        }
    })
    .await;
    let request = running.request(Method::GET, "/api/v1/sql?query=x").body(Body::default()).unwrap();
    let mut response = running.client.request(request).await.unwrap();
    let first = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&*first, b"a\n1\n");
    running.context.shutdown.cancel();
    // Nobody new is let in by then.
    while TcpStream::connect(running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!running.task.is_finished());
    go.notify_one();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "2\n");
    tokio::time::timeout(std::time::Duration::from_secs(30), running.task).await.unwrap().unwrap().unwrap();
}
