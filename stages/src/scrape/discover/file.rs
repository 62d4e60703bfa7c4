//! Files that list targets.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer};
use tokio::time::{Instant, sleep};
use weir_pipeline::config::{self, Env, Mistake};
use weir_pipeline::units::{Span, above_zero};

use super::{Listed, Slot, Tells};
use crate::scrape::job::Group;

/// The label that says in which file a target was found.
const PLACE: &str = "__meta_filepath";

/// How often the files are looked at, whether they have changed.
const LOOK: Duration = Duration::from_secs(3);

/// The longest file, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Files that list targets, as `file_sd_configs` of Prometheus.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSd {
    /// The files, which end in `.json`, `.yml` or `.yaml`; the last part of a path may have `*` and `?`. No default.
    #[serde(deserialize_with = "patterns")]
    pub files: Vec<String>,
    /// How often they are read in any case; what changes is found within seconds. Default 5m.
    #[serde(default = "default_refresh", deserialize_with = "above_zero")]
    pub refresh_interval: Span,
}

/// What is known of each file.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<PathBuf, File>);

#[derive(Debug, Default)]
struct File {
    stamp: Option<Stamp>,
    groups: Vec<Group>,
}

/// When a file was changed, and its size.
type Stamp = (SystemTime, u64);

fn default_refresh() -> Span {
    Span::from_secs(300)
}

/// Reads patterns of files that can be read.
fn patterns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let all = Vec::<String>::deserialize(deserializer)?;
    let wrong = |pattern: &&String| {
        let (dir, name) = parts(pattern);
        dir.contains(['*', '?']) || !is_list(name)
    };
    match all.iter().find(wrong) {
        None if all.is_empty() => Err(serde::de::Error::custom("expected a file, got none")),
        None => Ok(all),
        Some(pattern) => Err(serde::de::Error::custom(format!(
            "expected a file that ends in `.json`, `.yml` or `.yaml`, with `*` and `?` in its name alone, got `{pattern}`"
        ))),
    }
}

/// Whether a name ends as a list's does.
fn is_list(name: &str) -> bool {
    let ends = ["json", "yml", "yaml"];
    name.rsplit_once('.').is_some_and(|(_, end)| ends.iter().any(|known| end.eq_ignore_ascii_case(known)))
}

/// The directory of a path, with its last slash, and the name in it.
fn parts(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |slash| slash + 1))
}

// === impl FileSd ===

impl FileSd {
    /// Which list it is.
    pub(super) fn origin(&self) -> String {
        self.files.join("\n")
    }

    /// Looks at the files for ever.
    pub(super) async fn follow(self, slot: Slot, tells: Tells) {
        let (mut known, mut read) = (Known::of(slot.groups()), Instant::now());
        let mut all = true;
        loop {
            let (files, before) = (self.files.clone(), known);
            let looked = tokio::task::spawn_blocking(move || {
                let (mut known, mut wrong) = (before, Vec::new());
                known.look(&files, all, &mut wrong);
                (known, wrong)
            });
            let Ok((now, wrong)) = looked.await else { return };
            known = now;
            for (path, why) in &wrong {
                tells.failed_file(path, why);
            }
            slot.set(known.groups());
            if all {
                read = Instant::now();
            }
            sleep(LOOK.min(self.refresh_interval.get())).await;
            all = read.elapsed() >= self.refresh_interval.get();
        }
    }
}

// === impl Known ===

impl Known {
    /// What was found before.
    fn of(groups: Vec<Group>) -> Self {
        let mut known = Self::default();
        for group in groups {
            let path = PathBuf::from(group.labels.get(PLACE).map_or("", String::as_str));
            known.0.entry(path).or_default().groups.push(group);
        }
        known
    }

