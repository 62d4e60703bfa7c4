//! The corpora of fuzz targets, replayed by tests: each file as it is, and with random changes.

use std::path::{Path, PathBuf};

/// Changes that look random, the same in every run.
#[derive(Clone, Copy, Debug)]
pub struct Dice(u64);

/// Gives `target` each file of a corpus, and so many mutants of each: copies with some bytes changed, put in, taken out,
/// repeated or cut off. What is put in is one of the bytes that are `likely` to mean something, or any where there are none.
/// Returns how many files there are. Panics where the corpus can't be read.
pub fn replay(corpus: &Path, mutants: usize, likely: &[u8], target: impl Fn(&[u8])) -> usize {
    let read = |path: &Path| std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let entries = std::fs::read_dir(corpus).unwrap_or_else(|e| panic!("{}: {e}", corpus.display()));
    let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.sort();
    let mut dice = Dice::default();
    for file in &files {
        let data = read(file);
        target(&data);
        for _ in 0..mutants {
            let mut mutant = data.clone();
            dice.mutate(&mut mutant, likely);
            target(&mutant);
        }
    }
    files.len()
}

// === impl Dice ===

impl Default for Dice {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Dice {
    /// Some changes, as those of [`replay`].
    pub fn mutate(&mut self, bytes: &mut Vec<u8>, likely: &[u8]) {
        for _ in 0..=self.below(4) {
            self.change(bytes, likely);
        }
    }

    /// A number below `n`; 0 where `n` is 0.
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }

    /// One change somewhere.
    fn change(&mut self, bytes: &mut Vec<u8>, likely: &[u8]) {
        let at = self.below(bytes.len());
        match self.below(6) {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = self.below(256) as u8),
            1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << self.below(8)),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => {
                let piece: Vec<u8> = bytes.iter().skip(self.below(bytes.len())).take(20).copied().collect();
                bytes.splice(at..at, piece);
            }
            4 => bytes.truncate(at),
            _ => {
                let any = self.below(256) as u8;
                bytes.insert(at, likely.get(self.below(likely.len())).copied().unwrap_or(any));
            }
        }
    }
}
