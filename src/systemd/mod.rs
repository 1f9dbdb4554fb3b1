//! systemd: what a unit is called, what its properties are, and the bus that it is told over.

mod bits;
mod bus;
mod client;
mod gvariant;
mod unit;
mod user;
mod value;

pub use bits::bits;
pub use client::{check_address, Bus, Started, Systemd};
pub use unit::Unit;
pub use user::user_properties;
pub use value::{Property, Value};
