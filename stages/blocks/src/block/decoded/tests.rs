#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn a_series_is_had_again_for_times_within_those_that_it_was_read_for() {
    let decoded = Decoded::new(10_000);
    let (a, b) = (Samples::from_iter([(1, 1.0), (5, 2.0)]), Samples::from_iter([(3, 3.0)]));
    decoded.put(Ulid(7), 1, Arc::new(Kept { times: (1, 5), samples: a.clone() }));
    decoded.put(Ulid(7), 2, Arc::new(Kept { times: (2, 9), samples: b.clone() }));
    let get = |block, rows: &[u32], times| {
        let found = decoded.get(Ulid(block), rows, times)?;
        Some(found.iter().map(|kept| kept.samples.clone()).collect::<Vec<_>>())
    };
    assert_eq!(get(7, &[1], (1, 5)), Some(vec![a.clone()]));
    assert_eq!(get(7, &[1, 2], (2, 5)), Some(vec![a, b]));
    assert_eq!(get(7, &[1, 2], (1, 5)), None);
    assert_eq!(get(7, &[1, 2], (2, 6)), None);
    assert_eq!(get(7, &[1, 3], (2, 5)), None);
    assert_eq!(get(8, &[1], (1, 5)), None);
}
