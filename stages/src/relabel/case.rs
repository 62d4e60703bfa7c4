//! Go's `strings.ToLower` and `strings.ToUpper`: each character alone, by Unicode's simple mapping.
//!
//! Rust's full mapping makes `SS` of `ß` and looks at neighbours for the final sigma.

/// `text` in lower case.
pub(super) fn lower(text: &str) -> String {
    text.chars().map(lower_char).collect()
}

/// `text` in upper case.
pub(super) fn upper(text: &str) -> String {
    text.chars().map(upper_char).collect()
}

fn lower_char(c: char) -> char {
    // The one character whose full mapping is longer.
    if c == 'İ' { 'i' } else { single(c.to_lowercase()).unwrap_or(c) }
}

fn upper_char(c: char) -> char {
    single(c.to_uppercase()).unwrap_or(match c {
        // Greek letters with an iota below have a capital of their own; others that become several letters have none.
        'ᾀ'..='ᾇ' | 'ᾐ'..='ᾗ' | 'ᾠ'..='ᾧ' => char::from_u32(c as u32 + 8).unwrap_or(c),
        'ᾳ' => 'ᾼ',
        'ῃ' => 'ῌ',
        'ῳ' => 'ῼ',
        _ => c,
    })
}

fn single(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    mapped.next().filter(|_| mapped.next().is_none())
}
