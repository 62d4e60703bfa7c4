//! Series that are kept decoded.

use weir_pipeline::Metrics;

use super::histograms::{Mixed, bits, mixed};
use super::*;
use crate::lasts::Lasts;

/// A block, and the same where nothing is kept.
async fn both(rows: &Mixed) -> Option<(Arc<dyn Block>, Arc<dyn Block>)> {
    let (shelf, objects) = shelf();
    let all = rows.0.iter().filter_map(|(_, samples)| samples.times());
    let (min, max) = all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    let keeps = shelf.write(&Tenant::default(), min, max, Arc::new(rows.clone())).await.unwrap().unwrap();
    let keeps_nothing = BlockShelf::new(objects, Clock::system(), Memory::mib(64, 0));
    Some((keeps, keeps_nothing.list().await.unwrap().remove(0).1))
}

/// What counts at a time, bit for bit.
fn last(samples: &Samples, time: i64) -> Option<(i64, u64, i64)> {
    let at = samples.timestamps.partition_point(|ts| *ts <= time).checked_sub(1)?;
    Some((samples.timestamps[at], samples.values[at].to_bits(), samples.starts.get(at).copied().unwrap_or(0)))
}

async fn check(rows: Mixed, asked: Vec<(i64, i64, i64)>) {
    let Some((keeps, keeps_nothing)) = both(&rows).await else { return };
    for (from, length, step) in asked {
        let (start, end) = (NOON + from, NOON + from + length);
        let rows: Vec<u32> = keeps.select(&[], start, end).await.unwrap().iter().map(|row| row.row).collect();
        let read = keeps.read(&rows, start, end).await.unwrap();
        let expected = keeps_nothing.read(&rows, start, end).await.unwrap();
        assert_eq!(read.iter().map(bits).collect::<Vec<_>>(), expected.iter().map(bits).collect::<Vec<_>>());
        let lasts = Lasts { start, step, count: usize::try_from(length / step).unwrap() + 1 };
        let read = keeps.read_lasts(&rows, start, end, lasts).await.unwrap();
        for (read, expected) in read.iter().zip(&expected) {
            assert_eq!(bits(read).2, bits(expected).2);
            for time in (start..=end).step_by(usize::try_from(step).unwrap()) {
                assert_eq!(last(read, time), last(expected, time));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_asked_one_after_the_other_is_as_if_nothing_were_kept(
        rows in mixed(),
        asked in prop::collection::vec((-DAY / 2..DAY / 2, 0..DAY, DAY / 200..DAY / 5), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(rows, asked));
    }
}

#[tokio::test]
async fn an_instant_of_one_series_costs_no_decoding_at_the_next() {
    let metrics = Metrics::default();
    let objects = Arc::new(Objects::remote(Arc::new(InMemory::new())));
    let shelf = BlockShelf::new(objects, Clock::system(), Memory::mib(64, 1)).measured(&metrics);
    let series = sample_data(100, 40);
    let (start, end) = range(&series);
    let block = shelf.write(&Tenant::default(), start, end, table(&series)).await.unwrap().unwrap();
    let counted = |name: &str| {
        let (text, line) = (metrics.encode(), format!("weir_block_series_cache_{name}_total "));
        let value = text.lines().find_map(|l| l.strip_prefix(&line)).unwrap().parse::<u64>();
        value.unwrap()
    };
    for (n, time) in (start..=end).step_by(usize::try_from((end - start) / 10).unwrap()).enumerate() {
        let rows = block.select(&[], time - 1, time).await.unwrap();
        block.read(&[rows[0].row], time - 60_000, time).await.unwrap();
        assert_eq!((counted("hits"), counted("misses")), (n as u64, 1), "at {time}");
    }
    // Many are not kept: they would take the place of those that are asked for alone.
    let rows: Vec<u32> = block.select(&[], start, end).await.unwrap().iter().map(|row| row.row).collect();
    block.read(&rows, start, end).await.unwrap();
    assert_eq!(counted("misses"), 1);
}
