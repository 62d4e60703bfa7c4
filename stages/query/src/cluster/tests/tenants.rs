//! Tenants over all members: listed, added up, and deleted.

use weir_pipeline::query::{BlocksUsage, TenantUsage};

use super::*;

fn blocks(blocks: u64) -> BlocksUsage {
    BlocksUsage { blocks, samples: 10 * blocks, bytes: 100 * blocks }
}

fn usage(tenant: &str, head: u64, local: u64, bucket: u64) -> TenantUsage {
    let (tenant, local, bucket) = (tenant.parse().unwrap(), blocks(local), Some(blocks(bucket)));
    TenantUsage { tenant, head_series: head, head_samples: 2 * head, local, bucket }
}

fn keeps(found: &[TenantUsage]) -> Way {
    Way::Keeps(found.to_vec())
}

impl Ground {
    async fn tenants(&self, ask: Ask) -> Result<(Vec<TenantUsage>, Vec<String>)> {
        let engine = Engine::new(self.cluster.clone(), Limits::default());
        let answer = engine.query(Query { partial: true, ..Query::new(Tenant::default(), ask) }).await?;
        let Data::Tenants(found) = answer.data else { panic!("no tenants") };
        Ok((found, answer.warnings))
    }

    async fn delete(&self) -> Result<(Vec<TenantUsage>, Vec<String>)> {
        self.tenants(Ask::DeleteTenant { tenant: "a".parse().unwrap() }).await
    }
}

#[tokio::test]
async fn what_members_have_of_tenants_is_added_up() {
    let ways = [
        keeps(&[usage("a", 1, 2, 3), usage("b", 1, 1, 1)]),
        keeps(&[usage("a", 10, 20, 30)]),
        keeps(&[usage("c", 7, 8, 9)]),
    ];
    let ground = ground(ways).await;
    let (found, warnings) = ground.tenants(Ask::Tenants { only: None }).await.unwrap();
    assert_eq!(found, [usage("a", 11, 22, 33), usage("b", 1, 1, 1), usage("c", 7, 8, 9)]);
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[tokio::test]
async fn of_a_member_that_is_gone_it_is_said_that_nobody_knows() {
    let ground = ground([keeps(&[usage("a", 1, 2, 3)]), Way::Gone, keeps(&[])]).await;
    let (found, warnings) = ground.tenants(Ask::Tenants { only: Some("a".parse().unwrap()) }).await.unwrap();
    assert_eq!(found, [usage("a", 1, 2, 3)]);
    let expect = "heard 2 of the 3 members of `all members` that must be heard (`n1`: ";
    assert!(warnings.len() == 1 && warnings[0].contains(expect), "{warnings:?}");
}

#[tokio::test]
async fn a_tenant_is_deleted_from_all_members() {
    let ground = ground([keeps(&[usage("a", 1, 2, 3)]), keeps(&[usage("a", 10, 20, 30)]), keeps(&[])]).await;
    let (found, _) = ground.delete().await.unwrap();
    assert_eq!(found, [usage("a", 11, 22, 33)]);
    for node in &ground.nodes {
        let asked = node.asked.lock().unwrap().clone();
        assert!(
            matches!(&asked[..], [Query { ask: Ask::DeleteTenant { tenant }, .. }] if tenant.as_str() == "a"),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn a_tenant_that_is_not_deleted_everywhere_is_to_be_deleted_again() {
    for way in [Way::Gone, Way::Fails(Kind::Internal)] {
        let error = ground([keeps(&[]), way, keeps(&[])]).await.delete().await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Unavailable { .. }), "{error:?}");
        let expect = "not all there is of tenant `a` is deleted, say it again: heard 2 of the 3 members";
        assert!(error.message().starts_with(expect), "{error}");
    }
    // One that does not allow it is not asked again for nothing.
    let error = ground([keeps(&[]), Way::Fails(Kind::Unprocessable), keeps(&[])]).await.delete().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unprocessable);
}
