//! Floats and histograms of a window in one order of time.

use weir_pipeline::Histogram;

use super::Window;
use super::starts::Stamp;

/// A sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample<'a> {
    pub(super) stamp: Stamp,
    pub(super) value: Either<'a>,
}

/// What a sample is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Either<'a> {
    Float(f64),
    Histogram(&'a Histogram),
}

/// All samples of `window`, floats first where times are equal.
pub(super) fn merged<'a>(window: &Window<'a>) -> impl Iterator<Item = Sample<'a>> + use<'a> {
    let window = *window;
    let (mut float, mut histogram) = (0, 0);
    std::iter::from_fn(move || {
        let floats = float_at(&window, float);
        let histograms = histogram_at(&window, histogram);
        match (floats, histograms) {
            (Some(f), Some(h)) if h.stamp.time < f.stamp.time => {
                histogram += 1;
                Some(h)
            }
            (Some(f), _) => {
                float += 1;
                Some(f)
            }
            (None, h) => {
                histogram += 1;
                h
            }
        }
    })
}

/// The last two samples of `window`, in order of time.
pub(super) fn last_two<'a>(window: &Window<'a>) -> Option<[Sample<'a>; 2]> {
    let (mut floats, mut histograms) = (window.timestamps.len(), window.histograms.len());
    let mut back = || {
        let float = floats.checked_sub(1).and_then(|i| float_at(window, i));
        let histogram = histograms.checked_sub(1).and_then(|i| histogram_at(window, i));
        match (float, histogram) {
            (Some(f), Some(h)) if h.stamp.time < f.stamp.time => {
                floats -= 1;
                Some(f)
            }
            (_, Some(h)) => {
                histograms -= 1;
                Some(h)
            }
            (f, None) => {
                floats = floats.saturating_sub(1);
                f
            }
        }
    };
    let last = back()?;
    Some([back()?, last])
}

fn float_at<'a>(window: &Window<'a>, index: usize) -> Option<Sample<'a>> {
    let (&time, &value) = (window.timestamps.get(index)?, window.values.get(index)?);
    Some(Sample { stamp: Stamp { time, start: window.float_start(index) }, value: Either::Float(value) })
}

fn histogram_at<'a>(window: &Window<'a>, index: usize) -> Option<Sample<'a>> {
    let point = window.histograms.get(index)?;
    Some(Sample { stamp: Stamp::of(point), value: Either::Histogram(&point.histogram) })
}
