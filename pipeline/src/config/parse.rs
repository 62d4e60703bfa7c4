//! From YAML text to a tree.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::env::Env;
use super::mistake::Mistake;
use super::node::{Key, Node, Position, Value};

/// The longest file, in bytes.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// The deepest nesting.
pub const MAX_DEPTH: usize = 64;
/// The most nodes in a file.
pub const MAX_NODES: usize = 100_000;

/// The tree of the one document in `text`, variables filled in. An empty file is null.
///
/// # Errors
/// Every mistake of the text.
pub fn parse(file: &str, text: &str, env: &Env) -> Result<Node, Vec<Mistake>> {
    let Tree { root, mistakes } = tree(file, text, env);
    root.filter(|_| mistakes.is_empty()).ok_or(mistakes)
}

/// What a file is, as far as it can be known, and the mistakes in it.
pub(crate) struct Tree {
    /// The tree; [`Value::Wrong`] where a mistake stands. None where the text is no YAML, or too much of it.
    pub(crate) root: Option<Node>,
    pub(crate) mistakes: Vec<Mistake>,
}

/// Reads `text` to its end, as far as it is YAML. Unset variables, repeated keys, aliases, tags and keys that are no texts
/// cost only the node that they are at.
pub(crate) fn tree(file: &str, text: &str, env: &Env) -> Tree {
    let mut reader =
        Reader { file, env, mistakes: Vec::new(), stack: Vec::new(), root: None, nodes: 0, is_over: false };
    let start = Position { line: 1, column: 1 };
    if text.len() > MAX_FILE_BYTES {
        reader.mistake(start, format!("expected at most {MAX_FILE_BYTES} bytes, got {}", text.len()));
        return Tree { root: None, mistakes: reader.mistakes };
    }
    for event in Parser::new_from_str(text) {
        let done = match event {
            Ok((event, span)) => reader.take(event, position(&span.start)),
            Err(error) => {
                let at = position(error.marker());
                Err((within(text, at), format!("not YAML: {}{}", error.info(), hint(text, at))))
            }
        };
        if let Err((at, message)) = done {
            reader.mistake(at, message);
            return Tree { root: None, mistakes: reader.mistakes };
        }
        if reader.is_over {
            break;
        }
    }
    Tree { root: Some(reader.root.unwrap_or_else(|| Node::null(start))), mistakes: reader.mistakes }
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

/// The position, or the end of the text where it is after that.
fn within(text: &str, at: Position) -> Position {
    let lines = text.lines().count().max(1);
    if at.line <= lines {
        return at;
    }
    Position { line: lines, column: text.lines().last().map_or(0, |line| line.chars().count()) + 1 }
}

/// What to do where the brace of a variable stands at `at`: within `{ }` and `[ ]` it begins a map.
fn hint(text: &str, at: Position) -> &'static str {
    let line = text.lines().nth(at.line.saturating_sub(1)).unwrap_or_default();
    let before = line.chars().skip(at.column.saturating_sub(2));
    if before.take(2).eq("${".chars()) { "; quote what has `${…}` within `{ }` or `[ ]`" } else { "" }
}

/// A node that is not complete.
struct Open {
    at: Position,
    /// Whether it can't be known: it is tagged, or a key in it is.
    is_wrong: bool,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    /// With the line of each key.
    Map(Vec<(Key, Node)>, Slot, HashMap<String, usize>),
}

/// What comes next in a map.
enum Slot {
    Key,
    ValueOf(Key),
    /// A value that is read for its mistakes, and left out: its key was there before.
    Repeated(Key),
    /// A value whose key is no text.
    Lost,
}

struct Reader<'a> {
    file: &'a str,
    env: &'a Env,
    mistakes: Vec<Mistake>,
    stack: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    /// Whether what follows is of no interest.
    is_over: bool,
}

type Stop = (Position, String);

// === impl Reader ===

