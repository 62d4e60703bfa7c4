//! Who may ask.

use super::*;

#[tokio::test]
async fn every_path_needs_what_the_settings_say() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens");
    std::fs::write(&file, "0123456789abcdef\n").unwrap();
    let auth = format!("auth: {{ bearer: {{ tokens_file: {} }} }}\ncors_origin: '.*'", file.display());
    let running = start(settings(&auth), async |_| Ok(Answer::from(Data::Names(Vec::new())))).await;
    for path in
        ["/", "/metrics", "/-/healthy", "/-/ready", "/federate", "/api/v1/labels", "/api/v1/status/config", "/x"]
    {
        let got = running.get(path).await;
        assert_eq!((got.status, got.header("www-authenticate")), (401, Some("Bearer realm=\"weir\"")), "{path}");
        let headers = [("authorization", "Bearer 0123456789abcdef")];
        assert_ne!(running.with(Method::GET, path, &headers).await.status, 401, "{path}");
    }
    assert_eq!(running.seen().len(), 1);
    let text = running.with(Method::GET, "/metrics", &[("authorization", "Bearer 0123456789abcdef")]).await;
    let line = r#"weir_http_unauthorized_total{pipeline="query",listener="api",reason="missing"} 8"#;
    assert!(text.text().contains(line), "{}", text.text());
}
