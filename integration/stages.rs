//! The README's table of stages is what the program says of them.

use crate::harness::pages;
use crate::harness::weir::run;

/// What is around the table.
const BEGIN: &str =
    "<!-- stages: `WEIR_UPDATE_DOCS=1 cargo test --test integration stages` writes this table anew -->\n";
const END: &str = "<!-- /stages -->\n";

/// Every component that pipeline files can name.
fn table() -> String {
    let mut out = "\n| name | what | path | |\n|---|---|---|---|\n".to_owned();
    for component in weir::registry().components() {
        let (role, paths) = (component.role.as_str(), component.paths.join(", "));
        let summary = component.summary().replace('|', "\\|");
        out.push_str(&format!("| `{}` | {role} | {paths} | {summary} |\n", component.name));
    }
    out.push('\n');
    out
}

#[test]
fn the_readme_has_a_table_of_all_stages() {
    let text = std::fs::read_to_string(pages::path("README.md")).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the beginning of the table");
    let (_, after) = rest.split_once(END).expect("the end of the table");
    pages::hold("README.md", &format!("{before}{BEGIN}{}{END}{after}", table()), "stages");
}

#[test]
fn the_table_says_what_the_program_prints() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(&["stages"], &[], dir.path());
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    for component in weir::registry().components() {
        let paths = component.paths.join(", ");
        let line = |line: &&str| {
            let words = line.split_whitespace().next();
            words == Some(component.name) && line.contains(&paths) && line.ends_with(&component.summary())
        };
        assert!(printed.lines().any(|l| line(&l)), "no `{}` in\n{printed}", component.name);
    }
}
