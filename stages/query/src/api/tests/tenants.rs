//! What there is of tenants, and their end.

use serde_json::json;
use weir_pipeline::Ask;
use weir_pipeline::query::{BlocksUsage, TenantUsage};

use super::*;

fn usage(name: &str, samples: u64) -> TenantUsage {
    let bucket = Some(BlocksUsage { blocks: 2, samples: 30, bytes: 4000 }).filter(|_| samples > 0);
    TenantUsage {
        tenant: name.parse().unwrap(),
        head_series: 1,
        head_samples: samples,
        local: BlocksUsage::default(),
        bucket,
    }
}

/// The API over a store that has samples of `a` and `b`.
async fn started(yaml: &str) -> Running {
    start(settings(yaml), async |query: Query| {
        let of = |name: &str| usage(name, if name == "none" { 0 } else { 7 });
        Ok(Answer::from(Data::Tenants(match query.ask {
            Ask::Tenants { only: None } => vec![of("a"), of("b")],
            Ask::Tenants { only: Some(tenant) } | Ask::DeleteTenant { tenant } => vec![of(tenant.as_str())],
            other => panic!("{other:?}"),
        })))
    })
    .await
}

fn shown(name: &str) -> serde_json::Value {
    json!({
        "tenant": name,
        "head": { "series": 1, "samples": 7 },
        "local": { "blocks": 0, "samples": 0, "bytes": 0 },
        "bucket": { "blocks": 2, "samples": 30, "bytes": 4000 },
    })
}

#[tokio::test]
async fn tenants_are_listed_shown_and_deleted_where_the_settings_allow_it() {
    let running = started("admin: true").await;
    let got = running.get("/api/v1/admin/tenants").await;
    assert_eq!((got.status, &got.json()["data"]), (200, &json!({ "tenants": [shown("a"), shown("b")] })));
    let got = running.get("/api/v1/admin/tenants/a%2e1").await;
    assert_eq!((got.status, &got.json()["data"]), (200, &shown("a.1")));
    let got = running.with(Method::DELETE, "/api/v1/admin/tenants/a", &[]).await;
    assert_eq!((got.status, &got.json()["data"]), (200, &shown("a")));
    let asked: Vec<Query> = running.seen();
    assert!(matches!(&asked[2].ask, Ask::DeleteTenant { tenant } if tenant.as_str() == "a"), "{asked:?}");
    assert_eq!(asked[2].tenant.as_str(), "a");
    for method in [Method::GET, Method::DELETE] {
        let got = running.with(method, "/api/v1/admin/tenants/none", &[]).await;
        assert_eq!((got.status, got.error().as_str()), (404, "there is nothing of tenant `none`"));
    }
}

#[tokio::test]
async fn nothing_is_deleted_by_accident() {
    let running = started("admin: true").await;
    for (method, path, status) in [
        (Method::POST, "/api/v1/admin/tenants/a", 405),
        (Method::DELETE, "/api/v1/admin/tenants", 405),
        (Method::DELETE, "/api/v1/admin/tenants/", 404),
        (Method::DELETE, "/api/v1/admin/tenants/..", 400),
        (Method::DELETE, "/api/v1/admin/tenants/a%2Fb", 400),
        (Method::DELETE, "/api/v1/admin/tenants/a/b", 404),
    ] {
        assert_eq!(running.with(method.clone(), path, &[]).await.status, status, "{method} {path}");
    }
    assert!(running.seen().is_empty());
    let closed = started("").await;
    for (method, path) in [(Method::GET, "/api/v1/admin/tenants"), (Method::DELETE, "/api/v1/admin/tenants/a")] {
        let got = closed.with(method, path, &[]).await;
        assert_eq!((got.status, got.error().as_str()), (403, "the admin API is not enabled: `api.admin`"));
    }
    assert!(closed.seen().is_empty());
}
