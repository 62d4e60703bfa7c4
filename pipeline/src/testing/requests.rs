//! What the contract sends down and answers.

use crate::ack::{Ack, Outcome};
use crate::batch::{Batch, Metadata, STALE};
use crate::labels::LabelSet;
use crate::path::{Path, Read, Write};
use crate::query::{Answer, Ask, Data, Exemplar, Query};
use crate::tenant::Tenant;
use crate::testing::histogram_point;

/// A path whose contract can be checked.
pub trait Requests: Path {
    /// Requests of every shape, each with a name; the first is the plainest.
    fn requests() -> Vec<(&'static str, Self::Request)>;

    /// Answers that a rest may give to `request`, each with a name; the first is the plainest.
    fn answers(request: &Self::Request) -> Vec<(&'static str, Self::Response)>;

    /// What is wrong with `response` to `request`, if something is.
    fn fault(request: &Self::Request, response: &Self::Response) -> Option<String>;
}

/// The plainest request: one sample, or an instant query.
pub fn request<P: Requests>() -> P::Request {
    P::requests().swap_remove(0).1
}

// === impl Write ===

impl Requests for Write {
    fn requests() -> Vec<(&'static str, Batch)> {
        vec![
            ("one sample", samples(1, 1)),
            ("no series", samples(0, 0)),
            ("a series without samples", samples(1, 0)),
            ("three series", samples(3, 2)),
            ("a series twice", twice()),
            ("samples out of order, stale and with start timestamps", odd()),
            ("native histograms, floats and an exemplar", mixed()),
            ("no sample, only metadata", only_metadata()),
            ("another tenant", samples(2, 2).with_tenant(Tenant::new("acme").unwrap_or_default())),
            ("thousands of samples", samples(2000, 3)),
        ]
    }

    fn answers(batch: &Batch) -> Vec<(&'static str, Ack)> {
        let n = batch.sample_count() as u64;
        let mut rejected = Ack::written(n - n / 3).with(Outcome::Dropped, "elsewhere", n / 3 - n / 6);
        rejected.reject("too_old", "up{job=\"a\"} is too old", n / 6);
        let mut created = Ack::written(n + 2);
        created.created = 2;
        vec![
            ("all is written", Ack::written(n)),
            ("some samples are rejected", rejected),
            ("all are rejected", Ack::default().with(Outcome::Rejected, "too_old", n)),
            ("all are accepted or absorbed", {
                Ack::default().with(Outcome::Accepted, "", n / 2).with(Outcome::Absorbed, "dedup", n - n / 2)
            }),
            ("samples are created", created),
        ]
    }

    fn fault(batch: &Batch, ack: &Ack) -> Option<String> {
        let sent = batch.sample_count() as u64;
        let (created, counted) = (ack.created, ack.total());
        (!ack.balances(sent)).then(|| {
            format!("{sent} samples went in and {created} were created, but the ack counts {counted}: {ack:?}")
        })
    }
}

fn labels(i: usize) -> LabelSet {
    [("__name__", "up".to_owned()), ("instance", format!("host-{i}:9100")), ("job", "node".to_owned())]
        .into_iter()
        .collect()
}

fn samples(series: usize, each: usize) -> Batch {
    let mut out = Batch::builder(Tenant::default());
    for i in 0..series {
        out.series(labels(i).as_labels());
        for k in 0..each {
            out.sample(1_000 * k as i64, (i + k) as f64);
        }
    }
    out.build()
}

fn twice() -> Batch {
    let mut out = Batch::builder(Tenant::default());
    for i in [0, 1, 0] {
        out.series(labels(i).as_labels()).sample(0, 1.0).sample(1_000, 2.0);
    }
    out.build()
}

fn odd() -> Batch {
    let mut out = Batch::builder(Tenant::default());
    out.series(labels(0).as_labels()).sample_since(5, 2_000, 1.0).sample(1_000, f64::NAN).sample(3_000, STALE);
    out.series(LabelSet::default().as_labels()).sample(i64::MIN, f64::INFINITY).sample(i64::MAX, -0.0);
    out.build()
}

fn mixed() -> Batch {
    let exemplar = Exemplar { labels: labels(7), value: 0.5, timestamp: 1_000 };
    let mut out = Batch::builder(Tenant::default());
    out.series(labels(0).as_labels()).histogram(histogram_point(1_000, 1)).histogram(histogram_point(2_000, 2));
    out.series(labels(1).as_labels()).sample(1_000, 1.0).exemplar(exemplar);
    out.series(labels(2).as_labels()).sample(1_000, 1.0).histogram(histogram_point(2_000, 3));
    out.build()
}

fn only_metadata() -> Batch {
    let mut out = Batch::builder(Tenant::default());
    out.metadata(Metadata { metric: "up".into(), help: "Whether it is.".into(), ..Metadata::default() });
    out.build()
}

// === impl Read ===

impl Requests for Read {
    fn requests() -> Vec<(&'static str, Query)> {
        let query = |ask| Query::new(Tenant::default(), ask);
        vec![
            ("an instant query", query(Ask::Instant { expr: "up".into(), time: 0 })),
            ("a range query", query(Ask::Range { expr: "rate(up[5m])".into(), start: 0, end: 60_000, step: 15_000 })),
            ("label names", query(Ask::LabelNames { selectors: Vec::new(), start: 0, end: 1 })),
        ]
    }

    fn answers(_: &Query) -> Vec<(&'static str, Answer)> {
        let warned = Answer { warnings: vec!["partial".into()], ..Answer::from(Data::Vector(Vec::new())) };
        vec![("a scalar", Data::Scalar(0, 1.0).into()), ("a warning", warned)]
    }

    fn fault(_: &Query, _: &Answer) -> Option<String> {
        None
    }
}
