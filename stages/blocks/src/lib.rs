//! weir-blocks.
