//! The program as a person meets it: its commands, its exit codes, its first five minutes.

use std::time::Duration;

use crate::harness::process::{Process, free_address};
use crate::harness::weir::{program, run};
use crate::harness::{http, wait_for};

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn without_arguments_it_scrapes_itself_and_answers_the_query_that_it_prints() {
    let dir = tempfile::tempdir().unwrap();
    let (api, receive) = (free_address(), free_address());
    let mut command = std::process::Command::new(program());
    command
        .env("WEIR_HTTP", api.to_string())
        .env("WEIR_RECEIVE", receive.to_string())
        .env("WEIR_DATA", dir.path().join("data"))
        .current_dir(dir.path());
    let mut process = Process::start(command, &dir.path().join("log"));
    let url = wait_for("the address of a query", Duration::from_secs(60), || {
        assert!(process.is_running(), "{}", process.output());
        let output = process.output();
        let start = output.find(&format!("http://{api}/api/v1/query"))?;
        output[start..].split_whitespace().next().map(str::to_owned)
    });
    let path = url.split_once(&api.to_string()).unwrap().1.to_owned();
    let answer = http::get(api, &path).unwrap();
    assert!(answer.status == 200 && answer.text().contains("\"value\""), "it was to answer already: {}", answer.text());
    // The first to answer may have been another target.
    wait_for("its own scrape", Duration::from_secs(30), || {
        let answer = run(&["query", "--url", &format!("http://{api}"), "up{job=\"weir\"}"], &[], dir.path());
        assert!(answer.status.success(), "{} {}", answer.status, stderr(&answer));
        stdout(&answer).contains("job=\"weir\"").then_some(())
    });
    // Nothing is an answer, too, and said apart from answers.
    for more in [&[][..], &["--range", "1h"], &["--format", "csv"]] {
        let url = format!("http://{api}");
        let answer = run(&[&["query", "--url", &url, "nothing_of_this_name"], more].concat(), &[], dir.path());
        assert!(answer.status.success() && stdout(&answer).lines().count() <= 1, "{}", stdout(&answer));
        assert_eq!(stderr(&answer), "weir: the answer is empty: no series has a value at that time\n");
    }
    let sql = |args: &[&str]| {
        let url = format!("http://{api}");
        run(&[&["sql", "--url", &url], args].concat(), &[], dir.path())
    };
    let answer = sql(&["SELECT job, max(value) AS up FROM up WHERE job = 'weir' GROUP BY job"]);
    assert_eq!(stdout(&answer), "job   up\nweir   1\n", "{}", stderr(&answer));
    let answer = sql(&["--format", "csv", "SELECT DISTINCT job FROM promql('up{job=\"weir\"}', now())"]);
    assert_eq!(stdout(&answer), "job\nweir\n", "{}", stderr(&answer));
    let answer = sql(&["--format", "json", "SELECT 1 AS one"]);
    assert!(stdout(&answer).contains("[1]"), "{}", stdout(&answer));
    let answer = sql(&["SELECT * FROM nothing_of_this_name"]);
    assert!(answer.status.code() == Some(1) && stderr(&answer).contains("nothing_of_this_name"), "{}", stderr(&answer));
    assert!(process.stop().success(), "{}", process.output());
}

#[test]
fn check_reports_every_mistake_of_every_file_and_exits_with_1() {
    let dir = tempfile::tempdir().unwrap();
    let pipelines = dir.path().join("p");
    std::fs::create_dir(&pipelines).unwrap();
    std::fs::write(
        pipelines.join("a.yaml"),
        "name: a\nsource: { receive: { lisen: '127.0.0.1:1' } }\nsink: { bloks: { store: central } }\n",
    )
    .unwrap();
    std::fs::write(
        pipelines.join("b.yaml"),
        "name: b\nsource: { receive: { listen: '127.0.0.1:1' } }\nstages: [ { timeout: 5 } ]\nsink: { blocks: { store: central } }\n",
    )
    .unwrap();
    let output = run(&["check", "p"], &[], dir.path());
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    let wanted = ["a.yaml:2:", "`lisen`", "a.yaml:3:", "`bloks`", "b.yaml:3:", "b.yaml:4:", "`central`"];
    for wanted in wanted {
        assert!(text.contains(wanted), "no {wanted} in:\n{text}");
    }
}

