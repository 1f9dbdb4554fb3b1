// SPDX-License-Identifier: Apache-2.0

//! Converts numbers from text. Accepts what the C functions strtoll(3) and strtod(3) accept in
//! GLib, apart from what the module documentation refuses.

use std::num::IntErrorKind;

use super::super::value::Value;
use super::types::keyword_of;

/// Returns whether the number can only be a `double`.
pub(super) fn is_double(token: &str) -> bool {
    let (_, digits) = sign(token);
    digits.contains('.')
        || (!is_hex(digits) && digits.contains(['e', 'E']))
        || matches!(digits, "inf" | "nan")
}

/// Converts a number to the numeric type of this letter.
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
        _ => return Err(format!("expected type {letter}, found a number")),
    };
    value.ok_or_else(|| out_of_range(token, letter))
}

fn out_of_range(token: &str, letter: char) -> String {
    format!("{token} is out of range for {}", keyword_of(letter))
}

/// Returns the sign and the magnitude. `0x` in front means hexadecimal, any other `0` octal.
fn integer(token: &str) -> Result<(bool, u64), String> {
    let (negative, digits) = sign(token);
    let (digits, radix) = match digits.strip_prefix('0') {
        Some(hex) if is_hex(digits) => (hex.get(1..).unwrap_or_default(), 16),
        Some(octal) if !octal.is_empty() => (octal, 8),
        _ => (digits, 10),
    };
    // The standard parser would accept a second sign.
    let number = match digits.starts_with(['+', '-']) {
        true => return Err(format!("{token:?} is not a number")),
        false => u64::from_str_radix(digits, radix),
    };
    match number {
        Ok(number) => Ok((negative, number)),
        Err(e) if *e.kind() == IntErrorKind::PosOverflow => {
            Err(format!("{token} is out of range for every type"))
        }
        Err(_) if is_double(token) => Err(format!("{token} is not an integer")),
        Err(_) => Err(format!("{token:?} is not a number")),
    }
}

fn double(token: &str) -> Result<f64, String> {
    let (negative, digits) = sign(token);
    let number = match digits {
        "inf" => f64::INFINITY,
        "nan" => f64::NAN,
        // The standard parser would also accept "infinity" and a second sign.
        _ if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            return Err(format!("{token:?} is not a number"));
        }
        _ => match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => number,
            Ok(_) => return Err(out_of_range(token, 'd')),
            Err(_) => return Err(format!("{token:?} is not a number")),
        },
    };
    Ok(if negative { -number } else { number })
}

/// Splits the sign from the digits; true means negative.
fn sign(token: &str) -> (bool, &str) {
    match token.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, token.strip_prefix('+').unwrap_or(token)),
    }
}

fn is_hex(digits: &str) -> bool {
    digits.starts_with("0x") || digits.starts_with("0X")
}
