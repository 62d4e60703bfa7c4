//! What pipeline files can name of this crate.

use weir_pipeline::{Read, Registry};

use crate::api::Api;
use crate::cache::Cache;
use crate::cluster::Cluster;
use crate::promql::Promql;

/// Adds the source, the stage, the sink and the resource of the read path.
pub fn register(registry: &mut Registry) {
    registry.source::<Read, Api>().stage::<Read, Cache>().sink::<Read, Promql>().resource::<Cluster>();
}
