//! Go's grammar of regular expressions (`regexp/syntax`, flags `Perl | DotNL`).
//!
//! The walk is flat, as Go's: a stack of open groups, no recursion.

use super::class;
use super::node::{Look, Node};
use super::{InvalidPattern, MAX_DEPTH};

/// What a text means.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) root: Node,
    /// The name of each group; the first is the whole match.
    pub(super) names: Vec<Option<String>>,
}

/// The settings that `(?ims-U)` changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flags {
    pub(super) fold: bool,
    multi_line: bool,
    dot_newline: bool,
    ungreedy: bool,
}

struct Parser<'a> {
    source: &'a str,
    rest: &'a str,
    flags: Flags,
    names: Vec<Option<String>>,
    /// The open groups, the whole pattern first.
    groups: Vec<Group>,
    /// Where the repetition begins that was read last; empty where something else was.
    last_repeat: Option<&'a str>,
}

/// A group that is still open.
struct Group {
    captures: bool,
    /// What holds again after it.
    flags: Flags,
    /// The alternatives that are complete.
    branches: Vec<Node>,
    /// The alternative that is being read.
    items: Vec<Node>,
}

type Result<T> = std::result::Result<T, InvalidPattern>;

/// Reads a pattern.
///
/// # Errors
/// It is not of Go's grammar, or nests too deeply.
pub(super) fn parse(source: &str) -> Result<Tree> {
    let flags = Flags { fold: false, multi_line: false, dot_newline: true, ungreedy: false };
    let whole = Group { captures: false, flags, branches: Vec::new(), items: Vec::new() };
    let parser = Parser { source, rest: source, flags, names: vec![None], groups: vec![whole], last_repeat: None };
    parser.run()
}

/// An error in Go's words.
pub(super) fn error(what: &str, text: &str) -> InvalidPattern {
    InvalidPattern { message: format!("error parsing regexp: {what}: `{}`", shorten(text)) }
}

