//! Buckets of `weir sql --bucket`: where they are, and what is in them, without a server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use url::form_urlencoded;
use weir_blocks::bucket::Bucket;
use weir_pipeline::{Answer, Ask, Clock, Data, Error, Kind, Query, Result as Outcome, RowForm, Rows, Tenant};
use weir_query::bucket::Bucketed;
use weir_query::engine::{Engine, Limits};

use super::{Format, Sql};
use crate::command::Exit;
use crate::command::query::fail;
use crate::out::{print_bytes, tell};

/// What an address of a bucket behind S3 may say, beside its name and its prefix.
const PARAMETERS: [&str; 4] = ["endpoint", "region", "path_style", "credentials"];

// === impl Sql ===

impl Sql {
    /// Asks what is in a bucket, and prints.
    pub(super) fn read(&self, place: &str) -> Exit {
        let bucket = match settings(place, |name| std::env::var(name).ok()) {
            Ok(bucket) => bucket,
            Err(message) => return fail(Exit::Mistake, &message),
        };
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(e) => return fail(Exit::Failure, &format!("no runtime: {e}")),
        };
        runtime.block_on(self.print_all(&bucket)).unwrap_or_else(|error| {
            let wrong = matches!(error.kind(), Kind::Invalid | Kind::Unprocessable);
            fail(if wrong { Exit::Mistake } else { Exit::Failure }, &error.report())
        })
    }

    async fn print_all(&self, bucket: &Bucket) -> Outcome<Exit> {
        let Answer { data, warnings, .. } = self.ask(bucket).await?;
        warnings.iter().for_each(|warning| tell(warning));
        let Data::Rows(rows) = data else { return Err(Error::internal("expected rows")) };
        if self.format == Format::Csv {
            let mut pieces = pieces(&rows)?;
            while let Some(piece) = pieces.next().await {
                print_bytes(&piece?);
            }
            return Ok(Exit::Success);
        }
        let mut whole = Vec::new();
        let mut pieces = pieces(&rows)?;
        while let Some(piece) = pieces.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(self.show(hyper::StatusCode::OK, &whole))
    }

    async fn ask(&self, bucket: &Bucket) -> Outcome<Answer> {
        let tenant = self.server.tenant.as_deref().map(Tenant::new).transpose();
        let tenant = tenant.map_err(|error| Error::invalid(error.to_string()))?.unwrap_or_default();
        let source = Arc::new(Bucketed::open(bucket, Clock::system())?);
        let (memory, timeout) = (self.memory.get(), self.timeout.get());
        let limits = Limits { memory, tenant_memory: memory, timeout, ..Limits::default() };
        let engine = Engine::new(source, limits).on_threads()?;
        let form = if self.format == Format::Csv { RowForm::Csv } else { RowForm::Json };
        let ask = Ask::Sql { text: self.sql.as_str().into(), form };
        engine.query(Query { timeout: Some(timeout.max(Duration::from_millis(1))), ..Query::new(tenant, ask) }).await
    }
}

fn pieces(rows: &Rows) -> Outcome<impl StreamExt<Item = Outcome<bytes::Bytes>> + Unpin + use<>> {
    rows.take().ok_or_else(|| Error::internal("expected rows"))
}

/// The settings of the bucket at a place: a directory, or an address as `s3://name/prefix?endpoint=…`. What the address does
/// not say of endpoint and region the environment does, by the names that AWS' SDKs have for it.
///
/// # Errors
/// A sentence: what is wrong with it.
pub(super) fn settings(place: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Bucket, String> {
    let wrong = |error: serde_json::Error| format!("`--bucket`: {error}");
    let Some(address) = place.strip_prefix("s3://") else {
        if let Some((scheme, _)) = place.split_once("://").filter(|(scheme, _)| *scheme != "file") {
            return Err(format!(
                "expected a directory, or an address that begins with `s3://`, got one with `{scheme}://`"
            ));
        }
        let path = place.strip_prefix("file://").unwrap_or(place);
        if !Path::new(path).is_dir() {
            return Err(format!("expected a directory that is a bucket, got `{path}`"));
        }
        return serde_json::from_value(json!({ "local": { "path": path } })).map_err(wrong);
    };
    let (place, query) = address.split_once('?').unwrap_or((address, ""));
    let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
    let mut s3 = Map::new();
    s3.insert("bucket".to_owned(), name.into());
    s3.insert("prefix".to_owned(), prefix.into());
    let of_environment = [("endpoint", "AWS_ENDPOINT_URL"), ("region", "AWS_DEFAULT_REGION"), ("region", "AWS_REGION")];
    for (setting, variable) in of_environment {
        if let Some(value) = lookup(variable).filter(|value| !value.is_empty()) {
            s3.insert(setting.to_owned(), value.into());
        }
    }
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if !PARAMETERS.contains(&&*name) {
            return Err(format!(
                "expected one of `{}` in the address of a bucket, got `{name}`",
                PARAMETERS.join("`, `")
            ));
        }
        let value = match &*value {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => Value::from(text),
        };
        s3.insert(name.into_owned(), value);
    }
    serde_json::from_value(json!({ "s3": s3 })).map_err(wrong)
}
