//! Two catalogs, whatever they do one after the other, are a set of blocks.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use weir_pipeline::Tenant;

use super::*;

/// What one of the two does.
#[derive(Clone, Debug)]
enum Event {
    /// So many new blocks, perhaps with a transaction.
    Add(u8, Option<(u8, u8)>),
    /// Some blocks that are there become so many new ones.
    Replace(u8, u8, Option<(u8, u8)>),
    /// A block that was removed is removed again.
    RemoveGone(u8),
    /// The last change once more.
    Repeat,
    /// It starts anew.
    Reopen,
    Tidy,
}

fn event() -> impl Strategy<Value = (bool, Event)> {
    let transaction = || prop::option::of((0u8..3, 0u8..8));
    let event = prop_oneof![
        5 => (1u8..4, transaction()).prop_map(|(n, t)| Event::Add(n, t)),
        4 => (any::<u8>(), 0u8..3, transaction()).prop_map(|(which, n, t)| Event::Replace(which, n, t)),
        1 => any::<u8>().prop_map(Event::RemoveGone),
        2 => Just(Event::Repeat),
        1 => Just(Event::Reopen),
        1 => Just(Event::Tidy),
    ];
    (any::<bool>(), event)
}

#[derive(Default)]
struct Model {
    live: BTreeSet<u64>,
    gone: Vec<u64>,
    applied: BTreeMap<String, i64>,
    next: u64,
}

impl Model {
    fn fresh(&mut self, count: u8) -> Vec<u64> {
        self.next += u64::from(count);
        (self.next - u64::from(count)..self.next).collect()
    }

    /// Whether the change does something.
    fn apply(&mut self, add: &[u64], remove: &[u64], transaction: &Option<(String, i64)>) -> bool {
        if let Some((app, number)) = transaction {
            if self.applied.get(app).is_some_and(|done| done >= number) {
                return false;
            }
            self.applied.insert(app.clone(), *number);
        }
        self.live.extend(add);
        self.live.retain(|n| !remove.contains(n));
        self.gone.extend(remove);
        true
    }
}

async fn run(events: Vec<(bool, Event)>) {
    let ground = Ground::local();
    let open = async || ground.catalog_with("", Settings { checkpoint_every: 5, ..Settings::default() }).await;
    let mut catalogs = [open().await, open().await];
    let (mut model, mut last) = (Model::default(), None);
    for (which, event) in events {
        let catalog = &mut catalogs[usize::from(which)];
        let named = |t: Option<(u8, u8)>| t.map(|(app, number)| (format!("app-{app}"), i64::from(number)));
        let (fresh, remove, transaction) = match event {
            Event::Add(count, t) => (model.fresh(count), Vec::new(), named(t)),
            Event::Replace(which, count, t) if !model.live.is_empty() => {
                let from = usize::from(which) % model.live.len();
                let remove = model.live.iter().skip(from).take(3).copied().collect();
                (model.fresh(count), remove, named(t))
            }
            Event::RemoveGone(which) if !model.gone.is_empty() => {
                let gone = model.gone[usize::from(which) % model.gone.len()];
                catalog.commit(&Tenant::default(), RAW, replace([gone], [])).await.unwrap_err();
                continue;
            }
            Event::Repeat => {
                let Some(change) = last.clone() else { continue };
                commit(catalog, change).await;
                expect(catalog, model.live.iter().copied()).await;
                continue;
            }
            Event::Reopen => {
                *catalog = open().await;
                continue;
            }
            Event::Tidy => {
                catalog.tidy(&Tenant::default(), RAW).await.unwrap();
                continue;
            }
            _ => continue,
        };
        let change = Change { transaction: transaction.clone(), ..replace(remove.clone(), fresh.clone()) };
        commit(catalog, change.clone()).await;
        let done = model.apply(&fresh, &remove, &transaction);
        // Without new blocks and a transaction nothing tells a repetition from a mistake.
        last = (done && (transaction.is_some() || !fresh.is_empty())).then_some(change);
        expect(catalog, model.live.iter().copied()).await;
    }
    for catalog in catalogs.iter().chain([&open().await]) {
        expect(catalog, model.live.iter().copied()).await;
        assert_eq!(series(catalog).await, model.live.iter().copied().map(id).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn two_catalogs_are_a_set_of_blocks(events in prop::collection::vec(event(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(events));
    }
}