/// A text of bounded length, since an error quotes the pattern.
fn shorten(text: &str) -> String {
    const LIMIT: usize = 1000;
    match text.char_indices().nth(LIMIT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

// === impl Parser ===

impl<'a> Parser<'a> {
    fn run(mut self) -> Result<Tree> {
        while let Some(c) = self.rest.chars().next() {
            let before = self.rest;
            self.step(c)?;
            // A repetition counts as the last thing only if this step read one.
            if self.last_repeat.is_some_and(|last| last.len() != before.len()) {
                self.last_repeat = None;
            }
        }
        let last = self.groups.pop();
        let Some(whole) = last.filter(|_| self.groups.is_empty()) else {
            return Err(error("missing closing )", self.source));
        };
        let root = self.bounded(whole.close())?;
        Ok(Tree { root, names: self.names })
    }

    fn step(&mut self, c: char) -> Result<()> {
        match c {
            '(' if self.rest.starts_with("(?") => return self.flags_or_group(),
            '(' => self.open(true, None),
            '|' => self.group(|g| g.next_branch())?,
            ')' => return self.close(),
            '^' if self.flags.multi_line => self.push(Node::Look(Look::BeginLine)),
            '^' => self.push(Node::Look(Look::BeginText)),
            '$' if self.flags.multi_line => self.push(Node::Look(Look::EndLine)),
            '$' => self.push(Node::Look(Look::EndText)),
            '.' => self.push(Node::Any { newline: self.flags.dot_newline }),
            '[' => {
                let (class, rest) = class::bracketed(self.rest, self.flags.fold)?;
                self.push(class);
                self.rest = rest;
                return Ok(());
            }
            '*' => return self.repeat(0, None, &self.rest[1..]),
            '+' => return self.repeat(1, None, &self.rest[1..]),
            '?' => return self.repeat(0, Some(1), &self.rest[1..]),
            '{' => match counts(self.rest) {
                Some((min, max, rest)) => return self.counted(min, max, rest),
                // What is no count is plain text.
                None => self.literal('{'),
            },
            '\\' => return self.escape(),
            c => self.literal(c),
        }
        self.rest = &self.rest[c.len_utf8()..];
        Ok(())
    }

    fn escape(&mut self) -> Result<()> {
        let after = self.rest.get(2..).unwrap_or("");
        let look = match self.rest.as_bytes().get(1) {
            Some(b'A') => Look::BeginText,
            Some(b'z') => Look::EndText,
            Some(b'b') => Look::Word,
            Some(b'B') => Look::NotWord,
            Some(b'Q') => {
                let (text, rest) = after.split_once("\\E").unwrap_or((after, ""));
                text.chars().for_each(|c| self.literal(c));
                self.rest = rest;
                return Ok(());
            }
            _ => {
                let (node, rest) = class::escaped(self.rest, self.flags.fold)?;
                match node {
                    class::Escaped::Class(class) => self.push(class),
                    class::Escaped::Rune(rune) => match char::from_u32(rune) {
                        Some(c) => self.literal(c),
                        None => self.push(Node::Never),
                    },
                }
                self.rest = rest;
                return Ok(());
            }
        };
        self.push(Node::Look(look));
        self.rest = after;
        Ok(())
    }

    fn group<T>(&mut self, f: impl FnOnce(&mut Group) -> T) -> Result<T> {
        self.groups.last_mut().map(f).ok_or_else(|| error("unexpected )", self.source))
    }

    fn push(&mut self, node: Node) {
        if let Some(group) = self.groups.last_mut() {
            group.items.push(node);
        }
    }

    fn literal(&mut self, c: char) {
        let Some(group) = self.groups.last_mut() else { return };
        match group.items.last_mut() {
            Some(Node::Literal { text, fold }) if *fold == self.flags.fold => text.push(c),
            _ => group.items.push(Node::Literal { text: c.into(), fold: self.flags.fold }),
        }
    }

    fn open(&mut self, captures: bool, name: Option<String>) {
        if captures {
            self.names.push(name);
        }
        self.groups.push(Group { captures, flags: self.flags, branches: Vec::new(), items: Vec::new() });
    }

    fn close(&mut self) -> Result<()> {
        let last = self.groups.pop();
        let Some(group) = last.filter(|_| !self.groups.is_empty()) else {
            return Err(error("unexpected )", self.source));
        };
        self.flags = group.flags;
        let captures = group.captures;
        let node = group.close();
        let node = self.bounded(if captures { Node::capture(node) } else { node.whole() })?;
        self.push(node);
        self.rest = &self.rest[1..];
        Ok(())
    }

    /// Refuses a piece with too many levels, since what walks the tree recurses.
    fn bounded(&self, node: Node) -> Result<Node> {
        if node.height() > MAX_DEPTH {
            return Err(error("expression nests too deeply", self.source));
        }
        Ok(node)
    }

    /// A count in braces.
    fn counted(&mut self, min: Option<u32>, max: Option<Option<u32>>, rest: &'a str) -> Result<()> {
        let text = &self.rest[..self.rest.len() - rest.len()];
        let size = || error("invalid repeat count", text);
        let min = min.filter(|&min| min <= 1000).ok_or_else(size)?;
        let max = match max {
            None => None,
            Some(max) => Some(max.filter(|&max| max <= 1000 && min <= max).ok_or_else(size)?),
        };
        self.repeat(min, max, rest)
    }

    /// Repeats what was read last; `rest` begins after the operator.
    fn repeat(&mut self, min: u32, max: Option<u32>, rest: &'a str) -> Result<()> {
        let before = self.rest;
        let lazy = rest.strip_prefix('?');
        let rest = lazy.unwrap_or(rest);
        let read = |from: &'a str| &from[..from.len() - rest.len()];
        if let Some(last) = self.last_repeat {
            return Err(error("invalid nested repetition operator", read(last)));
        }
        let missing = || error("missing argument to repetition operator", read(before));
        let sub = self.group(Group::take_last)?.ok_or_else(missing)?;
        let greedy = lazy.is_some() == self.flags.ungreedy;
        let node = self.bounded(Node::repeat(sub, min, max, greedy))?;
        let counted = before.starts_with('{') && (min >= 2 || max.is_some_and(|max| max >= 2));
        if counted && !node.repeats_within(1000) {
            return Err(error("invalid repeat count", read(before)));
        }
        self.push(node);
        self.rest = rest;
        self.last_repeat = Some(before);
        Ok(())
    }

    /// `(?P<name>`, `(?<name>`, `(?flags)`, `(?flags:`.
    fn flags_or_group(&mut self) -> Result<()> {
        let text = self.rest;
        let named = text.strip_prefix("(?P<").filter(|r| !r.is_empty());
        if let Some(name) = named.or_else(|| text.strip_prefix("(?<").filter(|r| !r.is_empty())) {
            let Some((name, rest)) = name.split_once('>') else { return Err(error("invalid named capture", text)) };
            let valid = !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
            if !valid {
                return Err(error("invalid named capture", &text[..text.len() - rest.len()]));
            }
            self.open(true, Some(name.to_owned()));
            self.rest = rest;
            return Ok(());
        }
        let (mut flags, mut on, mut seen) = (self.flags, true, false);
        for (at, c) in text.char_indices().skip(2) {
            let invalid = || error("invalid or unsupported Perl syntax", &text[..at + c.len_utf8()]);
            match c {
                'i' => flags.fold = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_newline = on,
                'U' => flags.ungreedy = on,
                '-' if on => (on, seen) = (false, false),
                ':' | ')' if on || seen => {
                    if c == ':' {
                        self.open(false, None);
                    }
                    self.flags = flags;
                    self.rest = &text[at + 1..];
                    return Ok(());
                }
                _ => return Err(invalid()),
            }
            seen |= c != '-';
        }
        Err(error("invalid or unsupported Perl syntax", text))
    }
}

/// `{min}`, `{min,}` or `{min,max}`: the bounds and what follows. A number that is too big reads as `None` within.
#[allow(clippy::type_complexity)]
fn counts(text: &str) -> Option<(Option<u32>, Option<Option<u32>>, &str)> {
    let (min, rest) = number(text.strip_prefix('{')?)?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((min, Some(min), rest));
    }
    let rest = rest.strip_prefix(',')?;
    if let Some(rest) = rest.strip_prefix('}') {
        return Some((min, None, rest));
    }
    let (max, rest) = number(rest)?;
    Some((min, Some(max), rest.strip_prefix('}')?))
}

/// A decimal number without leading zeros.
fn number(text: &str) -> Option<(Option<u32>, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().ok(), rest))
}

// === impl Group ===

impl Group {
    fn next_branch(&mut self) {
        self.branches.push(Node::concat(std::mem::take(&mut self.items)));
    }

    fn close(mut self) -> Node {
        self.next_branch();
        Node::alternate(self.branches)
    }

    /// What a repetition would repeat: the last piece, of a literal the last character.
    fn take_last(&mut self) -> Option<Node> {
        let Some(Node::Literal { text, fold }) = self.items.last_mut() else { return self.items.pop() };
        let (c, fold) = (text.pop()?, *fold);
        if text.is_empty() {
            self.items.pop();
        }
        Some(Node::Literal { text: c.into(), fold })
    }
}
