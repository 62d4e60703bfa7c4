//! Variables.

use crate::config::Env;

fn fill(text: &str) -> Result<String, String> {
    let env = Env::from_fn(|name| match name {
        "A" => Some("1".into()),
        "EMPTY" => Some(String::new()),
        "NESTED" => Some("${A}".into()),
        _ => None,
    });
    env.fill(text)
}

#[test]
fn variables_are_filled_in_and_what_only_looks_like_them_stays() {
    let check = |text: &str, expect: &str| assert_eq!(fill(text).as_deref(), Ok(expect), "{text}");
    check("", "");
    check("no variable", "no variable");
    check("${A}", "1");
    check("${A}${A} ${A}", "11 1");
    check("ä${A}ö", "ä1ö");
    check("${EMPTY}", "");
    check("${EMPTY:-b}", "b");
    check("${B:-b}", "b");
    check("${A:-b}", "1");
    check("${B:-}", "");
    check("${B:-127.0.0.1:19291}", "127.0.0.1:19291");
    check("${B:-$1}", "$1");
    // Values are not looked into again.
    check("${NESTED}", "${A}");
    check("$${A}", "${A}");
    check("$${B:-b}", "${B:-b}");
    check("$$${A}", "$${A}");
    check("$A $ $$ }", "$A $ $$ }");
    // What relabel rules use.
    check("$1 ${1} ${1}${A} ${10}", "$1 ${1} ${1}1 ${10}");
    check("${} ${-} ${ A}", "${} ${-} ${ A}");
}

#[test]
fn variables_without_a_value_or_an_end_are_mistakes() {
    let check = |text: &str, expect: &str| assert_eq!(fill(text).unwrap_err(), expect, "{text}");
    check("${B}", "the environment has no `B`, and there is no default");
    check("${B} ${C}", "the environment has no `B`, and there is no default");
    check("a ${A", "expected `}` after `${A`");
    check("${A:-b", "expected `}` after `${A`");
    check("${A:b}", "expected `}` or `:-` after `${A`, got `:b`");
    check("${A-b}", "expected `}` or `:-` after `${A`, got `-b`");
    check("${A b}", "expected `}` or `:-` after `${A`, got ` b`");
}
