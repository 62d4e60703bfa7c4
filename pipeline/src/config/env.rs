//! `${NAME}` and `${NAME:-default}` in scalars.

use std::fmt;
use std::sync::Arc;

/// Where variables come from: the process's environment, or a test.
#[derive(Clone)]
pub struct Env(Arc<Lookup>);

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

// === impl Env ===

impl Env {
    /// The environment of the process.
    pub fn process() -> Self {
        Self::from_fn(|name| std::env::var(name).ok())
    }

    /// Whatever `lookup` says.
    pub fn from_fn(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    /// `text` with its variables filled in. `$${NAME}` stands for `${NAME}`; `$1` and `${1}`, which relabel rules use,
    /// stay as they are.
    ///
    /// # Errors
    /// A variable is not set and has no default, or a `${NAME` has no end.
    pub fn fill(&self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let (before, from) = rest.split_at(start);
            let name_len = from[2..].bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            let name = &from[2..2 + name_len];
            if name.is_empty() || name.as_bytes()[0].is_ascii_digit() {
                out.push_str(&rest[..start + 2]);
                rest = &from[2..];
                continue;
            }
            let end = from.find('}').ok_or_else(|| format!("expected `}}` after `${{{name}`"))?;
            let tail = &from[2 + name_len..end];
            rest = &from[end + 1..];
            if let Some(before) = before.strip_suffix('$') {
                out.push_str(before);
                out.push_str(&from[..=end]);
                continue;
            }
            out.push_str(before);
            let default = tail.strip_prefix(":-");
            if default.is_none() && !tail.is_empty() {
                return Err(format!("expected `}}` or `:-` after `${{{name}`, got `{tail}`"));
            }
            let set = (self.0)(name).filter(|value| default.is_none() || !value.is_empty());
            match (set, default) {
                (Some(value), _) => out.push_str(&value),
                (None, Some(default)) => out.push_str(default),
                (None, None) => return Err(format!("the environment has no `{name}`, and there is no default")),
            }
        }
        out.push_str(rest);
        Ok(out)
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}
