//! Trees of queries, each kind of node with all that it has.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use super::*;

fn check(query: &str, expected: Value) {
    let expr = crate::syntax::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    assert_eq!(tree(&expr, query), expected, "{query}");
}

/// A selector of one name, without anything more.
fn named(name: &str) -> Value {
    json!({
        "type": "vectorSelector",
        "name": name,
        "offset": 0,
        "offsetExpr": null,
        "matchers": [{ "name": "__name__", "value": name, "type": "=" }],
        "timestamp": null,
        "startOrEnd": null,
        "anchored": false,
        "smoothed": false,
    })
}

fn with(mut node: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        assert!(node.get(key).is_some(), "{key}");
        node[key] = value.clone();
    }
    node
}

fn number(val: &str) -> Value {
    json!({ "type": "numberLiteral", "val": val })
}

#[test]
fn literals_and_what_is_around_them() {
    check("1e3", number("1000"));
    check("-Inf", number("-Inf"));
    check("1h", number("3600"));
    check("\"a\\n\"", json!({ "type": "stringLiteral", "val": "a\n" }));
    check("(1)", json!({ "type": "parenExpr", "expr": number("1") }));
    check("-a", json!({ "type": "unaryExpr", "op": "-", "expr": named("a") }));
    check("+a", json!({ "type": "unaryExpr", "op": "+", "expr": named("a") }));
}

#[test]
fn selectors() {
    check("a", named("a"));
    let matchers = json!([
        { "name": "b", "value": "c", "type": "=~" },
        { "name": "d", "value": "", "type": "!=" },
        { "name": "__name__", "value": "a", "type": "=" },
    ]);
    let changes = json!({ "matchers": matchers, "offset": -300_000, "timestamp": 1500 });
    check("a{b=~\"c\",d!=\"\"} offset -5m @ 1.5", with(named("a"), changes));
    let matchers =
        json!([{ "name": "__name__", "value": "a", "type": "=" }, { "name": "b", "value": "c", "type": "!~" }]);
    check(
        "{\"a\",b!~\"c\"} @ end()",
        with(named("a"), json!({ "name": "", "matchers": matchers, "startOrEnd": "end" })),
    );
}

#[test]
fn range_vectors() {
    let matrix = |changes: Value| {
        let mut node = named("a");
        (node["type"], node["range"], node["rangeExpr"]) = (json!("matrixSelector"), json!(300_000), Value::Null);
        with(node, changes)
    };
    check("a[5m]", matrix(json!({})));
    check("a[300] smoothed @ start()", matrix(json!({ "smoothed": true, "startOrEnd": "start" })));
    let literal = |val: &str, duration: bool| json!({ "type": "numberLiteral", "val": val, "duration": duration });
    let node = |op: &str, lhs: Value, rhs: Value, wrapped: bool| json!({ "type": "durationExpr", "op": op, "lhs": lhs, "rhs": rhs, "wrapped": wrapped });
    let sum = |wrapped| node("+", literal("300", true), literal("60", false), wrapped);
    check("a[5m + 60]", matrix(json!({ "range": 0, "rangeExpr": sum(false) })));
    check("a[5m] offset (5m + 60)", matrix(json!({ "offsetExpr": sum(true) })));
    let step = node("step", Value::Null, Value::Null, false);
    let least = node("min_of", node("-", Value::Null, step, false), literal("60", true), false);
    check("a[min_of(-step(), 1m)]", matrix(json!({ "range": 0, "rangeExpr": least })));
    // A number has no room for parentheses.
    let wrapped = node("+", Value::Null, literal("130", false), true);
    check("a[(130)]", matrix(json!({ "range": 0, "rangeExpr": wrapped })));
    check("a[((130))]", matrix(json!({ "range": 0, "rangeExpr": wrapped })));
    check("a[5m] offset (130)", matrix(json!({ "offsetExpr": wrapped })));
    check("a[5m] offset -(130)", matrix(json!({ "offsetExpr": node("-", Value::Null, wrapped, false) })));
    check(
        "a[-(-130)]",
        matrix(json!({
            "range": 0,
            "rangeExpr": node("-", Value::Null, node("+", Value::Null, literal("-130", false), true), false),
        })),
    );
    // A `+` is kept before a call of an offset, and nowhere else.
    let step = node("step", Value::Null, Value::Null, false);
    check("a[5m] offset +step()", matrix(json!({ "offsetExpr": node("+", Value::Null, step.clone(), false) })));
    check("a[+step()]", matrix(json!({ "range": 0, "rangeExpr": step })));
    let subquery = json!({
        "type": "subquery",
        "expr": named("a"),
        "range": 3_600_000,
        "rangeExpr": null,
        "offset": 60_000,
        "offsetExpr": null,
        "step": 0,
        "stepExpr": null,
        "timestamp": null,
        "startOrEnd": null,
    });
    check("a[1h:] offset 1m", subquery.clone());
    check("a[1h:30s] offset 1m", with(subquery.clone(), json!({ "step": 30_000 })));
    check("a[1h:5m + 60] offset 1m", with(subquery, json!({ "stepExpr": sum(false) })));
}

