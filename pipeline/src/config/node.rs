//! A YAML document as a tree in which every node knows where it stands.

use std::collections::BTreeMap;
use std::fmt;

use super::known::join;
use crate::units::{HIDDEN, Hides};

/// A place in a file, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text; `plain` where it stands without quotes, so that it may also be a number, a truth value or null.
    Scalar {
        /// The text, with variables of the environment filled in.
        text: String,
        /// Whether it stands without quotes.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Key, Node)>),
    /// What can't be known because of a mistake that is told already.
    Wrong,
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it begins.
    pub at: Position,
    /// Its text.
    pub text: String,
}

// === impl Node ===

impl Node {
    /// An absent value that stands at `at`.
    pub fn null(at: Position) -> Self {
        Self { at, value: Value::Scalar { text: String::new(), plain: true } }
    }

    /// Whether it is null: nothing, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Whether it says the same as another one, wherever it stands.
    pub(crate) fn says_as(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::List(own), Value::List(others)) => {
                own.len() == others.len() && own.iter().zip(others).all(|(own, other)| own.says_as(other))
            }
            (Value::Map(own), Value::Map(others)) => {
                let same = |((key, own), (name, other)): (&(Key, Self), &(Key, Self))| {
                    key.text == name.text && own.says_as(other)
                };
                own.len() == others.len() && own.iter().zip(others).all(same)
            }
            (own, other) => own == other,
        }
    }

    /// The value under `key`, where this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The same, where this is at `path`, with [`HIDDEN`](crate::units::HIDDEN) in the place of what must not be seen.
    pub(crate) fn without(self, path: &str, secrets: &BTreeMap<String, Hides>) -> Self {
        if secrets.is_empty() {
            return self;
        }
        let value = match self.value {
            Value::Scalar { text, plain } => match secrets.get(path) {
                Some(hides) => {
                    let shown = hides.of(&text);
                    Value::Scalar { plain: plain && shown == text, text: shown }
                }
                None => Value::Scalar { text, plain },
            },
            _ if secrets.get(path) == Some(&Hides::All) => Value::Scalar { text: HIDDEN.to_owned(), plain: false },
            Value::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, node)| {
                        let node = node.without(&join(path, &key.text), secrets);
                        (key, node)
                    })
                    .collect(),
            ),
            Value::List(items) => {
                let items = items.into_iter().enumerate();
                Value::List(items.map(|(i, node)| node.without(&format!("{path}[{i}]"), secrets)).collect())
            }
            other => other,
        };
        Self { at: self.at, value }
    }

    /// What it is, for messages.
    pub fn describe(&self) -> String {
        match &self.value {
            _ if self.is_null() => "nothing".to_owned(),
            Value::Scalar { text, .. } => format!("`{}`", text.chars().take(80).collect::<String>()),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
            Value::Wrong => "a mistake".to_owned(),
        }
    }
}

/// Flow style on one line, shortened: what `explain` shows.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            _ if self.is_null() => f.write_str("~"),
            Value::Scalar { text, .. } => f.write_str(text),
            Value::Wrong => f.write_str("?"),
            Value::Map(entries) if entries.is_empty() => f.write_str("{}"),
            Value::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Value::Map(entries) => {
                f.write_str("{ ")?;
                for (i, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{}: {value}", if i == 0 { "" } else { ", " }, key.text)?;
                }
                f.write_str(" }")
            }
        }
    }
}
