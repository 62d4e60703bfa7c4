//! The JSON Schema of pipeline files, as editors use it: what is shipped fits it, and what `weir check` refuses does not.
//!
//! Two validators that are not ours look: Python's `jsonschema`, over what our own reader makes of the YAML, and the YAML
//! language server itself, over the files.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use weir_pipeline::Registry;
use weir_pipeline::config::{Env, Node, parse, settings};

use crate::harness::language_server::LanguageServer;
use crate::harness::weir::run;
use crate::harness::{pages, peers};

/// The component of the example plugin, which the schema of a program that has it knows.
const PLUGIN: &str = "scale";

/// Files with one mistake each, and a word that the language server's message has.
const WRONG: [(&str, &str, &str); 10] = [
    ("an unknown stage", "stages: [ { relable: { rules: [] } } ]", "relable"),
    ("an unknown source", "source: { recieve: { listen: '127.0.0.1:1' } }", "recieve"),
    ("an unknown setting", "source: { receive: { listen: '127.0.0.1:1', lisen: 1 } }", "lisen"),
    (
        "an unknown setting further down",
        "resources: { a: { store: { path: a, bucket: main, head: { memry: 1MiB } } } }",
        "memry",
    ),
    ("a word for a number", "source: { receive: { listen: '127.0.0.1:1', concurrency: many } }", "integer"),
    ("a number that is too small", "source: { receive: { listen: '127.0.0.1:1', concurrency: 0 } }", "minimum"),
    ("a text for a list", "stages: [ { filter: { drop: up } } ]", "array"),
    ("a word that there is not", "sink: { file: { path: a, format: xml } }", "accepted"),
    ("a setting that is missing", "source: receive", "accepted"),
    ("an unknown field of the file", "stage: []", "stage"),
];

/// A pipeline with one of its parts replaced.
fn pipeline(part: &str) -> String {
    let parts = ["name: p", "source: { receive: { listen: '127.0.0.1:1' } }", "sink: { blocks: { store: central } }"];
    let name = |part: &str| part.split(':').next().unwrap().to_owned();
    let others = parts.iter().filter(|other| name(other) != name(part));
    others.map(|part| format!("{part}\n")).collect::<String>() + part + "\n"
}

/// Every pipeline file that is shipped or shown, by name.
fn shipped() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for directory in ["pipelines.d", "pipelines.d/cluster", "pipelines.d/cluster/s3"] {
        for entry in std::fs::read_dir(pages::path(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let name = format!("{directory}/{}", path.file_name().unwrap().to_str().unwrap());
                files.insert(name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    for page in pages::all() {
        let text = std::fs::read_to_string(pages::path(&page)).unwrap();
        for (i, block) in pages::blocks(&text, "yaml weir").into_iter().enumerate() {
            files.insert(format!("{page} {i}"), block);
        }
    }
    let plugins = std::fs::read_to_string(pages::path("plugins/README.md")).unwrap();
    let uses = |block: &&String| block.contains(&format!("- {PLUGIN}:"));
    let block = pages::blocks(&plugins, "yaml").iter().find(uses).expect("a pipeline with a plugin").clone();
    files.insert("plugins/README.md".to_owned(), block);
    let template = std::fs::read_to_string(pages::path("plugins/template/receive.yaml.in")).unwrap();
    let of_plugin = template.replace("{{name}}: { limit: 64 }", "scale: { selector: up, factor: 0.001 }");
    assert_ne!(of_plugin, template);
    files.insert("plugins/template/receive.yaml.in".to_owned(), of_plugin);
    files
}

/// What a program with the example plugin knows.
fn registry() -> Registry {
    weir::registry().with(weir_plugin_scale::register)
}

/// The schema that such a program prints.
fn schema() -> Value {
    weir::schema(&registry())
}

#[test]
fn the_program_prints_the_schema_of_what_it_knows() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(&["stages", "--json-schema"], &[], dir.path());
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), weir::schema(&weir::registry()));
    let of_plugin = &schema()["$defs"][format!("stage.{PLUGIN}")];
    assert_eq!(of_plugin["properties"]["factor"]["anyOf"][0]["type"], "number", "{of_plugin}");
}

