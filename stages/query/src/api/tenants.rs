//! `admin/tenants`: what there is of each tenant, and its end. Only where `admin` allows it.
//!
//! Shape: `GET admin/tenants` lists all of which there is a sample, `GET admin/tenants/<name>` says it of one, and
//! `DELETE admin/tenants/<name>` deletes all that there is of one, and says what that was. Where certificates name tenants each
//! client sees and deletes its own alone.
//!
//! It is the store of this process that answers, or the cluster: that asks all members, which allow it by `samples.admin`. A
//! deletion that not all of them have heard is an error, and to be said again; what a node that was not told yet uploads of the tenant
//! comes to the bucket again. Batches that were acknowledged before may still be on their way from node to node, and are a new
//! beginning when they come: for up to `keep_trying` of the routers' `replicate`, and `max_age` of `hints` where some are kept for
//! a member that is away. What is deleted again after that is gone.

use hyper::body::Incoming;
use hyper::{Method, Request};
use serde_json::{Value, json};
use tokio::time::Instant;
use weir_pipeline::query::{BlocksUsage, TenantUsage};
use weir_pipeline::{Ask, Data, Tenant};

use super::accept::{self, Encoding};
use super::form;
use super::params::Options;
use super::reply::{Refusal, Reply};
use super::service::{Service, success, tenant};

// === impl Service ===

impl Service {
    /// Lists tenants, or does with the one of this name what the method says.
    pub(super) async fn tenants(
        &self,
        name: Option<&str>,
        request: Request<Incoming>,
        encoding: Encoding,
    ) -> Result<Reply, Refusal> {
        let until = Instant::now() + self.settings.timeout.get();
        if !self.settings.admin {
            return Err(Refusal::forbidden("the admin API is not enabled: `api.admin`"));
        }
        let asker = tenant(request.headers(), &self.settings.default_tenant)?;
        let own = self.settings.tenant_certificate_field.is_some().then_some(&asker);
        let named = match name {
            Some(name) => {
                Some(Tenant::new(&form::unescape(name, false)?).map_err(|error| Refusal::bad(error.to_string()))?)
            }
            None => None,
        };
        if let (Some(named), Some(own)) = (&named, own)
            && named != own
        {
            return Err(absent(named));
        }
        let only = named.as_ref().or(own).cloned();
        let ask = match (&named, request.method()) {
            (Some(tenant), &Method::DELETE) => Ask::DeleteTenant { tenant: tenant.clone() },
            _ => Ask::Tenants { only },
        };
        let _turn = self.turn(until).await?;
        let whose = named.clone().unwrap_or(asker);
        let answer = self.pass(whose, ask, Options::whole(), until).await?;
        let Data::Tenants(found) = &answer.data else {
            return Err(Refusal::internal("expected an answer to what was asked"));
        };
        let data = match (&named, found.first().filter(|usage| !usage.is_empty())) {
            (None, _) => json!({ "tenants": found.iter().map(shown).collect::<Vec<_>>() }),
            (Some(_), Some(usage)) => shown(usage),
            (Some(named), None) => return Err(absent(named)),
        };
        Ok(accept::compress(success(&data, &answer.warnings), encoding))
    }
}

fn absent(tenant: &Tenant) -> Refusal {
    Refusal::not_found(format!("there is nothing of tenant `{tenant}`"))
}

fn shown(usage: &TenantUsage) -> Value {
    let blocks = |of: BlocksUsage| json!({ "blocks": of.blocks, "samples": of.samples, "bytes": of.bytes });
    json!({
        "tenant": usage.tenant.as_str(),
        "head": { "series": usage.head_series, "samples": usage.head_samples },
        "local": blocks(usage.local),
        "bucket": usage.bucket.map(blocks),
    })
}