#[test]
fn check_of_the_default_pipelines_is_silent_about_mistakes() {
    let output = run(&["check"], &[], std::path::Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn explain_shows_the_tree_of_a_file_and_the_plan_of_a_query() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = run(&["explain", "pipelines.d/20-receive.yaml"], &[], root);
    assert!(tree.status.success(), "{}", stderr(&tree));
    for wanted in ["receive", "blocks"] {
        assert!(stdout(&tree).contains(wanted), "{}", stdout(&tree));
    }
    let plan = run(&["explain", "--promql", "sum by (job) (rate(http_requests_total[5m]))"], &[], root);
    assert!(plan.status.success(), "{}", stderr(&plan));
    for wanted in ["MetricsScan", "SeriesMerge", "RangeEval", "AggregateExec"] {
        assert!(stdout(&plan).contains(wanted), "{}", stdout(&plan));
    }
}

#[test]
fn exit_codes_tell_mistakes_in_usage_from_mistakes_in_files_and_from_failures() {
    let dir = tempfile::tempdir().unwrap();
    let code = |args: &[&str]| run(args, &[], dir.path()).status.code();
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["--no-such-flag"]), Some(2));
    assert_eq!(code(&["check", "no-such-directory"]), Some(1));
    assert_eq!(code(&["explain", "--promql", "sum("]), Some(1));
    let nowhere = format!("http://{}", free_address());
    assert_eq!(code(&["query", "--url", &nowhere, "up"]), Some(3));
    assert_eq!(code(&["sql", "--url", &nowhere, "SELECT 1"]), Some(3));
}

#[test]
fn promqltest_runs_scripts_and_says_what_was_expected_and_what_came() {
    let dir = tempfile::tempdir().unwrap();
    let scripts = dir.path().join("scripts");
    std::fs::create_dir(&scripts).unwrap();
    let right = "load 1m\n  m 1 2 3\n\neval instant at 2m m * 2\n  {} 6\n";
    std::fs::write(scripts.join("b.test"), right).unwrap();
    std::fs::write(scripts.join("notes.txt"), "no script").unwrap();
    let output = run(&["promqltest", "scripts"], &[], dir.path());
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "1 passed, 0 failed\n"), "{output:?}");

    std::fs::write(scripts.join("a.test"), right.replace("{} 6", "{} 7")).unwrap();
    std::fs::write(scripts.join("c.test"), "lode 1m\n").unwrap();
    let output = run(&["promqltest", "scripts"], &[], dir.path());
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text.starts_with("scripts/a.test:4: m * 2 at 2m\n  expected {} 7"), "{text}");
    assert!(text.contains("\nscripts/c.test:1:\n"), "{text}");
    assert!(text.ends_with("\n1 passed, 2 failed\n"), "{text}");
}

#[test]
fn promqltest_takes_a_path_that_is_not_there_for_a_mistake_in_the_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(&["promqltest", "nowhere.test"], &[], dir.path());
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), "weir: nowhere.test: No such file or directory (os error 2)\n");
    assert_eq!(run(&["promqltest"], &[], dir.path()).status.code(), Some(2));
    // Nothing to run is not all right.
    let empty = run(&["promqltest", "."], &[], dir.path());
    assert_eq!((empty.status.code(), stdout(&empty).as_str()), (Some(2), ""));
}

/// A Weir with the built-in pipelines on free ports, and its API.
fn built_in(dir: &std::path::Path) -> (std::process::Command, std::net::SocketAddr) {
    let api = free_address();
    let mut command = std::process::Command::new(program());
    command
        .env("WEIR_HTTP", api.to_string())
        .env("WEIR_RECEIVE", free_address().to_string())
        .env("WEIR_DATA", dir.join("data"))
        .current_dir(dir);
    (command, api)
}

fn ready(api: std::net::SocketAddr) {
    wait_for("weir to be ready", Duration::from_secs(60), || {
        http::get(api, "/-/ready").filter(|response| response.status == 200)
    });
}

