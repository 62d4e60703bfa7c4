//! The guides in docs/guides work: every command of theirs runs, over the files that they show, and prints what they say.
//!
//! In a guide a block `sh run` is run, all of them in one shell; `yaml weir` and `yaml file` are files, whose first line is their
//! name; and `text` is what the block before it prints, with `…` for what differs from time to time. Addresses on loopback and
//! what is below `/tmp` are exchanged for ones that nobody else has.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::harness::cluster::turn;
use crate::harness::process::free_address;
use crate::harness::weir::program;
use crate::harness::{pages, peers};

/// What stands in the place of `weir` and `curl`: it asks again until there is an answer, as a person would.
const PATIENT: &str = r#"#!/bin/bash
least=1
case "@NAME@ ${1:-}" in
"weir sql") least=2 ;;
"weir query" | "curl "*) ;;
*) exec @PROGRAM@ "$@" ;;
esac
for _ in $(seq 300); do
    if out=$(@PROGRAM@ "$@" 2>"$0.err.$$") && [ -n "$out" ] && [ "$(printf '%s\n' "$out" | wc -l)" -ge $least ]; then
        printf '%s\n' "$out"
        exit 0
    fi
    sleep 0.2
done
echo "no answer to: @NAME@ $*: $out" >&2
cat "$0.err.$$" >&2
exit 1
"#;

/// A block of a guide.
enum Block {
    Run(String),
    File(String),
    Prints(String),
}

/// What of a text is exchanged.
struct Exchange {
    dir: String,
    addresses: BTreeMap<String, String>,
}

/// The blocks of a guide that are something to a test, in their order.
fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (info, body) = after.split_once('\n').unwrap();
        let (body, after) = body.split_once("\n```").unwrap();
        let body = format!("{body}\n");
        match info {
            "sh run" => found.push(Block::Run(body)),
            "yaml weir" | "yaml file" => found.push(Block::File(body)),
            "text" => found.push(Block::Prints(body)),
            // A program with all of Weir, built anew: `program::a_program_with_a_plugin_in_it…` has it as an example.
            "rust" | "sh build" => {}
            _ => panic!("no test runs a block `{info}`"),
        }
        rest = after;
    }
    found
}

/// The programs that a guide runs beside Weir and what every system has. None where one is not installed.
fn programs(blocks: &[Block]) -> Option<()> {
    for name in ["prometheus", "curl"] {
        let runs = |block: &Block| match block {
            Block::Run(text) => text.lines().any(|line| line.starts_with(&format!("{name} "))),
            _ => false,
        };
        if blocks.iter().any(runs) {
            peers::find(name)?;
        }
    }
    Some(())
}

/// What the pipelines that are shipped name, and what stands there by default: `${WEIR_HTTP:-127.0.0.1:9090}`.
fn variables() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for directory in ["pipelines.d", "pipelines.d/cluster"] {
        for entry in std::fs::read_dir(pages::path(directory)).unwrap() {
            let path = entry.unwrap().path();
            let text = if path.is_file() { std::fs::read_to_string(path).unwrap() } else { String::new() };
            for rest in text.split("${").skip(1) {
                let (name, default) = rest.split('}').next().unwrap().split_once(":-").unwrap_or_default();
                if default.starts_with("127.0.0.1:") {
                    found.insert(name.to_owned(), default.to_owned());
                }
            }
        }
    }
    found
}

// === impl Exchange ===

impl Exchange {
    fn text(&mut self, text: &str) -> String {
        let text = text.replace("/tmp/", &format!("{}/", self.dir));
        let mut parts = text.split("127.0.0.1:");
        let mut out = parts.next().unwrap().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            let own = self.addresses.entry(part[..end].to_owned()).or_insert_with(|| free_address().to_string());
            out.push_str(own);
            out.push_str(&part[end..]);
        }
        out
    }
}

/// Whether one of the lines is this one, where `…` is anything, and blanks are as wide as they like.
fn has_line(printed: &str, wanted: &str) -> bool {
    let plain = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = plain(wanted);
    printed.lines().map(plain).any(|line| {
        let mut parts = wanted.split('…');
        let Some(mut rest) = line.strip_prefix(parts.next().unwrap()) else { return false };
        for part in parts {
            let Some((_, after)) = rest.split_once(part) else { return false };
            rest = if part.is_empty() { "" } else { after };
        }
        rest.is_empty()
    })
}

