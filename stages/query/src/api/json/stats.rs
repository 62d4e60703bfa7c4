//! How an answer was found, as JSON.
//!
//! Source: `queryTimings` and `querySamples` of Prometheus' `util/stats/query_stats.go`.

use std::io::Write as _;

use weir_pipeline::QueryStats;

/// `{"timings":{…},"samples":{…}}`: times in seconds; what is of each step only where it was asked for.
pub(super) fn write(stats: &QueryStats, out: &mut Vec<u8>) {
    let QueryStats { timings, samples } = stats;
    let timings = [
        ("evalTotalTime", timings.evaluation),
        ("resultSortTime", timings.sorting),
        ("queryPreparationTime", timings.preparation),
        ("innerEvalTime", timings.inner),
        ("execQueueTime", timings.queue),
        ("execTotalTime", timings.total),
    ];
    for (index, (name, time)) in timings.into_iter().enumerate() {
        out.extend(if index == 0 { b"{\"timings\":{".as_slice() } else { b"," });
        // Writing to memory does not fail.
        let _ = write!(out, "\"{name}\":{}", time.as_secs_f64());
    }
    out.extend(b"},\"samples\":{");
    let seen = samples.per_step.iter().map(|(time, seen, _)| (*time, *seen));
    per_step("totalQueryableSamplesPerStep", seen, out);
    let _ = write!(out, "\"totalQueryableSamples\":{},", samples.total);
    let read = samples.per_step.iter().map(|(time, _, read)| (*time, *read));
    per_step("samplesReadPerStep", read, out);
    let _ = write!(out, "\"samplesRead\":{},\"peakSamples\":{}}}}}", samples.read, samples.peak);
}

/// `"name":[[time,count],…],`, where there are steps.
fn per_step(name: &str, steps: impl ExactSizeIterator<Item = (i64, u64)>, out: &mut Vec<u8>) {
    if steps.len() == 0 {
        return;
    }
    let _ = write!(out, "\"{name}\":[");
    for (index, (time, count)) in steps.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let _ = write!(out, "[{},{count}]", time as f64 / 1000.0);
    }
    out.extend(b"],");
}
