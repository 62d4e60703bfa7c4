//! The way to a setting: from a path such as `jobs[].job_name` to a node that has it.

use super::join;
use crate::config::{Key, Node, Value};

/// A step down a path of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Into a field, or what a map has under any name.
    Key(&'a str),
    /// Into the first item.
    Item,
}

/// The steps of a path as [`Setting::path`](super::Setting::path) has it.
pub(super) fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let name = part.trim_end_matches("[]");
        match name {
            "" => {}
            // Some name that is good for labels and headers, too.
            "*" => steps.push(Step::Key("name")),
            name => steps.push(Step::Key(name)),
        }
        steps.extend(std::iter::repeat_n(Step::Item, part.len().saturating_sub(name.len()) / 2));
    }
    steps
}

/// Where steps lead, as mistakes have it.
pub(super) fn place(steps: &[Step<'_>]) -> String {
    steps.iter().fold(String::new(), |place, step| match step {
        Step::Key(name) => join(&place, name),
        Step::Item => format!("{place}[0]"),
    })
}

/// What is at the end of the steps.
pub(super) fn at<'n>(node: &'n Node, steps: &[Step<'_>]) -> Option<&'n Node> {
    steps.iter().try_fold(node, |node, step| match (step, &node.value) {
        (Step::Key(name), _) => node.get(name),
        (Step::Item, Value::List(items)) => items.first(),
        (Step::Item, _) => None,
    })
}

/// A node with what is at the end of the steps set to `value`, or without it.
pub(super) fn with(node: &Node, steps: &[Step<'_>], value: Option<Node>) -> Option<Node> {
    let Some((step, below)) = steps.split_first() else { return value };
    let absent = Node::null(node.at);
    let changed = |old: Option<&Node>| match below {
        [] => Some(value.clone()),
        below => with(old.unwrap_or(&absent), below, value.clone()).map(Some),
    };
    let value = match (step, &node.value) {
        (Step::Item, Value::List(items)) => {
            let rest = items.iter().skip(1).cloned();
            Value::List(changed(items.first())?.into_iter().chain(rest).collect())
        }
        (Step::Item, _) if node.is_null() => Value::List(changed(None)?.into_iter().collect()),
        (Step::Key(name), of) => {
            let entries = match of {
                Value::Map(entries) => entries.as_slice(),
                _ if node.is_null() => &[],
                _ => return None,
            };
            let changed = changed(node.get(name))?;
            let mut entries: Vec<_> = entries.iter().filter(|(key, _)| key.text != *name).cloned().collect();
            entries.extend(changed.map(|value| (Key { at: node.at, text: (*name).to_owned() }, value)));
            Value::Map(entries)
        }
        (Step::Item, _) => return None,
    };
    Some(Node { at: node.at, value })
}