/// A document as JSON, with variables of the environment as they stand.
fn value(name: &str, text: &str) -> Value {
    let env = Env::from_fn(|variable| Some(format!("${{{variable}}}")));
    json_of(&parse(name, text, &env).unwrap_or_else(|mistakes| panic!("{name}: {mistakes:?}")))
}

fn json_of(node: &Node) -> Value {
    settings::<Value>("", "", node).unwrap().value
}

/// What Python's validator finds wrong with documents: name, definition or the whole, value.
fn mistakes(
    python: &Path,
    schema: &Value,
    documents: &[(String, Option<String>, Value)],
) -> BTreeMap<String, Vec<String>> {
    let documents: Vec<Value> =
        documents.iter().map(|(name, of, value)| json!({ "name": name, "of": of, "value": value })).collect();
    let asked = json!({ "schema": schema, "documents": documents });
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("asked.json");
    std::fs::write(&input, asked.to_string()).unwrap();
    let output = Command::new(python)
        .arg(pages::path("integration/check_schema.py"))
        .stdin(Stdio::from(std::fs::File::open(input).unwrap()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_is_shipped_and_shown_fits_the_schema_and_mistakes_do_not() {
    let Some(python) = peers::python() else { return };
    let mut documents = Vec::new();
    for (name, text) in shipped() {
        documents.push((name.clone(), None, value(&name, &text)));
    }
    for component in registry().components() {
        let of = format!("{}.{}", component.role.as_str(), component.name);
        let settings = component.settings.as_ref().unwrap();
        documents.push((format!("the example of {of}"), Some(of), json_of(settings)));
    }
    for (what, part, _) in WRONG {
        documents.push((format!("wrong: {what}"), None, value(what, &pipeline(part))));
    }
    let found = mistakes(&python, &schema(), &documents);
    assert_eq!(found.len(), documents.len());
    for (name, mistakes) in found {
        assert_eq!(mistakes.is_empty(), !name.starts_with("wrong: "), "{name}: {mistakes:#?}");
    }
}

#[test]
fn what_the_schema_refuses_the_program_refuses_too() {
    let dir = tempfile::tempdir().unwrap();
    let resources =
        "resources:\n  main: { bucket: { local: { path: a } } }\n  central: { store: { path: b, bucket: main } }\n";
    std::fs::write(dir.path().join("resources.yaml"), resources).unwrap();
    for (what, part, _) in WRONG {
        std::fs::write(dir.path().join("wrong.yaml"), pipeline(part)).unwrap();
        let output = run(&["check", "resources.yaml", "wrong.yaml"], &[], dir.path());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{what}");
        assert_eq!(told.lines().filter(|line| line.starts_with("wrong.yaml:")).count(), 1, "{what}: {told}");
    }
    std::fs::write(dir.path().join("right.yaml"), pipeline("stages: []")).unwrap();
    let output = run(&["check", "resources.yaml", "right.yaml"], &[], dir.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_yaml_language_server_finds_mistakes_by_the_schema_and_none_in_what_is_shipped() {
    let Some(mut server) = LanguageServer::start() else { return };
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("weir.schema.json"), schema().to_string()).unwrap();
    let mut open = |i: usize, text: &str| {
        let path = dir.path().join(format!("{i}.yaml"));
        // The line that `weir stages --help` shows.
        std::fs::write(&path, format!("# yaml-language-server: $schema=weir.schema.json\n{text}")).unwrap();
        server.mistakes(&path)
    };
    for (i, (name, text)) in shipped().iter().enumerate() {
        assert_eq!(open(i, text), [""; 0], "{name}");
    }
    for (i, (what, part, word)) in WRONG.iter().enumerate() {
        let found = open(1000 + i, &pipeline(part));
        assert!(!found.is_empty(), "{what}: nothing found");
        assert!(found.iter().any(|mistake| mistake.contains(word)), "{what}: no `{word}` in {found:#?}");
    }
}
