#![allow(clippy::unwrap_used, missing_docs)]

use super::*;

fn exemplar(timestamp: i64, value: f64, trace: &str) -> Exemplar {
    Exemplar { labels: [("trace_id", trace)].into_iter().collect(), value, timestamp }
}

#[test]
fn exemplars_are_in_order_and_each_is_there_once() {
    let (a, b, c) = (exemplar(1, 2.0, "x"), exemplar(1, 2.0, "y"), exemplar(3, 1.0, "x"));
    let mut extras = Extras::default();
    extras.show(SeriesId([0; 16]), [c.clone(), a.clone()]);
    extras.show(SeriesId([0; 16]), [b.clone(), a.clone()]);
    assert_eq!(extras.exemplars[&SeriesId([0; 16])], [a.clone(), b.clone(), c.clone()]);
    let of = |name: &str, exemplars: &[&Exemplar]| SeriesExemplars {
        series: [("__name__", name)].into_iter().collect(),
        exemplars: exemplars.iter().copied().cloned().collect(),
    };
    let joined = join([of("m", &[&c]), of("a", &[&a]), of("m", &[&a, &c])]);
    assert_eq!(joined, [of("a", &[&a]), of("m", &[&a, &c])]);
}

#[test]
fn a_series_is_of_the_family_of_its_name_or_of_what_stands_before_a_suffix() {
    let mut extras = Extras::default();
    for metric in ["seconds", "jobs", "jobs_total", "_total"] {
        extras.say(Metadata { metric: metric.to_owned(), ..Metadata::default() });
    }
    let family = |metric: &str| extras.of(metric).map(|said| said.metric.as_str());
    for (metric, expect) in [
        ("seconds", Some("seconds")),
        ("seconds_bucket", Some("seconds")),
        ("seconds_sum", Some("seconds")),
        ("seconds_max", None),
        ("jobs_total", Some("jobs_total")),
        ("jobs_created", Some("jobs")),
        ("_total", Some("_total")),
        ("", None),
    ] {
        assert_eq!(family(metric), expect, "{metric}");
    }
}

#[test]
fn more_exemplars_than_an_answer_may_have_are_an_error() {
    check(MOST).unwrap();
    let error = check(MOST + 1).unwrap_err();
    let text = "the question finds more than 250000 exemplars: expected less time, or fewer series";
    assert_eq!((error.kind(), error.message()), (weir_pipeline::Kind::Unprocessable, text));
}
