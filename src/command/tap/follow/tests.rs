//! Tests of `follow`.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn lines_are_shown_once_they_are_whole() {
    let mut shown = Vec::new();
    let mut lines = Lines {
        show: |line: &str| !{
            shown.push(line.to_owned());
            line == "last"
        },
        line: Vec::new(),
    };
    for (piece, more) in [("a", true), ("b\n\nc\nd", true), ("", true), ("e\nlast\nmore\n", false)] {
        assert_eq!(lines.take(piece.as_bytes()).unwrap(), more, "{piece}");
    }
    assert_eq!(shown, ["ab", "", "c", "de", "last"]);
}

#[test]
fn a_line_that_does_not_end_is_refused() {
    let mut lines = Lines { show: |_: &str| true, line: Vec::new() };
    let piece = vec![b'a'; MAX_LINE / 2 + 1];
    assert!(lines.take(&piece).unwrap());
    assert!(lines.take(&piece).is_err());
}
