//! Three store nodes that share a bucket behind S3: whatever it does, and whichever one node dies, is cut off or comes back
//! empty, nothing that was acknowledged is missing, and nothing counts twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use crate::harness::cluster::{Answers, Asker, Cluster, SENDERS};
use crate::harness::moto::Moto;
use crate::harness::s3::S3;
use crate::harness::shared::{BUCKET, QUERY, STORE, wait_for_uploads};
use crate::harness::weir::Weir;
use crate::harness::writers::{SERIES, Writers};
use crate::harness::{pause, phase, soak, wait_for};

/// A cluster over an S3, its senders, and who asks it all the time.
struct Scene {
    s3: S3,
    cluster: Cluster,
    writers: Arc<Writers>,
    asker: Asker,
}

impl Scene {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let s3 = S3::start(dir.path());
        let (stores, query) = (format!("\nresources:{BUCKET}{STORE}"), format!("{BUCKET}{QUERY}"));
        let cluster = Cluster::start(dir, &stores, &query, &s3.place().env());
        let writers = Arc::new(Writers::start(SENDERS, cluster.router.receive));
        wait_for("samples", Duration::from_secs(10), || (writers.book().len() == SENDERS).then_some(()));
        let asker = Asker::start(cluster.query.api, &writers);
        let scene = Self { s3, cluster, writers, asker };
        wait_for("uploads", Duration::from_secs(30), || {
            (scene.sum("thanos_shipper_uploads_total") >= 3.0).then_some(())
        });
        scene
    }

    /// The sum of a metric of all stores.
    fn sum(&self, name: &str) -> f64 {
        self.cluster.stores.iter().map(|store| store.metric(name)).sum()
    }

    /// Ends the load: no write failed. Waits until the bucket has everything.
    fn end(self) -> (S3, Cluster, BTreeMap<usize, Vec<i64>>, Answers) {
        let Self { s3, cluster, writers, asker } = self;
        assert_eq!(writers.refused(), 0);
        let answers = asker.stop();
        let acked = Arc::into_inner(writers).unwrap().stop();
        cluster.stores.iter().for_each(wait_for_uploads);
        println!("{answers:?}; {} requests acknowledged", acked.values().map(Vec::len).sum::<usize>());
        (s3, cluster, acked, answers)
    }
}

#[test]
fn whatever_the_bucket_does_no_write_fails_and_it_has_everything_in_the_end() {
    let mut scene = Scene::start();
    scene.s3.faults().fail_every.store(3, SeqCst);
    phase(Duration::from_secs(3));
    scene.s3.faults().fail_every.store(0, SeqCst);

    let steady = highest(&scene, Duration::from_secs(2));
    let (acked, cut) = (scene.writers.acked(), scene.sum("weir_store_cut_samples_total"));
    scene.s3.pause();
    let away = highest(&scene, Duration::from_secs(4) * soak());
    // It costs disk alone: heads are cut all the same, and take no more memory than before.
    let written = (scene.writers.acked() - acked) * SERIES;
    assert!(written > 1000, "{written} samples were acknowledged without the bucket");
    assert!(scene.sum("weir_store_cut_samples_total") > cut, "nothing was cut");
    assert!(away < 3.0 * steady + 10_000.0, "{away} samples in a head without the bucket, {steady} with it");
    let without = scene.asker.stop();
    scene.s3.resume();

    // From the first whole answer on all are whole again.
    let query = scene.cluster.query.api;
    wait_for("a whole answer", Duration::from_secs(30), || {
        scene.cluster.ask(&[]).get("warnings").is_none().then_some(())
    });
    scene.asker = Asker::start(query, &scene.writers);

    // Carried out, and the answer never comes.
    let before = scene.sum("thanos_shipper_uploads_total");
    scene.s3.faults().keep_answers.store(4, SeqCst);
    scene.s3.faults().keep_commits.store(2, SeqCst);
    wait_for("uploads after the bucket is back", Duration::from_secs(300), || {
        (scene.sum("thanos_shipper_uploads_total") > before + 2.0).then_some(())
    });

    assert_eq!(scene.s3.faults().keep_commits.load(SeqCst), 0, "commits whose answers are lost were none");

    // A node dies in the midst of it.
    scene.cluster.stores[1].kill();
    scene.cluster.start_store(1);
    let (s3, mut cluster, acked, answers) = scene.end();
    assert!(without.whole > 3, "{without:?}");
    assert!(answers.whole > 2 && answers.partial == 0, "{answers:?} after the bucket was back");
    cluster.check_query(&acked);

    let total = acked.values().map(|timestamps| timestamps.len() * SERIES).sum::<usize>();
    (0..3).for_each(|i| cluster.stores[i].stop());
    let fresh = s3.place().check(cluster.dir.path(), &acked, "3h");
    s3.place().others_read_the_same(&fresh, total, "3h");
}

