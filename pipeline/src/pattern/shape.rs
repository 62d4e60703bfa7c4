//! What can be said of a pattern without running it.

use super::node::{Class, Item, Look, Node};

/// What a pattern amounts to.
#[derive(Debug)]
pub(super) enum Shape {
    /// `.*`
    Any,
    /// `.+`
    NotEmpty,
    /// One of these, which are sorted and differ.
    Literals(Vec<String>),
    /// The pattern's prefix, then anything.
    Prefix,
    /// None of these.
    Other,
}

/// How many strings, counted as one byte each and their own bytes, a listing may take beyond the text's own length.
const ROOM: usize = 4096;

impl Shape {
    /// The shape of the pattern `root`, whose text has `bytes`.
    pub(super) fn of(root: &Node, bytes: usize) -> Self {
        let root = bare(root);
        if is_any(root) {
            return Self::Any;
        }
        if let Node::Repeat { sub, min: 1, max: None, .. } = root
            && **sub == (Node::Any { newline: true })
        {
            return Self::NotEmpty;
        }
        let mut room = ROOM + 2 * bytes;
        let all = match root {
            Node::Concat(nest) => match nest.subs.as_slice() {
                [Node::Literal { fold: false, .. }, rest] if is_any(bare(rest)) => return Self::Prefix,
                subs => product(unanchored(subs), &mut room),
            },
            _ => list(root, &mut room),
        };
        let Some(mut all) = all else { return Self::Other };
        all.sort_unstable();
        all.dedup();
        Self::Literals(all)
    }

    /// Whether [`Shape`] decides alone.
    pub(super) fn answers(&self) -> bool {
        !matches!(self, Self::Other)
    }
}

/// Whether sorted `all` has `text`.
pub(super) fn contains(all: &[String], text: &str) -> bool {
    match all {
        [one] => one == text,
        _ => all.binary_search_by(|s| s.as_str().cmp(text)).is_ok(),
    }
}

/// What every text that matches `root` begins with.
pub(super) fn prefix(root: &Node) -> String {
    let mut out = String::new();
    add_prefix(root, &mut out);
    out
}

/// Appends what every match of `node` begins with, and says whether that is all that it matches.
fn add_prefix(node: &Node, out: &mut String) -> bool {
    match node {
        Node::Empty | Node::Look(Look::BeginText) => true,
        Node::Literal { text, fold: false } => {
            out.push_str(text);
            true
        }
        Node::Capture { sub, .. } => add_prefix(sub, out),
        Node::Repeat { sub, min: 1.., .. } => {
            add_prefix(sub, out);
            false
        }
        Node::Concat(nest) => nest.subs.iter().all(|sub| add_prefix(sub, out)),
        Node::Alternate(nest) => {
            let common = nest.subs.iter().map(prefix).reduce(|a, b| common(&a, &b).to_owned());
            out.push_str(&common.unwrap_or_default());
            false
        }
        _ => false,
    }
}

fn common<'a>(a: &'a str, b: &str) -> &'a str {
    let end = a.char_indices().zip(b.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    &a[..end.unwrap_or(a.len().min(b.len()))]
}

fn is_any(node: &Node) -> bool {
    matches!(node, Node::Repeat { sub, min: 0, max: None, .. } if **sub == (Node::Any { newline: true }))
}

/// The node within groups.
fn bare(mut node: &Node) -> &Node {
    while let Node::Capture { sub, .. } = node {
        node = sub;
    }
    node
}

/// The pieces without the anchors at both ends, which every pattern has anyway.
fn unanchored(subs: &[Node]) -> &[Node] {
    let subs = subs.strip_prefix(&[Node::Look(Look::BeginText)]).unwrap_or(subs);
    subs.strip_suffix(&[Node::Look(Look::EndText)]).unwrap_or(subs)
}

/// Every text that `node` matches, or `None` where there are too many.
fn list(node: &Node, room: &mut usize) -> Option<Vec<String>> {
    match node {
        Node::Empty => take(room, vec![String::new()]),
        Node::Never => Some(Vec::new()),
        Node::Literal { text, fold: false } => take(room, vec![text.clone()]),
        Node::Class(class) => take(room, members(class)?),
        Node::Capture { sub, .. } => list(sub, room),
        Node::Repeat { sub, min: 0, max: Some(1), .. } => {
            let mut all = list(sub, room)?;
            all.extend(take(room, vec![String::new()])?);
            Some(all)
        }
        Node::Alternate(nest) => {
            let mut all = Vec::new();
            for sub in &nest.subs {
                all.append(&mut list(sub, room)?);
            }
            Some(all)
        }
        Node::Concat(nest) => product(&nest.subs, room),
        _ => None,
    }
}

fn product(subs: &[Node], room: &mut usize) -> Option<Vec<String>> {
    let mut all = vec![String::new()];
    for sub in subs {
        let next = list(sub, room)?;
        let bytes = |texts: &[String]| texts.iter().map(|t| t.len() + 1).sum::<usize>();
        let cost = bytes(&all).checked_mul(next.len())?.checked_add(bytes(&next).checked_mul(all.len())?)?;
        *room = room.checked_sub(cost)?;
        all = all.iter().flat_map(|a| next.iter().map(move |b| format!("{a}{b}"))).collect();
    }
    Some(all)
}

fn take(room: &mut usize, texts: Vec<String>) -> Option<Vec<String>> {
    *room = room.checked_sub(texts.iter().map(|t| t.len() + 1).sum())?;
    Some(texts)
}

/// The members of a small class of plain ranges.
fn members(class: &Class) -> Option<Vec<String>> {
    if class.negated || class.fold {
        return None;
    }
    let mut all = Vec::new();
    for item in &class.items {
        let Item::Range(from, to) = item else { return None };
        if *to as u32 - *from as u32 > 64 || all.len() > 256 {
            return None;
        }
        all.extend((*from..=*to).map(String::from));
    }
    Some(all)
}
