//! Resources that settings name.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use crate::config::Env;
use crate::fixture::{Keep, registry};
use crate::plan::{Document, Plan};
use crate::units::Ref;
use crate::{Context, Resource, Result};

/// A resource that hangs on another one of its kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    #[serde(default)]
    on: Option<Ref<Vec<Arc<Hook>>>>,
    #[serde(default)]
    paths: Vec<PathBuf>,
}

impl Resource for Hook {
    const NAME: &'static str = "hook";
    type Opened = Vec<Arc<Self>>;

    fn directories(&self) -> Vec<PathBuf> {
        self.paths.clone()
    }

    async fn open(self, context: &Context) -> Result<Arc<Vec<Arc<Self>>>> {
        let on = self.on.as_ref().map(|on| context.resource::<Vec<Arc<Self>>>(on.name())).transpose()?;
        Ok(Arc::new(on.into_iter().flat_map(|on| on.to_vec()).collect()))
    }
}

#[track_caller]
fn check(text: &str, expect: &[&str]) {
    let registry = registry().with(|r| {
        r.resource::<Hook>();
    });
    let document = Document { name: "a.yaml".into(), text: text.into() };
    let mistakes = Plan::read(&[document], &registry, &Env::from_fn(|_| None)).err().unwrap_or_default();
    assert_eq!(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>(), expect, "{text}");
}

#[test]
fn a_resource_of_the_kind_that_is_expected_fits() {
    check("resources: { a: { hook: { on: b } }, b: hook, c: { shelf: { path: x, beside: [] } } }", &[]);
}

#[test]
fn a_resource_of_another_kind_is_refused_before_anything_is_opened() {
    check(
        "resources: { a: { hook: { on: s } }, s: { shelf: { path: x, beside: [s2, b] } }, s2: { shelf: { path: y } }, b: hook }",
        &[
            "a.yaml:1:31: resources.a.hook.on: expected a `hook`, got `s`, which is a `shelf`",
            "a.yaml:1:74: resources.s.shelf.beside[1]: expected a `shelf`, got `b`, which is a `hook`",
        ],
    );
    check(
        "resources: { h: hook }\nname: p\nsource: pulse\nsink: { keep: { shelf: h } }",
        &["a.yaml:4:24: sink.keep.shelf: expected a `shelf`, got `h`, which is a `hook`"],
    );
}

#[test]
fn a_resource_whose_settings_or_kind_are_wrong_is_not_told_twice() {
    check(
        "resources: { a: { hook: { no: 1 } }, b: hok }\nname: p\nsource: pulse\nsink: { keep: { shelf: b } }",
        &[
            "a.yaml:1:27: resources.a.hook.no: unknown field `no`, did you mean `on`?",
            "a.yaml:1:41: resources.b.hok: unknown resource `hok`, did you mean `hook`?",
        ],
    );
}

#[test]
fn resources_of_one_kind_are_in_directories_of_their_own() {
    check(
        "resources: { a: { hook: { paths: [x, y] } }, b: { hook: { paths: [x/y, ../x] } }, c: { shelf: { path: x } } }",
        &[],
    );
    // However it is written.
    check("resources: { a: { hook: { paths: [x, x] } } }", &[]);
    let here = std::env::current_dir().unwrap().display().to_string();
    check(
        &format!(
            "resources:\n  a: {{ hook: {{ paths: [x/y, z] }} }}\n  b: {{ hook: {{ paths: [./x//y/] }} }}\n  \
             c: {{ hook: {{ paths: ['{here}/z'], no: 1 }} }}\n  d: {{ hook: {{ paths: ['{here}/z'], on: e }} }}\n"
        ),
        &[
            "a.yaml:3:3: resources.b: `./x//y/` is also the directory of `a` at a.yaml:2:3",
            &format!("a.yaml:4:{}: resources.c.hook.no: unknown field `no`, did you mean `on`?", here.len() + 31),
            &format!("a.yaml:5:3: resources.d: `{here}/z` is also the directory of `a` at a.yaml:2:3"),
            &format!(
                "a.yaml:5:{}: resources.d.hook.on: unknown resource `e`, expected one of `a`, `b`, `c`, `d`",
                here.len() + 35
            ),
        ],
    );
}

#[test]
fn a_reference_reads_as_its_name_and_shows_it() {
    let node = crate::config::parse("a.yaml", "h", &Env::from_fn(|_| None)).unwrap();
    let read = crate::config::settings::<Ref<Keep>>("a.yaml", "sink", &node).unwrap();
    assert_eq!((read.value.name(), format!("{:?}", read.value)), ("h", "h".to_owned()));
    assert_eq!(read.references[0].of, std::any::type_name::<Keep>());
}
