//! One relabel rule.

use std::borrow::Cow;
use std::fmt;

use md5::{Digest, Md5};
use serde::Deserialize;
use weir_pipeline::Pattern;

use super::case;
use super::edit::Edit;

/// A relabel rule that is valid.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Rule {
    action: Action,
    source_labels: Vec<String>,
    separator: String,
    regex: Pattern,
    /// Whether the regular expression is the default, which every text matches.
    any: bool,
    modulus: u64,
    target_label: String,
    replacement: String,
}

/// What a rule does. "The value" is the values of its source labels, joined by the separator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sets the target label to the replacement where the value matches.
    Replace,
    /// Drops series whose value does not match.
    Keep,
    /// Drops series whose value matches.
    Drop,
    /// Drops series whose value is not that of the target label.
    KeepEqual,
    /// Drops series whose value is that of the target label.
    DropEqual,
    /// Sets the target label to a hash of the value, modulo the modulus.
    HashMod,
    /// Copies labels whose name matches to the name that the replacement makes of it.
    LabelMap,
    /// Removes labels whose name matches.
    LabelDrop,
    /// Removes labels whose name does not match.
    LabelKeep,
    /// Sets the target label to the value in lower case.
    Lowercase,
    /// Sets the target label to the value in upper case.
    Uppercase,
}

/// The fields of a rule as YAML has them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// The labels whose values are joined. Default: none, an empty value.
    source_labels: Option<Vec<String>>,
    /// What stands between the values. Default `;`.
    separator: Option<String>,
    /// What the value, or a label's name, must match as a whole. Default `(.*)`.
    regex: Option<String>,
    /// Of the hash, for `hashmod`.
    modulus: Option<u64>,
    /// The label to set, or to compare with. `replace` fills in groups of the match.
    target_label: Option<String>,
    /// What to set. Groups of the match are filled in: `$1`, `$${name}` (a single `$` before a brace is a variable
    /// of the environment), `$$` for a dollar. Default `$1`.
    replacement: Option<String>,
    /// What to do. Default `replace`.
    action: Option<String>,
}

/// Why a rule is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRule(String);

// === impl Rule ===

impl Rule {
    /// Applies the rule, and says whether the series stays.
    pub(super) fn apply(&self, edit: &mut Edit<'_>) -> bool {
        match self.action {
            Action::Keep => return self.regex.is_match(&self.value(edit)),
            Action::Drop => return !self.regex.is_match(&self.value(edit)),
            Action::KeepEqual => return self.value(edit) == edit.get(&self.target_label),
            Action::DropEqual => return self.value(edit) != edit.get(&self.target_label),
            Action::Replace => self.replace(edit),
            Action::HashMod => self.set(edit, |value| hash_mod(value, self.modulus).to_string()),
            Action::Lowercase => self.set(edit, case::lower),
            Action::Uppercase => self.set(edit, case::upper),
            Action::LabelMap => {
                for (name, value) in edit.walk() {
                    if let Some(new) = self.regex.expand(&name, &self.replacement) {
                        edit.set(new, value);
                    }
                }
            }
            Action::LabelDrop | Action::LabelKeep => {
                for (name, _) in edit.walk() {
                    if self.regex.is_match(&name) == (self.action == Action::LabelDrop) {
                        edit.remove(name);
                    }
                }
            }
        }
        true
    }

    fn value<'e>(&self, edit: &'e Edit<'_>) -> Cow<'e, str> {
        match self.source_labels.as_slice() {
            [one] => Cow::Borrowed(edit.get(one)),
            all => all.iter().map(|name| edit.get(name)).collect::<Vec<_>>().join(&self.separator).into(),
        }
    }

    fn set(&self, edit: &mut Edit<'_>, to: impl Fn(&str) -> String) {
        let value = to(&self.value(edit));
        edit.set(self.target_label.clone(), value);
    }

    fn replace(&self, edit: &mut Edit<'_>) {
        let value = self.value(edit);
        let constant = self.any && !self.target_label.contains('$') && !self.replacement.contains('$');
        let (target, text) = if constant {
            (self.target_label.clone(), self.replacement.clone())
        } else {
            let target = self.regex.expand(&value, &self.target_label);
            let text = self.regex.expand(&value, &self.replacement);
            let (Some(target), Some(text)) = (target, text) else { return };
            (target, text)
        };
        // No name is no label; an empty text removes it.
        if !target.is_empty() {
            edit.set(target, text);
        }
    }
}

/// The last 8 bytes of the MD5, big-endian, modulo `modulus`.
fn hash_mod(value: &str, modulus: u64) -> u64 {
    let digest: [u8; 16] = Md5::digest(value.as_bytes()).into();
    let hash = (u128::from_be_bytes(digest) & u128::from(u64::MAX)) as u64;
    hash.checked_rem(modulus).unwrap_or(0)
}

