// SPDX-License-Identifier: Apache-2.0

//! Tests the systemd driver against a real systemd. The tests compare the unit's properties with
//! the files. They run as root, and as a user with lingering; elsewhere every test is skipped.

#![allow(unsafe_code)]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::pedantic)]

#[macro_use]
mod fixture;
mod helper;
mod look;

mod devices;
mod driver;
mod existing;
mod life;
mod manners;
mod resources;
mod restarts;
mod rootless;
mod round_trips;
mod slices;
mod transaction;
mod units;
