// SPDX-License-Identifier: Apache-2.0

//! Tests every resource and the life cycle against this machine's kernel, in the layout that the
//! host has. The tests read values from the files, not through the library.
//!
//! A test that cannot run here prints `SKIPPED name: reason`. The runner compares the number of
//! skipped tests with a committed number for each layout.

#![allow(unsafe_code)]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic)]

#[macro_use]
mod fixture;
mod alone;

mod advice;
mod attach;
mod attributes;
mod cpu;
mod cpuset;
mod create;
mod deep;
mod destroy;
mod devices;
mod events;
mod events_memory;
mod events_missing;
mod events_pressure;
mod freezer;
mod io;
mod members;
mod memory;
mod misc;
mod mounts;
mod races;
mod stats;
mod stats_lists;
mod transaction;
