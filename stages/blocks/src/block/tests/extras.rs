//! What blocks have beside samples.

use weir_pipeline::batch::{Metadata, MetricKind};
use weir_pipeline::{Exemplar, SeriesExemplars};

use super::*;
use crate::extras::{Extras, Summary};

/// A table with something beside samples.
pub(super) struct With(pub(super) Arc<Table>, pub(super) Extras);

/// A table with exemplars of its first series, and something said of its metric.
pub(super) fn shown(series: &Series) -> Arc<With> {
    let (table, mut extras) = (table(series), Extras::default());
    let exemplar = |n: i64| {
        let labels = [("trace_id", n.to_string())].into_iter().collect();
        Exemplar { labels, value: n as f64, timestamp: NOON + n }
    };
    extras.show(table.id(0), (0..20).map(exemplar));
    let (metric, help) = (table.labels(0).metric().to_owned(), "Helps.".to_owned());
    extras.say(Metadata { metric, help, kind: MetricKind::Counter, unit: "s".to_owned() });
    Arc::new(With(table, extras))
}

#[async_trait]
impl Rows for With {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, i: usize) -> Labels<'_> {
        self.0.labels(i)
    }

    fn id(&self, i: usize) -> SeriesId {
        self.0.id(i)
    }

    fn samples(&self, i: usize) -> usize {
        self.0.samples(i)
    }

    fn have_starts(&self) -> bool {
        false
    }

    fn have_histograms(&self) -> bool {
        false
    }

    fn extras(&self) -> &Extras {
        &self.1
    }

    async fn read(&self, range: std::ops::Range<usize>, start: i64, end: i64) -> Result<Vec<Samples>> {
        self.0.read(range, start, end).await
    }
}

fn any_exemplar() -> impl Strategy<Value = Exemplar> {
    let labels = prop::collection::btree_map("[a-c]|trace_id", "[a-zé✓ ]{0,6}", 0..3);
    let value = prop_oneof![any::<i16>().prop_map(f64::from), any::<u64>().prop_map(f64::from_bits)];
    (labels, value, -DAY..DAY).prop_map(|(labels, value, t)| Exemplar {
        labels: labels.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        value,
        timestamp: NOON + t,
    })
}

fn any_said() -> impl Strategy<Value = (MetricKind, String, String)> {
    ((0u8..8).prop_map(|kind| MetricKind::of(kind).unwrap()), "[a-z .\n✓]{0,20}", "(bytes)?")
}

/// Bits, as values may be NaN.
fn bits(all: &[SeriesExemplars]) -> Vec<String> {
    let one = |e: &Exemplar| format!("{} {:x}@{}", e.labels, e.value.to_bits(), e.timestamp);
    all.iter().map(|of| format!("{}: {:?}", of.series, of.exemplars.iter().map(one).collect::<Vec<_>>())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_stands_beside_samples_is_read_back_and_samples_are_as_without_it(
        series in any_series(),
        exemplars in prop::collection::vec(prop::collection::vec(any_exemplar(), 0..4), 20),
        said in prop::collection::vec(prop::option::of(any_said()), 3),
        a in -DAY..DAY,
        b in -DAY..DAY,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (start, end) = range(&series);
            let mut extras = Extras::default();
            for (labels, exemplars) in series.keys().zip(exemplars).filter(|(_, exemplars)| !exemplars.is_empty()) {
                extras.show(labels.as_labels().id(), exemplars);
            }
            for (metric, said) in ["up", "http_requests", "gone"].into_iter().zip(said) {
                let Some((kind, help, unit)) = said else { continue };
                extras.say(Metadata { metric: metric.to_owned(), kind, help, unit });
            }
            let with = Arc::new(With(table(&series), extras.clone()));
            let Some(block) = shelf().0.write(&Tenant::default(), start, end, with).await.unwrap() else {
                assert!(series.values().all(BTreeMap::is_empty));
                return;
            };
            assert_eq!(read(&*block, &[], start, end).await, cut(&series, &[], start, end));
            // Those of the metrics that there are.
            let there = |metric: &str| series.keys().any(|labels| labels.as_labels().metric().starts_with(metric));
            let expect: Vec<_> = extras.metrics.values().filter(|said| there(&said.metric)).collect();
            let metrics = block.metrics().await.unwrap();
            assert_eq!(metrics.iter().map(|said| &**said).collect::<Vec<_>>(), expect);
            let all: Vec<i64> = extras.exemplars.values().flatten().map(|exemplar| exemplar.timestamp).collect();
            let times = all.iter().copied().min().zip(all.iter().copied().max());
            assert_eq!(block.extras(), Summary { exemplars: times, metrics: !expect.is_empty() });
            for (matchers, (a, b)) in [(vec![], (i64::MIN, i64::MAX)), (vec![Matcher::equal("__name__", "up")], (NOON + a.min(b), NOON + a.max(b)))] {
                let mut expect = Vec::new();
                for labels in series.keys() {
                    let fits = matchers.iter().all(|m: &Matcher| m.matches(labels.as_labels().get(&m.name).unwrap_or("")));
                    let mut own = extras.exemplars.get(&labels.as_labels().id()).cloned().unwrap_or_default();
                    own.retain(|exemplar| fits && (a..=b).contains(&exemplar.timestamp));
                    if !own.is_empty() {
                        expect.push(SeriesExemplars { series: labels.clone(), exemplars: own });
                    }
                }
                let mut found = block.exemplars(&matchers, a, b).await.unwrap();
                found.sort_by(|a, b| a.series.cmp(&b.series));
                assert_eq!(bits(&found), bits(&expect));
            }
        });
    }
}

#[test]
fn a_block_without_any_of_it_has_no_columns_for_it_and_one_with_it_has_the_format_of_before() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let columns = |extras: Extras| {
        let rows = Arc::new(With(table(&sample_data(2, 10)), extras));
        let files = runtime.block_on(write::write(rows, NOON - DAY / 2, NOON + DAY / 2 - 1)).unwrap().unwrap();
        let reader = parquet::file::reader::SerializedFileReader::new(files.series).unwrap();
        let metadata = parquet::file::reader::FileReader::metadata(&reader).file_metadata();
        let names = metadata.schema_descr().root_schema().get_fields().iter().map(|field| field.name().to_owned());
        let beside = names.skip_while(|name| name != "labels_rest").skip(1).collect::<Vec<_>>();
        (beside, files.format)
    };
    assert_eq!(columns(Extras::default()), (vec![], FLOATS_FORMAT));
    let mut extras = Extras::default();
    let first = table(&sample_data(2, 10));
    extras.show(first.id(0), [Exemplar { labels: LabelSet::default(), value: 1.0, timestamp: NOON }]);
    assert_eq!(columns(extras.clone()), (vec!["exemplars".to_owned()], FLOATS_FORMAT));
    let metric = first.labels(0).metric().to_owned();
    extras.say(Metadata { metric, ..Metadata::default() });
    let all = ["exemplars", "family", "type", "help", "unit"].map(str::to_owned).to_vec();
    assert_eq!(columns(extras), (all, FLOATS_FORMAT));
}
