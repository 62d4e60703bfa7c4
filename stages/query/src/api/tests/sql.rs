//! SQL queries: how they are asked, and rows as the client gets them.

use futures_util::stream;
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
