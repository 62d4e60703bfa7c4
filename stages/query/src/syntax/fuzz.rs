//! Any text either fails with a position in it, or is read, printed and read back as the same tree.

use super::parse;

/// Reads `data` as a query.
///
/// # Panics
/// Where what was printed does not read back the same, or an error points outside the text.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match parse(text) {
        Err(error) => assert!(error.span.start as usize <= text.len(), "{error} is outside of {text:?}"),
        Ok(expr) => {
            let printed = expr.to_string();
            let again = parse(&printed).map(|e| e.to_string());
            assert_eq!(again.as_deref(), Ok(printed.as_str()), "{text:?}");
        }
    }
}
