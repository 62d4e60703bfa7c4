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
/// Every mistake found: what is not YAML ends the search, unset variables and repeated keys do not.
pub fn parse(file: &str, text: &str, env: &Env) -> Result<Node, Vec<Mistake>> {
    let mut reader = Reader { file, env, mistakes: Vec::new(), stack: Vec::new(), root: None, nodes: 0 };
    if text.len() > MAX_FILE_BYTES {
        reader.mistake(
            Position { line: 1, column: 1 },
            format!("expected at most {MAX_FILE_BYTES} bytes, got {}", text.len()),
        );
        return Err(reader.mistakes);
    }
    for event in Parser::new_from_str(text) {
        let done = match event {
            Ok((event, span)) => reader.take(event, position(&span.start)),
            Err(error) => Err((within(text, position(error.marker())), format!("not YAML: {}", error.info()))),
        };
        if let Err((at, message)) = done {
            reader.mistake(at, message);
            return Err(reader.mistakes);
        }
    }
    if reader.mistakes.is_empty() {
        Ok(reader.root.unwrap_or_else(|| Node::null(Position { line: 1, column: 1 })))
    } else {
        Err(reader.mistakes)
    }
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

/// A node that is not complete.
enum Open {
    List(Position, Vec<Node>),
    /// With the line of each key.
    Map(Position, Vec<(Key, Node)>, Option<Key>, HashMap<String, usize>),
}

struct Reader<'a> {
    file: &'a str,
    env: &'a Env,
    mistakes: Vec<Mistake>,
    stack: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

type Stop = (Position, String);

// === impl Reader ===

impl Reader<'_> {
    fn mistake(&mut self, at: Position, message: String) {
        let path = self.path();
        self.mistakes.push(Mistake { file: self.file.to_owned(), at, path, message });
    }

    /// Where in the tree the reader is.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.stack {
            match open {
                Open::List(_, items) => path.push_str(&format!("[{}]", items.len())),
                Open::Map(_, _, Some(key), _) if path.is_empty() => path.push_str(&key.text),
                Open::Map(_, _, Some(key), _) => path.push_str(&format!(".{}", key.text)),
                Open::Map(_, _, None, _) => {}
            }
        }
        path
    }

    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), Stop> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err((at, "expected one document in a file, got a second one".to_owned()))
            }
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(_) => Err((at, "aliases (`*name`) are not supported".to_owned())),
            Event::Scalar(.., Some(_)) | Event::SequenceStart(.., Some(_)) | Event::MappingStart(.., Some(_)) => {
                Err((at, "tags (`!name`) are not supported".to_owned()))
            }
            Event::Scalar(text, style, ..) => self.scalar(&text, style, at),
            Event::SequenceStart(..) => self.open(Open::List(at, Vec::new()), at),
            Event::MappingStart(..) => self.open(Open::Map(at, Vec::new(), None, HashMap::new()), at),
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.stack.pop() {
                    Some(Open::List(at, items)) => Node { at, value: Value::List(items) },
                    Some(Open::Map(at, entries, ..)) => Node { at, value: Value::Map(entries) },
                    None => return Ok(()),
                };
                self.add(node);
                Ok(())
            }
        }
    }

    fn open(&mut self, open: Open, at: Position) -> Result<(), Stop> {
        if self.stack.len() >= MAX_DEPTH {
            return Err((at, format!("expected at most {MAX_DEPTH} levels")));
        }
        if matches!(self.stack.last(), Some(Open::Map(_, _, None, _))) {
            return Err((at, "expected a text as key".to_owned()));
        }
        self.count(at)?;
        self.stack.push(open);
        Ok(())
    }

    fn count(&mut self, at: Position) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err((at, format!("expected at most {MAX_NODES} values"))) } else { Ok(()) }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: Position) -> Result<(), Stop> {
        self.count(at)?;
        if let Some(Open::Map(_, _, key @ None, lines)) = self.stack.last_mut() {
            *key = Some(Key { at, text: text.to_owned() });
            if let Some(before) = lines.insert(text.to_owned(), at.line) {
                self.mistake(at, format!("this key is also on line {before}"));
            }
            return Ok(());
        }
        let filled = self.env.fill(text).unwrap_or_else(|message| {
            self.mistake(at, message);
            String::new()
        });
        let plain = style == ScalarStyle::Plain;
        self.add(Node { at, value: Value::Scalar { text: filled, plain } });
        Ok(())
    }

    fn add(&mut self, node: Node) {
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key, _)) => {
                if let Some(key) = key.take() {
                    entries.push((key, node));
                }
            }
        }
    }
}
