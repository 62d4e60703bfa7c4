//! The series of a Kubernetes cluster as its agents see them: node exporters, kubelets, kube-state-metrics, and
//! instrumented programs, target by target.

use std::collections::HashSet;

use weir_pipeline::LabelSet;
use weir_pipeline::batch::{Metadata, MetricKind};

use crate::walk::{Shape, mix};

/// One series.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) labels: LabelSet,
    pub(crate) shape: Shape,
}

/// All series of a run, in the order in which a scrape gives them.
#[derive(Debug, Default)]
pub(crate) struct Population {
    pub(crate) series: Vec<Spec>,
    pub(crate) metadata: Vec<Metadata>,
    families: HashSet<&'static str>,
    limit: usize,
    groups: u32,
}

/// Labels that all series of one target share.
type Target = Vec<(&'static str, String)>;

/// A family: name, kind, and how its values move.
type Family = (&'static str, MetricKind, Shape);

const PODS_PER_NODE: usize = 12;
const BUCKETS: [(&str, u16); 12] = [
    ("0.005", 120),
    ("0.01", 310),
    ("0.025", 520),
    ("0.05", 660),
    ("0.1", 790),
    ("0.25", 880),
    ("0.5", 940),
    ("1", 970),
    ("2.5", 988),
    ("5", 995),
    ("10", 999),
    ("+Inf", 1000),
];

const fn counter(step: u32, idle: u8, scale: u8) -> Shape {
    Shape::Counter { step, idle, scale }
}

const fn gauge(center: i64, quantum: u32, idle: u8, scale: u8) -> Shape {
    Shape::Gauge { center, quantum, idle, scale }
}

/// Per container, from the kubelet. CPU in nanoseconds, memory in pages.
const CONTAINER: [Family; 16] = [
    ("container_cpu_usage_seconds_total", MetricKind::Counter, counter(300_000_000, 5, 9)),
    ("container_cpu_user_seconds_total", MetricKind::Counter, counter(20, 20, 2)),
    ("container_cpu_system_seconds_total", MetricKind::Counter, counter(8, 30, 2)),
    ("container_cpu_cfs_periods_total", MetricKind::Counter, counter(120, 0, 0)),
    ("container_cpu_cfs_throttled_periods_total", MetricKind::Counter, counter(3, 80, 0)),
    ("container_memory_working_set_bytes", MetricKind::Gauge, gauge(268_435_456, 4096, 20, 0)),
    ("container_memory_rss", MetricKind::Gauge, gauge(201_326_592, 4096, 25, 0)),
    ("container_memory_cache", MetricKind::Gauge, gauge(67_108_864, 4096, 60, 0)),
    ("container_memory_usage_bytes", MetricKind::Gauge, gauge(301_989_888, 4096, 20, 0)),
    ("container_memory_swap", MetricKind::Gauge, Shape::Constant(0)),
    ("container_fs_reads_bytes_total", MetricKind::Counter, counter(16_384, 90, 0)),
    ("container_fs_writes_bytes_total", MetricKind::Counter, counter(65_536, 50, 0)),
    ("container_spec_memory_limit_bytes", MetricKind::Gauge, Shape::Constant(536_870_912)),
    ("container_spec_cpu_shares", MetricKind::Gauge, Shape::Constant(256)),
    ("container_start_time_seconds", MetricKind::Gauge, Shape::Constant(1_760_000_000)),
    ("container_processes", MetricKind::Gauge, gauge(12, 1, 95, 0)),
];

/// Per pod interface, from the kubelet.
const NETWORK: [Family; 4] = [
    ("container_network_receive_bytes_total", MetricKind::Counter, counter(180_000, 5, 0)),
    ("container_network_transmit_bytes_total", MetricKind::Counter, counter(240_000, 5, 0)),
    ("container_network_receive_packets_total", MetricKind::Counter, counter(210, 5, 0)),
    ("container_network_transmit_packets_total", MetricKind::Counter, counter(260, 5, 0)),
];

/// Per program, from its runtime.
const RUNTIME: [Family; 12] = [
    ("go_goroutines", MetricKind::Gauge, gauge(180, 1, 30, 0)),
    ("go_threads", MetricKind::Gauge, gauge(14, 1, 97, 0)),
    ("go_memstats_alloc_bytes", MetricKind::Gauge, gauge(41_000_000, 8, 0, 0)),
    ("go_memstats_alloc_bytes_total", MetricKind::Counter, counter(9_000_000, 0, 0)),
    ("go_memstats_heap_inuse_bytes", MetricKind::Gauge, gauge(52_000_000, 8192, 30, 0)),
    ("go_memstats_heap_objects", MetricKind::Gauge, gauge(310_000, 1, 0, 0)),
    ("go_memstats_next_gc_bytes", MetricKind::Gauge, gauge(64_000_000, 8, 50, 0)),
    ("process_cpu_seconds_total", MetricKind::Counter, counter(45, 10, 2)),
    ("process_resident_memory_bytes", MetricKind::Gauge, gauge(94_371_840, 4096, 40, 0)),
    ("process_open_fds", MetricKind::Gauge, gauge(31, 1, 60, 0)),
    ("process_start_time_seconds", MetricKind::Gauge, Shape::Constant(1_760_000_123)),
    ("up", MetricKind::Gauge, Shape::Constant(1)),
];

// === impl Population ===

impl Population {
    /// The first `limit` series of a cluster as large as it takes.
    pub(crate) fn new(limit: usize) -> Self {
        let mut all = Self { limit, ..Self::default() };
        for node in 0.. {
            if all.series.len() >= limit {
                break;
            }
            all.node_exporter(node);
            for pod in 0..PODS_PER_NODE {
                all.kubelet(node, pod);
                all.state_metrics(node, pod);
                all.program(node, pod);
            }
        }
        all
    }

    /// How many series of `metric` there are.
    pub(crate) fn count(&self, metric: &str) -> usize {
        self.series.iter().filter(|spec| spec.labels.as_labels().metric() == metric).count()
    }

    fn add(&mut self, target: &Target, own: &[(&'static str, &str)], (name, kind, shape): Family) {
        if self.series.len() >= self.limit {
            return;
        }
        // The metadata is that of the family, which the series of a histogram share.
        let suffixes = ["_bucket", "_sum", "_count"].iter().filter(|_| kind == MetricKind::Histogram);
        let family = suffixes.filter_map(|suffix| name.strip_suffix(suffix)).next().unwrap_or(name);
        if self.families.insert(family) {
            let help = format!("What {} is about, in a sentence of the usual length.", family.replace('_', " "));
            self.metadata.push(Metadata { metric: family.into(), kind, help, unit: String::new() });
        }
        let shared = target.iter().map(|(name, value)| (*name, value.as_str()));
        let labels = shared.chain(own.iter().copied()).chain([("__name__", name)]).collect();
        self.series.push(Spec { labels, shape });
    }

    fn histogram(&mut self, target: &Target, own: &[(&'static str, &str)], names: [&'static str; 3]) {
        let group = self.groups;
        self.groups += 1;
        let [bucket, sum, count] = names;
        for (le, share) in BUCKETS {
            let own: Vec<_> = own.iter().copied().chain([("le", le)]).collect();
            self.add(target, &own, (bucket, MetricKind::Histogram, Shape::Bucket { group, share }));
        }
        self.add(target, own, (sum, MetricKind::Histogram, Shape::Sum { group }));
        self.add(target, own, (count, MetricKind::Histogram, Shape::Bucket { group, share: 1000 }));
    }

    fn node_exporter(&mut self, node: usize) {
        let target = target(node, "node-exporter", "monitoring", format!("10.0.{}.{}:9100", node / 250, node % 250));
        for cpu in ["0", "1", "2", "3", "4", "5", "6", "7"] {
            for (mode, step) in [
                ("idle", 1200),
                ("user", 180),
                ("system", 90),
                ("iowait", 4),
                ("softirq", 9),
                ("irq", 0),
                ("nice", 0),
                ("steal", 1),
            ] {
                let shape = if step == 0 { Shape::Constant(0) } else { counter(step, 5, 2) };
                self.add(
                    &target,
                    &[("cpu", cpu), ("mode", mode)],
                    ("node_cpu_seconds_total", MetricKind::Counter, shape),
                );
            }
        }
        for device in ["eth0", "lo", "cilium_host", "cilium_net", "lxc_health"] {
            for (name, step) in [
                ("node_network_receive_bytes_total", 900_000),
                ("node_network_transmit_bytes_total", 700_000),
                ("node_network_receive_packets_total", 1100),
                ("node_network_transmit_packets_total", 900),
                ("node_network_receive_errs_total", 0),
                ("node_network_transmit_drop_total", 0),
            ] {
                let shape = if step == 0 { Shape::Constant(0) } else { counter(step, 5, 0) };
                self.add(&target, &[("device", device)], (name, MetricKind::Counter, shape));
            }
        }
        for mount in ["/", "/var/lib/kubelet", "/var/lib/containerd", "/boot/efi"] {
            let own = [("device", "/dev/nvme0n1p1"), ("fstype", "ext4"), ("mountpoint", mount)];
            self.add(
                &target,
                &own,
                ("node_filesystem_size_bytes", MetricKind::Gauge, Shape::Constant(105_089_261_568)),
            );
            let shape = gauge(61_002_190_848, 4096, 30, 0);
            self.add(&target, &own, ("node_filesystem_avail_bytes", MetricKind::Gauge, shape));
            self.add(&target, &own, ("node_filesystem_files_free", MetricKind::Gauge, gauge(6_200_000, 1, 50, 0)));
            self.add(&target, &own, ("node_filesystem_readonly", MetricKind::Gauge, Shape::Constant(0)));
        }
        for name in ["node_memory_MemTotal_bytes", "node_memory_SwapTotal_bytes", "node_boot_time_seconds"] {
            self.add(&target, &[], (name, MetricKind::Gauge, Shape::Constant(33_567_399_936)));
        }
        for name in ["node_memory_MemAvailable_bytes", "node_memory_MemFree_bytes", "node_memory_Cached_bytes"] {
            self.add(&target, &[], (name, MetricKind::Gauge, gauge(9_663_676_416, 4096, 5, 0)));
        }
        for name in ["node_load1", "node_load5", "node_load15"] {
            self.add(&target, &[], (name, MetricKind::Gauge, gauge(230, 1, 20, 2)));
        }
    }

    fn kubelet(&mut self, node: usize, pod: usize) {
        let instance = format!("10.0.{}.{}:10250", node / 250, node % 250);
        let mut target = target(node, "kubelet", NAMESPACES[pod % NAMESPACES.len()], instance);
        target.push(("pod", pod_name(node, pod)));
        target.push(("metrics_path", "/metrics/cadvisor".into()));
        for container in ["app", "istio-proxy"] {
            let mut target = target.clone();
            let id = mix((node * 1000 + pod) as u64 ^ container.len() as u64);
            target.push(("id", format!("/kubepods/burstable/pod{}/{id:016x}{:016x}", uid(node, pod), mix(id))));
            target.push(("image", format!("registry.example/{}/{container}:v1.{}.3", APPS[pod % APPS.len()], pod)));
            target.push(("name", format!("{id:016x}{:016x}", mix(id))));
            for family in CONTAINER {
                self.add(&target, &[("container", container)], family);
            }
        }
        for family in NETWORK {
            self.add(&target, &[("interface", "eth0")], family);
        }
    }

    fn state_metrics(&mut self, node: usize, pod: usize) {
        let namespace = NAMESPACES[pod % NAMESPACES.len()];
        let mut target = target(node, "kube-state-metrics", namespace, "10.1.0.7:8080".into());
        target.retain(|(name, _)| *name != "node");
        target.push(("pod", pod_name(node, pod)));
        target.push(("uid", uid(node, pod)));
        let own = [("node", node_name(node)), ("created_by_name", format!("{}-7d4b9c6f5", APPS[pod % APPS.len()]))];
        let own: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.add(&target, &own, ("kube_pod_info", MetricKind::Gauge, Shape::Constant(1)));
        for phase in ["Pending", "Running", "Succeeded", "Failed", "Unknown"] {
            let shape = Shape::Constant(i64::from(phase == "Running"));
            self.add(&target, &[("phase", phase)], ("kube_pod_status_phase", MetricKind::Gauge, shape));
        }
        for container in ["app", "istio-proxy"] {
            let own = [("container", container)];
            let restarts = ("kube_pod_container_status_restarts_total", MetricKind::Counter, counter(1, 99, 0));
            self.add(&target, &own, restarts);
            self.add(&target, &own, ("kube_pod_container_status_ready", MetricKind::Gauge, Shape::Constant(1)));
            for (resource, unit, value) in [("cpu", "core", 1), ("memory", "byte", 536_870_912)] {
                let own = [("container", container), ("resource", resource), ("unit", unit)];
                let shape = Shape::Constant(value);
                self.add(&target, &own, ("kube_pod_container_resource_requests", MetricKind::Gauge, shape));
                self.add(&target, &own, ("kube_pod_container_resource_limits", MetricKind::Gauge, shape));
            }
        }
    }

    fn program(&mut self, node: usize, pod: usize) {
        let app = APPS[pod % APPS.len()];
        let instance = format!("10.2.{}.{}:8080", node % 250, pod + 2);
        let mut target = target(node, app, NAMESPACES[pod % NAMESPACES.len()], instance);
        target.push(("pod", pod_name(node, pod)));
        target.push(("container", "app".into()));
        for family in RUNTIME {
            self.add(&target, &[], family);
        }
        for handler in ["/api/v1/orders", "/api/v1/orders/:id", "/api/v1/customers", "/healthz"] {
            for (method, code) in [("GET", "200"), ("POST", "201"), ("GET", "500")] {
                let own = [("handler", handler), ("method", method), ("code", code)];
                let requests = ("http_requests_total", MetricKind::Counter, counter(40, 20, 0));
                self.add(&target, &own, requests);
            }
            let own = [("handler", handler), ("method", "GET")];
            self.histogram(
                &target,
                &own,
                [
                    "http_request_duration_seconds_bucket",
                    "http_request_duration_seconds_sum",
                    "http_request_duration_seconds_count",
                ],
            );
        }
    }
}

const NAMESPACES: [&str; 6] = ["shop", "payments", "search", "identity", "logistics", "kube-system"];
const APPS: [&str; 5] = ["checkout", "ledger", "indexer", "gateway", "tracking"];

fn target(node: usize, job: &str, namespace: &str, instance: String) -> Target {
    vec![
        ("cluster", format!("prod-eu-{}", node % 3)),
        ("job", job.into()),
        ("namespace", namespace.into()),
        ("instance", instance),
        ("node", node_name(node)),
    ]
}

fn node_name(node: usize) -> String {
    format!("ip-10-0-{}-{}.eu-central-1.compute.internal", node / 250, node % 250)
}

fn pod_name(node: usize, pod: usize) -> String {
    let hash = mix((node * 1000 + pod) as u64);
    format!("{}-7d4b9c6f5-{:05x}", APPS[pod % APPS.len()], hash & 0xf_ffff)
}

fn uid(node: usize, pod: usize) -> String {
    let (a, b) = (mix((node * 77 + pod) as u64), mix((node * 99 + pod) as u64));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests;
