//! Unit properties from a container's annotations.

use std::collections::BTreeMap;

use super::{Property, Value};
use crate::error::{fail, Code, Error, Result};

/// What such an annotation's name begins with.
const PREFIX: &str = "org.systemd.property.";

/// Annotations `org.systemd.property.NAME` with GVariant text (`'inactive-or-failed'`,
/// `uint64 5`) as properties, in order of name; other annotations are not looked at. As runc:
/// a name that ends in `Sec` after a small letter becomes `…USec`, which is what the bus calls
/// it, and its number is in seconds.
///
/// # Errors
/// [`Code::Value`], with the annotation's name: a property name that is not 3 or more ASCII
/// letters; text that is no value (see [`Value`]'s `from_str`); a `…Sec` that is not a number of
/// seconds; two annotations for one property.
pub fn user_properties<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Property>> {
    let mut out: BTreeMap<String, (Value, &str)> = BTreeMap::new();
    for (key, text) in annotations {
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        let (name, value) =
            property(name, text).map_err(|e| e.context(format_args!("annotation {key:?}")))?;
        if let Some((_, other)) = out.get(&name) {
            return fail(
                Code::Value,
                format!("annotations {other:?} and {key:?} are both for {name}; leave one out"),
            );
        }
        out.insert(name, (value, key));
    }
    Ok(out.into_iter().map(|(name, (value, _))| Property::new(name, value)).collect())
}

/// What is not a container's to say: which processes are in the unit, where and whose it is, which
/// other units live and die with it (also by the names of old, which systemd still takes), and what
/// becomes of the host when it ends. `PIDs` adds to the caller's; a `Slice` would win over it.
const REFUSED: &[&str] = &[
    "PIDs",
    "PIDFDs",
    "Slice",
    "Controller",
    "Delegate",
    "DelegateControllers",
    "DelegateSubgroup",
    "User",
    "Group",
    "AddRef",
    "RefuseManualStart",
    "RefuseManualStop",
    "SuccessAction",
    "FailureAction",
    "JobTimeoutAction",
    "StartLimitAction",
    "RebootArgument",
    "JobTimeoutRebootArgument",
    "RequiresOverridable",
    "RequisiteOverridable",
    "BindTo",
    "PropagatesReloadTo",
    "PropagateReloadTo",
    "ReloadPropagatedFrom",
    "PropagateReloadFrom",
    "Wants",
    "Requires",
    "Requisite",
    "BindsTo",
    "PartOf",
    "Upholds",
    "Conflicts",
    "OnFailure",
    "OnSuccess",
    "PropagatesStopTo",
    "StopPropagatedFrom",
    "JoinsNamespaceOf",
];

fn property(name: &str, text: &str) -> Result<(String, Value)> {
    if REFUSED.contains(&name) {
        return fail(Code::Value, "this property is the runtime's to set, not the container's");
    }
    if name.len() < 3 || !name.bytes().all(|b| b.is_ascii_alphabetic()) {
        return fail(Code::Value, "a property's name is 3 or more ASCII letters");
    }
    let value: Value = text.parse()?;
    match name.strip_suffix("Sec") {
        Some(stem) if stem.ends_with(|c: char| c.is_ascii_lowercase()) => {
            Ok((format!("{stem}USec"), Value::U64(microseconds(&value)?)))
        }
        _ => Ok((name.to_owned(), value)),
    }
}

fn microseconds(seconds: &Value) -> Result<u64> {
    let whole = match *seconds {
        Value::Byte(v) => i128::from(v),
        Value::I16(v) => i128::from(v),
        Value::U16(v) => i128::from(v),
        Value::I32(v) => i128::from(v),
        Value::U32(v) => i128::from(v),
        Value::I64(v) => i128::from(v),
        Value::U64(v) => i128::from(v),
        Value::Double(v) if v.is_finite() => return rounded(v * 1e6).ok_or_else(|| range(seconds)),
        Value::Double(_) => {
            return Err(range(seconds).advice(
                "without end is uint64 18446744073709551615 under the name that ends in USec",
            ));
        }
        _ => return fail(Code::Value, format!("{seconds} is no number of seconds")),
    };
    // No factor of this size overflows.
    u64::try_from(whole * 1_000_000).map_err(|_| range(seconds))
}

fn range(seconds: &Value) -> Error {
    let text = format!("{seconds} seconds is below 0 or more than 64 bits of microseconds");
    Error::new(Code::Value, text)
}

/// The nearest whole number, if it has 64 bits and no sign.
fn rounded(number: f64) -> Option<u64> {
    // 2^64; the largest double below it fits.
    let fits = (0.0..18_446_744_073_709_551_616.0).contains(&number.round());
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fits.then(|| number.round() as u64)
}

#[cfg(test)]
mod tests;
