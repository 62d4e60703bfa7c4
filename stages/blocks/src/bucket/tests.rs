//! Tests of `bucket`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod local;
mod s3;
mod secure;
mod settings;
mod shelf;

use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use weir_pipeline::testing::{context, settings};
use weir_pipeline::{Context, Result};

use super::objects::Objects;
use super::{Bucket, Exact, Measured, Measures, Place, Probe, Requests, State, prove};
use crate::testing::s3::{BUCKET, KEY, S3Server};

/// Pauses that tests have time for.
const SOON: Duration = Duration::from_millis(5);

/// A bucket of the server's, with some settings in addition.
fn bucket(server: &S3Server, s3: &str, more: &str) -> Bucket {
    let s3 = format!("{{ bucket: {BUCKET}, endpoint: \"{}\", {s3} }}", server.endpoint());
    let retry = "retry: { attempts: 5, backoff: { initial: 1ms, max: 5ms } }";
    let more = if more.contains("retry") { more.to_owned() } else { format!("{retry}, {more}") };
    settings(&format!("{{ s3: {s3}, {more} }}")).unwrap()
}

/// The environment of someone who has the server's keys.
fn environment(name: &str) -> Option<String> {
    match name {
        "AWS_ACCESS_KEY_ID" => Some(KEY.0.to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(KEY.1.to_owned()),
        _ => None,
    }
}

/// Opens a bucket of S3 as [`Bucket::objects`] does, in an environment and with pauses of the test's.
async fn opened(
    bucket: &Bucket,
    context: &Context,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(Objects, Probe)> {
    let Place::S3(s3, patience) = &bucket.place else { panic!("{bucket:?}") };
    let store = s3.connect(patience, Requests::new(context), lookup)?;
    let probe = Probe::new(context);
    prove(&probe, &store, context, (Duration::from_secs(10), (SOON, SOON))).await?;
    let store: Arc<dyn ObjectStore> = Arc::new(Exact::new(store, probe.clone(), patience.clone()));
    let objects = Objects::remote(Arc::new(Measured::new(store, Measures::new(context))));
    Ok((objects, probe))
}

/// The objects of the server's bucket, proven.
async fn objects(server: &S3Server, s3: &str, more: &str) -> Objects {
    let (objects, probe) = opened(&bucket(server, s3, more), &context(), &environment).await.unwrap();
    assert_eq!(probe.state(), State::Keeps);
    objects
}
