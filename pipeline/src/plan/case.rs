//! `tests` of a pipeline file: what goes in, and what is to come out.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::batch::Batch;
use crate::config::{Mistake, Node, Position, Value, settings};
use crate::samples;
use crate::tenant::Tenant;

/// A test of a pipeline, with where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) at: Position,
    pub(crate) test: Test,
}

/// A test of a pipeline, as its file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub(crate) struct Test {
    /// What is tested, as a sentence.
    pub(crate) name: String,
    /// What the source sends.
    pub(crate) input: Batch,
    /// What is to reach the sink.
    pub(crate) output: Batch,
    /// How many samples are to be dropped or rejected, by reason; not looked at without.
    pub(crate) dropped: Option<BTreeMap<String, u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    name: String,
    /// Whose samples they are. Default `default-tenant`.
    #[serde(default)]
    tenant: Tenant,
    input: Text,
    /// Nothing without.
    #[serde(default)]
    output: Text,
    #[serde(default)]
    dropped: Option<BTreeMap<String, u64>>,
}

/// Samples as text, one a line.
#[derive(Default, Deserialize)]
#[serde(try_from = "String")]
struct Text(String);

/// The tests of a file, and what is wrong with them.
pub(super) fn cases(file: &str, root: &Node) -> (Vec<Case>, Vec<Mistake>) {
    let (mut cases, mut mistakes): (Vec<Case>, Vec<Mistake>) = Default::default();
    let mistake = |at, path: &str, message| Mistake { file: file.to_owned(), at, path: path.to_owned(), message };
    let items = match root.get("tests").map(|node| (node, &node.value)) {
        Some((_, Value::List(items))) => items.as_slice(),
        // What is wrong is told already.
        Some((node, value)) if !node.is_null() && *value != Value::Wrong => {
            mistakes.push(mistake(node.at, "tests", format!("expected a list, got {}", node.describe())));
            &[]
        }
        _ => &[],
    };
    for (i, item) in items.iter().enumerate() {
        let path = format!("tests[{i}]");
        match settings::<Test>(file, &path, item) {
            Ok(read) => {
                let test = read.value;
                if let Some(first) = cases.iter().find(|case| case.test.name == test.name) {
                    let message = format!("`{}` is also the test on line {}", test.name, first.at.line);
                    mistakes.push(mistake(item.at, &path, message));
                }
                cases.push(Case { at: item.at, test });
            }
            Err(wrong) => mistakes.extend(wrong),
        }
    }
    (cases, mistakes)
}

// === impl Test ===

impl TryFrom<Fields> for Test {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { name, tenant, input, output, dropped } = fields;
        let (input, output) = (samples::parse(&input.0, tenant.clone())?, samples::parse(&output.0, tenant)?);
        if name.trim().is_empty() {
            return Err("expected a name that says what is tested, got an empty one".into());
        }
        Ok(Self { name, input, output, dropped })
    }
}

// === impl Text ===

impl TryFrom<String> for Text {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        samples::parse(&text, Tenant::default())?;
        Ok(Self(text))
    }
}
