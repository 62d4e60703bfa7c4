//! What settings look like, asked of their own `Deserialize`: names, types and units that can't differ from what is read.
//!
//! A type is walked again and again, each time along one path to one place in it. What stands there is what it asks for, and
//! what it says when it is given something odd: `expected a duration such as `30s``.

use std::fmt;

use serde::de::DeserializeOwned;

mod trace;

use super::wrong::ABOVE_ZERO;
use trace::{Asked, Outcome, Probe, Step, trace};

/// The deepest path that is walked.
const MAX_DEPTH: usize = 16;

/// A text that hardly anything takes.
const ODD: &str = "\u{1}";

/// What a place in settings takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Its type.
    pub form: Form,
    /// What it takes in words, where its type does not say it: `a duration such as `30s``.
    pub of: Option<String>,
    /// Whether it may be null.
    pub optional: bool,
    /// Whether nothing shows it.
    pub secret: bool,
    /// Where it is the name of a resource: the type of what that opens, as `std::any::type_name` has it.
    pub resource: Option<&'static str>,
}

/// A type of settings.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// `true` or `false`.
    Truth,
    /// A whole number within bounds.
    Whole {
        /// The least.
        min: i128,
        /// The greatest.
        max: i128,
    },
    /// Any number.
    Number,
    /// A text.
    Text,
    /// One of some words, which may have settings below them.
    Choice(Vec<(String, Shape)>),
    /// Some of one shape.
    List(Box<Shape>),
    /// Names, each with one shape.
    Map(Box<Shape>),
    /// Fields of a struct.
    Fields(Fields),
    /// Nothing at all.
    Nothing,
    /// What can't be told from outside.
    Any,
}

/// The fields of a struct.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    /// The struct's name.
    pub of: String,
    /// Name and shape, in their order.
    pub fields: Vec<(String, Shape)>,
}

/// The shape of a type.
pub fn of<T: DeserializeOwned>() -> Shape {
    Walk { run: |path, probe| trace::<T>(path, probe), above: Vec::new() }.shape(&mut Vec::new())
}

/// A walk through a type.
struct Walk {
    run: fn(&[Step], Option<Probe>) -> Outcome,
    /// The structs around the place, to go into none of them again.
    above: Vec<(&'static str, &'static [&'static str])>,
}

// === impl Walk ===

impl Walk {
    /// What stands at the end of a path.
    fn shape(&mut self, path: &mut Vec<Step>) -> Shape {
        let Outcome { asked, optional, secret, resource, .. } = (self.run)(path, None);
        let (form, of) = match asked {
            _ if path.len() > MAX_DEPTH => (Form::Any, None),
            Some(Asked::Truth) => (Form::Truth, None),
            Some(Asked::Number) => (Form::Number, self.refusal(path, Probe::Number(f64::NEG_INFINITY))),
            Some(Asked::Whole { min, max }) => self.whole(path, min, max),
            Some(Asked::Text) => (Form::Text, self.text(path)),
            Some(Asked::List) => (Form::List(Box::new(self.below(path, Step::Item))), None),
            Some(Asked::Map) => (Form::Map(Box::new(self.below(path, Step::Value))), None),
            Some(Asked::Choice(names)) => {
                let names = names.iter().enumerate();
                let variants = names.map(|(i, name)| ((*name).to_owned(), self.below(path, Step::Variant(i))));
                (Form::Choice(variants.collect()), None)
            }
            Some(Asked::Fields(of, names)) => self.fields(path, of, names),
            Some(Asked::Nothing) => (Form::Nothing, None),
            Some(Asked::Any(of)) => (Form::Any, Some(of)),
            None => (Form::Any, None),
        };
        Shape { form, of, optional, secret, resource }
    }

    fn below(&mut self, path: &mut Vec<Step>, step: Step) -> Shape {
        path.push(step);
        let shape = self.shape(path);
        path.pop();
        shape
    }

    fn fields(
        &mut self,
        path: &mut Vec<Step>,
        of: &'static str,
        names: &'static [&'static str],
    ) -> (Form, Option<String>) {
        if self.above.contains(&(of, names)) {
            return (Form::Any, Some(format!("the fields of `{of}` again")));
        }
        self.above.push((of, names));
        let fields = names.iter().map(|name| ((*name).to_owned(), self.below(path, Step::Field(name)))).collect();
        self.above.pop();
        (Form::Fields(Fields { of: of.to_owned(), fields }), None)
    }

    fn whole(&self, path: &[Step], min: i128, max: i128) -> (Form, Option<String>) {
        match self.refusal(path, Probe::Whole(0)) {
            Some(of) if of == ABOVE_ZERO => (Form::Whole { min: min.max(1), max }, None),
            Some(of) => (Form::Whole { min: min.max(1), max }, Some(of)),
            None => (
                Form::Whole { min, max },
                self.refusal(path, Probe::Whole(u64::MAX)).filter(|_| max >= u64::MAX.into()),
            ),
        }
    }

    fn text(&self, path: &[Step]) -> Option<String> {
        // What reads any text may not read an empty one.
        self.refusal(path, Probe::Text(ODD)).or_else(|| self.refusal(path, Probe::Text("")))
    }

    /// What is expected in place of something odd, where that is refused.
    fn refusal(&self, path: &[Step], probe: Probe) -> Option<String> {
        let message = (self.run)(path, Some(probe)).refusal?;
        let expected = message.strip_prefix("expected ")?;
        Some(expected.split(", got ").next().unwrap_or(expected).to_owned())
    }
}

// === impl Shape ===

impl Shape {
    /// The fields, where it has some.
    pub fn fields(&self) -> &[(String, Self)] {
        match &self.form {
            Form::Fields(fields) => &fields.fields,
            _ => &[],
        }
    }
}

/// In a few words: `a duration such as `30s``, `a list of texts`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret {
            return f.write_str("a secret text");
        }
        if self.resource.is_some() {
            return f.write_str("the name of a resource");
        }
        if let Some(of) = &self.of {
            return f.write_str(of);
        }
        match &self.form {
            Form::Truth => f.write_str("`true` or `false`"),
            Form::Whole { min, max } if *max >= i128::from(i64::MAX) => match *min {
                min if min < 0 => f.write_str("a whole number"),
                min => write!(f, "a whole number of at least {min}"),
            },
            Form::Whole { min, max } => write!(f, "a whole number from {min} to {max}"),
            Form::Number => f.write_str("a number"),
            Form::Text => f.write_str("a text"),
            Form::Choice(variants) => {
                let names: Vec<&str> = variants.iter().map(|(name, _)| name.as_str()).collect();
                write!(f, "one of `{}`", names.join("`, `"))
            }
            Form::List(item) => write!(f, "a list, each {item}"),
            Form::Map(value) => write!(f, "a map, below each name {value}"),
            Form::Fields(_) => f.write_str("a map"),
            Form::Nothing => f.write_str("nothing"),
            Form::Any => f.write_str("see its description"),
        }
    }
}

#[cfg(test)]
mod tests;
