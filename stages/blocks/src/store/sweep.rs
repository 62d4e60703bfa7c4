//! The store's turn at sweeping the bucket, now and then.
//!
//! Each store that uploads into a bucket does it, so that it happens whoever is away. It is a task of its own: what fails
//! here, or takes long, holds up no upload.

use std::sync::Arc;

use tokio::time::sleep;

use super::Store;

/// Sweeps until the store is gone or closed.
pub(super) fn run(store: &Store) -> impl Future<Output = ()> + Send + use<> {
    let (depot, store) = (store.0.depot.clone(), Arc::downgrade(&store.0));
    async move {
        let Some(depot) = depot else { return };
        loop {
            sleep(depot.sweep_pause()).await;
            if store.upgrade().is_none_or(|store| store.in_flight.is_closed()) {
                return;
            }
            depot.sweep_all().await;
        }
    }
}