#[test]
fn operators() {
    let binary = |changes: Value| {
        let node = json!({
            "type": "binaryExpr",
            "op": "+",
            "lhs": named("a"),
            "rhs": named("b"),
            "matching": {
                "card": "one-to-one",
                "labels": [],
                "on": false,
                "include": [],
                "fillValues": { "lhs": null, "rhs": null },
            },
            "bool": false,
        });
        with(node, changes)
    };
    check("a + b", binary(json!({})));
    check("1 + 2", binary(json!({ "lhs": number("1"), "rhs": number("2"), "matching": null })));
    check("a > bool 2", binary(json!({ "op": ">", "rhs": number("2"), "matching": null, "bool": true })));
    let many = json!({
        "card": "many-to-one",
        "labels": ["x"],
        "on": true,
        "include": ["y", "z"],
        "fillValues": { "lhs": 1.0, "rhs": null },
    });
    check("a + on (x) group_left (y, z) fill_left (1) b", binary(json!({ "matching": many })));
    let of = |card: &str, labels: &[&str]| {
        with(binary(json!({}))["matching"].clone(), json!({ "card": card, "labels": labels }))
    };
    check("a + ignoring (x) group_right b", binary(json!({ "matching": of("one-to-many", &["x"]) })));
    check("a and b", binary(json!({ "op": "and", "matching": of("many-to-many", &[]) })));
}

#[test]
fn aggregations_and_calls() {
    let sum = json!({
        "type": "aggregation",
        "op": "sum",
        "expr": named("a"),
        "param": null,
        "grouping": [],
        "without": false,
    });
    check("sum(a)", sum.clone());
    check(
        "topk without (x) (3, a)",
        with(sum, json!({ "op": "topk", "param": number("3"), "grouping": ["x"], "without": true })),
    );
    let call = |name: &str, types: &[&str], variadic: i64, returns: &str, args: &[Value]| {
        let function = json!({ "name": name, "argTypes": types, "variadic": variadic, "returnType": returns });
        json!({ "type": "call", "func": function, "args": args })
    };
    check("abs(a)", call("abs", &["vector"], 0, "vector", &[named("a")]));
    check("time()", call("time", &[], 0, "scalar", &[]));
    check("round(a)", call("round", &["vector", "scalar"], 1, "vector", &[named("a")]));
    check("hour()", call("hour", &["vector"], 1, "vector", &[]));
    check("sort_by_label(a)", call("sort_by_label", &["vector", "string"], -1, "vector", &[named("a")]));
}

#[test]
fn signatures_are_those_of_prometheus() {
    let check = |name: &str, types: usize, variadic: i64| {
        let (got, more) = signature(crate::syntax::functions::find(name).unwrap());
        assert_eq!((got.len(), more), (types, variadic), "{name}");
    };
    check("histogram_quantiles", 4, 9);
    check("label_join", 4, -1);
    check("label_replace", 5, 0);
    check("info", 2, 1);
    check("rate", 1, 0);
}