/// Writes the files of a guide and the programs that it runs, and returns its script. Between the blocks it prints `=== N`.
fn script(blocks: &[Block], dir: &Path, exchange: &mut Exchange) -> String {
    let bin = dir.join("bin");
    std::fs::create_dir(&bin).unwrap();
    let curl = ["/usr/bin/curl", "/bin/curl", "/usr/local/bin/curl"].into_iter().find(|path| Path::new(path).is_file());
    for (name, real) in [("weir", Some(program())), ("curl", curl)] {
        let text = PATIENT.replace("@NAME@", name).replace("@PROGRAM@", real.unwrap_or("false"));
        std::fs::write(bin.join(name), text).unwrap();
    }
    let mut script = format!(
        "set -eu\nchmod +x {0}/*\nexport PATH={0}:$PATH\ntrap 'kill -9 $(jobs -p) 2>/dev/null || true; wait' EXIT\n",
        bin.display()
    );
    for (i, block) in blocks.iter().enumerate() {
        match block {
            Block::Run(text) => script.push_str(&format!("echo '=== {i}'\n{}", exchange.text(text))),
            Block::File(text) => {
                let name = text.lines().next().unwrap().trim_start_matches("# ");
                std::fs::write(dir.join(name), exchange.text(text)).unwrap();
            }
            Block::Prints(_) => {}
        }
    }
    script
}

/// Runs a guide in a directory, or in a clone of Weir.
fn runs(guide: &str, in_clone: bool) {
    let text = std::fs::read_to_string(pages::path(&format!("docs/guides/{guide}.md"))).unwrap();
    let blocks = blocks(&text);
    if programs(&blocks).is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut exchange = Exchange { dir: dir.path().display().to_string(), addresses: BTreeMap::new() };
    let script = script(&blocks, dir.path(), &mut exchange);
    let mut command = Command::new("bash");
    command.arg("-c").arg(&script).current_dir(if in_clone { pages::path("") } else { dir.path().to_owned() });
    for (name, default) in variables() {
        command.env(name, exchange.text(&default));
    }
    // What is built for a plugin is kept, as in `program`.
    command.env("CARGO_TARGET_DIR", pages::path("target/plugin")).env("CARGO_NET_OFFLINE", "true");
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let logs = || {
        let files = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
        logs.map(|path| format!("{}\n{}", path.display(), std::fs::read_to_string(&path).unwrap())).collect::<String>()
    };
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{guide}: {}\n{printed}\n{told}\n{}", output.status, logs());
    for (i, block) in blocks.iter().enumerate() {
        let Block::Prints(wanted) = block else { continue };
        let of = printed.rsplit("=== ").find(|part| {
            let number = part.split('\n').next().unwrap();
            number.parse::<usize>().is_ok_and(|number| number < i)
        });
        for line in wanted.lines() {
            let line = exchange.text(line);
            assert!(has_line(of.unwrap(), &line), "{guide}: no line `{line}` in\n{}\n{told}", of.unwrap());
        }
    }
}

#[test]
fn the_first_five_minutes_are_as_their_guide_says() {
    runs("first-five-minutes", false);
}

#[test]
fn an_edge_agent_is_as_its_guide_says() {
    runs("edge-agent", false);
}

#[test]
fn a_cluster_is_as_its_guide_says() {
    let _turn = turn();
    runs("cluster", true);
}

#[test]
fn a_stage_is_written_as_its_guide_says() {
    runs("writing-a-stage", true);
}

#[test]
fn sql_is_as_its_guide_says() {
    runs("sql", false);
}

#[test]
fn every_guide_is_run() {
    let tests = include_str!("guides.rs");
    for page in pages::all().iter().filter_map(|page| page.strip_prefix("docs/guides/")) {
        assert!(tests.contains(&format!("runs(\"{}\",", page.trim_end_matches(".md"))), "{page}");
    }
}
