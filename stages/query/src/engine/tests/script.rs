//! The notation of promqltest scripts: `load`, `clear`, `eval`, and what is expected.

use weir_pipeline::{LabelSet, STALE};

use super::memory::Memory;

/// One command of a script.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Clear,
    Load(Load),
    Eval(Eval),
}

/// Series to load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    pub(crate) step: i64,
    pub(crate) series: Vec<(LabelSet, Vec<Option<f64>>)>,
    /// Whether there is something that is no float, or start timestamps.
    pub(crate) foreign: bool,
}

/// A query and what it should answer.
#[derive(Clone, Debug)]
pub(crate) struct Eval {
    pub(crate) line: usize,
    pub(crate) expr: String,
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// 0 for an instant query.
    pub(crate) step: i64,
    pub(crate) expect: Expect,
}

/// What is expected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expect {
    pub(crate) fail: Option<Option<String>>,
    pub(crate) ordered: bool,
    pub(crate) notes: Vec<(String, Option<String>)>,
    pub(crate) string: Option<String>,
    pub(crate) scalar: Option<f64>,
    /// Start and step of `expect range vector from … to … step …`.
    pub(crate) matrix: Option<(i64, i64)>,
    /// The end of the same, which the query is evaluated at.
    pub(crate) at: Option<i64>,
    pub(crate) series: Vec<(LabelSet, Vec<Option<f64>>)>,
    /// Whether a histogram is expected.
    pub(crate) foreign: bool,
}

/// The commands of a script.
pub(crate) fn parse(text: &str) -> Vec<Command> {
    let lines: Vec<&str> = text.lines().map(str::trim).map(|l| if l.starts_with('#') { "" } else { l }).collect();
    let (mut out, mut i) = (Vec::new(), 0);
    while i < lines.len() {
        let (line, number) = (lines[i], i + 1);
        i += 1;
        let block_from = i;
        let block = |i: &mut usize| {
            while *i < lines.len() && !lines[*i].is_empty() {
                *i += 1;
            }
            lines[block_from..*i].to_vec()
        };
        match line.split_whitespace().next() {
            Some("clear") => out.push(Command::Clear),
            Some(word) if word.starts_with("load") => out.push(Command::Load(load(line, &block(&mut i)))),
            Some(word) if word.starts_with("eval") => out.push(Command::Eval(eval(line, number, &block(&mut i)))),
            _ => {}
        }
    }
    out
}

fn load(line: &str, block: &[&str]) -> Load {
    let (command, step) = line.split_once(char::is_whitespace).unwrap();
    let mut load = Load { step: duration(step.trim()), foreign: command != "load", ..Load::default() };
    for line in block {
        if line.contains("@st") || line.contains("{{") {
            load.foreign = true;
            continue;
        }
        let (labels, values) = series(line);
        load.series.retain(|(l, _)| *l != labels);
        load.series.push((labels, values));
    }
    load
}

fn eval(line: &str, number: usize, block: &[&str]) -> Eval {
    let (command, rest) = line.split_once(char::is_whitespace).unwrap();
    let rest = rest.trim();
    let (start, end, step, expr) = if let Some(rest) = rest.strip_prefix("instant") {
        let rest = rest.trim();
        match rest.strip_prefix("at ") {
            Some(rest) => {
                let (time, expr) = rest.trim().split_once(char::is_whitespace).unwrap();
                (duration(time), duration(time), 0, expr)
            }
            None => (0, 0, 0, rest),
        }
    } else {
        let words: Vec<&str> = rest.splitn(8, char::is_whitespace).filter(|w| !w.is_empty()).collect();
        let [_, _, start, _, end, _, tail] = <[&str; 7]>::try_from(words.get(..7).unwrap()).unwrap();
        let expr = rest[rest.find(" step ").unwrap() + 6..].trim().split_once(char::is_whitespace).unwrap().1;
        (duration(start), duration(end), duration(tail), expr)
    };
    let mut expect = Expect::default();
    if command == "eval_fail" {
        expect.fail = Some(None);
    }
    expect.ordered = command == "eval_ordered";
    for line in block {
        expectation(line, &mut expect);
    }
    let (start, end) = expect.at.map_or((start, end), |at| (at, at));
    Eval { line: number, expr: expr.trim().to_owned(), start, end, step, expect }
}

