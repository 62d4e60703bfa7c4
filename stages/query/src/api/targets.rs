//! `targets` and `scrape_pools`: what is scraped, by all pipelines of this process, whatever the tenant.
//!
//! Source: `targets` and `scrapePools` of `web/api/v1/api.go` of Prometheus 3.14. Differences: `globalUrl` is `scrapeUrl`,
//! pools of one name in several pipelines are one, and the query of `__meta_url` is hidden.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};
use weir_pipeline::LabelSet;
use weir_pipeline::targets::{Active, LastScrape, Pool, Targets};
use weir_pipeline::units::{Location, Span};

use super::form::Form;
use super::time;

/// `targets`, by the parameters `state` and `scrapePool`.
pub(super) fn targets(targets: &Targets, form: &Form) -> Value {
    let (only, state) = (form.get("scrapePool"), form.get("state").to_ascii_lowercase());
    let shows = |kind: &str| state.is_empty() || state == "any" || state == kind;
    let pools = targets.pools();
    let shown = || pools.iter().filter(|pool| only.is_empty() || pool.name == only);
    let (mut active, mut dropped) = (Vec::new(), Vec::new());
    if shows("active") {
        active.extend(shown().flat_map(|pool| pool.active.iter().map(|target| active_target(pool, target))));
    }
    let mut counts: Option<BTreeMap<&str, usize>> = None;
    if shows("dropped") {
        let target = |pool: &Pool, labels| json!({ "discoveredLabels": object(labels), "scrapePool": pool.name });
        dropped.extend(shown().flat_map(|pool| pool.dropped.iter().map(move |labels| target(pool, labels))));
        let counts = counts.insert(BTreeMap::new());
        pools.iter().for_each(|pool| *counts.entry(pool.name.as_str()).or_default() += pool.dropped_count);
    }
    json!({ "activeTargets": active, "droppedTargets": dropped, "droppedTargetCounts": counts })
}

/// `scrape_pools`.
pub(super) fn scrape_pools(targets: &Targets) -> Value {
    let mut names: Vec<String> = targets.pools().into_iter().map(|pool| pool.name).collect();
    // They are sorted.
    names.dedup();
    json!({ "scrapePools": names })
}

fn active_target(pool: &Pool, Active { info, last }: &Active) -> Value {
    let health = match last {
        None => "unknown",
        Some(LastScrape { error: Some(_), .. }) => "down",
        Some(_) => "up",
    };
    let span = |duration: Duration| Span::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    json!({
        "discoveredLabels": object(&info.discovered),
        "labels": object(&info.labels),
        "scrapePool": pool.name,
        "scrapeUrl": info.url,
        "globalUrl": info.url,
        "lastError": last.as_ref().and_then(|last| last.error.as_deref()).unwrap_or_default(),
        "lastScrape": last.as_ref().map_or_else(|| time::ZERO.to_owned(), |last| time::shown(last.at)),
        "lastScrapeDuration": last.as_ref().map_or(0.0, |last| last.took.as_secs_f64()),
        "health": health,
        "scrapeInterval": span(info.interval).to_string(),
        "scrapeTimeout": span(info.timeout).to_string(),
    })
}

/// Labels as an object. Where a list of targets was asked for is shown without its query, which may have a token.
fn object(labels: &LabelSet) -> Map<String, Value> {
    let shown = |name: &str, value: &str| match name {
        "__meta_url" => Location::new(value).to_string().into(),
        _ => value.into(),
    };
    labels.as_labels().iter().map(|(name, value)| (name.to_owned(), shown(name, value))).collect()
}
