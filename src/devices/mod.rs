//! Device rules: what a list of OCI rules, taken in order, comes to.
//!
//! Rules are written as a history ("deny all, allow these, but not that one"), and every way to
//! enforce them wants the outcome: cgroup v1 a list of exceptions to a default, systemd a list of
//! what is allowed, cgroup v2 a program. [`State`] is the outcome. What cannot be said as a
//! default and exceptions to it is an error, never something near it.

mod access;
mod rule;
mod state;
#[cfg(test)]
mod tests;

pub use access::Access;
pub use rule::{Devices, Kind, Number, Rule};
pub use state::{Mode, State};
