//! An example of a plugin: one stage, its tests, and how it makes itself known. Start from a copy of it.

pub mod scale;

/// Makes what is here known to pipeline files.
pub fn register(registry: &mut weir_pipeline::Registry) {
    registry.transform::<scale::Scale>();
    registry.document("weir_plugin_scale::scale", include_str!("scale.rs"));
}

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
