//! Real bodies, read whole, and compared with what another parser reads.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::*;

/// What the list of the files says of each: samples, types, histogram families, samples with a timestamp.
const FILES: [(&str, [usize; 4]); 10] = [
    ("k8s_1_35_apiserver.prom.txt", [22_853, 279, 47, 0]),
    ("k8s_1_35_kubelet_cadvisor.prom.txt", [4_621, 78, 0, 4_246]),
    ("k8s_1_35_kube_state_metrics.prom.txt", [1_698, 231, 0, 0]),
    ("k8s_1_35_scheduler.prom.txt", [2_334, 207, 34, 0]),
    ("node_exporter_e2e.prom.txt", [3_027, 1_228, 0, 0]),
    ("prometheus_alltypes_237mfs.prom.txt", [1_857, 237, 15, 0]),
    ("prometheus_alltypes_5mfs.om.txt", [53, 5, 1, 0]),
    ("prometheus_1histogram.om.txt", [42, 1, 1, 0]),
    ("openshift_federate_timeseries.prom.txt", [232, 25, 0, 226]),
    ("expfmt_text.prom.txt", [248, 37, 0, 0]),
];

fn load(file: &str) -> Option<(String, Format)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(file);
    let format = if file.ends_with(".om.txt") { Format::OpenMetrics } else { Format::Text };
    match std::fs::read_to_string(&path) {
        Ok(text) => Some((text, format)),
        Err(_) => {
            println!("skipped: there is no {}", path.display());
            None
        }
    }
}

#[test]
fn every_file_reads_whole() {
    for (file, expect) in FILES {
        let Some((text, format)) = load(file) else { continue };
        let mut got = [0; 4];
        for event in Parser::new(text.as_bytes(), format) {
            match event.unwrap_or_else(|error| panic!("{file}:{error}")) {
                Event::Sample(sample) => {
                    got[0] += 1;
                    got[3] += usize::from(sample.timestamp.is_some());
                }
                Event::Type { kind, .. } => {
                    got[1] += 1;
                    got[2] += usize::from(kind == MetricKind::Histogram);
                }
                _ => {}
            }
        }
        assert_eq!(got, expect, "{file}");
    }
}

#[test]
fn what_is_read_of_a_file_and_written_reads_as_the_same() {
    for (file, expect) in FILES {
        let Some((text, format)) = load(file) else { continue };
        let read = collect(Parser::new(text.as_bytes(), format), Tenant::default(), 1).unwrap();
        let written = write(&read);
        let again = batch(&written, Tenant::default(), 2).unwrap();
        assert_eq!((again.sample_count(), write(&again) == written), (expect[0], true), "{file}");
    }
}

/// A series as both parsers can name it: name, labels that are not empty, in order.
type Key = (String, BTreeMap<String, String>);

/// Bounds and quantiles as numbers: the other parser keeps only those.
fn key(name: &str, labels: impl Iterator<Item = (String, String)>) -> Key {
    let plain = |(name, value): (String, String)| match value.parse::<f64>() {
        Ok(number) if name == "le" || name == "quantile" => (name, format!("{number:?}")),
        _ => (name, value),
    };
    (name.to_owned(), labels.filter(|(_, value)| !value.is_empty()).map(plain).collect())
}

/// What the other parser reads: the value, and the timestamp where it keeps it.
fn theirs(text: &str) -> HashMap<Key, Vec<(f64, Option<i64>)>> {
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    let scrape = prometheus_parse::Scrape::parse_at(lines, Default::default()).unwrap();
    let mut out: HashMap<Key, Vec<(f64, Option<i64>)>> = HashMap::new();
    for sample in scrape.samples {
        let labels = |more: Option<(&str, f64)>| {
            let more = more.map(|(name, value)| (name.to_owned(), format!("{value:?}")));
            sample.labels.iter().map(|(n, v)| (n.clone(), v.clone())).chain(more).collect::<Vec<_>>().into_iter()
        };
        let mut add = |name: &str, more, value, timestamp| {
            out.entry(key(name, labels(more))).or_default().push((value, timestamp));
        };
        let timestamp = Some(sample.timestamp.timestamp_millis()).filter(|&t| t != 0);
        match &sample.value {
            prometheus_parse::Value::Counter(v)
            | prometheus_parse::Value::Gauge(v)
            | prometheus_parse::Value::Untyped(v) => {
                add(&sample.metric, None, *v, timestamp);
            }
            prometheus_parse::Value::Histogram(buckets) => {
                let name = format!("{}_bucket", sample.metric);
                buckets.iter().for_each(|b| add(&name, Some(("le", b.less_than)), b.count, None));
            }
            prometheus_parse::Value::Summary(quantiles) => {
                quantiles.iter().for_each(|q| add(&sample.metric, Some(("quantile", q.quantile)), q.count, None));
            }
        }
    }
    out
}

/// Why the other parser is known to misread a sample.
fn misread(sample: &Sample<'_>) -> Option<&'static str> {
    let any = |what: &[char]| sample.labels.iter().any(|(_, value)| value.contains(what));
    let body = sample.series;
    if sample.name.contains(':') {
        Some("it drops samples whose name has a colon")
    } else if body.ends_with("{}") {
        Some("it drops samples with empty braces")
    } else if any(&['}']) {
        Some("it ends the labels at a brace in a value")
    } else if any(&[',', '=']) {
        Some("it drops labels whose value has a comma or an equals sign")
    } else if body.contains('\\') {
        Some("it does not undo escapes")
    } else if any(&['"']) || body.starts_with('{') {
        Some("it knows no quoted names")
    } else {
        None
    }
}

#[test]
fn where_another_parser_reads_correctly_ours_reads_the_same() {
    let (mut compared, mut left_out, mut all) = (0, BTreeMap::<&str, usize>::new(), 0);
    for (file, expect) in FILES {
        let Some((text, format)) = load(file) else { continue };
        all += expect[0];
        let theirs = theirs(&text);
        for event in Parser::new(text.as_bytes(), format) {
            let Event::Sample(sample) = event.unwrap() else { continue };
            if let Some(reason) = misread(&sample) {
                *left_out.entry(reason).or_default() += 1;
                continue;
            }
            let key = key(&sample.name, sample.labels.iter().map(|(n, v)| (n.into_owned(), v.into_owned())));
            let read = theirs.get(&key).unwrap_or_else(|| panic!("{file}: they did not read {}", sample.series));
            let same = |(value, timestamp): &(f64, Option<i64>)| {
                (*value == sample.value || value.is_nan() && sample.value.is_nan())
                    && (timestamp.is_none() || *timestamp == sample.timestamp)
            };
            assert!(read.iter().any(same), "{file}: {} is {:?}, they read {read:?}", sample.series, sample.value);
            compared += 1;
        }
    }
    if all == 0 {
        return;
    }
    println!("compared {compared} of {all} samples, left out {left_out:?}");
    assert_eq!(compared + left_out.values().sum::<usize>(), all);
    assert!(compared > 36_000, "expected most samples to be compared, got {compared} of {all}: {left_out:?}");
}
