//! Metadata: all eight kinds, with and without help and unit, and what it takes to be kept.

use serde_json::json;
use weir_stages::remote_write::Version;

use super::wire::{Series, field, integer};
use super::{Ground, KINDS};

#[test]
fn every_kind_of_metadata_is_readable_with_its_help_and_unit() {
    let ground = Ground::start();
    let at = ground.at;
    for (kind, name) in (0u64..).zip(KINDS) {
        // What says nothing in 2.0 is no metadata: that of the unknown kind without words.
        let metric = format!("of_{name}");
        let one = |help, unit| [Series::named(&metric).sample(at, 1.0).said(kind, help, unit)];
        ground.takes(name, &one("What it is.", "seconds"));
        ground.takes(name, &one("Quotes \" and \\ and\nlines, größe 🦀.", ""));
        ground.takes(name, &one("", "bytes"));
        if kind > 0 {
            ground.takes(name, &one("", ""));
        }
    }
    let many: Vec<_> = (0u64..)
        .zip(KINDS)
        .map(|(kind, name)| {
            Series::new(&[("__name__", name), ("job", "a")]).sample(at, 1.0).said(kind, "Of many.", "s")
        })
        .collect();
    ground.takes("all at once", &many);
    let complex = [("__name__", "http.requests"), ("service.name", "größe"), ("le", "0.5"), ("quantile", "0.9")];
    ground.takes("labels of all kinds", &[Series::new(&complex).sample(at, 1.0).said(1, "Requests.", "1")]);
    let created = Series::named("jobs_total").since(at - 60_000, at, 1.0).said(1, "Jobs.", "");
    ground.takes("a counter that says when it began", &[created]);
    ground.end();
}

#[test]
fn the_series_of_a_family_share_its_metadata() {
    let ground = Ground::start();
    let at = ground.at;
    let part = |name: &str, le: &str| Series::new(&[("__name__", name), ("le", le)]).sample(at, 1.0);
    let all = [part("d_bucket", "1"), part("d_bucket", "+Inf"), part("d_sum", ""), part("d_count", "")];
    // 2.0 says it of each series, by the kind of its family.
    let all = all.map(|series| series.said(3, "How long.", "s"));
    let tenant = ground.tenant();
    let got = ground.send(&tenant, Version::V2, &all);
    assert_eq!((got.status, got.written), (204, Some([4, 0, 0])), "{}", got.text);
    let expect = json!({ "d": [{ "type": "histogram", "help": "How long.", "unit": "s" }] });
    assert_eq!(ground.api(&tenant, "metadata", &[]), expect);
    ground.end();
}

#[test]
fn metadata_is_kept_of_series_that_are_written() {
    let ground = Ground::start();
    let at = ground.at;
    let good = || Series::named("good").sample(at, 1.0).said(2, "Good.", "");
    let bad = Series::new(&[("__name__", "bad"), ("a", "1"), ("a", "2")]).sample(at, 1.0).said(2, "Bad.", "").bad();
    ground.check("beside a bad series", Version::V2, &[bad, good()], 400, "expected each label once");
    let empty = Series::named("alone").said(2, "Alone.", "").bad();
    ground.check("without samples", Version::V2, &[empty.clone(), good()], 400, "expected samples or histograms");
    // In 1.0 it comes by itself, and is kept for who has not scraped yet.
    let alone = Series { is_bad: false, ..empty };
    ground.check("by itself", Version::V1, &[alone, good()], 204, "");
    // Help and unit beyond the symbols.
    for number in [3, 4] {
        let beside = field(5, &integer(number, 99));
        let bad = Series::named("bad").sample(at, 1.0).beside(beside).bad();
        ground.check("references", Version::V2, &[good(), bad], 400, "among 5 symbols, got `99`");
    }
    ground.end();
}
