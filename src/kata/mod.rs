//! Kata's own rules: path names, subsystem sets, CPU sanity. Pure, but for one `lstat` a
//! subsystem; source: kata-containers/runtime, virtcontainers/cgroups.go and its successors.

pub mod cpu;
pub mod gopath;
pub mod path;
pub mod slice;
pub mod strict;
pub mod subsystems;
