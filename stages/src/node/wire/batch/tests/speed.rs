//! What the encoding costs: bytes and time per sample.

use std::hint::black_box;
use std::time::Instant;

use super::kubernetes::batches;
use super::*;
use crate::node::wire::{pack, unpack};

/// Bytes per sample of 20,000 series, one sample each, 2,000 in a batch.
#[test]
fn a_sample_of_kubernetes_takes_few_bytes() {
    let bytes = |each: usize, keep: &dyn Fn(usize) -> bool| {
        let all = batches(20_000, 2000, each, keep);
        let samples: usize = all.iter().map(Batch::sample_count).sum();
        all.iter().map(|batch| encoded(batch).len()).sum::<usize>() as f64 / samples as f64
    };
    let (one, third, ten) = (bytes(1, &|_| true), bytes(1, &|i| i * 7 % 3 == 0), bytes(10, &|_| true));
    eprintln!("bytes per sample: {one:.1}, of every third series {third:.1}, ten samples each {ten:.1}");
    assert!(one < 25.0 && third < 30.0 && ten < 8.0, "{one} {third} {ten}");
}

/// Beside the batch itself its message is little: nothing is won where it comes in parts.
#[test]
fn a_message_of_kubernetes_is_small_beside_its_batch() {
    let share = |each: usize| {
        let batch = &batches(20_000, 20_000, each, |_| true)[0];
        batch.byte_size() as f64 / encoded(batch).len() as f64
    };
    let (one, ten) = (share(1), share(10));
    eprintln!("a batch takes {one:.1} times what its message does, with ten samples each {ten:.1}");
    assert!(one > 10.0 && ten > 6.0, "{one} {ten}");
}

/// Prints how fast it is: `WEIR_SPEED=1 cargo test --release -p weir-stages speed -- --nocapture`.
#[test]
fn the_speed_on_one_core_is_printed_when_asked_by_weir_speed() {
    if std::env::var_os("WEIR_SPEED").is_none() {
        return;
    }
    for (name, each, every) in [("one sample each", 1, 1), ("every third series", 1, 3), ("ten samples each", 10, 1)] {
        let all = batches(100_000, 2000, each, |i| i * 7 % every == 0);
        let messages: Vec<_> = all.iter().map(encoded).collect();
        let samples: usize = all.iter().map(Batch::sample_count).sum();
        let (bytes, memory): (usize, usize) =
            (messages.iter().map(Vec::len).sum(), all.iter().map(Batch::byte_size).sum());
        let fastest = |work: &mut dyn FnMut()| {
            let times = (0..10).map(|_| {
                let start = Instant::now();
                work();
                start.elapsed().as_secs_f64()
            });
            samples as f64 / times.fold(f64::MAX, f64::min) / 1e6
        };
        let limits = Limits::default();
        let decode = fastest(&mut || messages.iter().for_each(|m| _ = black_box(decode_batch(m, &limits).unwrap())));
        let mut out = Vec::new();
        let encode = fastest(&mut || {
            for batch in &all {
                out.clear();
                encode_batch(batch, &mut out);
                black_box(&out);
            }
        });
        let hash = fastest(&mut || {
            all.iter().for_each(|batch| batch.iter().for_each(|s| _ = black_box(s.labels.id())));
        });
        let packed: Vec<_> = messages.iter().map(|m| pack(m).unwrap_or_else(|| m.clone())).collect();
        let pack = fastest(&mut || messages.iter().for_each(|m| _ = black_box(pack(m))));
        let unpack =
            fastest(&mut || packed.iter().for_each(|m| _ = black_box(unpack(m, limits.message_bytes).unwrap())));
        let wire: usize = packed.iter().map(Vec::len).sum();
        eprintln!(
            "{name}: zstd to {:.1} bytes per sample, {pack:.2} M samples/s, and back {unpack:.2}",
            wire as f64 / samples as f64,
        );
        eprintln!(
            "{name}: decode {decode:.2} M samples/s, encode {encode:.2}, hashing alone {hash:.2}; \
             {:.1} bytes per sample, {:.1} in memory",
            bytes as f64 / samples as f64,
            memory as f64 / samples as f64
        );
    }
}
