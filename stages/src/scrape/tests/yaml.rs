//! Settings.

use std::time::Duration;

use super::*;

/// The source of a pipeline file.
#[derive(Debug, Deserialize)]
struct Example {
    scrape: Scrape,
}

#[test]
fn the_yaml_in_the_docs_is_valid() {
    let example: Example = testing::documented(include_str!("../../scrape.rs"), "source");
    let targets = example.scrape.jobs[0].targets();
    assert_eq!(targets[0].uri, "http://127.0.0.1:9100/metrics");
    assert_eq!(targets[0].own("up").to_string(), "up{env=\"dev\", instance=\"127.0.0.1:9100\", job=\"node\"}");
}

#[test]
fn every_setting_can_be_given() {
    let all = "scrape_interval: 30s, scrape_timeout: 20s, metrics_path: federate, scheme: https, \
        tls_config: { insecure_skip_verify: true }, basic_auth: { username: u }, http_headers: { x-a: b }, \
        file_sd_configs: [ { files: ['t/*.yml'], refresh_interval: 1m } ], http_sd_configs: [ { url: 'http://a/' } ], \
        relabel_configs: [ { target_label: x, replacement: y } ], metric_relabel_configs: [ { regex: z, action: labeldrop } ], \
        params: { 'match[]': ['{job=\"a b\"}', up], x: [é] }, honor_labels: true, honor_timestamps: false, \
        track_timestamps_staleness: true, enable_compression: false, fallback_scrape_protocol: PrometheusText0.0.4, \
        body_size_limit: 1MiB, sample_limit: 2, label_limit: 3, label_name_length_limit: 4, label_value_length_limit: 5, \
        static_configs: [ { targets: ['[::1]:80', example.com], labels: { job: other } } ]";
    let job = job(all);
    assert_eq!((job.timeout(), job.sample_limit, job.label_value_length_limit), (Duration::from_secs(20), 2, 5));
    let targets = job.targets();
    assert_eq!(targets[0].uri, "https://[::1]:80/federate?match%5B%5D=%7Bjob%3D%22a+b%22%7D&match%5B%5D=up&x=%C3%A9");
    assert_eq!(targets[1].own("up").to_string(), "up{instance=\"example.com\", job=\"other\", x=\"y\"}");
}

#[test]
fn defaults_are_those_of_prometheus() {
    let job = job("");
    assert_eq!(
        (job.scrape_interval, job.timeout()),
        (weir_pipeline::units::Span::from_secs(60), Duration::from_secs(10))
    );
    assert_eq!((job.metrics_path.as_str(), job.honor_labels, job.honor_timestamps), ("/metrics", false, true));
    assert_eq!(super::job("scrape_interval: 5s").timeout(), Duration::from_secs(5));
}

#[test]
fn a_target_that_is_listed_twice_is_one() {
    let job = job("static_configs: [ { targets: ['a:1', 'b:1', 'a:1'] }, { targets: ['a:1'], labels: { x: y } } ]");
    assert_eq!(job.targets().len(), 3);
}

