//! What the docs show, works.

use std::path::Path;

use crate::harness::weir::run;

/// The code blocks of a Markdown text whose info string is `info`.
fn blocks(text: &str, info: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(&format!("```{info}\n")) {
        let body = &rest[start + info.len() + 4..];
        let Some(end) = body.find("```") else { break };
        found.push(body[..end].to_owned());
        rest = &body[end + 3..];
    }
    found
}

#[test]
fn every_pipeline_in_the_docs_passes_check() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    for file in ["README.md", "plugins/README.md", "bench/README.md"] {
        for (i, block) in blocks(&std::fs::read_to_string(root.join(file)).unwrap(), "yaml weir").iter().enumerate() {
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
fn every_link_of_the_readme_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("README.md")).unwrap();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| !link.starts_with("http")) {
        assert!(root.join(link).exists(), "{link}");
    }
}