    /// Reads the files that have changed, or `all` of them. What can't be read any more stays as it was, and is told in
    /// `wrong` when that is new.
    pub(super) fn look(&mut self, patterns: &[String], all: bool, wrong: &mut Vec<(PathBuf, String)>) {
        let mut before = std::mem::take(&mut self.0);
        for path in patterns.iter().flat_map(|pattern| matching(pattern)) {
            if self.0.contains_key(&path) {
                continue;
            }
            let mut file = before.remove(&path).unwrap_or_default();
            let stamp = stamp(&path);
            if all || stamp.is_none() || stamp != file.stamp {
                match read(&path) {
                    Ok(groups) => file.groups = groups,
                    Err(why) => wrong.push((path.clone(), why)),
                }
                file.stamp = stamp;
            }
            self.0.insert(path, file);
        }
    }

    /// What all files list.
    pub(super) fn groups(&self) -> Vec<Group> {
        self.0.values().flat_map(|file| file.groups.iter().cloned()).collect()
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// The files that are called so, in order.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let (dir, name) = parts(pattern);
    if !name.contains(['*', '?']) {
        let path = PathBuf::from(pattern);
        return if path.is_file() { vec![path] } else { Vec::new() };
    }
    let Ok(entries) = std::fs::read_dir(if dir.is_empty() { "." } else { dir }) else { return Vec::new() };
    let found = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut found: Vec<String> = found.filter(|found| is_match(name, found)).collect();
    found.sort();
    found.iter().map(|name| PathBuf::from(format!("{dir}{name}"))).filter(|path| path.is_file()).collect()
}

/// Whether `name` is what `pattern` says, where `*` stands for any characters and `?` for one.
fn is_match(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // For each length of the pattern: whether it matches what was looked at of the name.
    let mut reached = vec![false; pattern.len() + 1];
    let stars = pattern.iter().take_while(|c| **c == '*').count();
    reached.iter_mut().take(stars + 1).for_each(|reached| *reached = true);
    for c in &name {
        let mut next = vec![false; pattern.len() + 1];
        for (i, p) in pattern.iter().enumerate() {
            let here = reached.get(i).copied().unwrap_or(false);
            let after = match p {
                '*' => reached.get(i + 1).copied().unwrap_or(false) || next.get(i).copied().unwrap_or(false) || here,
                '?' => here,
                p => here && p == c,
            };
            if let Some(next) = next.get_mut(i + 1) {
                *next = after;
            }
        }
        reached = next;
    }
    // What is left of the pattern may be empty.
    reached.last().copied().unwrap_or(false)
}

/// The groups that a file lists.
fn read(path: &Path) -> Result<Vec<Group>, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_FILE {
        return Err(format!("expected at most {MAX_FILE} bytes"));
    }
    let is_json = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
    let listed = if is_json { json(&text)? } else { yaml(&text)? };
    let place = path.display().to_string();
    Ok(listed.into_iter().map(|listed| listed.group(PLACE, &place)).collect())
}

pub(super) fn json(text: &str) -> Result<Vec<Listed>, String> {
    let listed: Option<Vec<Option<Listed>>> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(listed.unwrap_or_default().into_iter().flatten().collect())
}

fn yaml(text: &str) -> Result<Vec<Listed>, String> {
    let told = |mistakes: Vec<Mistake>| {
        mistakes.first().map_or_else(String::new, |mistake| mistake.to_string().trim_start_matches(':').to_owned())
    };
    // Variables are those of pipeline files: here they are texts.
    let env = Env::from_fn(|name| Some(format!("${{{name}}}")));
    let node = config::parse("", text, &env).map_err(told)?;
    let listed = config::settings::<Option<Vec<Listed>>>("", "", &node).map_err(told)?;
    Ok(listed.value.unwrap_or_default())
}

// === impl Tells ===

impl Tells {
    fn failed_file(&self, path: &Path, why: &str) {
        self.telemetry.failed_file(&self.job);
        tracing::warn!(job = self.job, path = %path.display(), why, "a file of targets can't be read: it counts as before");
    }
}

#[cfg(test)]
mod tests;
