//! Files of settings beside pipeline files, which are looked at while the program runs.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;
use weir_pipeline::config::parse::MAX_FILE_BYTES;
use weir_pipeline::config::{Env, Mistake, Node, parse, settings};

/// The file's text, or why there is none.
pub(crate) async fn read(path: &Path) -> Result<String, String> {
    let path = path.to_owned();
    let read = move || {
        let mut text = String::new();
        // One byte more than may be: the parser says so.
        let file = File::open(&path).map(|file| file.take(MAX_FILE_BYTES as u64 + 1));
        let read = file.and_then(|mut file| file.read_to_string(&mut text));
        read.map(|_| text).map_err(|e| format!("{}: can't be read: {e}", path.display()))
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|_| Err("the file's reader panicked".into()))
}

/// What the text of a file says, and where.
///
/// # Errors
/// All mistakes, with their positions.
pub(crate) fn understand<T: DeserializeOwned>(path: &Path, text: &str) -> Result<(T, Node), String> {
    let file = path.display().to_string();
    let all = |mistakes: Vec<Mistake>| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let node = parse(&file, text, &Env::process()).map_err(all)?;
    let value = settings::<T>(&file, "", &node).map_err(all)?.value;
    Ok((value, node))
}
