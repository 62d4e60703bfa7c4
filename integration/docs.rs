//! What the docs show, works.

use serde_json::Value;

use crate::harness::pages;
use crate::harness::weir::run;

#[test]
fn every_pipeline_in_the_docs_passes_check() {
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    for file in pages::all() {
        let text = std::fs::read_to_string(pages::path(&file)).unwrap();
        for (i, block) in pages::blocks(&text, "yaml weir").iter().enumerate() {
            let path = dir.path().join(format!("{i}.yaml"));
            std::fs::write(&path, block).unwrap();
            let output = run(&["check", path.to_str().unwrap()], &[], dir.path());
            assert!(output.status.success(), "{file}:\n{block}\n{}", String::from_utf8_lossy(&output.stderr));
            count += 1;
        }
    }
    assert!(count > 0, "no pipeline in the docs");
}

#[test]
fn every_link_of_the_docs_leads_somewhere() {
    for page in pages::all() {
        let text = std::fs::read_to_string(pages::path(&page)).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#') && !link.contains("::")) {
            let file = link.split('#').next().unwrap();
            assert!(pages::path(&page).parent().unwrap().join(file).exists(), "{page}: {link}");
        }
    }
}

/// The page whose tables say in their second column what in Weir is what in Prometheus and Thanos.
const COMING_FROM: &str = "docs/coming-from-prometheus-and-thanos.md";

/// The rows of a page's tables, each with its cells.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| line.starts_with("| "));
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    lines.map(cells).collect()
}

/// The texts between single backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What stands under a name, in a schema or what is around it there.
fn below<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    if let Some(found) = schema["properties"].get(name) {
        return Some(found);
    }
    let several = ["anyOf", "oneOf"].iter().filter_map(|key| schema[*key].as_array()).flatten();
    let one = ["items", "additionalProperties"].iter().filter_map(|key| schema.get(*key));
    several.chain(one.filter(|schema| schema.is_object())).find_map(|schema| below(schema, name))
}

/// Whether there is a component, or a setting of one, of this name.
fn is_setting(schema: &Value, name: &str) -> bool {
    let mut path = name.split('.');
    let first = path.next().unwrap();
    let of = |role: &&str| schema["$defs"].get(format!("{role}.{first}"));
    let roles = ["source", "stage", "sink", "resource"];
    let components: Vec<&Value> = roles.iter().filter_map(of).collect();
    let found = |component: &&Value| path.clone().try_fold(*component, |at, name| below(at, name)).is_some();
    components.iter().any(found) || below(schema, first).is_some() && path.next().is_none()
}

#[test]
fn the_page_for_those_who_come_from_prometheus_names_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(&["stages", "--json-schema"], &[], dir.path());
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(is_setting(&schema, "scrape.jobs.scrape_interval") && !is_setting(&schema, "scrape.jobs.interval"));
    assert!(is_setting(&schema, "external_labels") && !is_setting(&schema, "store.memory"));
    let text = std::fs::read_to_string(pages::path(COMING_FROM)).unwrap();
    let (mut settings, mut commands) = (0, 0);
    for row in rows(&text) {
        let [theirs, ours, ..] = row.as_slice() else { panic!("{row:?}") };
        if ours == "Weir" || ["no need", "not yet"].contains(&ours.as_str()) {
            continue;
        }
        assert!(!quoted(ours).is_empty(), "{theirs}: {ours}");
        for name in quoted(ours) {
            if let Some(command) = name.strip_prefix("weir ") {
                let (command, flag) = command.split_once("--").map_or((command, None), |(c, f)| (c, Some(f)));
                let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
                let help = String::from_utf8(run(&arguments, &[], dir.path()).stdout).unwrap();
                assert!(help.contains(&format!("--{}", flag.unwrap_or("help"))), "{theirs}: {name}");
                commands += 1;
            } else {
                assert!(is_setting(&schema, name), "{theirs}: there is no setting `{name}`");
                settings += 1;
            }
        }
    }
    assert!(settings > 100 && commands > 4, "{settings} settings and {commands} commands were looked at");
}

#[test]
fn a_row_of_that_page_has_three_cells() {
    let text = std::fs::read_to_string(pages::path(COMING_FROM)).unwrap();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        assert_eq!(line.matches('|').count(), 4, "{line}");
    }
}