#[test]
fn whoever_stops_reading_its_output_does_not_stop_it() {
    use std::io::BufRead;
    let dir = tempfile::tempdir().unwrap();
    let (mut command, api) = built_in(dir.path());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(!first.is_empty());
    // From the second line on nobody listens.
    ready(api);
    let path = "/api/v1/query?query=up{job=\"weir\"}";
    wait_for("a query with raw quotes to answer", Duration::from_secs(20), || {
        let answer = http::get(api, path).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().contains("\"value\"").then_some(())
    });
    assert!(child.try_wait().unwrap().is_none());
    assert!(std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn half_a_request_does_not_hold_up_the_end() {
    use std::io::Write;
    let dir = tempfile::tempdir().unwrap();
    let (command, api) = built_in(dir.path());
    let mut process = Process::start(command, &dir.path().join("log"));
    ready(api);
    let mut half = std::net::TcpStream::connect(api).unwrap();
    half.write_all(b"GET /-/ready HT").unwrap();
    let begin = std::time::Instant::now();
    assert!(process.stop().success(), "{}", process.output());
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}

#[test]
fn what_it_says_is_plain_in_files_and_json_where_json_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let held = held.local_addr().unwrap().to_string();
    let (receive, data) = (free_address().to_string(), dir.path().join("data"));
    let env = [("WEIR_HTTP", held.as_str()), ("WEIR_RECEIVE", &receive), ("WEIR_DATA", data.to_str().unwrap())];
    let text = run(&["run"], &env, dir.path());
    assert_eq!(text.status.code(), Some(3));
    assert!(!stderr(&text).contains('\x1b'), "{}", stderr(&text));
    let last = stderr(&text).lines().last().unwrap().to_owned();
    assert_eq!(
        last,
        format!(
            "weir: query.source.api: expected an address to listen on, got `{held}`: Address already in use (os error 98)"
        )
    );
    let json = run(&["run", "--log.format", "json"], &env, dir.path());
    assert_eq!(json.status.code(), Some(3));
    for line in stderr(&json).lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    assert!(stderr(&json).lines().last().unwrap().contains("Address already in use"), "{}", stderr(&json));
}

#[test]
fn the_tests_of_the_shipped_pipelines_pass_and_one_that_fails_says_how() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = run(&["test"], &[], root);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).ends_with("2 passed, 0 failed\n"), "{}", stdout(&output));
    let cluster = run(&["test", "pipelines.d/cluster/00-ring.yaml", "pipelines.d/cluster/20-router.yaml"], &[], root);
    assert!(stdout(&cluster).ends_with("1 passed, 0 failed\n"), "{}{}", stdout(&cluster), stderr(&cluster));

    let dir = tempfile::tempdir().unwrap();
    let pipeline = "name: p\nsource: { receive: { listen: '127.0.0.1:1' } }\nstages:\n  - filter: { drop: [go] }\n\
                    sink: { peer: {} }\ntests:\n  - name: it drops go\n    input: |\n      go 1\n      up 1\n    output: go 1\n";
    std::fs::write(dir.path().join("p.yaml"), pipeline).unwrap();
    let output = run(&["test", "p.yaml"], &[], dir.path());
    let expect = "FAILED  p.yaml:7:5: p: it drops go\n    - go 1\n    + up 1\n0 passed, 1 failed\n";
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), expect), "{}", stderr(&output));
    // A mistake in a test is one of the file; no test at all is one of the arguments.
    std::fs::write(dir.path().join("p.yaml"), pipeline.replace("go 1\n      up 1", "go")).unwrap();
    let output = run(&["check", "p.yaml"], &[], dir.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("p.yaml:9:7: tests[0].input: the line `go`: "), "{}", stderr(&output));
    std::fs::write(dir.path().join("p.yaml"), pipeline.split("tests:").next().unwrap()).unwrap();
    assert_eq!(run(&["test", "p.yaml"], &[], dir.path()).status.code(), Some(2));
}

