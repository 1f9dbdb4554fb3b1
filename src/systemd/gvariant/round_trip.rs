// SPDX-License-Identifier: Apache-2.0

//! Property tests: the parser reads back what `Display` writes, and never panics.

use proptest::prelude::*;

use super::super::value::Value;
use super::limits::{MAX_SIGNATURE, MAX_TEXT};

/// Returns random values. Left out are NUL and empty tuples, which the parser refuses, and NaN,
/// which does not equal itself.
fn values() -> impl Strategy<Value = Value> {
    let double = any::<f64>().prop_filter("NaN", |v| !v.is_nan());
    let texts = prop_oneof![any::<String>(), "[a'\"\\\\\n\t ]{0,8}"];
    let texts = texts.prop_map(|text| text.replace('\0', ""));
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<u8>().prop_map(Value::Byte),
        any::<i16>().prop_map(Value::I16),
        any::<u16>().prop_map(Value::U16),
        any::<i32>().prop_map(Value::I32),
        any::<u32>().prop_map(Value::U32),
        any::<i64>().prop_map(Value::I64),
        any::<u64>().prop_map(Value::U64),
        double.prop_map(Value::Double),
        Just(Value::Double(f64::INFINITY)),
        Just(Value::Double(f64::NEG_INFINITY)),
        texts.prop_map(Value::Str),
        "(/[A-Za-z0-9_]{1,5}){1,3}".prop_map(Value::Path),
        Just(Value::Path("/".to_owned())),
        "(a?[ybnqiuxtdsog]){0,5}|a\\{sv\\}|\\(sa\\(ss\\)\\)".prop_map(Value::Signature),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            inner.clone().prop_map(|value| Value::Variant(Box::new(value))),
            proptest::collection::vec(inner.clone(), 1..5).prop_map(Value::Struct),
            // The elements of an array must have one type, so repeat one element.
            (inner.clone(), 0..4_usize)
                .prop_map(|(item, n)| { Value::Array(item.signature(), vec![item; n]) }),
            proptest::collection::vec(inner, 1..5).prop_map(|items| {
                let items = items.into_iter().map(|item| Value::Variant(Box::new(item)));
                Value::Array("v".to_owned(), items.collect())
            }),
        ]
    })
}

/// Returns random arrays whose elements differ.
fn arrays() -> impl Strategy<Value = Value> {
    let pairs = proptest::collection::vec((any::<u32>(), any::<f64>()), 0..4);
    let row = pairs.prop_map(|pairs| {
        let pairs = pairs.into_iter().filter(|(_, d)| !d.is_nan());
        let pair = |(u, d)| Value::Struct(vec![Value::U32(u), Value::Double(d)]);
        Value::Array("(ud)".to_owned(), pairs.map(pair).collect())
    });
    proptest::collection::vec(row, 0..4).prop_map(|rows| Value::Array("a(ud)".to_owned(), rows))
}

fn round_trip(value: &Value) -> std::result::Result<(), TestCaseError> {
    // The parser refuses longer texts and types, and only those.
    let text = value.to_string();
    if text.len() <= MAX_TEXT && value.signature().len() <= MAX_SIGNATURE {
        let read = text.parse::<Value>();
        prop_assert_eq!(read.as_ref(), Ok(value), "{}", text);
    }
    Ok(())
}

proptest! {
    #[test]
    fn parser_reads_back_what_display_writes(value in values()) {
        round_trip(&value)?;
    }

    #[test]
    fn parser_reads_back_arrays_of_different_elements(value in arrays()) {
        round_trip(&value)?;
    }

    #[test]
    fn random_text_never_panics(text in any::<String>()) {
        let _ = text.parse::<Value>();
    }

    /// Texts of the format's own characters. A text that can be read round-trips.
    #[test]
    fn text_of_format_characters_round_trips_or_fails(
        text in "([\\[\\](),<>'@ ]|[0-9]|0x|uint32 |byte |@as |@au |true|-|\\.|e|\\\\|u|é){0,12}",
    ) {
        if let Ok(value) = text.parse::<Value>() {
            if !value.to_string().contains("nan") {
                round_trip(&value)?;
            }
        }
    }
}
