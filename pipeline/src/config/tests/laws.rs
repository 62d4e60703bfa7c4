//! What holds for every file.

use std::path::Path;

use proptest::prelude::*;

use crate::config::fuzz::fuzz;
use crate::testing;

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
    let files = testing::replay(&corpus, 400, b"{}[]:,\"'\n -#&*$~|>\t5a", fuzz);
    assert!(files >= 8, "expected a corpus, got {files} files");
}
