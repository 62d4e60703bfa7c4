//! Go's regular expressions, anchored, on Rust's `regex`.
//!
//! Prometheus compiles the regular expressions of matchers and relabel rules as `^(?s:…)$` with Go's RE2. Rust's `regex`
//! has the same engine but another grammar: `\d` is Unicode, `a{,2}` an error, `[a&&b]` an intersection, `x**` allowed.
//! So a pattern is read here by Go's grammar (`parse`), with Go's error texts, and written again in Rust's (`emit`).
//!
//! Source: `regexp/syntax` of Go 1.26, `model/labels/regexp.go` and `model/relabel/relabel.go` of Prometheus 3.14.
//! Narrower than Go: at most [`MAX_BYTES`] of text and [`MAX_DEPTH`] levels, a compiled size of [`MAX_COMPILED_BYTES`],
//! and a text that closes the anchoring group itself (`a)|(b`), which relabel rules of Prometheus accept by accident.
//! Wider: names of Unicode classes ignore case, spaces, `-` and `_`, as in Go 1.25 and later, for scripts as well.

use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

mod class;
mod emit;
mod expand;
mod names;
mod node;
mod parse;
mod shape;

use expand::{Groups, expand};
use node::Node;
use shape::Shape;

/// The longest text of a pattern, in bytes. Above [`MAX_REGEX_BYTES`] it must be an alternation of literals.
pub const MAX_BYTES: usize = 256 << 10;

/// The longest text of a pattern that needs the regex engine, in bytes: its tree takes some 200 times as much.
pub const MAX_REGEX_BYTES: usize = 64 << 10;

/// How deep groups, repetitions and alternations nest at most.
pub const MAX_DEPTH: usize = 250;

/// Deeper patterns are compiled on a thread of their own: `regex` recurses, and takes up to 20 KiB of stack for a level.
const DEEP: usize = 16;

/// The largest compiled pattern, in bytes.
pub const MAX_COMPILED_BYTES: usize = 10 << 20;

/// An anchored regular expression of Go's RE2 syntax: `^(?s:…)$`, as Prometheus compiles matchers and relabel rules.
/// A clone is a handle.
#[derive(Clone)]
pub struct Pattern(Arc<Inner>);

struct Inner {
    source: String,
    shape: Shape,
    prefix: String,
    /// The names of the groups; group 0, the whole match, has none.
    names: Vec<Option<String>>,
    /// Left out where shape alone can answer.
    regex: Option<Regex>,
}

/// Why a text is not a regular expression of Go's syntax, or not one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPattern {
    /// What is wrong, in Go's words where Go has them.
    pub message: String,
}

// === impl Pattern ===

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The text is not a regular expression of Go's syntax, or is too large.
    pub fn new(source: &str) -> Result<Self, InvalidPattern> {
        if source.len() > MAX_BYTES {
            return Err(too_large(source));
        }
        let tree = parse::parse(source)?;
        let shape = Shape::of(&tree.root, source.len());
        // Where the groups of a match are the match itself, its shape is enough.
        let plain = match tree.names.len() {
            1 => true,
            2 => matches!(tree.root, Node::Capture { .. }),
            _ => false,
        };
        let regex = if shape.answers() && plain { None } else { Some(compile(source, &tree.root)?) };
        let prefix = shape::prefix(&tree.root);
        Ok(Self(Arc::new(Inner { source: source.to_owned(), shape, prefix, names: tree.names, regex })))
    }

    /// The text it was made from.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether the whole of `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        match (&self.0.shape, &self.0.regex) {
            (Shape::Any, _) => true,
            (Shape::NotEmpty, _) => !text.is_empty(),
            (Shape::Literals(all), _) => shape::contains(all, text),
            (Shape::Prefix, _) => text.starts_with(&self.0.prefix),
            (Shape::Other, Some(regex)) => text.starts_with(&self.0.prefix) && regex.is_match(text),
            (Shape::Other, None) => false,
        }
    }

    /// All texts that match, sorted, where they are few and can be listed: `a|b|c`, `x(1|2)?`, `[ab]`.
    pub fn literals(&self) -> Option<&[String]> {
        match &self.0.shape {
            Shape::Literals(all) => Some(all),
            _ => None,
        }
    }

    /// What every text that matches begins with, where something is known of it.
    pub fn prefix(&self) -> Option<&str> {
        Some(self.0.prefix.as_str()).filter(|p| !p.is_empty())
    }

    /// The expansion of `template` (`$1`, `${name}`, `$$`) with the groups of the match on `text`, or `None` where the
    /// text does not match. The rules are those of Go's `Regexp.Expand`: an unknown group is empty, `$1x` is the group
    /// named `1x`, a `$` that begins no reference stays.
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let Some(regex) = &self.0.regex else {
            // At most one group, which spans the whole.
            let whole = |i| (i < self.0.names.len()).then_some(text);
            return self.is_match(text).then(|| expand(template, &Groups { names: &self.0.names, get: &whole }));
        };
        if !text.starts_with(&self.0.prefix) {
            return None;
        }
        let captures = regex.captures(text)?;
        let get = |i| captures.get(i).map(|m| m.as_str());
        Some(expand(template, &Groups { names: &self.0.names, get: &get }))
    }
}

fn compile(source: &str, root: &Node) -> Result<Regex, InvalidPattern> {
    if source.len() > MAX_REGEX_BYTES {
        return Err(too_large(source));
    }
    let mut builder = RegexBuilder::new(&emit::anchored(root));
    // Emitting adds a few groups to each level, which the tree has bounded already.
    builder.nest_limit(MAX_DEPTH as u32 * 6).size_limit(MAX_COMPILED_BYTES);
    let built = if root.height() <= DEEP { builder.build() } else { on_own_stack(root.height(), builder)? };
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => too_large(source),
        error => InvalidPattern { message: error.to_string() },
    })
}

fn on_own_stack(levels: usize, builder: RegexBuilder) -> Result<Result<Regex, regex::Error>, InvalidPattern> {
    let thread = std::thread::Builder::new().stack_size((256 << 10) + levels * (32 << 10));
    let thread = thread.spawn(move || builder.build()).ok();
    let built = thread.and_then(|thread| thread.join().ok());
    built.ok_or_else(|| InvalidPattern { message: "expected room for a thread to compile a deep pattern".into() })
}

fn too_large(source: &str) -> InvalidPattern {
    parse::error("expression too large", source)
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.source())
    }
}

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for InvalidPattern {}

#[cfg(test)]
mod tests;
