//! Numbers.

use std::num::IntErrorKind;

use super::types::name;
use crate::systemd::Value;

/// Whether a number can be a `double` alone.
pub(super) fn is_double(token: &str) -> bool {
    let (_, digits) = sign(token);
    digits.contains('.')
        || (!is_hex(digits) && digits.contains(['e', 'E']))
        || matches!(digits, "inf" | "nan")
}

/// A number as a numeric type, given by its letter.
pub(super) fn read(token: &str, letter: char) -> Result<Value, String> {
    if letter == 'd' {
        return double(token).map(Value::Double);
    }
    let (negative, magnitude) = integer(token)?;
    let number = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
    let value = match letter {
        'y' => number.try_into().map(Value::Byte).ok(),
        'n' => number.try_into().map(Value::I16).ok(),
        'q' => number.try_into().map(Value::U16).ok(),
        'i' => number.try_into().map(Value::I32).ok(),
        'u' => number.try_into().map(Value::U32).ok(),
        'x' => number.try_into().map(Value::I64).ok(),
        't' => number.try_into().map(Value::U64).ok(),
        _ => return Err(format!("a number where type {letter} is wanted")),
    };
    value.ok_or_else(|| out_of_range(token, letter))
}

fn out_of_range(token: &str, letter: char) -> String {
    format!("{token} is out of range for {}", name(letter))
}

/// The sign and magnitude; `0x` is hexadecimal and another `0` in front is octal.
fn integer(token: &str) -> Result<(bool, u64), String> {
    let (negative, digits) = sign(token);
    let (digits, radix) = match digits.strip_prefix('0') {
        Some(hex) if is_hex(digits) => (hex.get(1..).unwrap_or_default(), 16),
        Some(octal) if !octal.is_empty() => (octal, 8),
        _ => (digits, 10),
    };
    // A second sign would be taken by the standard parser.
    let number = match digits.starts_with(['+', '-']) {
        true => return Err(format!("{token:?} is no number")),
        false => u64::from_str_radix(digits, radix),
    };
    match number {
        Ok(number) => Ok((negative, number)),
        Err(e) if *e.kind() == IntErrorKind::PosOverflow => {
            Err(format!("{token} is out of range for every type"))
        }
        Err(_) if is_double(token) => Err(format!("{token} is no whole number")),
        Err(_) => Err(format!("{token:?} is no number")),
    }
}

fn double(token: &str) -> Result<f64, String> {
    let (negative, digits) = sign(token);
    let number = match digits {
        "inf" => f64::INFINITY,
        "nan" => f64::NAN,
        // The standard parser knows more words, and takes a second sign.
        _ if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            return Err(format!("{token:?} is no number"));
        }
        _ => match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => number,
            Ok(_) => return Err(out_of_range(token, 'd')),
            Err(_) => return Err(format!("{token:?} is no number")),
        },
    };
    Ok(if negative { -number } else { number })
}

fn sign(token: &str) -> (bool, &str) {
    match token.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, token.strip_prefix('+').unwrap_or(token)),
    }
}

fn is_hex(digits: &str) -> bool {
    digits.starts_with("0x") || digits.starts_with("0X")
}
