//! From a plan to services: resources opened in order, pipelines composed from the sink up.

use crate::context::Context;
use crate::error::{Place, Result};
use crate::next::Next;
use crate::observe::Observers;
use crate::path::{Path, Write};
use crate::plan::{Declared, Parts};
use crate::registry::{AnyStage, Step};
use crate::transform::{Transform, Transformed};

/// Opens resources, which come in the order of their needs.
pub(crate) async fn open(resources: &[Declared], context: &Context) -> Result<()> {
    for declared in resources {
        let place: Place = format!("resources.{}.{}", declared.name, declared.kind).into();
        let context = context.at("", place.clone());
        declared.resource.open(&declared.name, &context).await.map_err(|e| e.at(&place))?;
    }
    Ok(())
}

/// Everything of a pipeline below its source, as one service.
pub(crate) fn assemble<P: Assemble>(parts: &Parts<P>, context: &Context, observers: &Observers) -> Result<Next<P>> {
    let building = Building { parts, context, observers };
    let next = building.from(0, "")?;
    P::label(&building, next)
}

/// What differs between the paths: only samples have labels to add.
pub(crate) trait Assemble: Path + Sized {
    /// Puts the pipeline's external labels above `next`.
    fn label(building: &Building<'_, Self>, next: Next<Self>) -> Result<Next<Self>>;
}

/// A pipeline that is being composed.
pub(crate) struct Building<'a, P: Path> {
    parts: &'a Parts<P>,
    context: &'a Context,
    observers: &'a Observers,
}

// === impl Building ===

impl<P: Path> Building<'_, P> {
    /// The pipeline from its `i`-th stage on. `branch` is where it hangs, as `stages[1].shard[a].`, or empty.
    fn from(&self, i: usize, branch: &str) -> Result<Next<P>> {
        let Some(step) = self.parts.steps.get(i) else {
            let stage = format!("{branch}sink.{}", self.parts.sink.kind);
            return self.at(&stage, |context| self.parts.sink.value.open(context));
        };
        let stage = format!("{branch}stages[{i}].{}", step.kind);
        match &step.value {
            Step::Stage(built) => {
                let next = self.from(i + 1, branch)?;
                self.at(&stage, |context| built.wrap(context, next))
            }
            Step::Fanout(built) => self
                .at(&stage, |context| built.split(context, &mut |name| self.from(i + 1, &format!("{stage}[{name}].")))),
        }
    }

    /// Builds the service at `stage` and puts an observer around it.
    fn at(&self, stage: &str, build: impl FnOnce(&Context) -> Result<Next<P>>) -> Result<Next<P>> {
        let place: Place = format!("{}.{stage}", self.parts.name).into();
        let context = self.context.at(&self.parts.name, place.clone());
        let service = build(&context).map_err(|e| e.at(&place))?;
        Ok(self.observers.observe(&self.parts.name, stage, service))
    }
}

// === impl Assemble ===

impl Assemble for Write {
    fn label(building: &Building<'_, Self>, next: Next<Self>) -> Result<Next<Self>> {
        let labels = building.parts.external_labels.clone();
        if labels.is_empty() {
            return Ok(next);
        }
        building
            .at(crate::external_labels::ExternalLabels::NAME, |context| Transformed::new(labels).wrap(context, next))
    }
}

impl Assemble for crate::path::Read {
    fn label(_: &Building<'_, Self>, next: Next<Self>) -> Result<Next<Self>> {
        Ok(next)
    }
}

#[cfg(test)]
mod tests;
