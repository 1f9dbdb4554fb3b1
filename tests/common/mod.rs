// SPDX-License-Identifier: Apache-2.0

//! Host by the integration tests.
#![allow(dead_code)]

use serde_json::{json, Value};

/// One line of the golden data.
pub struct Vector {
    pub function: String,
    pub input: Value,
    pub output: Value,
}

impl Vector {
    /// Returns a field as bytes, from `X`, or from `X_b64` when the bytes are not UTF-8.
    pub fn bytes(&self, field: &str) -> Vec<u8> {
        field_bytes(&self.input, field).unwrap_or_else(|| panic!("{field} in {}", self.input))
    }

    pub fn flag(&self, field: &str) -> bool {
        self.input[field].as_bool().unwrap_or(false)
    }

    pub fn panicked(&self) -> bool {
        self.output.get("panic").is_some()
    }

    pub fn error(&self) -> Option<Vec<u8>> {
        field_bytes(&self.output, "err")
    }

    pub fn ok(&self) -> Value {
        match self.output.get("ok") {
            Some(value) => value.clone(),
            None => bytes(&field_bytes(&self.output, "ok").expect("ok or ok_b64")),
        }
    }
}

fn field_bytes(object: &Value, field: &str) -> Option<Vec<u8>> {
    if let Some(text) = object.get(field).and_then(Value::as_str) {
        return Some(text.as_bytes().to_vec());
    }
    object.get(format!("{field}_b64")).and_then(Value::as_str).map(base64)
}

/// Returns bytes as a JSON value that can be compared exactly.
pub fn bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "raw": bytes }),
    }
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter(|b| *b != b'=');
    let bits: Vec<u32> =
        digits.map(|b| DIGITS.iter().position(|d| *d == b).unwrap() as u32).collect();
    let mut out = Vec::new();
    for group in bits.chunks(4) {
        let word = group.iter().enumerate().fold(0, |w, (i, d)| w | d << (18 - 6 * i));
        out.extend(word.to_be_bytes()[1..].iter().take(group.len() - 1));
    }
    out
}

/// Reads all lines of the golden data.
pub fn vectors() -> Vec<Vector> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/kata.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let parse = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        Vector {
            function: value["fn"].as_str().unwrap().to_owned(),
            input: value["in"].clone(),
            output: value["out"].clone(),
        }
    };
    text.lines().map(parse).collect()
}
