//! Real processes: what the program does, seen from outside, beside its real peers.
//!
//! One binary for all of it, since each links slowly. A test that needs a peer that is not installed prints that it was
//! skipped; with `WEIR_REQUIRE_PEERS=1`, as in CI, it fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs, unreachable_pub)]

mod bucket;
mod cluster;
mod commits;
mod crash;
mod differential;
mod docs;
mod exec;
mod flight;
mod flow;
mod full_disk;
mod guides;
mod harness;
mod histograms;
mod limits;
mod listeners;
mod membership;
mod metrics;
mod names;
mod outcomes;
mod program;
mod prometheus;
mod receiver;
mod reload;
mod remote_read;
mod ring;
mod schema;
mod shipped;
mod sql;
mod stages;
mod starts;
mod tap;
mod tenancy;
mod tidy;
mod upgrade;
