//! systemd: what a unit is called, what its properties are, and the bus that it is told over.

mod value;

pub use value::{Property, Value};
