//! Stages in other languages: programs that change batches, die, and are started again.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::harness::weir::{Weir, run};
use crate::harness::writers::{SERIES, Writers, found, post};
use crate::harness::{http, now, pause, peers, wait_for, writers};

/// A receiver above a program, whose process id goes to a file.
const PIPELINES: &str = "
resources:
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  central: { store: { path: '${DIR}/central', bucket: main } }
---
name: receive
source: { receive: { listen: '${RECEIVE}' } }
stages:
  - exec:
      command: [sh, -c, 'echo $$ >\"$0\"; exec \"$@\"', '${DIR}/pid', PROGRAM]
      restart: { initial: 10ms, max: 100ms }
sink: { blocks: { store: central } }
---
name: query
source: { api: { listen: '${API}' } }
sink: { promql: { store: central } }
";

/// Kills the program that a Weir runs now.
fn kill_program(weir: &Weir) {
    let pid = std::fs::read_to_string(weir.dir.join("pid")).unwrap();
    // It may be gone already.
    let _ = Command::new("kill").args(["-KILL", pid.trim()]).output().unwrap();
}

#[test]
fn kills_of_a_program_under_load_lose_no_acknowledged_sample() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), &PIPELINES.replace("PROGRAM", "cat"));
    weir.start(&[]);
    let writers = Writers::start(2, weir.receive);
    for _ in 0..10 {
        pause(Duration::from_millis(150));
        kill_program(&weir);
    }
    pause(Duration::from_millis(500));
    assert!(writers.refused() > 0, "nobody noticed that the program died");
    let acked = writers.stop();
    for (sender, timestamps) in &acked {
        let found = found(weir.api, *sender);
        assert_eq!(found.len(), SERIES);
        for values in found.values() {
            assert_eq!(timestamps.iter().find(|at| !values.contains_key(at)), None);
        }
    }
    let failures = weir.metric("weir_exec_failures_total");
    assert!(failures >= 5.0 && weir.metric("weir_exec_restarts_total") >= 5.0, "{failures} failures");
    assert_eq!(weir.metric("weir_pipeline_law_violations_total"), 0.0);
    weir.stop();
    let total: usize = acked.values().map(Vec::len).sum();
    println!("{failures} deaths of the program, {} samples acknowledged, all there", total * SERIES);
}

#[test]
fn a_program_in_python_adds_a_label() {
    let Some(python) = peers::python() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (dir, plugin) = (tempfile::tempdir().unwrap(), root.join("plugins/python/add_label.py"));

    // The shipped file says itself what is to come of it.
    let plugins = root.join("plugins").display().to_string();
    let env = [("WEIR_PYTHON", python.to_str().unwrap()), ("WEIR_PLUGINS", plugins.as_str())];
    let file = root.join("plugins/python/10-receive.yaml");
    let output = run(&["test", file.to_str().unwrap()], &env, dir.path());
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    let program = format!("'{}', '{}', env, prod", python.display(), plugin.display());
    let mut weir = Weir::new(dir.path(), &PIPELINES.replace("PROGRAM", &program));
    weir.start(&[]);
    let timestamp = now() - 1000;
    let send = || post(weir.receive, &writers::body(0, timestamp)).unwrap();
    let sent = send();
    assert_eq!(sent.status, 204, "{}", sent.text());
    kill_program(&weir);
    wait_for("the program to be back", Duration::from_secs(30), || (send().status == 204).then_some(()));
    let params = [("query", "count by (env) (crash_total)"), ("time", &(now() / 1000).to_string())];
    let answer: Value = http::api(weir.api, "query", &params);
    assert_eq!(answer["result"][0]["metric"]["env"], "prod", "{answer}");
    assert_eq!(answer["result"][0]["value"][1], SERIES.to_string(), "{answer}");
    // Its standard error is in the log.
    assert!(weir.output().contains("place=receive.stages[0].exec"), "{}", weir.output());
    assert!(weir.output().contains("pyarrow "), "{}", weir.output());
    weir.stop();
}
