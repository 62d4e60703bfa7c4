//! Tests of `exact`.

use std::time::Duration;

use super::Pauses;

#[test]
fn pauses_grow_at_random_up_to_the_longest_and_come_to_an_end() {
    let milliseconds = Duration::from_millis;
    let pauses: Vec<Duration> = Pauses::new(6, milliseconds(100), milliseconds(500)).collect();
    let bounds = [(50, 100), (100, 200), (200, 400), (250, 500), (250, 500)];
    assert_eq!(pauses.len(), bounds.len());
    for (pause, (least, most)) in pauses.iter().zip(bounds) {
        assert!((milliseconds(least)..=milliseconds(most)).contains(pause), "{pauses:?}");
    }
    assert_eq!(Pauses::new(1, milliseconds(1), milliseconds(1)).count(), 0);
}