// === impl Action ===

impl Action {
    /// Every action.
    pub const ALL: [Self; 11] = [
        Self::Replace,
        Self::Keep,
        Self::Drop,
        Self::KeepEqual,
        Self::DropEqual,
        Self::HashMod,
        Self::LabelMap,
        Self::LabelDrop,
        Self::LabelKeep,
        Self::Lowercase,
        Self::Uppercase,
    ];

    /// The name in YAML; case does not matter there.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::KeepEqual => "keepequal",
            Self::DropEqual => "dropequal",
            Self::HashMod => "hashmod",
            Self::LabelMap => "labelmap",
            Self::LabelDrop => "labeldrop",
            Self::LabelKeep => "labelkeep",
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
        }
    }

    fn parse(text: &str) -> Result<Self, InvalidRule> {
        let found = Self::ALL.into_iter().find(|action| action.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|action| format!("`{action}`")).collect();
            InvalidRule(format!("expected an action of {}, got `{text}`", names.join(", ")))
        })
    }

    fn needs_target(self) -> bool {
        matches!(
            self,
            Self::Replace | Self::HashMod | Self::Lowercase | Self::Uppercase | Self::KeepEqual | Self::DropEqual
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Fields ===

const SEPARATOR: &str = ";";
const REGEX: &str = "(.*)";
const REPLACEMENT: &str = "$1";

impl Fields {
    /// Checks that the fields suit `action`, as Prometheus does: a default that is spelled out is no mistake, but for
    /// `regex` and `source_labels`.
    fn check(&self, action: Action) -> Result<(), InvalidRule> {
        let refuse = |text: String| Err(InvalidRule(text));
        if action == Action::HashMod && self.modulus.unwrap_or(0) == 0 {
            return refuse("`hashmod` needs a `modulus` above 0".into());
        }
        let has_target = self.target_label.as_deref().is_some_and(|target| !target.is_empty());
        if action.needs_target() && !has_target {
            return refuse(format!("`{action}` needs a `target_label`"));
        }
        let replacement = self.replacement.as_deref().unwrap_or(REPLACEMENT);
        let replaces = replacement != REPLACEMENT;
        if action == Action::LabelMap && replacement.is_empty() {
            return refuse("`labelmap` needs a `replacement` that is a label name, got ``".into());
        }
        let others = [
            ("source_labels", self.source_labels.is_some()),
            ("target_label", has_target),
            ("regex", self.regex.is_some()),
            ("modulus", self.modulus.unwrap_or(0) != 0),
            ("separator", self.separator.as_deref().is_some_and(|s| s != SEPARATOR)),
            ("replacement", replaces),
        ];
        let allowed: &[&str] = match action {
            Action::KeepEqual | Action::DropEqual => &["source_labels", "target_label"],
            Action::LabelDrop | Action::LabelKeep => &["regex"],
            Action::Lowercase | Action::Uppercase if replaces => {
                return refuse(format!("`{action}` takes no `replacement`, got `{replacement}`"));
            }
            _ => return Ok(()),
        };
        match others.iter().find(|(name, given)| *given && !allowed.contains(name)) {
            Some((name, _)) => {
                let allowed: Vec<_> = allowed.iter().map(|name| format!("`{name}`")).collect();
                refuse(format!("`{action}` takes only {}, got also `{name}`", allowed.join(" and ")))
            }
            None => Ok(()),
        }
    }
}

impl TryFrom<Fields> for Rule {
    type Error = InvalidRule;

    fn try_from(fields: Fields) -> Result<Self, InvalidRule> {
        let action = Action::parse(fields.action.as_deref().unwrap_or("replace"))?;
        fields.check(action)?;
        let source_labels = fields.source_labels.unwrap_or_default();
        if source_labels.iter().any(String::is_empty) {
            return Err(InvalidRule("expected a label name in `source_labels`, got ``".into()));
        }
        let text = fields.regex.as_deref().unwrap_or(REGEX);
        let invalid = |error| InvalidRule(format!("expected a regular expression in `regex`: {error}"));
        Ok(Self {
            action,
            source_labels,
            separator: fields.separator.unwrap_or_else(|| SEPARATOR.into()),
            regex: Pattern::new(text).map_err(invalid)?,
            any: text == REGEX,
            modulus: fields.modulus.unwrap_or(0),
            target_label: fields.target_label.unwrap_or_default(),
            replacement: fields.replacement.unwrap_or_else(|| REPLACEMENT.into()),
        })
    }
}

// === impl InvalidRule ===

impl fmt::Display for InvalidRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidRule {}
