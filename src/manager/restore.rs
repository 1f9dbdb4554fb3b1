//! Writing back the old value of an interface file: see the table of interface files.

pub(super) use crate::resources::attribute::restore_value as value;