#[test]
fn settings_that_are_wrong_say_so() {
    let check = |yaml: &str, expect: &str| {
        let error = testing::settings::<Scrape>(yaml).expect_err(yaml);
        let said: Vec<_> = error.lines().map(|line| line.splitn(3, ':').nth(2).unwrap_or(line).trim()).collect();
        // What an item of a list finds wrong with itself as a whole may be placed at the list.
        let at_list = expect.replacen("[0]: ", ": ", 1);
        assert!([expect, &at_list].contains(&said.join("; ").as_str()), "{yaml}: expected {expect}, got {said:?}");
    };
    check("{}", "`jobs` is missing");
    check("{ jobs: [ {} ] }", "jobs[0]: `job_name` is missing");
    check("{ jobs: [ { job_name: a }, { job_name: a } ] }", "expected each job once, got `a` twice");
    for (settings, expect) in [
        ("job_name: ''", "expected a `job_name` that is not empty"),
        ("job_name: a, scrape_interval: 15", "scrape_interval: expected a duration such as `30s` or `1m30s`, got `15`"),
        ("job_name: a, scrape_interval: 0s", "expected a `scrape_interval` above 0"),
        ("job_name: a, scrape_timeout: 0s", "expected a `scrape_timeout` above 0"),
        (
            "job_name: a, scrape_interval: 5s, scrape_timeout: 6s",
            "expected a `scrape_timeout` of at most the interval `5s`, got `6s`",
        ),
        ("job_name: a, scheme: ftp", "scheme: expected `http` or `https`, got `ftp`"),
        (
            "job_name: a, bearer_token: a, basic_auth: { username: a }",
            "expected at most one of `basic_auth`, `authorization`, `bearer_token` and `bearer_token_file`",
        ),
        ("job_name: a, tls_config: { key_file: a }", "tls_config: expected `cert_file` beside `key_file`"),
        ("job_name: a, file_sd_configs: [ { files: [] } ]", "file_sd_configs[0].files: expected a file, got none"),
        (
            "job_name: a, file_sd_configs: [ { files: ['a*/b.json'] } ]",
            "file_sd_configs[0].files: expected a file that ends in `.json`, `.yml` or `.yaml`, with `*` and `?` in its name \
             alone, got `a*/b.json`",
        ),
        (
            "job_name: a, file_sd_configs: [ { files: [b.txt] } ]",
            "file_sd_configs[0].files: expected a file that ends in `.json`, `.yml` or `.yaml`, with `*` and `?` in its name \
             alone, got `b.txt`",
        ),
        (
            "job_name: a, http_sd_configs: [ { url: a } ]",
            "http_sd_configs[0].url: expected an address such as `https://example.com/path`, got `a`",
        ),
        ("job_name: a, metrics_path: /m?x=y", "expected a path such as `/metrics`, got `/m?x=y`"),
        ("job_name: a, metrics_path: /m x", "expected a path such as `/metrics`, got `/m x`"),
        ("job_name: a, params: { a: b }", "params.a: expected a list, got `b`"),
        ("job_name: a, body_size_limit: 64", "body_size_limit: expected a size such as `64MiB` or `1GB`, got `64`"),
        ("job_name: a, sample_limit: -1", "sample_limit: expected a whole number of at least 0, got `-1`"),
        ("job_name: a, honor_labels: maybe", "honor_labels: expected `true` or `false`, got `maybe`"),
        (
            "job_name: a, fallback_scrape_protocol: PrometheusProto",
            "fallback_scrape_protocol: unknown value `PrometheusProto`, expected one of `PrometheusText0.0.4`, \
             `PrometheusText1.0.0`, `OpenMetricsText0.0.1`, `OpenMetricsText1.0.0`",
        ),
        (
            "job_name: a, scrape_intervall: 5s",
            "scrape_intervall: unknown field `scrape_intervall`, did you mean `scrape_interval`?",
        ),
        ("job_name: a, static_configs: [ {} ]", "static_configs[0]: `targets` is missing"),
        (
            "job_name: a, static_configs: [ { targets: ['http://a:1/metrics'] } ]",
            "expected a host and a port such as `127.0.0.1:9100`, got `http://a:1/metrics`",
        ),
        (
            "job_name: a, static_configs: [ { targets: [''] } ]",
            "expected a host and a port such as `127.0.0.1:9100`, got ``",
        ),
        (
            "job_name: a, static_configs: [ { targets: ['a:b'] } ]",
            "expected a host and a port such as `127.0.0.1:9100`, got `a:b`",
        ),
        (
            "job_name: a, static_configs: [ { targets: ['a:70000'] } ]",
            "expected a host and a port such as `127.0.0.1:9100`, got `a:70000`",
        ),
        (
            "job_name: a, static_configs: [ { targets: ['alice:hunter2@a:1'] } ]",
            "expected a host and a port such as `127.0.0.1:9100`, got `<secret>@a:1`",
        ),
        (
            "job_name: a, static_configs: [ { targets: [a], labels: { __scheme__: ftp } } ]",
            "expected `http` or `https`, got `ftp`",
        ),
        (
            "job_name: a, static_configs: [ { targets: [a], labels: { __scrape_timeout__: 2m } } ]",
            "expected `__scrape_timeout__` of at most the interval `1m`, got `2m`",
        ),
        (
            "job_name: a, static_configs: [ { targets: [a], labels: { '': x } } ]",
            "static_configs[0]: expected a label name, got an empty one",
        ),
    ] {
        let dot = if expect.starts_with("expected") { ": " } else { "." };
        check(&format!("{{ jobs: [ {{ {settings} }} ] }}"), &format!("jobs[0]{dot}{expect}"));
    }
}

#[test]
fn ways_to_find_targets_that_are_not_there_yet_are_unknown_fields() {
    let yaml = "{ jobs: [ { job_name: a, kubernetes_sd_configs: [] } ] }";
    let error = testing::settings::<Scrape>(yaml).unwrap_err();
    assert!(error.contains("jobs[0].kubernetes_sd_configs: unknown field `kubernetes_sd_configs`"), "{error}");
}