/// The most samples that a head had meanwhile.
fn highest(scene: &Scene, time: Duration) -> f64 {
    let step = Duration::from_millis(200);
    let head = |store: &Weir| store.metric("weir_store_head_samples");
    let looks = (0..time.as_millis() / step.as_millis()).map(|_| {
        pause(step);
        scene.cluster.stores.iter().map(head).fold(0.0, f64::max)
    });
    looks.fold(0.0, f64::max)
}

#[test]
fn each_node_in_turn_may_be_killed_and_the_bucket_has_everything_in_the_end() {
    let mut scene = Scene::start();
    for i in 0..3 {
        phase(Duration::from_secs(1));
        scene.cluster.stores[i].kill();
        phase(Duration::from_secs(1));
        scene.cluster.start_store(i);
        // The router finds it again within a second.
        phase(Duration::from_millis(1500));
    }
    let (s3, cluster, acked, answers) = scene.end();
    assert!(answers.whole > 5 && answers.partial == 0, "{answers:?}");
    cluster.check_query(&acked);
    s3.place().check(cluster.dir.path(), &acked, "3h");
}

#[test]
fn a_node_that_is_cut_off_goes_on_uploading_and_the_bucket_has_one_copy() {
    let scene = Scene::start();
    let store = &scene.cluster.stores[1];
    let moved = || store.metric("thanos_shipper_uploads_total") + store.metric("weir_store_covered_blocks_total");
    let before = moved();
    scene.cluster.cut_off(true);
    // What it had is in the bucket while nobody reaches it, and nothing comes after that.
    wait_for_uploads(store);
    assert!(moved() > before);
    phase(Duration::from_secs(1));
    scene.cluster.cut_off(false);
    phase(Duration::from_secs(2));
    let (s3, cluster, acked, answers) = scene.end();
    assert!(answers.whole > 5 && answers.partial == 0, "{answers:?}");
    cluster.check_query(&acked);
    let uploaded: f64 = cluster.stores.iter().map(|store| store.metric("weir_store_upload_samples_total")).sum();
    let total = (acked.values().map(Vec::len).sum::<usize>() * SERIES) as f64;
    println!("{uploaded} samples uploaded, {total} acknowledged");
    assert!((total..total * 1.2).contains(&uploaded), "{uploaded} samples uploaded, {total} acknowledged");
    s3.place().check(cluster.dir.path(), &acked, "3h");
}

#[test]
fn a_node_may_be_replaced_by_an_empty_one_and_another_one_die_once_the_bucket_has_everything() {
    let mut scene = Scene::start();
    scene.cluster.stores[1].kill();
    std::fs::remove_dir_all(scene.cluster.stores[1].dir.join("central")).unwrap();
    scene.cluster.start_store(1);
    phase(Duration::from_secs(3));
    let (s3, mut cluster, acked, answers) = scene.end();
    assert!(answers.whole > 5 && answers.partial == 0, "{answers:?}");
    // The new one and one other are left, and what the old one alone had with the dead one is in the bucket.
    for dead in [0, 2] {
        cluster.stores[dead].kill();
        cluster.check_query(&acked);
        cluster.start_store(dead);
        wait_for("the query node to find it again", Duration::from_secs(10), || {
            cluster.ask(&[]).get("warnings").is_none().then_some(())
        });
    }
    s3.place().check(cluster.dir.path(), &acked, "3h");
}

#[test]
fn three_nodes_and_another_s3_server_do_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let Some(moto) = Moto::start(dir.path()) else { return };
    let (stores, query) = (format!("\nresources:{BUCKET}{STORE}"), format!("{BUCKET}{QUERY}"));
    let cluster = Cluster::start(dir, &stores, &query, &moto.place.env());
    let writers = Writers::start(SENDERS, cluster.router.receive);
    let uploads = || cluster.stores.iter().map(|store| store.metric("thanos_shipper_uploads_total")).sum::<f64>();
    wait_for("uploads", Duration::from_secs(60), || (uploads() >= 3.0).then_some(()));
    assert_eq!(writers.refused(), 0);
    let acked = writers.stop();
    cluster.stores.iter().for_each(wait_for_uploads);
    cluster.check_query(&acked);
    moto.place.check(cluster.dir.path(), &acked, "3h");
}
