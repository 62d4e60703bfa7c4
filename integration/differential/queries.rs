//! Random queries of what Prometheus 2.42 knows. What it answers otherwise than Prometheus 3 is not asked for: see
//! `stages/promql/README.md`.

use super::chance::Chance;

/// Which labels tell the elements of a vector apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    JobInstance,
    Job,
    Zone,
    None,
}

/// An instant vector.
struct Vector {
    text: String,
    shape: Shape,
    /// Whether both compute its values to the last bit: only then they may be rounded, compared or counted.
    exact: bool,
    /// Whether no value is NaN or infinite, nor two of them likely the same.
    plain: bool,
}

const RANGES: [&str; 4] = ["1m", "2m", "5m", "10m"];
const OFFSETS: [&str; 6] = ["", "", "", " offset 1m", " offset 7m", " offset -2m"];

/// A query; `start` is where the window of samples begins, in whole seconds.
pub fn query(chance: &mut Chance, start: i64) -> String {
    let mut queries = Queries { chance, start };
    match queries.chance.below(12) {
        0 => queries.number(),
        1 => queries.quantile_of_buckets(),
        2 => queries.absence(),
        _ => queries.vector(3).text,
    }
}

/// What makes queries of chance.
struct Queries<'a> {
    chance: &'a mut Chance,
    start: i64,
}

// === impl Queries ===

