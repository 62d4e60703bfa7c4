//! Who may ask.

use hyper::http::Extensions;
use rcgen::{CertificateParams, DnType, KeyPair};
use weir_stages::tls::PeerCertificate;

use super::*;
use crate::api::route::Route;
use crate::api::service::{Service, tenant};

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

#[tokio::test]
async fn a_certificate_says_whose_questions_are_whatever_headers_say() {
    let tls = "{ cert_file: a, key_file: b, client_ca_file: c }";
    let yaml = format!("tenant_certificate_field: common_name\ntls_server_config: {tls}");
    let context = Context::new(Clock::starting_at(NOW), Metrics::default(), CancellationToken::new());
    let next = Next::new(tower::service_fn(|_: Query| async { Ok(Answer::from(Data::Names(Vec::new()))) }));
    let service = Service::new(settings(&yaml), context, next);
    let shown = |name: Option<&str>| {
        let mut extensions = Extensions::new();
        if let Some(name) = name {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            extensions.insert(PeerCertificate::new(certificate.der()));
        }
        extensions
    };
    let ask = |route: &Route, name: Option<&str>| {
        let mut request =
            Request::get("/").header("x-scope-orgid", "other").header("thanos-tenant", "x").body(()).unwrap();
        *request.extensions_mut() = shown(name);
        service.settle(route, &mut request).map(|()| tenant(request.headers(), &Tenant::default()).ok())
    };
    let whose = ask(&Route::Query, Some("team-a")).ok().flatten();
    assert_eq!(whose.unwrap().as_str(), "team-a");
    for name in [None, Some("../a"), Some("")] {
        assert!(ask(&Route::Query, name).is_err() && ask(&Route::Flight, name).is_err(), "{name:?}");
        assert!(ask(&Route::Healthy, name).is_ok(), "{name:?}");
    }
}