#[test]
fn what_there_is_to_name_is_listed_described_and_has_a_schema() {
    let dir = tempfile::tempdir().unwrap();
    let list = stdout(&run(&["stages"], &[], dir.path()));
    for wanted in ["sources\n", "  relabel ", "resources\n", "  store "] {
        assert!(list.contains(wanted), "no {wanted} in:\n{list}");
    }
    let relabel = stdout(&run(&["stages", "relabel", "retry"], &[], dir.path()));
    for wanted in ["relabel (stage, write path)", "rules[].action: ", "retry (stage, write and read path)"] {
        assert!(relabel.contains(wanted), "no {wanted} in:\n{relabel}");
    }
    let unknown = run(&["stages", "relable"], &[], dir.path());
    assert_eq!(unknown.status.code(), Some(2));
    assert_eq!(stderr(&unknown), "weir: unknown component `relable`, did you mean `relabel`?\n");
    let schema: serde_json::Value =
        serde_json::from_str(&stdout(&run(&["stages", "--json-schema"], &[], dir.path()))).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["$defs"]["stage.relabel"]["properties"]["rules"].is_object());
}

#[test]
fn shells_and_manuals_know_every_command() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let text = stdout(&run(&["completions", shell], &[], dir.path()));
        assert!(text.contains("promqltest") && text.contains("new-plugin"), "{shell}");
    }
    let man = stdout(&run(&["man"], &[], dir.path()));
    assert!(man.starts_with(".ie") || man.contains(".TH weir"), "{man}");
    assert!(run(&["man", "--out", "."], &[], dir.path()).status.success());
    assert!(dir.path().join("weir.1").is_file() && dir.path().join("weir-run.1").is_file());
}

#[test]
fn a_new_plugin_builds_and_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let made = run(&["new-plugin", "max_labels", "--weir", root], &[], dir.path());
    assert!(made.status.success(), "{}", stderr(&made));
    let plugin = dir.path().join("weir-plugin-max-labels");
    // What is built for it is kept: the next time it takes a moment.
    let built = std::path::Path::new(root).join("target/plugin");
    let tested = std::process::Command::new(env!("CARGO"))
        .args(["test", "--offline", "--lib", "--target-dir"])
        .arg(built)
        .current_dir(&plugin)
        .output()
        .unwrap();
    assert!(tested.status.success(), "{}{}", stdout(&tested), stderr(&tested));
    assert!(stdout(&tested).contains("3 passed"), "{}", stdout(&tested));
    let again = run(&["new-plugin", "max_labels", "--weir", root], &[], dir.path());
    assert_eq!(again.status.code(), Some(2), "what is there stays");
    for (name, why) in [("MaxLabels", "snake_case"), ("where", "a word of Rust"), ("filter", "is there already")] {
        let refused = run(&["new-plugin", name, "--weir", root], &[], dir.path());
        assert!(refused.status.code() == Some(2) && stderr(&refused).contains(why), "{}", stderr(&refused));
    }
    assert_eq!(run(&["new-plugin", "other", "--weir", "."], &[], dir.path()).status.code(), Some(2));
}

/// The program that `new-plugin` makes, with the plugin that is here: an example, as a program of its own would build all of
/// Weir again.
#[test]
fn a_program_with_a_plugin_in_it_knows_its_stage_like_any_other() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let template = read("plugins/template/main.rs.in").replace("{{module}}", "weir_plugin_scale");
    assert_eq!(read("examples/with_plugin.rs"), template);
    let program = std::path::Path::new(crate::harness::weir::program()).with_file_name("examples").join("with_plugin");
    if !program.is_file() && std::env::var_os("WEIR_REQUIRE_PEERS").is_none() {
        println!("skipped: the example is not built, as `cargo test --workspace` does");
        return;
    }
    let run = |args: &[&str], dir: &std::path::Path| {
        std::process::Command::new(&program).args(args).current_dir(dir).output().unwrap()
    };
    let dir = tempfile::tempdir().unwrap();
    let described = stdout(&run(&["stages", "scale"], dir.path()));
    assert!(described.contains("scale (stage, write path)") && described.contains("By what."), "{described}");
    let text = "name: p\nsource: { receive: { listen: 127.0.0.1:1 } }\nstages:\n  - scale: { selector: up, factr: 2 }\n\
                sink: stdout\n";
    std::fs::write(dir.path().join("p.yaml"), text).unwrap();
    let wrong = run(&["check", "p.yaml"], dir.path());
    assert_eq!(wrong.status.code(), Some(1), "{}", stderr(&wrong));
    assert!(stderr(&wrong).contains("p.yaml:4:28: ") && stderr(&wrong).contains("factor"), "{}", stderr(&wrong));
}
