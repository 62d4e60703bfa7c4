//! Limits in a file that is looked at now and then.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Fields, Known, OpenLimits};
use crate::settings_file::{read, understand};

/// What a file said last, good or bad.
pub(super) type Seen = Result<String, String>;

/// Reads the file, which must be right at the start.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) async fn first(path: &Path) -> Result<(Arc<Known>, Seen), String> {
    let seen = read(path).await;
    let known = known(path, &seen)?;
    Ok((Arc::new(known), seen))
}

/// Looks at the file until nobody has its limits any more.
pub(super) async fn run(
    path: PathBuf,
    poll: Duration,
    mut seen: Seen,
    limits: Weak<OpenLimits>,
    shutdown: CancellationToken,
) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = sleep(poll) => {}
        }
        let now = read(&path).await;
        let Some(limits) = limits.upgrade() else { return };
        if now == seen {
            continue;
        }
        seen = now;
        let file = path.display();
        match known(&path, &seen) {
            Ok(known) => {
                tracing::info!(%file, tenants = known.tenants.len(), "goes on with changed limits");
                limits.change(Arc::new(known));
                limits.telemetry.reloaded(true);
            }
            Err(error) => {
                tracing::error!(error, "stays with the limits of before");
                limits.telemetry.reloaded(false);
            }
        }
    }
}

fn known(path: &Path, seen: &Seen) -> Result<Known, String> {
    let (fields, _): (Fields, _) = understand(path, seen.as_deref().map_err(Clone::clone)?)?;
    fields.in_file().map_err(|error| format!("{}: {error}", path.display()))
}
