//! Writes a pattern in the grammar of Rust's `regex`.

use std::fmt::Write as _;

use super::node::{Item, Look, Node};

/// The text for `regex`, anchored at both ends. Groups are numbered, never named: Go's names are more than Rust allows.
pub(super) fn anchored(root: &Node) -> String {
    let mut out = String::from(r"\A(?:");
    emit(root, &mut out);
    out.push_str(r")\z");
    out
}

fn emit(node: &Node, out: &mut String) {
    match node {
        Node::Empty => out.push_str("(?:)"),
        Node::Never => out.push_str(r"[^\x00-\x{10FFFF}]"),
        Node::Literal { text, fold } => {
            let text = regex::escape(text);
            out.push_str(&if *fold { format!("(?i:{text})") } else { text });
        }
        Node::Class(class) => {
            out.push_str(if class.fold { "(?i:[" } else { "(?:[" });
            out.push_str(if class.negated { "^" } else { "" });
            class.items.iter().for_each(|item| emit_item(item, out));
            out.push_str("])");
        }
        Node::Any { newline } => out.push_str(if *newline { "(?s:.)" } else { r"[^\n]" }),
        Node::Look(look) => out.push_str(match look {
            Look::BeginText => r"\A",
            Look::EndText => r"\z",
            Look::BeginLine => "(?m:^)",
            Look::EndLine => "(?m:$)",
            Look::Word => r"(?-u:\b)",
            Look::NotWord => r"(?-u:\B)",
        }),
        Node::Repeat { sub, min, max, greedy, .. } => {
            group("(?:", sub, out);
            // Writing to a String does not fail.
            let _ = match max {
                Some(max) => write!(out, "{{{min},{max}}}"),
                None => write!(out, "{{{min},}}"),
            };
            out.push_str(if *greedy { "" } else { "?" });
        }
        Node::Capture { sub, .. } => group("(", sub, out),
        Node::Concat(nest) => nest.subs.iter().for_each(|sub| match sub {
            Node::Alternate(_) => group("(?:", sub, out),
            _ => emit(sub, out),
        }),
        Node::Alternate(nest) => {
            for (i, sub) in nest.subs.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { "|" });
                emit(sub, out);
            }
        }
    }
}

fn group(open: &str, sub: &Node, out: &mut String) {
    out.push_str(open);
    emit(sub, out);
    out.push(')');
}

fn emit_item(item: &Item, out: &mut String) {
    let _ = match item {
        Item::Range(from, to) => write!(out, r"\x{{{:X}}}-\x{{{:X}}}", *from as u32, *to as u32),
        Item::Ascii { negated: false, set } => write!(out, "{set}"),
        Item::Ascii { negated: true, set } => write!(out, "[^{set}]"),
        Item::Unicode { negated: false, property } => write!(out, r"\p{{{property}}}"),
        Item::Unicode { negated: true, property } => write!(out, r"\P{{{property}}}"),
    };
}
