//! Queries as Prometheus formats them.

use super::*;

#[test]
fn a_short_query_is_formatted_as_prometheus_prints_it() {
    let check = |query: &str, expected: &str| assert_eq!(pretty(query).unwrap(), expected, "{query}");
    check("foo/bar", "foo / bar");
    check("sum(rate(a[5m]))by(job)", "sum by (job) (rate(a[5m]))");
    check("1h + 90m", "1h + 1h30m");
    check("3600 + 1h", "3600 + 1h");
    check("- # why\n 1h30m", "-1h30m");
    check("- -1h", "1h");
    check("0x1F * 1e3 + 017", "31 * 1000 + 15");
    check("a[300] offset -60", "a[5m] offset -1m");
    check("a[5m + 60]", "a[5m + 60]");
    check("a[step() * 2:(1m - 30)] offset (1h + 1m)", "a[step() * 2:(1m - 30)] offset (1h + 1m)");
    check(r#"a{c="1",b!~"2",b="3"}"#, r#"a{b!~"2",b="3",c="1"}"#);
    check(r#"{c="1",__name__="a"}"#, r#"{__name__="a",c="1"}"#);
    check(r#"info(a, {c="1",b=~".+"})"#, r#"info(a, {b=~".+",c="1"})"#);
    check("a @ 1.5 offset 1m", "a @ 1.500 offset 1m");
    check("+a", "+a");
    assert!(pretty("1 +").is_err());
}

#[test]
fn a_long_query_is_broken_into_lines() {
    let check = |query: &str, expected: &str| assert_eq!(pretty(query).unwrap(), expected, "{query}");
    let long = |name: &str| format!("{name}{{job=\"{}\"}}", "x".repeat(60));
    let (a, b) = (long("a"), long("b"));
    check(&format!("{a} + on (job) group_left {b}"), &format!("  {a}\n+ on (job) group_left ()\n  {b}"));
    check(&format!("sum by (c) ({a} > bool {b})"), &format!("sum by (c) (\n    {a}\n  > bool\n    {b}\n)"));
    check(&format!("topk(5, -({a} / {b}))"), &format!("topk(\n  5,\n  -(\n      {a}\n    /\n      {b}\n  )\n)"));
    check(
        &format!("label_replace({a}, \"x\", \"$1\", \"y\", \"{}\")", "z".repeat(40)),
        &format!("label_replace(\n  {a},\n  \"x\",\n  \"$1\",\n  \"y\",\n  \"{}\"\n)", "z".repeat(40)),
    );
    check(
        &format!("max_over_time(rate({a}[5m])[1h:{}s] offset 1m)", 60),
        &format!("max_over_time(\nrate({a}[5m])[1h:1m] offset 1m\n)"),
    );
    check(
        &format!("max_over_time(({a} + {b})[1h:])"),
        &format!("max_over_time(\n  (\n      {a}\n    +\n      {b}\n  )[1h:]\n)"),
    );
}

#[test]
fn what_is_formatted_reads_as_the_same_query() {
    for line in table(include_str!("printed.txt")) {
        let query = &line[0];
        let long =
            format!("sum by (job) (label_replace({query}, \"a\", \"b\", \"c\", \"d\")) / on (job) {}", "x".repeat(60));
        for query in [query, &long] {
            let (Ok(expr), Ok(printed)) = (parse(query), pretty(query)) else { continue };
            let again = parse(&printed).unwrap_or_else(|error| panic!("{query} as {printed}: {error}"));
            assert_eq!(pretty(&printed).as_ref(), Ok(&printed), "{query}");
            // Matchers are in another order, and names may be among them: the letters are the same, but for a sign that is left out.
            let sorted = |text: String| {
                let text = text.replace("__name__=", "");
                let mut letters: Vec<char> = text.chars().filter(|c| !"{,}\" +".contains(*c)).collect();
                letters.sort_unstable();
                letters
            };
            assert_eq!(sorted(again.to_string()), sorted(expr.to_string()), "{query} as {printed}");
        }
    }
}
