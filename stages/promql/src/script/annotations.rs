//! Whether an answer warns and informs as a script expects.
//!
//! Source: `checkAnnotations` of `promql/promqltest/test.go`.

use weir_pipeline::Answer;

use super::compare::{Compared, differ};
use super::{Eval, Notes};

/// Whether the notes of an answer are as expected.
pub(super) fn check(eval: &Eval, answer: &Answer) -> Compared {
    notes("warnings", &eval.expect.warnings, &answer.warnings)?;
    notes("infos", &eval.expect.infos, &answer.infos)
}

fn notes(what: &str, expected: &Notes, got: &[String]) -> Compared {
    let some = expected.some || !expected.each.is_empty();
    if some && got.is_empty() {
        return differ(what, "none");
    }
    if expected.none && !got.is_empty() {
        return differ(format!("no {what}"), format!("{got:?}"));
    }
    if expected.each.is_empty() {
        return Ok(());
    }
    if let Some(text) = expected.each.iter().find(|text| !got.iter().any(|note| text.fits(note))) {
        return differ(format!("{text} among the {what}"), format!("{got:?}"));
    }
    match got.iter().find(|note| !expected.each.iter().any(|text| text.fits(note))) {
        Some(note) => differ(format!("no other {what} than {:?}", expected.each), format!("{note:?}")),
        None => Ok(()),
    }
}