impl Reader<'_> {
    fn mistake(&mut self, at: Position, message: impl Into<String>) {
        let path = self.path();
        self.mistakes.push(Mistake { file: self.file.to_owned(), at, path, message: message.into() });
    }

    /// Where in the tree the reader is.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.stack {
            match &open.inside {
                Inside::List(items) => path.push_str(&format!("[{}]", items.len())),
                Inside::Map(_, Slot::ValueOf(key) | Slot::Repeated(key), _) => {
                    path.push_str(if path.is_empty() { "" } else { "." });
                    path.push_str(&key.text);
                }
                Inside::Map(_, Slot::Key | Slot::Lost, _) => {}
            }
        }
        path
    }

    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), Stop> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) if self.root.is_some() => {
                self.mistake(at, "expected one document in a file, got a second one");
                self.is_over = true;
            }
            Event::DocumentStart(_) => {}
            Event::Alias(_) => {
                self.count(at)?;
                self.mistake(at, "aliases (`*name`) are not supported");
                self.add(Node { at, value: Value::Wrong });
            }
            Event::Scalar(.., Some(_)) => {
                self.count(at)?;
                self.tagged(at);
                self.add(Node { at, value: Value::Wrong });
            }
            Event::Scalar(text, style, ..) => self.scalar(&text, style, at)?,
            Event::SequenceStart(_, tag) => self.open(Inside::List(Vec::new()), tag.is_some(), at)?,
            Event::MappingStart(_, tag) => {
                self.open(Inside::Map(Vec::new(), Slot::Key, HashMap::new()), tag.is_some(), at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { at, is_wrong, inside }) = self.stack.pop() else { return Ok(()) };
                let value = match inside {
                    _ if is_wrong => Value::Wrong,
                    Inside::List(items) => Value::List(items),
                    Inside::Map(entries, ..) => Value::Map(entries),
                };
                self.add(Node { at, value });
            }
        }
        Ok(())
    }

    fn open(&mut self, inside: Inside, is_tagged: bool, at: Position) -> Result<(), Stop> {
        if self.stack.len() >= MAX_DEPTH {
            return Err((at, format!("expected at most {MAX_DEPTH} levels")));
        }
        self.count(at)?;
        if is_tagged {
            self.tagged(at);
        } else if matches!(self.stack.last(), Some(Open { inside: Inside::Map(_, Slot::Key, _), .. })) {
            self.mistake(at, "expected a text as key");
        }
        self.stack.push(Open { at, is_wrong: is_tagged, inside });
        Ok(())
    }

    fn tagged(&mut self, at: Position) {
        self.mistake(at, "tags (`!name`) are not supported");
    }

    fn count(&mut self, at: Position) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err((at, format!("expected at most {MAX_NODES} values"))) } else { Ok(()) }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: Position) -> Result<(), Stop> {
        self.count(at)?;
        if let Some(Open { inside: Inside::Map(_, slot @ Slot::Key, lines), .. }) = self.stack.last_mut() {
            let key = Key { at, text: text.to_owned() };
            let before = lines.insert(text.to_owned(), at.line);
            *slot = if before.is_some() { Slot::Repeated(key) } else { Slot::ValueOf(key) };
            if let Some(before) = before {
                self.mistake(at, format!("this key is also on line {before}"));
            }
            return Ok(());
        }
        let value = match self.env.fill(text) {
            Ok(text) => Value::Scalar { text, plain: style == ScalarStyle::Plain },
            Err(message) => {
                self.mistake(at, message);
                Value::Wrong
            }
        };
        self.add(Node { at, value });
        Ok(())
    }

    fn add(&mut self, node: Node) {
        let Some(Open { is_wrong, inside, .. }) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        let (entries, slot) = match inside {
            Inside::List(items) => return items.push(node),
            Inside::Map(entries, slot, _) => (entries, slot),
        };
        match std::mem::replace(slot, Slot::Key) {
            // A key that is no text: what is missing in the map may stand under it.
            Slot::Key => {
                *is_wrong = true;
                *slot = Slot::Lost;
            }
            Slot::ValueOf(key) => {
                // An alias that would be merged in: as well.
                *is_wrong |= key.text == "<<" && node.value == Value::Wrong;
                entries.push((key, node));
            }
            Slot::Repeated(_) | Slot::Lost => {}
        }
    }
}
