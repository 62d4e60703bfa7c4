//! What holds for any text.

use super::files::scripts;
use crate::script::fuzz::fuzz;

/// The seeds: the corpus of the fuzz target.
fn seeds() -> Vec<Vec<u8>> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/script");
    std::fs::read_dir(dir).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

/// What mutations put in.
const CHARACTERS: &[u8] = b"{}[]:,\"'`@#=_+-x. \t\n\\0159ea";

/// A small generator of numbers (xorshift), so that a failure repeats.
fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state as usize
}

#[test]
fn mutated_scripts_never_panic_and_stay_bounded() {
    let seeds = seeds();
    assert!(seeds.len() >= 5);
    seeds.iter().for_each(|seed| fuzz(seed));
    let pieces: Vec<&[u8]> = seeds.iter().flat_map(|seed| seed.split(|b| b" \n".contains(b))).collect();
    let state = &mut 0x2545_f491_4f6c_dd1d;
    for _ in 0..5000 {
        let mut text = seeds[random(state) % seeds.len()].clone();
        for _ in 0..1 + random(state) % 3 {
            let at = random(state) % (text.len() + 1);
            let end = (at + random(state) % 6).min(text.len());
            let piece: &[u8] = match random(state) % 4 {
                0 => b"",
                1 => CHARACTERS.get(random(state) % CHARACTERS.len()..).unwrap().split_at(1).0,
                _ => pieces[random(state) % pieces.len()],
            };
            text.splice(at..end, piece.iter().copied());
        }
        fuzz(&text);
    }
}

#[test]
fn the_law_holds_for_scripts_of_prometheus() {
    scripts().iter().for_each(|(_, text)| fuzz(text.as_bytes()));
}