impl Queries<'_> {
    /// ` @ …` and ` offset …`, either or none. Half a second after the full one, as all times at which is asked.
    fn modifiers(&mut self) -> String {
        let offset = self.chance.of(&OFFSETS);
        match self.chance.below(10) {
            0 => format!(" @ {}.5{offset}", self.start + self.chance.between(300, 2400)),
            1 => format!(" @ {}{offset}", self.chance.of(&["start()", "end()"])),
            _ => offset.to_owned(),
        }
    }

    fn matchers(&mut self) -> &'static str {
        self.chance.of(&[
            "",
            "",
            "",
            "{job=\"a\"}",
            "{instance=~\"1|2\"}",
            "{instance!=\"3\"}",
            "{job!~\"b.*\"}",
            "{zone=\"\"}",
        ])
    }

    fn selector(&mut self) -> Vector {
        let name = self.chance.of(&["c_total", "g", "g", "g2", "odd"]);
        let text = format!("{name}{}{}", self.matchers(), self.modifiers());
        Vector { text, shape: Shape::JobInstance, exact: true, plain: name != "odd" }
    }

    /// A vector of at most `depth` operators and functions on top of each other.
    fn vector(&mut self, depth: u64) -> Vector {
        if depth == 0 || self.chance.once_in(6) {
            return if self.chance.once_in(2) { self.selector() } else { self.range() };
        }
        match self.chance.below(9) {
            0 | 1 => self.aggregation(depth - 1),
            2 => self.element(depth - 1),
            3 => self.with_number(depth - 1),
            4 | 5 => self.binary(depth - 1),
            6 => self.set(depth - 1),
            7 => self.subquery(depth - 1),
            _ => self.labels(depth - 1),
        }
    }

    /// A function over a range of samples.
    fn range(&mut self) -> Vector {
        const COUNTER: [&str; 5] = ["rate", "increase", "irate", "resets", "changes"];
        const GAUGE: [&str; 5] = ["delta", "idelta", "deriv", "changes", "resets"];
        let of_time = ["avg", "min", "max", "sum", "count", "last", "present", "stddev", "stdvar"];
        let name = self.chance.of(&["c_total", "c_total", "g", "g", "g2", "odd"]);
        let argument = format!("{name}{}[{}]{}", self.matchers(), self.chance.of(&RANGES), self.modifiers());
        let function = match (name, self.chance.below(6)) {
            ("c_total", 0..4) => self.chance.of(&COUNTER).to_owned(),
            ("g" | "g2", 0..2) => self.chance.of(&GAUGE).to_owned(),
            (_, 4) => return self.with_parameter(name, &argument),
            ("odd", _) => format!("{}_over_time", self.chance.of(&of_time[1..7])),
            _ => format!("{}_over_time", self.chance.of(&of_time)),
        };
        let exact = ["min_", "max_", "last_", "count_", "present_", "changes", "resets"];
        let exact = exact.iter().any(|prefix| function.starts_with(prefix));
        let plain =
            name != "odd" && !["count_", "present_", "changes", "resets"].iter().any(|p| function.starts_with(p));
        Vector { text: format!("{function}({argument})"), shape: Shape::JobInstance, exact, plain }
    }

    fn with_parameter(&mut self, name: &str, argument: &str) -> Vector {
        let text = match self.chance.below(3) {
            0 if name != "odd" => {
                let (range, offset) = (self.chance.of(&RANGES), self.chance.of(&OFFSETS));
                format!("predict_linear({name}[{range}]{offset}, {})", self.chance.of(&["0", "60", "-600"]))
            }
            1 => format!("timestamp({name}{})", self.chance.of(&OFFSETS)),
            _ => format!("quantile_over_time({}, {argument})", self.chance.of(&["0", "0.3", "0.5", "0.99", "1"])),
        };
        Vector { text, shape: Shape::JobInstance, exact: false, plain: false }
    }

    fn aggregation(&mut self, depth: u64) -> Vector {
        let inner = self.vector(depth);
        let (clause, shape) = match self.chance.below(4) {
            0 => ("", Shape::None),
            1 => (" by (job)", Shape::Job),
            2 => (" without (instance)", if inner.shape == Shape::JobInstance { Shape::Job } else { inner.shape }),
            _ => (" by (job, instance)", inner.shape),
        };
        let text = &inner.text;
        let choice = self.chance.below(10);
        if choice < 2 && inner.plain && inner.exact {
            let name = self.chance.of(&["topk", "bottomk"]);
            let text = format!("{name}{clause} ({}, {text})", self.chance.of(&["1", "2", "5"]));
            return Vector { text, ..inner };
        }
        if choice == 2 && inner.exact {
            let text = format!("count_values{clause} (\"v\", {text})");
            return Vector { text, shape: Shape::Zone, exact: true, plain: false };
        }
        if choice == 3 && inner.plain {
            let text = format!("quantile{clause} ({}, {text})", self.chance.of(&["0", "0.25", "0.5", "0.9", "1"]));
            return Vector { text, shape, exact: false, plain: true };
        }
        let of_any: &[&str] = &["count", "group", "min", "max", "sum"];
        let of_plain: &[&str] = &["count", "min", "max", "sum", "avg", "stddev", "stdvar"];
        let name = self.chance.of(if inner.plain { of_plain } else { of_any });
        let exact = match name {
            "count" | "group" => true,
            "avg" | "stddev" | "stdvar" => false,
            _ => inner.exact,
        };
        let plain = inner.plain && !["count", "group"].contains(&name);
        Vector { text: format!("{name}{clause} ({text})"), shape, exact, plain }
    }

    /// A function of each element, or the sign of a selector.
    fn element(&mut self, depth: u64) -> Vector {
        if self.chance.once_in(8) {
            let inner = self.selector();
            return Vector { text: format!("-{}", inner.text), ..inner };
        }
        let inner = self.vector(depth);
        let smooth: &[&str] = &["abs", "atan", "tanh", "sqrt", "ln", "log2", "log10", "deg", "rad", "asinh"];
        let of_bits: &[&str] =
            &["abs", "ceil", "floor", "round", "sgn", "sin", "cos", "hour", "minute", "day_of_year", "month"];
        let use_bits = inner.exact && inner.plain && self.chance.once_in(2);
        let name = self.chance.of(if use_bits { of_bits } else { smooth });
        let text = match (name, self.chance.below(4)) {
            ("abs", 0) => format!("clamp({}, -50, 1000)", inner.text),
            ("abs", 1) => format!("clamp_min({}, 3)", inner.text),
            ("abs", 2) => format!("clamp_max({}, 3)", inner.text),
            _ => format!("{name}({})", inner.text),
        };
        Vector { text, exact: use_bits, plain: false, ..inner }
    }

    fn with_number(&mut self, depth: u64) -> Vector {
        let inner = self.vector(depth);
        let number = self.number();
        let arithmetic = ["+", "-", "*", "/"];
        if inner.exact && inner.plain && self.chance.once_in(2) {
            let op = self.chance.of(&[">", "<=", "==", "!=", "> bool", "< bool", "% 7 >="]);
            let text = format!("({}) {op} {}", inner.text, self.chance.of(&["0", "3", "100.25"]));
            return Vector { text, plain: !op.contains("bool"), ..inner };
        }
        let op = self.chance.of(&arithmetic);
        let text = if self.chance.once_in(2) {
            format!("({}) {op} ({number})", inner.text)
        } else {
            format!("({number}) {op} ({})", inner.text)
        };
        Vector { text, exact: false, plain: false, ..inner }
    }

    /// A number, or what becomes one.
    fn number(&mut self) -> String {
        let number = self.chance.of(&[
            "2",
            "0.5",
            "-3",
            "time()",
            "1e3",
            "pi()",
            "2 ^ 3 ^ 2 % 7",
            "scalar(info{job=\"a\"})",
            "Inf",
        ]);
        match self.chance.below(4) {
            0 => format!("{number} + {}", self.chance.of(&["1", "time()", "scalar(g)"])),
            1 => format!("-({number}) * 2"),
            _ => number.to_owned(),
        }
    }

    /// Two vectors, matched one to one or many to one. Filters only where all labels match, and of what has its name: see
    /// the table.
    fn binary(&mut self, depth: u64) -> Vector {
        let (left, right) = (self.vector(depth), self.vector(depth));
        let op = self.chance.of(&["+", "-", "*", "/"]);
        let (a, b) = (&left.text, &right.text);
        let (text, shape) = match self.chance.below(6) {
            0 => (format!("({a}) {op} on (job) group_left ({b})"), left.shape),
            1 => (format!("({a}) {op} on (job) group_left (zone) info"), Shape::Zone),
            2 => (format!("sum by (job) ({a}) {op} on (job) group_right () ({b})"), right.shape),
            3 => (format!("({a}) {op} ignoring (instance) ({b})"), Shape::Job),
            4 if right.exact => {
                let left = self.selector();
                (format!("{} {} ({b})", left.text, self.chance.of(&[">", "<", "!=", ">= bool", "== bool"])), left.shape)
            }
            _ => (format!("({a}) {op} ({b})"), left.shape),
        };
        Vector { text, shape, exact: false, plain: false }
    }

    /// Two sets. `or` only of selectors, or of what has lost its name: see the table.
    fn set(&mut self, depth: u64) -> Vector {
        let op = self.chance.of(&["and", "or", "unless"]);
        let matching = self.chance.of(&["", "", " on (job)", " ignoring (instance)"]);
        if op == "or" && self.chance.once_in(2) {
            let (left, right) = (self.selector(), self.selector());
            let text = format!("{} or{matching} {}", left.text, right.text);
            return Vector { text, plain: left.plain && right.plain, ..left };
        }
        let (left, right) = (self.vector(depth), self.vector(depth));
        if op == "or" {
            let text = format!("abs({}) or{matching} abs({})", left.text, right.text);
            return Vector { text, exact: left.exact && right.exact, plain: false, ..left };
        }
        Vector { text: format!("({}) {op}{matching} ({})", left.text, right.text), ..left }
    }

    /// Over a subquery; none within another, since all its edges would be on steps.
    fn subquery(&mut self, depth: u64) -> Vector {
        let inner = match depth {
            0 => self.selector(),
            _ => self.range(),
        };
        let functions: &[&str] = match (inner.plain, inner.exact) {
            (true, true) => &["max", "min", "sum", "count", "last", "avg", "stddev"],
            (true, false) => &["max", "min", "sum", "count", "last", "avg"],
            _ => &["max", "min", "count", "last", "present"],
        };
        let name = self.chance.of(functions);
        let range = self.chance.of(&["2m:30s", "5m:1m", "3m:17s", "10m:2m"]);
        let text = format!("{name}_over_time(({})[{range}]{})", inner.text, self.modifiers());
        let exact = inner.exact && !["avg", "stddev"].contains(&name) || ["count", "present"].contains(&name);
        Vector { text, exact, plain: inner.plain && !["count", "present"].contains(&name), ..inner }
    }

    fn labels(&mut self, depth: u64) -> Vector {
        let inner = self.vector(depth);
        let text = match self.chance.below(3) {
            0 => format!("label_join({}, \"where\", \"/\", \"job\", \"instance\")", inner.text),
            1 => format!("label_replace({}, \"n\", \"x$1\", \"instance\", \"([12])\")", inner.text),
            _ => format!("{}({})", self.chance.of(&["sort", "sort_desc"]), inner.text),
        };
        Vector { text, ..inner }
    }

    fn quantile_of_buckets(&mut self) -> String {
        let quantile = self.chance.of(&["0", "0.1", "0.5", "0.9", "0.999", "1"]);
        let function = self.chance.of(&["rate", "increase"]);
        let rate = format!("{function}(h_bucket[{}]{})", self.chance.of(&RANGES[1..]), self.modifiers());
        let sum = self.chance.of(&["", "sum by (le)", "sum by (le, job)", "sum without (job)"]);
        format!("histogram_quantile({quantile}, {sum} ({rate}))")
    }

    fn absence(&mut self) -> String {
        let selector =
            self.chance.of(&["g{job=\"c\"}", "g2{job=\"b\", instance=\"3\"}", "c_total{instance=\"1\"}", "none"]);
        match self.chance.below(3) {
            0 => format!("absent({selector}{})", self.modifiers()),
            1 => format!("absent_over_time({selector}[{}]{})", self.chance.of(&RANGES), self.modifiers()),
            _ => format!("absent({selector} > 1e9)"),
        }
    }
}
