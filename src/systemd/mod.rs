// SPDX-License-Identifier: Apache-2.0

//! systemd: unit names, unit properties, and the D-Bus client that makes and changes units.
//!
//! [`Unit`], [`Value`], [`Property`] and the functions are pure. [`Systemd`] talks to systemd.
//! Man pages: systemd.resource-control(5), org.freedesktop.systemd1(5).

mod annotations;
mod bitmask;
mod bus;
mod client;
mod gvariant;
mod systemd_unit;
mod unit;
mod value;

pub use annotations::user_properties;
pub use bitmask::bitmask;
pub use bus::{check_address, Bus};
pub use client::{Started, Systemd};
pub use systemd_unit::SystemdUnit;
pub use unit::Unit;
pub use value::{Property, Value};
