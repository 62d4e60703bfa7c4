//! Names of metrics, of units and of labels.

/// What of a metric's kind shows in its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    /// A sum that only rises.
    Counter,
    Other,
}

/// Units by their names in UCUM.
const UNITS: [(&str, &str); 25] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
];

/// What a rate is per.
const PER: [(&str, &str); 7] =
    [("s", "second"), ("m", "minute"), ("h", "hour"), ("d", "day"), ("w", "week"), ("mo", "month"), ("y", "year")];

/// The name of a metric; `None` where nothing of it can be one.
pub(super) fn metric(name: &str, unit: &str, kind: Kind) -> Option<String> {
    let mut parts: Vec<&str> = name.split(|c| !is_of_name(c)).filter(|part| !part.is_empty()).collect();
    let (main, per) = suffixes(unit);
    let per = per.trim_end_matches('_');
    let per = if per == "per" || parts.contains(&per) { "" } else { per };
    let main = if parts.contains(&main.as_str()) { "" } else { main.as_str() };
    let main = if per.is_empty() { main } else { main.strip_suffix('_').unwrap_or(main) };
    parts.extend([main, per].into_iter().filter(|part| !part.is_empty()));
    let last = match kind {
        Kind::Counter => Some("total"),
        Kind::Gauge if unit == "1" => Some("ratio"),
        _ => None,
    };
    if let Some(last) = last {
        parts.retain(|part| *part != last);
        parts.push(last);
    }
    let mut built = parts.join("_");
    if built.starts_with(|c: char| c.is_ascii_digit()) {
        built.insert(0, '_');
    }
    (built.contains(|c| c != '_')).then_some(built)
}

/// The name of a unit; empty where there is none.
pub(super) fn unit(unit: &str) -> String {
    let (main, per) = suffixes(unit);
    let both = if main.is_empty() || per.is_empty() { main + &per } else { format!("{main}_{per}") };
    let inner = both.strip_prefix('_').unwrap_or(&both);
    inner.strip_suffix('_').unwrap_or(inner).to_owned()
}

/// The name of a label; `None` where nothing of it can be one.
pub(super) fn label(name: &str) -> Option<String> {
    let is_of_label = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut built: String = name.chars().map(|c| if is_of_label(c) { c } else { '_' }).collect();
    if built.starts_with(|c: char| c.is_ascii_digit()) {
        built.insert_str(0, "key_");
    } else if built.starts_with('_') && !built.starts_with("__") {
        built.insert_str(0, "key");
    }
    (built == name && !built.is_empty() || built.contains(|c| c != '_')).then_some(built)
}

/// The unit, and what it is per with `per_` before it, both as parts of names.
fn suffixes(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let known = |of: &[(&'static str, &'static str)], name: &str| {
        let found = of.iter().find(|(short, _)| *short == name);
        found.map_or_else(|| name.to_owned(), |(_, long)| (*long).to_owned())
    };
    let real = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty() && !text.contains(['{', '}']));
    let main = real(main).filter(|main| main != "1").map(|main| known(&UNITS, &main)).unwrap_or_default();
    let per = real(per).map(|per| format!("per_{}", known(&PER, &per))).unwrap_or_default();
    (cleaned(&main), cleaned(&per))
}

/// As part of a name: what does not fit becomes `_`, one for all that stand together.
fn cleaned(unit: &str) -> String {
    let mut out = String::with_capacity(unit.len());
    for c in unit.chars() {
        match is_of_name(c) {
            true => out.push(c),
            false if out.ends_with('_') => {}
            false => out.push('_'),
        }
    }
    out.strip_prefix('_').map(str::to_owned).unwrap_or(out)
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ':'
}