fn expectation(line: &str, expect: &mut Expect) {
    if let Some(message) = line.strip_prefix("expected_fail_message ") {
        expect.fail = Some(Some(message.trim().to_owned()));
    } else if line.starts_with("expected_fail_regexp") {
        expect.fail = Some(None);
    } else if let Some(rest) = line.strip_prefix("expect range vector ") {
        let words: Vec<&str> = rest.split_whitespace().collect();
        expect.matrix = Some((duration(words[1]), duration(words[5])));
        expect.at = Some(duration(words[3]));
    } else if let Some(rest) = line.strip_prefix("expect string ") {
        expect.string = Some(unquote(rest.trim()).0);
    } else if let Some(rest) = line.strip_prefix("expect ") {
        let (kind, message) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let exact = message.trim().strip_prefix("msg:").map(|m| m.trim().to_owned());
        match kind {
            "fail" => expect.fail = Some(exact),
            "ordered" => expect.ordered = true,
            _ => expect.notes.push((kind.to_owned(), exact)),
        }
    } else if let Some(number) = number(line) {
        expect.scalar = Some(number);
    } else if line.contains("{{") {
        expect.foreign = true;
    } else {
        expect.series.push(series(line));
    }
}

/// `metric{a="b"} 1 2+1x3 _ stale`
pub(crate) fn series(line: &str) -> (LabelSet, Vec<Option<f64>>) {
    let open = line.find('{').filter(|at| !line[..*at].contains(char::is_whitespace));
    let name_end = open.unwrap_or_else(|| line.find(char::is_whitespace).unwrap_or(line.len()));
    let mut pairs = vec![("__name__".to_owned(), line[..name_end].to_owned())];
    let mut rest = &line[name_end..];
    if open.is_some() {
        rest = rest[1..].trim_start();
        while !rest.starts_with('}') {
            let (name, after) = match rest.starts_with(['"', '\'']) {
                true => unquote(rest),
                false => {
                    let end = rest.find(['=', ' ']).unwrap();
                    (rest[..end].to_owned(), &rest[end..])
                }
            };
            rest = after.trim_start();
            match rest.strip_prefix('=') {
                Some(after) => {
                    let (value, after) = unquote(after.trim_start());
                    pairs.push((name, value));
                    rest = after.trim_start();
                }
                None => pairs[0].1 = name,
            }
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        rest = &rest[1..];
    }
    (pairs.into_iter().collect(), rest.split_whitespace().flat_map(values).collect())
}

fn unquote(text: &str) -> (String, &str) {
    let quote = text.chars().next().unwrap();
    let (mut out, mut chars) = (String::new(), text[1..].char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return (out, &text[at + 2..]),
            '\\' if quote != '`' => match chars.next().unwrap().1 {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                c => out.push(c),
            },
            c => out.push(c),
        }
    }
    panic!("unterminated {text}")
}

fn values(item: &str) -> Vec<Option<f64>> {
    if let Some(times) = item.strip_prefix("_x") {
        return vec![None; times.parse().unwrap()];
    }
    if item == "_" {
        return vec![None];
    }
    if item == "stale" {
        return vec![Some(STALE)];
    }
    if let Some(value) = number(item) {
        return vec![Some(value)];
    }
    let (sum, times) = item.rsplit_once('x').unwrap_or_else(|| panic!("not a value: {item}"));
    let times: usize = times.parse().unwrap();
    if let Some(value) = number(sum) {
        return vec![Some(value); times + 1];
    }
    let at = sum[1..].rfind(['+', '-']).map(|at| at + 1).unwrap();
    let at = if sum[..at].ends_with(['e', 'E']) { sum[..at - 1].rfind(['+', '-']).unwrap() } else { at };
    let (first, delta) = (number(&sum[..at]).unwrap(), number(&sum[at..]).unwrap());
    std::iter::successors(Some(first), |value| Some(value + delta)).take(times + 1).map(Some).collect()
}

fn number(text: &str) -> Option<f64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(|n| n as f64);
    }
    text.replace('_', "").parse().ok().filter(|_| !text.is_empty() && text != "_")
}

/// `1h30m`, in milliseconds.
pub(crate) fn duration(text: &str) -> i64 {
    if let Some(rest) = text.strip_prefix('-') {
        return -duration(rest);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds * 1000.0) as i64;
    }
    text.parse::<weir_pipeline::units::Span>().unwrap_or_else(|e| panic!("{e}")).as_millis()
}

impl Load {
    /// Adds the series to `memory`.
    pub(crate) fn into_memory(self, memory: &mut Memory) {
        let step = self.step;
        for (labels, values) in self.series {
            let samples = values.into_iter().enumerate();
            let samples = samples.filter_map(|(i, value)| Some((i as i64 * step, value?))).collect();
            memory.add(labels, samples);
        }
    }
}
