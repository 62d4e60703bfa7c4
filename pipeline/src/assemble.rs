//! From a plan to services: resources opened in order, pipelines composed from the sink up.

use std::sync::Arc;

use crate::context::Context;
use crate::error::{Place, Result};
use crate::external_labels::ExternalLabels;
use crate::fanout::Rest;
use crate::next::Next;
use crate::observe::Observers;
use crate::path::{Path, Write};
use crate::plan::{Declared, Parts};
use crate::registry::{AnyStage, Step};
use crate::tap::Spot;
use crate::transform::{Transform, Transformed};

/// Opens resources, which come in the order of their needs.
pub(crate) async fn open(resources: &[Arc<Declared>], context: &Context) -> Result<()> {
    for declared in resources {
        let place: Place = format!("resources.{}.{}", declared.name, declared.kind).into();
        let context = context.at("", place.clone());
        declared.resource.open(&declared.name, &context).await.map_err(|e| e.at(&place))?;
    }
    Ok(())
}

/// Everything of a pipeline below its source, as one service.
pub(crate) fn assemble<P: Assemble>(
    parts: &Arc<Parts<P>>,
    context: &Context,
    observers: &Observers,
) -> Result<Next<P>> {
    let building = Building { parts: parts.clone(), observers: observers.clone() };
    let next = building.from(context, 0, "")?;
    P::label(&building, context, next)
}

/// What differs between the paths: only samples have labels to add.
pub(crate) trait Assemble: Path + Sized {
    /// Whether what the source sends comes to this stage first.
    fn comes_first(building: &Building<Self>, branch: &str, stage: &str) -> bool;

    /// Puts the pipeline's external labels above `next`.
    fn label(building: &Building<Self>, context: &Context, next: Next<Self>) -> Result<Next<Self>>;
}

/// A pipeline that is being composed.
pub(crate) struct Building<P: Path> {
    parts: Arc<Parts<P>>,
    observers: Observers,
}

// === impl Building ===

impl<P: Assemble> Building<P> {
    /// The pipeline from its `i`-th stage on. `branch` is where it hangs, as `stages[1].shard[a].`, or empty.
    fn from(&self, context: &Context, i: usize, branch: &str) -> Result<Next<P>> {
        let Some(step) = self.parts.steps.get(i) else {
            let stage = format!("sink.{}", self.parts.sink.kind);
            return self.at(context, (branch, &stage), |context| self.parts.sink.value.open(context));
        };
        let stage = format!("stages[{i}].{}", step.kind);
        match &step.value {
            Step::Stage(built) => {
                let next = self.from(context, i + 1, branch)?;
                self.at(context, (branch, &stage), |context| built.wrap(context, next))
            }
            Step::Fanout(built) => {
                let (building, place) = (self.clone(), format!("{branch}{stage}"));
                let rest = Rest::new(move |context, name| building.from(context, i + 1, &format!("{place}[{name}].")));
                self.at(context, (branch, &stage), |context| built.split(context, rest))
            }
        }
    }

    /// Builds the service of a stage below a branch and puts an observer around it.
    fn at(
        &self,
        context: &Context,
        (branch, stage): (&str, &str),
        build: impl FnOnce(&Context) -> Result<Next<P>>,
    ) -> Result<Next<P>> {
        let (pipeline, branch, stage) = (self.parts.name.clone(), branch.to_owned(), stage.to_owned());
        let spot = Spot { is_first: P::comes_first(self, &branch, &stage), pipeline, branch, stage };
        let place: Place = spot.place().into();
        let context = context.at(&self.parts.name, place.clone());
        let service = build(&context).map_err(|e| e.at(&place))?;
        Ok(self.observers.observe_at(spot, service))
    }

    /// Whether a stage is that which follows the source, labels aside.
    fn is_top(&self, branch: &str, stage: &str) -> bool {
        let first = if self.parts.steps.is_empty() { "sink." } else { "stages[0]." };
        branch.is_empty() && stage.starts_with(first)
    }
}

impl<P: Path> Clone for Building<P> {
    fn clone(&self) -> Self {
        Self { parts: self.parts.clone(), observers: self.observers.clone() }
    }
}

// === impl Assemble ===

impl Assemble for Write {
    fn comes_first(building: &Building<Self>, branch: &str, stage: &str) -> bool {
        match building.parts.external_labels.is_empty() {
            true => building.is_top(branch, stage),
            false => stage == ExternalLabels::NAME,
        }
    }

    fn label(building: &Building<Self>, context: &Context, next: Next<Self>) -> Result<Next<Self>> {
        let labels = building.parts.external_labels.clone();
        if labels.is_empty() {
            return Ok(next);
        }
        building.at(context, ("", ExternalLabels::NAME), |context| Transformed::new(labels).wrap(context, next))
    }
}

impl Assemble for crate::path::Read {
    fn comes_first(building: &Building<Self>, branch: &str, stage: &str) -> bool {
        building.is_top(branch, stage)
    }

    fn label(_: &Building<Self>, _: &Context, next: Next<Self>) -> Result<Next<Self>> {
        Ok(next)
    }
}

#[cfg(test)]
mod tests;
