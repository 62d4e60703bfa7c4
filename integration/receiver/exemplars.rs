//! Exemplars: labels, values and times of all kinds, and those that are left out.

use weir_pipeline::STALE;
use weir_stages::remote_write::Version;

use super::Ground;
use super::wire::{Series, field, packed};

/// Label sets of exemplars: the compliance tests'.
const LABELS: [(&str, &[(&str, &str)]); 7] = [
    ("a trace", &[("trace_id", "abc123")]),
    ("a trace and a span", &[("trace_id", "abc123"), ("span_id", "def456")]),
    ("others, out of order", &[("user", "u1"), ("component", "api"), ("Zone", "a")]),
    ("none", &[]),
    ("other letters", &[("größe", "🦀"), ("名", "値")]),
    ("dots and spaces", &[("service.name", "a b"), ("a b", "c")]),
    ("an empty value", &[("trace_id", "abc123"), ("span_id", "")]),
];

#[test]
fn every_exemplar_is_readable() {
    let ground = Ground::start();
    let at = ground.at;
    let one = || Series::new(&[("__name__", "jobs_total"), ("job", "a")]).sample(at, 1.0);
    for (name, labels) in LABELS {
        ground.takes(name, &[one().exemplar(labels, at, 0.5)]);
    }
    // With its name 128 characters, which is all that it may have.
    ground.takes("a long one", &[one().exemplar(&[("trace_id", &"x".repeat(120))], at, 0.5)]);
    let trace = [("trace_id", "abc")];
    for value in [0.0, -0.0, -1.5, 1e-7, 1e21, f64::INFINITY, f64::NEG_INFINITY] {
        let tenant = ground.tenant();
        let got = ground.send(&tenant, Version::V2, &[one().exemplar(&trace, at, value)]);
        assert_eq!((got.status, got.written), (204, Some([1, 0, 1])), "{value}");
        let held = ground.held(&tenant).exemplars;
        let found = &held.values().next().unwrap().first().unwrap().2;
        assert_eq!(found.parse::<f64>().map(f64::to_bits), Ok(value.to_bits()), "{found}");
    }
    for value in [f64::NAN, STALE] {
        ground.takes("no number", &[one().exemplar(&trace, at, value)]);
    }
    let times = [("an hour ago", -3_400_000), ("a minute ago", -60_000), ("its sample's", 0)];
    for (name, before) in times {
        ground.takes(name, &[one().exemplar(&trace, at + before, 1.0)]);
    }
    let several = times.iter().fold(one(), |one, (name, before)| one.exemplar(&[("of", name)], at + before, 1.0));
    ground.takes("several of one series", &[several]);
    let created = Series::named("jobs_total").since(at - 60_000, at, 1.0).exemplar(&trace, at, 1.0);
    ground.takes("of a counter that says when it began", &[created]);
    ground.takes("without samples", &[Series::named("alone").exemplar(&trace, at, 1.0)]);
    ground.end();
}

#[test]
fn an_exemplar_that_is_left_out_costs_nothing_else() {
    let ground = Ground::start();
    let at = ground.at;
    let one = || Series::named("jobs_total").sample(at, 1.0).exemplar(&[("trace_id", "abc")], at, 1.0);
    let long = "x".repeat(129);
    let beside = one().exemplar(&[("trace_id", &long)], at + 1, 1.0).dropped();
    ground.takes("labels that are too long", &[beside]);
    // References, which 1.0 does not have.
    for refs in [&[9, 99][..], &[1]] {
        let exemplar = field(4, &packed(1, refs));
        let told = if refs.len() == 1 { "expected pairs of label references" } else { "expected a label among" };
        ground.check("references", Version::V2, &[one().beside(exemplar)], 400, told);
    }
    let bad = Series::new(&[("job", "a")]).exemplar(&[("trace_id", "abc")], at, 1.0).bad();
    ground.check("of a series without a name", Version::V2, &[bad, one()], 400, "expected a label `__name__`");
    ground.end();
}

#[test]
fn an_exemplar_that_comes_again_is_kept_once() {
    let ground = Ground::start();
    let at = ground.at;
    let series = [Series::named("jobs_total").sample(at, 1.0).exemplar(&[("trace_id", "abc")], at, 1.0)];
    for version in Version::ALL {
        let tenant = ground.tenant();
        for _ in 0..2 {
            assert_eq!(ground.send(&tenant, version, &series).status, 204);
            ground.has(&tenant, &[&series[0]], "once");
        }
        let params = [("query", "jobs_total"), ("start", "0"), ("end", "9999999999")];
        let found = ground.api(&tenant, "query_exemplars", &params);
        assert_eq!(found[0]["exemplars"].as_array().unwrap().len(), 1, "{found}");
    }
    ground.end();
}
