//! Which points are watched.

use super::Spot;
use crate::config::nearest;

/// Which points are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// All of all pipelines.
    All,
    /// All of a pipeline.
    Pipeline(String),
    /// What the source of a pipeline sends.
    Source(String),
    /// What comes to a stage of a pipeline, in all branches.
    Stage(String, String),
    /// What comes to the stage at a place, in one branch.
    Place(String),
}

// === impl Selected ===

impl Selected {
    pub(super) fn find(target: &str, spots: &[Spot]) -> Result<Self, String> {
        let pipeline = spots.iter().find(|spot| spot.pipeline == target);
        if let Some(spot) = pipeline {
            return Ok(Self::Source(spot.pipeline.clone()));
        }
        let mut meant: Vec<&Spot> = spots.iter().filter(|spot| spot.is_called(target)).collect();
        meant.dedup_by(|one, other| one.stage == other.stage);
        match meant.as_slice() {
            [] => match spots.iter().find(|spot| !spot.branch.is_empty() && spot.place() == target) {
                Some(spot) => Ok(Self::Place(spot.place())),
                None => Err(none(target, spots)),
            },
            [spot] => Ok(Self::Stage(spot.pipeline.clone(), spot.stage.clone())),
            several => {
                let names: Vec<String> = several.iter().map(|spot| spot.name()).collect();
                Err(format!("`{target}` may be `{}`", names.join("` or `")))
            }
        }
    }

    /// All points of what `self` is a part of: of a pipeline's source its whole pipeline.
    #[must_use]
    pub fn widened(self) -> Self {
        match self {
            Self::Source(pipeline) => Self::Pipeline(pipeline),
            other => other,
        }
    }

    pub(super) fn selects(&self, spot: &Spot) -> bool {
        match self {
            Self::All => true,
            Self::Pipeline(pipeline) => spot.pipeline == *pipeline,
            Self::Source(pipeline) => spot.is_first && spot.pipeline == *pipeline,
            Self::Stage(pipeline, stage) => spot.pipeline == *pipeline && spot.stage == *stage,
            Self::Place(place) => spot.place() == *place,
        }
    }
}

/// What is said of a name that nothing has.
fn none(target: &str, spots: &[Spot]) -> String {
    let mut pipelines: Vec<&str> = spots.iter().map(|spot| spot.pipeline.as_str()).collect();
    pipelines.dedup();
    let mut stages: Vec<String> = spots.iter().map(Spot::name).collect();
    stages.dedup();
    let short = spots.iter().filter_map(Spot::short);
    let candidates: Vec<String> = pipelines.iter().map(|name| (*name).to_owned()).chain(short).collect();
    let meant = nearest(target, candidates.iter().chain(&stages).map(String::as_str));
    let first = match meant {
        Some(meant) => format!("unknown pipeline or stage `{target}`, did you mean `{meant}`?"),
        None => format!("unknown pipeline or stage `{target}`:"),
    };
    let all: Vec<&str> = pipelines.into_iter().chain(stages.iter().map(String::as_str)).collect();
    match all.as_slice() {
        [] => format!("{first} no pipeline takes samples"),
        all => format!("{first} there are `{}`", all.join("`, `")),
    }
}

// === impl Spot ===

impl Spot {
    /// The stage's name without the branches above it.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.pipeline, self.stage)
    }

    /// The same by its kind alone, as `agent.filter`.
    fn short(&self) -> Option<String> {
        let (_, kind) = self.stage.split_once('.')?;
        Some(format!("{}.{kind}", self.pipeline))
    }

    /// Whether `target` names this stage: as a whole, by its kind, or by its place.
    fn is_called(&self, target: &str) -> bool {
        let Some(rest) = target.strip_prefix(self.pipeline.as_str()).and_then(|rest| rest.strip_prefix('.')) else {
            return false;
        };
        rest == self.stage || self.stage.split_once('.').is_some_and(|(place, kind)| rest == place || rest == kind)
    }
}
