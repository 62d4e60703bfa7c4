//! From logical nodes to operators: a node knows its own.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use super::node::{PromqlNode, promql};

/// DataFusion's planner, which also knows PromQL's nodes. Most plans have no others: these become operators without what it
/// looks for in each node. Its rules find nothing to change there, and its checks nothing that depends on what is asked: both run
/// in builds with debug assertions, as tests have them.
#[derive(Debug)]
pub(crate) struct PromqlPlanner;

#[async_trait]
impl QueryPlanner for PromqlPlanner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        match operators(plan, session.config().target_partitions()) {
            Some(operators) => {
                if cfg!(debug_assertions) {
                    let planner = DefaultPhysicalPlanner::default();
                    let checked = planner.optimize_physical_plan(operators.clone(), session, |_, _| {})?;
                    debug_assert!(Arc::ptr_eq(&checked, &operators), "expected nothing to change in {operators:?}");
                }
                Ok(operators)
            }
            None => {
                let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Self)]);
                planner.create_physical_plan(plan, session).await
            }
        }
    }
}

#[async_trait]
impl ExtensionPlanner for PromqlPlanner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let node = node.as_any().downcast_ref::<PromqlNode>();
        Ok(node.map(|node| operator(node, inputs.to_vec(), session.config().target_partitions())))
    }
}

/// The operators of a plan that has nodes of PromQL only. Numbers are projections.
fn operators(plan: &LogicalPlan, partitions: usize) -> Option<Arc<dyn ExecutionPlan>> {
    let node = promql(plan)?;
    let inputs = node.children().iter().map(|input| operators(input, partitions)).collect::<Option<_>>()?;
    Some(operator(node, inputs, partitions))
}

fn operator(node: &PromqlNode, inputs: Vec<Arc<dyn ExecutionPlan>>, partitions: usize) -> Arc<dyn ExecutionPlan> {
    let schema = UserDefinedLogicalNode::schema(node).inner().clone();
    node.spec().clone().exec(schema, inputs, partitions)
}
