//! Settings from YAML, as pipeline files have them.

use serde::de::DeserializeOwned;

use crate::config::{self, Env, Mistake, Node};

/// The settings that `text` has. No variable of the environment is set.
///
/// # Errors
/// The mistakes, one a line, as `line:column: path: message`.
pub fn settings<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    read(text, |node| Some(node))
}

/// The settings under the key `name` of the first YAML example in the module docs of `source`, a Rust file.
///
/// # Panics
/// There is no such example, or it is wrong.
pub fn documented<T: DeserializeOwned>(source: &str, name: &str) -> T {
    let example = example(source).unwrap_or_else(|| panic!("the docs of `{name}` have no YAML example"));
    read(&example, |node| node.get(name)).unwrap_or_else(|error| panic!("the example of `{name}`: {error}"))
}

/// The first YAML example in the module docs of `source`, a Rust file.
fn example(source: &str) -> Option<String> {
    let docs = source.lines().map_while(|line| line.strip_prefix("//!"));
    let block = docs.skip_while(|line| line.trim() != "```yaml").skip(1);
    let lines: Vec<_> = block.take_while(|line| line.trim() != "```").map(|line| line.strip_prefix(' ')).collect();
    let text = lines.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join("\n");
    (!text.is_empty()).then_some(text)
}

fn read<T: DeserializeOwned>(text: &str, find: impl Fn(&Node) -> Option<&Node>) -> Result<T, String> {
    let told = |mistakes: Vec<Mistake>| {
        let texts = mistakes.iter().map(ToString::to_string);
        texts.map(|text| text.trim_start_matches(':').to_owned()).collect::<Vec<_>>().join("\n")
    };
    let root = config::parse("", text, &Env::from_fn(|_| None)).map_err(told)?;
    let node = find(&root).ok_or("the key is missing")?;
    config::settings("", "", node).map(|settings| settings.value).map_err(told)
}
