//! The names, hashes and tokens that are known.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use bcrypt::HashParts;
use ring::hmac;
use weir_pipeline::units::Secret;
use weir_pipeline::{Error, Result};

use super::Auth;

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// The shortest token, in bytes: shorter ones can be guessed.
const MIN_TOKEN: usize = 16;

/// The costs that hashes may have: less is guessed too fast, more takes longer than anybody waits for an answer.
const COSTS: std::ops::RangeInclusive<u32> = 4..=16;

/// A hash that no password has, where nobody is known: it takes as long as another.
const NOBODY: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// What a token is remembered as.
pub(super) type Tag = [u8; 32];

/// The names, hashes and tokens that are known.
pub(super) struct Known {
    users: HashMap<String, Secret>,
    /// The tokens, as tags that nobody else can make.
    tokens: HashSet<Tag>,
    nobody: Secret,
}

/// Checks a name and the hash of its password.
///
/// # Errors
/// A sentence, without the hash.
pub(super) fn check_user(name: &str, hash: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) {
        return Err(format!("expected a name without `:`, got `{}`", name.escape_debug()));
    }
    let shown = name.chars().take(80).collect::<String>();
    let parts = HashParts::from_str(hash).map_err(|_| format!("expected a bcrypt hash for `{shown}`"))?;
    if !COSTS.contains(&parts.get_cost()) {
        let (least, most, cost) = (COSTS.start(), COSTS.end(), parts.get_cost());
        return Err(format!("expected a bcrypt hash of a cost from {least} to {most} for `{shown}`, got `{cost}`"));
    }
    Ok(())
}

/// The tag of a text.
pub(super) fn tag(key: &hmac::Key, parts: &[&[u8]]) -> Tag {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        // With its length, so that no two lists of parts are the same bytes.
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    let mut tag = [0; 32];
    for (to, from) in tag.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    tag
}

// === impl Known ===

impl Known {
    /// The files that it is made of.
    pub(super) fn files(auth: &Auth) -> Vec<PathBuf> {
        let users = auth.basic.iter().filter_map(|basic| basic.users_file.clone());
        users.chain(auth.bearer.iter().map(|bearer| bearer.tokens_file.clone())).collect()
    }

    /// Reads the files.
    ///
    /// # Errors
    /// A file can't be read, or has what it should not.
    pub(super) fn load(auth: &Auth, key: &hmac::Key) -> Result<Self> {
        let mut users = HashMap::new();
        if let Some(basic) = &auth.basic {
            users.extend(basic.users.clone());
            if let Some(file) = &basic.users_file {
                let wrong = |at: usize, why: String| Error::invalid(format!("{}:{at}: {why}", file.display()));
                for (at, line) in lines(&read(file)?) {
                    let pair = line.split_once(':').ok_or_else(|| wrong(at, "expected `name:hash`".into()))?;
                    check_user(pair.0, pair.1).map_err(|why| wrong(at, why))?;
                    users.insert(pair.0.to_owned(), Secret::new(pair.1));
                }
            }
        }
        let mut tokens = HashSet::new();
        if let Some(bearer) = &auth.bearer {
            let file = &bearer.tokens_file;
            for (at, line) in lines(&read(file)?) {
                if line.len() < MIN_TOKEN {
                    let shown = file.display();
                    let why = format!("{shown}:{at}: expected a token of at least {MIN_TOKEN} bytes");
                    return Err(Error::invalid(why));
                }
                tokens.insert(tag(key, &[line.as_bytes()]));
            }
        }
        // Whoever is not known is compared with a hash that takes as long as that of somebody.
        let nobody = users.values().next().cloned().unwrap_or_else(|| Secret::new(NOBODY));
        Ok(Self { users, tokens, nobody })
    }

    /// The hash of a name's password and true; a hash of somebody and false where the name is not known.
    pub(super) fn hash(&self, name: &str) -> (Secret, bool) {
        self.users.get(name).map_or_else(|| (self.nobody.clone(), false), |hash| (hash.clone(), true))
    }

    /// Whether a token is known, by its tag.
    pub(super) fn has(&self, tag: &Tag) -> bool {
        self.tokens.contains(tag)
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Known({} users, {} tokens)", self.users.len(), self.tokens.len())
    }
}

fn read(path: &Path) -> Result<Arc<str>> {
    use std::io::Read as _;

    let wrong = |e| Error::invalid(format!("expected to read the file `{}`", path.display())).with_source(e);
    let mut text = String::new();
    std::fs::File::open(path).map_err(wrong)?.take(MAX_FILE).read_to_string(&mut text).map_err(wrong)?;
    Ok(text.into())
}

/// The lines that say something, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let all = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    all.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}
