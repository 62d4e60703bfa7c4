#![allow(clippy::unwrap_used, missing_docs)]

use datafusion::execution::memory_pool::MemoryConsumer;

use super::*;

fn pool(tenants: &Tenants, tenant: &str) -> Arc<dyn MemoryPool> {
    Arc::new(QueryPool::new(100, tenants.of(&tenant.parse().unwrap())))
}

fn reserve(pool: &Arc<dyn MemoryPool>) -> MemoryReservation {
    MemoryConsumer::new("test").register(pool)
}

#[test]
fn a_query_takes_no_more_than_it_may() {
    let tenants = Tenants::new(1000, 1);
    let pool = pool(&tenants, "a");
    let reservation = reserve(&pool);
    reservation.try_grow(100).unwrap();
    let error = reservation.try_grow(1).unwrap_err().to_string();
    assert!(error.contains("the query needs more than 100B of memory"), "{error}");
    reservation.free();
    assert_eq!(pool.reserved(), 0);
}

#[test]
fn the_queries_of_a_tenant_share_what_it_may_take_and_others_do_not_notice() {
    let tenants = Tenants::new(150, 1);
    let (one, two, other) = (pool(&tenants, "a"), pool(&tenants, "a"), pool(&tenants, "b"));
    let (first, second) = (reserve(&one), reserve(&two));
    first.try_grow(100).unwrap();
    let error = second.try_grow(60).unwrap_err().to_string();
    assert!(error.contains("the queries of the tenant need more than 150B of memory together"), "{error}");
    assert_eq!(two.reserved(), 0);
    reserve(&other).try_grow(100).unwrap();
    drop((first, one));
    second.try_grow(60).unwrap();
}
