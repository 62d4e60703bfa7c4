//! What several tests of this crate share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use crate::seam::sim::Dice;

/// The files of a fuzz target's corpus, the empty one first.
pub(crate) fn corpus(target: &str) -> Vec<Vec<u8>> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/").to_owned() + target;
    let mut paths: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no corpus in {dir}");
    std::iter::once(Vec::new()).chain(paths.into_iter().map(|path| std::fs::read(path).unwrap())).collect()
}

/// Runs `target` on `seed` and on `count` mutations of it.
pub(crate) fn mutations(seed: &[u8], count: u64, target: impl Fn(&[u8])) {
    target(seed);
    for n in 0..count {
        let mut dice = Dice(n);
        let mut data = seed.to_vec();
        for _ in 0..=dice.below(4) {
            mutate(&mut data, &mut dice);
        }
        target(&data);
    }
}

fn mutate(data: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(data.len() as u64) as usize;
    match dice.below(5) {
        0 if !data.is_empty() => data[at] ^= 1 << dice.below(8),
        1 if !data.is_empty() => data[at] = dice.roll() as u8,
        2 => data.truncate(at),
        3 => data.insert(at, dice.roll() as u8),
        _ => {
            let copy = data[at..].to_vec();
            data.extend(copy.into_iter().take(64));
        }
    }
}

pub(crate) mod s3;
pub(crate) mod shelf;
