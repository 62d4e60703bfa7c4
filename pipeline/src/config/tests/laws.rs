//! What holds for every file.

use std::path::Path;

use proptest::prelude::*;

use crate::config::fuzz::fuzz;

proptest! {
    #[test]
    fn any_text_of_the_right_characters_is_read_or_refused(
        text in "(name: p|source: |sink: |stages: |resources: |anything|list|choice|[\\[\\]{}:,'\"|>&*#!%@~-]|\\$\\{A|[ \n\t]|[a5ä]){0,50}",
    ) {
        fuzz(text.as_bytes());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        fuzz(text.as_bytes());
    }
}

#[test]
fn the_corpus_holds_the_laws_and_so_do_its_mutations() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/yaml");
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below.max(1) as u64) as usize
    };
    let mut files = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        files += 1;
        fuzz(&data);
        for _ in 0..400 {
            let mut mutant = data.clone();
            for _ in 0..=random(4) {
                let at = random(mutant.len());
                match random(5) {
                    _ if mutant.is_empty() => mutant.push(b'a'),
                    0 => mutant[at] = b' ' + random(95) as u8,
                    1 => mutant.insert(at, b"{}[]:,\"'\n -#&*$~|>\t5a"[random(21)]),
                    2 => drop(mutant.remove(at)),
                    3 => {
                        let from = random(mutant.len());
                        let piece = mutant[from..mutant.len().min(from + 20)].to_vec();
                        mutant.splice(at..at, piece);
                    }
                    _ => mutant.truncate(at),
                }
            }
            fuzz(&mutant);
        }
    }
    assert!(files >= 8, "expected a corpus, got {files} files");
}
