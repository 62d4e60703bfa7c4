//! The corpus of queries, and mutations of it.

use std::path::Path;

use crate::engine::fuzz::{fuzz, fuzz_sql};

/// A seeded walk, the same in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

/// Swaps parts of queries: bytes alone would seldom be PromQL again.
fn mutate(text: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let (at, from) = (dice.below(text.len() + 1), dice.below(other.len() + 1));
    let length = dice.below(other.len() - from + 1);
    let mut out = text[..at].to_vec();
    out.extend(&other[from..from + length]);
    out.extend(&text[(at + dice.below(4)).min(text.len())..]);
    out
}

/// Replays a corpus, and mutations of it.
fn replay(target: &str, each: usize, fuzz: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(target);
    let mut files: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let texts: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    let mut dice = Dice(7);
    for text in &texts {
        fuzz(text);
        for _ in 0..each {
            let other = &texts[dice.below(texts.len())];
            fuzz(&mutate(text, other, &mut dice));
        }
    }
}

#[test]
fn no_query_of_the_corpus_is_a_fault_of_the_program() {
    replay("engine", 12, fuzz);
}

#[test]
fn no_sql_of_the_corpus_is_a_fault_of_the_program() {
    replay("sql", 25, fuzz_sql);
}

#[test]
fn no_parameters_of_the_corpus_are_a_fault_of_the_program() {
    replay("api_params", 2000, crate::api::fuzz::fuzz);
}
