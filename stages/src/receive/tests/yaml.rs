//! Settings.

use weir_pipeline::config::{Env, Mistake, parse, settings};

use super::*;

/// Reads settings as a pipeline file would.
pub(super) fn read(text: &str) -> std::result::Result<Receive, Vec<Mistake>> {
    let node = parse("f.yaml", text, &Env::from_fn(|_| None))?;
    settings("f.yaml", "source.receive", &node).map(|read| read.value)
}

#[test]
fn the_yaml_in_the_docs_is_valid() {
    let docs = include_str!("../../receive.rs");
    let yaml = docs.split("```yaml\n").nth(1).and_then(|rest| rest.split("//! ```").next()).unwrap();
    let yaml = yaml.trim().strip_prefix("//! source: { receive: ").and_then(|rest| rest.strip_suffix(" }")).unwrap();
    assert_eq!(read(yaml).unwrap().listen.as_str(), "127.0.0.1:19291");
}

#[test]
fn every_setting_can_be_given() {
    let all = "{ listen: 'localhost:1', max_body: 1MiB, max_decoded: 2MiB, max_batch: 3MiB, max_labels: 4, max_label_name: 5B, \
        max_label_value: 6B, in_flight: 7MiB, concurrency: 8, connections: 9, tenant_header: X-Team, \
        default_tenant: ten, timeout: 11s, limits: tenants, TENANT, \
        tls_server_config: { cert_file: a, key_file: b, client_ca_file: c } }";
    for tenant in ["tenant_certificate_field: common_name", "split_tenant_label: tenant"] {
        let read = read(&all.replace("TENANT", tenant)).unwrap();
        assert_eq!(
            (read.max_labels.get(), read.default_tenant.as_str(), read.timeout),
            (4, "ten", Span::from_secs(11))
        );
    }
}

#[test]
fn settings_that_are_wrong_say_so() {
    let check = |settings: &str, expect: &str| {
        let mistakes = read(settings).unwrap_err();
        let shown: Vec<_> = mistakes.iter().map(|mistake| format!("{}: {}", mistake.path, mistake.message)).collect();
        assert_eq!(shown.join("; "), expect, "{settings}");
    };
    check("{}", "source.receive: `listen` is missing");
    check(
        "{ listen: foo, max_decoded: 0 }",
        "source.receive.listen: expected a host and a port such as `127.0.0.1:9090`, got `foo`; \
         source.receive.max_decoded: expected more than 0, got `0B`",
    );
    for field in ["max_body", "max_decoded", "max_batch", "max_label_name", "max_label_value"] {
        check(
            &format!("{{ listen: 'a:1', {field}: 0B }}"),
            &format!("source.receive.{field}: expected more than 0, got `0B`"),
        );
    }
    let asks = "source.receive: expected `client_ca_file` in `tls_server_config` beside `tenant_certificate_field`";
    check("{ listen: 'a:1', tenant_certificate_field: dns }", asks);
    check("{ listen: 'a:1', tenant_certificate_field: dns, tls_server_config: { cert_file: a, key_file: b } }", asks);
    let both = "source.receive: expected either `tenant_certificate_field` or `split_tenant_label`, got both: with a label in its \
        series a client would write as whom it likes, whatever its certificate says";
    let mutual = "tls_server_config: { cert_file: a, key_file: b, client_ca_file: c }";
    check(&format!("{{ listen: 'a:1', tenant_certificate_field: dns, split_tenant_label: team, {mutual} }}"), both);
    check("{ listen: 'a:1', timeout: 0s }", "source.receive.timeout: expected more than 0, got `0s`");
    for (pair, expect) in [
        ("tenant_header: not a header", "tenant_header: expected the name of a header, got `not a header`"),
        (
            "default_tenant: ..",
            "default_tenant: expected a tenant of 1 to 150 characters from a-z A-Z 0-9 !-_.*'(), got `..`",
        ),
        ("timeout: 30", "timeout: expected a duration such as `30s` or `1m30s`, got `30`"),
        ("max_body: 32", "max_body: expected a size such as `64MiB` or `1GB`, got `32`"),
        ("concurrency: 0", "concurrency: expected a whole number of at least 1, got `0`"),
        ("max_labels: many", "max_labels: expected a whole number of at least 1, got `many`"),
        (
            "split_tenant_label: __name__",
            "split_tenant_label: expected the name of a label other than `__name__`, got `__name__`",
        ),
        (
            "tenant_certificate_field: country",
            "tenant_certificate_field: unknown value `country`, expected one of `common_name`, `organization`, \
             `organizational_unit`, `dns`, `uri`",
        ),
        ("maxbody: 1MiB", "maxbody: unknown field `maxbody`, did you mean `max_body`?"),
    ] {
        check(&format!("{{ listen: '127.0.0.1:0', {pair} }}"), &format!("source.receive.{expect}"));
    }
}
