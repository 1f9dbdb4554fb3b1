//! systemd: what a unit is called, what its properties are, and the bus that it is told over.

mod bits;
mod bus;
mod client;
mod devices;
mod gvariant;
mod systemd_unit;
mod unit;
mod user;
mod value;

pub use bits::bits;
pub use client::{check_address, Bus, Started, Systemd};
pub use devices::device_properties;
pub use systemd_unit::SystemdUnit;
pub use unit::Unit;
pub use user::user_properties;
pub use value::{Property, Value};
