//! Series as a cluster of Kubernetes has them: some targets, each with the same families, and labels that repeat.

use weir_pipeline::{Batch, LabelSet, Tenant};

/// Mixes the bits of a number.
fn mix(n: u64) -> u64 {
    let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ n >> 31
}

/// The label sets of `count` series: pods of 80 series each.
fn series(count: usize) -> Vec<LabelSet> {
    let mut out = Vec::with_capacity(count);
    for pod in 0.. {
        let (node, hash) = (pod / 20, mix(pod));
        let target = [
            ("cluster", format!("prod-eu-{}", node % 3)),
            ("job", "kubelet".to_owned()),
            ("namespace", ["shop", "payments", "search", "identity"][pod as usize % 4].to_owned()),
            ("instance", format!("10.0.{}.{}:10250", node / 250, node % 250)),
            ("node", format!("ip-10-0-{}-{}.eu-central-1.compute.internal", node / 250, node % 250)),
            ("pod", format!("checkout-7d4b9c6f5-{:05x}", hash & 0xf_ffff)),
            ("metrics_path", "/metrics/cadvisor".to_owned()),
        ];
        for container in ["app", "istio-proxy"] {
            let id = format!("/kubepods/burstable/pod{hash:016x}/{:016x}{:016x}", mix(hash), mix(hash + 1));
            let own = [
                ("container", container.to_owned()),
                ("id", id),
                ("image", format!("registry.example/shop/{container}:v1.{}.3", pod % 100)),
                ("name", format!("{:016x}{:016x}", mix(hash + 2), mix(hash + 3))),
            ];
            for family in 0..40 {
                if out.len() == count {
                    return out;
                }
                let mut pairs: Vec<_> = target.iter().chain(&own).cloned().collect();
                if family < 14 {
                    pairs.push(("__name__", "http_request_duration_seconds_bucket".to_owned()));
                    pairs.push(("le", format!("{}", f64::from(1 << family) / 1000.0)));
                } else {
                    pairs.push(("__name__", format!("container_family_{family}_usage_seconds_total")));
                }
                out.push(pairs.into_iter().collect());
            }
        }
    }
    out
}

/// A value of one of the kinds that there are: constants, small and large counters, seconds, bytes, ratios.
fn value(i: usize) -> f64 {
    let n = mix(i as u64);
    match i % 8 {
        0 | 1 => (n % 2) as f64,
        2 => (n % 5000) as f64,
        3 => (n % 40_000_000) as f64,
        4 => (n % 90_000_000) as f64 / 100.0,
        5 => ((n % 8_000_000) * 4096) as f64,
        6 => (n % 100_000) as f64 / 1e6,
        _ => f64::from_bits(n >> 12 | 0x3ff0 << 48),
    }
}

/// Batches of `size` samples, `each` of one series; `keep` says which series are in them, as a ring would.
pub(super) fn batches(series_count: usize, size: usize, each: usize, keep: impl Fn(usize) -> bool) -> Vec<Batch> {
    let all = series(series_count);
    let kept: Vec<_> = all.iter().enumerate().filter(|(i, _)| keep(*i)).collect();
    let batch = |part: &[(usize, &LabelSet)]| {
        let mut out = Batch::builder(Tenant::default());
        for (i, labels) in part {
            out.series(labels.as_labels());
            let time = 1_700_000_000_000 + (mix(*i as u64 / 80) % 15_000) as i64;
            (0..each).for_each(|n| _ = out.sample(time + n as i64 * 15_000, value(i + n * 8)));
        }
        out.build()
    };
    kept.chunks(size / each).map(batch).collect()
}
