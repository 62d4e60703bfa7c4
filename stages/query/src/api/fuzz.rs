//! Any parameters are read or refused, and what is refused is the asker's fault.

use std::num::NonZeroU64;

use super::form::Form;
use super::params;
use super::reply::Refusal;
use super::{sql, texts};

/// The time that is now.
const NOW: i64 = 1_000_000_000_000;

/// Reads `data` as the parameters of every endpoint that has any.
///
/// # Panics
/// Where a refusal says that the program is at fault.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut form = Form::default();
    let read = form.add(text);
    let asked = [
        read,
        params::query(&form, NOW).map(drop),
        params::query_range(&form, NonZeroU64::MIN.saturating_add(10_999)).map(drop),
        params::query_exemplars(&form).map(drop),
        texts::fuzz(&form),
        params::series(&form).map(drop),
        params::labels(&form).map(drop),
        params::label_values(&form, "job".to_owned()).map(drop),
        sql::asked(&form, None).map(drop),
        super::label_name::label_name(text).map(drop),
    ];
    for refusal in asked.into_iter().filter_map(Result::err) {
        assert!(is_the_askers(&refusal), "{text:?}: {refusal:?}");
    }
}

fn is_the_askers(refusal: &Refusal) -> bool {
    refusal.status().is_client_error()
}
