//! Against the kernel that this runs on: every resource and the life cycle, on whatever layout
//! the host has. Values are read back from the files, not through the library.
//!
//! What a host cannot run is printed as `SKIPPED name: reason`; the runner counts these against
//! a committed number for each layout.

#[macro_use]
mod fixture;

mod attach;
mod attributes;
mod cpu;
mod cpuset;
mod create;
mod destroy;
mod freezer;
mod io;
mod members;
mod memory;
mod misc;
mod transaction;
