//! What series take of the memory of a process. The only test here: others in the process would be measured with it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_blocks::head::Head;
use weir_pipeline::{Batch, LabelSet, Tenant};

const SERIES: usize = 60_000;
const PER_CONTAINER: usize = 20;

/// The labels of a series of a Kubernetes cluster: 20 of each container, whose long names they share.
fn labels(n: usize) -> LabelSet {
    let (container, metric) = (n / PER_CONTAINER, n % PER_CONTAINER);
    let (node, hash) = (container / 24, container.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    LabelSet::from_iter([
        ("__name__", format!("container_memory_metric_number_{metric}_total")),
        ("cluster", "prod-eu-1".to_owned()),
        ("container", ["app", "istio-proxy"][container % 2].to_owned()),
        ("id", format!("/kubepods/burstable/pod{hash:016x}-{:016x}/{:016x}{hash:016x}", !hash, hash << 7)),
        ("image", format!("registry.example/checkout/app:v1.{}.3", container % 12)),
        ("instance", format!("10.0.{}.{}:10250", node / 250, node % 250)),
        ("job", "kubelet".to_owned()),
        ("namespace", format!("team-{}", container % 6)),
        ("node", format!("ip-10-0-{}-{}.eu-central-1.compute.internal", node / 250, node % 250)),
        ("pod", format!("checkout-7d4b9c6f5-{:05x}", hash >> 44)),
    ])
}

/// What the process has resident, in bytes; `None` where the system does not say.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<usize>().ok().map(|kib| kib << 10)
}

fn append(head: &Head, series: std::ops::Range<usize>) {
    let mut batch = Batch::builder(Tenant::default());
    for n in series {
        batch.series(labels(n).as_labels()).sample(1_700_000_000_000, n as f64);
    }
    let batch = batch.build();
    let places = head.resolve(&batch);
    head.insert(&batch, &places);
}

#[test]
fn a_series_takes_at_most_400_bytes_beside_its_samples() {
    let head = Head::default();
    // What batches take is there before and after.
    append(&head, 0..1000);
    let (Some(before), first) = (resident(), head.usage()) else { return };
    for n in (1000..SERIES).step_by(1000) {
        append(&head, n..n + 1000);
    }
    let (after, last) = (resident().unwrap(), head.usage());
    assert_eq!((last.series, last.samples), (SERIES as u64, SERIES as u64));
    let series = (SERIES - 1000) as f64;
    let samples = (last.chunk_bytes - first.chunk_bytes) as f64;
    let taken = (after.saturating_sub(before) as f64 - samples) / series;
    let accounted = (last.series_bytes - first.series_bytes) as f64 / series;
    println!("{taken:.0} bytes per series, {accounted:.0} by the head's own account");
    assert!(taken <= 400.0, "{taken}");
    // The budget of the head goes by its account.
    assert!((0.8..1.25).contains(&(accounted / taken)), "{accounted} {taken}");
}
