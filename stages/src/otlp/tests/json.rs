//! Requests in JSON.

use super::*;

/// What becomes of a request in JSON of these metrics.
fn of(metrics: &str) -> Decoded {
    let attributes = r#"[{"key":"service.name","value":{"stringValue":"api"}},{"key":"n","value":{"intValue":"5"}},
        {"key":"list","value":{"arrayValue":{"values":[{"boolValue":true},{"doubleValue":0.5},{"bytesValue":"AQI="}]}}},
        {"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}}]"#;
    let scopes = format!(r#"[{{"scope":{{"name":"s","x":[1,{{}}]}},"metrics":{metrics}}}]"#);
    let body = format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":{attributes}}},"schemaUrl":"u","scopeMetrics":{scopes}}}]}}"#
    );
    let message = to_protobuf(body.as_bytes(), 1 << 20).unwrap_or_else(|error| panic!("{error}: {body}"));
    read(&message)
}

fn check_json(metrics: &str, expect: &str) {
    let decoded = of(metrics);
    assert!(decoded.refused.is_empty(), "{}", decoded.refused);
    let info =
        "target_info{job=\"api\", list=\"[true,0.5,\\\"AQI=\\\"]\", map=\"{\\\"k\\\":\\\"v\\\"}\", n=\"5\"} 1 2000\n";
    assert_eq!(text(&decoded.batch), format!("{expect}{info}"));
}

#[test]
fn metrics_in_json_mean_what_they_mean_in_protobuf() {
    let at = r#""startTimeUnixNano":"1000000000","timeUnixNano":"2000000000""#;
    check_json(
        &format!(
            r#"[{{"name":"g","description":"d","unit":"1","gauge":{{"dataPoints":[
            {{{at},"asDouble":1.5,"attributes":[{{"key":"a","value":{{"stringValue":"é\n"}}}}],"flags":0}},
            {{{at},"asDouble":"-Infinity"}},{{{at},"asInt":"-7","attributes":null}}]}}}}]"#
        ),
        "g_ratio{a=\"é\\n\", job=\"api\"} 1.5 2000\ng_ratio{job=\"api\"} -inf 2000\ng_ratio{job=\"api\"} -7 2000\n",
    );
    for temporality in ["2", "\"AGGREGATION_TEMPORALITY_CUMULATIVE\""] {
        let sum = format!(
            r#"[{{"name":"s","sum":{{"aggregationTemporality":{temporality},"isMonotonic":true,
                "dataPoints":[{{{at},"asInt":7}}]}}}}]"#
        );
        check_json(&sum, "s_total{job=\"api\"} 7 2000\n");
        assert_eq!(of(&sum).batch.series(0).start_timestamps, [1000]);
    }
    check_json(
        &format!(
            r#"[{{"name":"h","histogram":{{"aggregationTemporality":2,"dataPoints":[{{{at},"count":"5","sum":2.5,
            "bucketCounts":["3",2],"explicitBounds":[0.5],"min":0,"max":1}}]}}}}]"#
        ),
        "h_sum{job=\"api\"} 2.5 2000\nh_count{job=\"api\"} 5 2000\nh_bucket{job=\"api\", le=\"0.5\"} 3 2000\n\
         h_bucket{job=\"api\", le=\"+Inf\"} 5 2000\n",
    );
    check_json(
        &format!(
            r#"[{{"name":"q","summary":{{"dataPoints":[{{{at},"count":"4","sum":2,
            "quantileValues":[{{"quantile":0.5,"value":1}}]}}]}}}}]"#
        ),
        "q_sum{job=\"api\"} 2 2000\nq_count{job=\"api\"} 4 2000\nq{job=\"api\", quantile=\"0.5\"} 1 2000\n",
    );
    let decoded = of(&format!(
        r#"[{{"name":"e","exponentialHistogram":{{"aggregationTemporality":2,"dataPoints":[{{{at},"count":"6","sum":9,
            "scale":-1,"zeroCount":"1","zeroThreshold":0.25,"positive":{{"offset":-2,"bucketCounts":["2","3"]}}}}]}}}}]"#
    ));
    let point = &decoded.batch.series(0).histograms[0];
    let histogram = &point.histogram;
    assert_eq!((point.timestamp, point.start, histogram.schema, histogram.count), (2000, 1000, -1, 6.0));
    assert_eq!((histogram.zero_count, histogram.zero_threshold), (1.0, 0.25));
    assert_eq!((histogram.positive.spans[0].offset, &histogram.positive.counts[..]), (-1, &[2.0, 3.0][..]));
}

#[test]
fn what_is_no_request_in_json_is_told_with_its_place() {
    let check = |body: &str, expect: &str| {
        let error = to_protobuf(body.as_bytes(), 1000).unwrap_err();
        let expect = format!("expected an `ExportMetricsServiceRequest` in JSON: {expect}");
        assert!(error.starts_with(&expect), "{body}: {error}");
    };
    check("", "EOF while parsing a value at line 1 column 0");
    check("[]", "invalid type: sequence, expected an object");
    check("{} 1", "trailing characters at line 1 column 4");
    check(r#"{"resourceMetrics":[1]}"#, "invalid type: a number, expected `resourceMetrics` as an object");
    let metric = |metric: &str| format!(r#"{{"resourceMetrics":{{"scopeMetrics":{{"metrics":{metric}}}}}}}"#);
    check(&metric(r#"{"name":1}"#), "invalid type: a number, expected `name` as a text");
    check(&metric(r#"{"name":true}"#), "invalid type: boolean `true`, expected `name` as a text");
    check(&metric(r#"{"name":{}}"#), "invalid type: map, expected `name` as a text");
    let point = |point: &str| metric(&format!(r#"{{"gauge":{{"dataPoints":{point}}}}}"#));
    let whole = "expected `timeUnixNano` as a whole number of at least 0";
    check(&point(r#"{"timeUnixNano":"x"}"#), &format!("invalid value: string \"x\", {whole}"));
    check(&point(r#"{"timeUnixNano":-1}"#), &format!("invalid value: a number out of range, {whole}"));
    check(&point(r#"{"timeUnixNano":1.5}"#), &format!("invalid type: floating point `1.5`, {whole}"));
    check(&point(r#"{"asDouble":"x"}"#), "invalid value: string \"x\", expected `asDouble` as a number");
    let exemplar = point(r#"{"exemplars":[{"traceId":"abc"}]}"#);
    check(&exemplar, "invalid value: string \"abc\", expected `traceId` as hexadecimal digits");
    let long = point(&format!("{{\"asDouble\":[{}1]}}", "1,".repeat(200)));
    check(&long, "expected a message of at most 1000 bytes");
    let list = r#"{"arrayValue":{"values":["#;
    let deep = format!("{}{}", list.repeat(100), "]}}".repeat(100));
    let deep = format!(r#"{{"resourceMetrics":{{"resource":{{"attributes":{{"value":{deep}}}}}}}}}"#);
    check(&deep, "recursion limit exceeded");
}
