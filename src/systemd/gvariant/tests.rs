// SPDX-License-Identifier: Apache-2.0

//! Texts with their values, and texts with their errors.

use super::super::value::Value;
use super::limits::MAX_TEXT;
use crate::error::Code;

/// Checks cases of text, signature, and the value as `Display` writes it.
fn reads(cases: &[(&str, &str, &str)]) {
    for (text, signature, written) in cases {
        let value: Value = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(value.signature(), *signature, "{text}");
        assert_eq!(value.to_string(), *written, "{text}");
    }
}

/// Checks cases of text, position of the error in bytes, and part of its message.
fn fails(cases: &[(&str, usize, &str)]) {
    for (text, at, with) in cases {
        let e = text.parse::<Value>().expect_err(text);
        assert_eq!(e.code(), Code::Value);
        let message = e.to_string();
        assert!(message.starts_with(&format!("at byte {at}: ")), "{text}: {message}");
        assert!(message.contains(with), "{text}: {message}");
    }
}

#[test]
fn booleans_and_integers_are_read() {
    reads(&[
        ("true", "b", "true"),
        ("boolean false", "b", "false"),
        ("5", "i", "5"),
        (" \t\n5 ", "i", "5"),
        ("+5", "i", "5"),
        ("-0", "i", "0"),
        ("-2147483648", "i", "-2147483648"),
        ("0x1e", "i", "30"),
        ("0XfF", "i", "255"),
        ("-0x10", "i", "-16"),
        ("010", "i", "8"),
        ("0", "i", "0"),
        ("00", "i", "0"),
        ("byte 255", "y", "byte 0xff"),
        ("byte 0x0f", "y", "byte 0x0f"),
        ("int16 -32768", "n", "int16 -32768"),
        ("uint16 65535", "q", "uint16 65535"),
        ("int32 5", "i", "5"),
        ("uint32 4294967295", "u", "uint32 4294967295"),
        ("int64 -9223372036854775808", "x", "int64 -9223372036854775808"),
        ("uint64 18446744073709551615", "t", "uint64 18446744073709551615"),
        ("uint64 0xffffffffffffffff", "t", "uint64 18446744073709551615"),
        ("@u 5", "u", "uint32 5"),
        ("@t 5", "t", "uint64 5"),
        ("uint32 @u 5", "u", "uint32 5"),
    ]);
}

#[test]
fn doubles_are_read() {
    reads(&[
        ("1.5", "d", "1.5"),
        ("1.", "d", "1.0"),
        (".5", "d", "0.5"),
        ("-1e3", "d", "-1000.0"),
        ("1E3", "d", "1000.0"),
        ("1e+300", "d", "1e300"),
        ("1e-300", "d", "1e-300"),
        ("double 5", "d", "5.0"),
        ("@d -5", "d", "-5.0"),
        ("inf", "d", "inf"),
        ("-inf", "d", "-inf"),
        ("+inf", "d", "inf"),
        ("double inf", "d", "inf"),
        ("nan", "d", "nan"),
        ("-nan", "d", "nan"),
    ]);
}

#[test]
fn strings_are_read_and_unescaped() {
    for (text, string) in [
        ("''", ""),
        ("\"\"", ""),
        ("'it\"s'", "it\"s"),
        ("\"it's\"", "it's"),
        (r"'it\'s'", "it's"),
        (r#""a\"b""#, "a\"b"),
        (r"'a\\b'", "a\\b"),
        (r"'\a\b\f\n\r\t\v'", "\x07\x08\x0c\n\r\t\x0b"),
        (r"'\u00e9\U0001F600'", "é😀"),
        (r"'\u00e99'", "é9"),
        (r"'\q'", "q"),
        ("'a\\\nb'", "ab"),
        ("'a\nb'", "a\nb"),
        ("'é😀'", "é😀"),
        ("string 'x'", "x"),
        ("@s 'x'", "x"),
    ] {
        assert_eq!(text.parse::<Value>().unwrap(), Value::str(string), "{text}");
    }
    reads(&[
        ("objectpath '/org/x'", "o", "objectpath '/org/x'"),
        ("@o '/'", "o", "objectpath '/'"),
        ("signature 'a(ss)u'", "g", "signature 'a(ss)u'"),
        ("signature ''", "g", "signature ''"),
        ("@g 'a{sv}'", "g", "signature 'a{sv}'"),
    ]);
}

#[test]
fn containers_are_read() {
    reads(&[
        ("['a', 'b']", "as", "['a', 'b']"),
        ("[ 'a','b' ]", "as", "['a', 'b']"),
        ("@as []", "as", "@as []"),
        ("@as @as []", "as", "@as []"),
        ("@a(ss) []", "a(ss)", "@a(ss) []"),
        ("@a(ss) [('/dev/null', 'rw')]", "a(ss)", "[('/dev/null', 'rw')]"),
        ("@au [1, 2]", "au", "[uint32 1, uint32 2]"),
        ("@ay [0x0f, 255]", "ay", "[byte 0x0f, byte 0xff]"),
        ("@ao ['/x']", "ao", "[objectpath '/x']"),
        ("(1,)", "(i)", "(1,)"),
        ("(1, 'a', true)", "(isb)", "(1, 'a', true)"),
        ("@(ut) (1, 2)", "(ut)", "(uint32 1, uint64 2)"),
        ("<5>", "v", "<5>"),
        ("<@u 5>", "v", "<uint32 5>"),
        ("<<'a'>>", "v", "<<'a'>>"),
        ("@v <@as []>", "v", "<@as []>"),
        ("[<1>, <'a'>]", "av", "[<1>, <'a'>]"),
    ]);
}

/// A type that one element states holds for the other elements.
#[test]
fn elements_share_a_stated_type() {
    reads(&[
        ("[byte 1, 2]", "ay", "[byte 0x01, byte 0x02]"),
        ("[1, uint64 2, 3]", "at", "[uint64 1, uint64 2, uint64 3]"),
        ("[1, 2.5]", "ad", "[1.0, 2.5]"),
        ("['/a', objectpath '/b']", "ao", "[objectpath '/a', objectpath '/b']"),
        ("[[], ['a']]", "aas", "[@as [], ['a']]"),
        ("[(1, []), (2, ['x'])]", "a(ias)", "[(1, @as []), (2, ['x'])]"),
        ("[[1], [uint32 2]]", "aau", "[[uint32 1], [uint32 2]]"),
    ]);
}

#[test]
fn numbers_out_of_range_are_refused() {
    fails(&[
        ("byte 256", 6, "256 is out of range for byte"),
        ("byte -1", 6, "-1 is out of range for byte"),
        ("int16 -32769", 7, "out of range for int16"),
        ("uint16 0x10000", 8, "out of range for uint16"),
        ("2147483648", 1, "out of range for int32"),
        ("@u 4294967296", 4, "out of range for uint32"),
        ("int64 9223372036854775808", 7, "out of range for int64"),
        ("uint64 18446744073709551616", 8, "out of range for every type"),
        ("1e999", 1, "out of range for double"),
        ("-1e999", 1, "out of range for double"),
        ("[1, byte 2, 256]", 13, "out of range for byte"),
        ("uint32 1.5", 8, "not an integer"),
        ("[uint32 1, 1.5]", 12, "type differs from"),
    ]);
}

#[test]
fn malformed_numbers_are_refused() {
    for text in [
        "08",
        "0x",
        "0xg",
        "1x",
        "--5",
        "+-5",
        "-",
        "+",
        ".",
        "-.",
        "1.2.3",
        "1e",
        "1_000",
        "5s",
        "double 0x10",
        "double infinity",
        "double -Inf",
        "0x-5",
        "0+7",
        "1e5e5",
        "١",
    ] {
        let e = text.parse::<Value>().expect_err(text).to_string();
        assert!(e.starts_with("at byte "), "{text}: {e}");
    }
}

#[test]
fn malformed_strings_are_refused() {
    fails(&[
        ("'abc", 1, "closing '"),
        ("\"abc'", 1, "closing \""),
        ("['a', 'b]", 7, "closing '"),
        (r"'abc\", 1, "closing '"),
        (r"'abc\'", 1, "closing '"),
        (r"'\u12", 2, "hexadecimal"),
        (r"'ab\u12g4'", 4, "hexadecimal"),
        (r"'\U0000'", 2, "hexadecimal"),
        (r"'\ud800'", 2, "not a valid character"),
        (r"'\U00110000'", 2, "not a valid character"),
        (r"'\u0000'", 2, "NUL"),
        ("'a\0'", 3, "NUL"),
        ("'a\\\0'", 3, "NUL"),
        ("objectpath 'x'", 12, "\"x\" is not an object path"),
        ("objectpath ''", 12, "not an object path"),
        ("objectpath '/a/'", 12, "not an object path"),
        ("signature 'z'", 11, "\"z\" is not a signature"),
        ("['a', objectpath '/b']", 2, "\"a\" is not an object path"),
    ]);
    let long = format!("signature '{}'", "s".repeat(256));
    assert!(long.parse::<Value>().is_err());
}

#[test]
fn contradicting_types_are_refused() {
    fails(&[
        ("[1, 'a']", 5, "type differs from"),
        ("[true, 1]", 8, "type differs from"),
        ("[(1, 2), (1, 2, 3)]", 10, "type differs from"),
        ("[<1>, 1]", 7, "type differs from"),
        ("byte '0'", 6, "expected type y, found a string"),
        ("boolean 1", 9, "expected type b, found a number"),
        ("@as 5", 5, "expected type as, found a number"),
        ("@s ['a']", 4, "expected type s, found an array"),
        ("@(su) ('a', 'b')", 13, "expected type u, found a string"),
        ("@(su) ('a',)", 7, "expected type (su), found a tuple of length 1"),
        ("@u uint64 5", 4, "expected type u, found a value of type t"),
        ("@av [1]", 6, "expected type v, found a number"),
        ("string true", 8, "expected type s, found a boolean"),
        ("uint32 <5>", 8, "expected type u, found a variant"),
    ]);
}

#[test]
fn missing_and_unsupported_types_are_refused() {
    fails(&[
        ("[]", 1, "empty array needs a type"),
        ("<[]>", 2, "empty array needs a type"),
        ("[[], []]", 1, "empty array needs a type"),
        ("('a', [])", 1, "empty array needs a type"),
        ("()", 1, "no empty tuple"),
        ("@() ()", 1, "no empty tuple"),
        ("@ss 'a'", 1, "more than one type"),
        ("@z 5", 1, "unknown type letter"),
        ("@ 5", 1, "incomplete type"),
        ("@a 5", 1, "incomplete type"),
        ("@(s 5", 1, "incomplete type"),
        ("@as[]", 1, "type @as[]: "),
        ("@a{sv} {}", 1, "dictionaries are not"),
        ("@mi 5", 1, "no maybe type"),
        ("@h 5", 1, "handles (file"),
        ("handle 5", 1, "handles (file"),
        ("just 5", 1, "no maybe type"),
        ("{'a': 1}", 1, "dictionaries are not"),
        ("b'abc'", 1, "bytestrings are not"),
        ("@u", 3, "expected a value, found the end"),
        ("uint32", 7, "expected a value, found the end"),
    ]);
}

#[test]
fn text_that_is_not_one_value_is_refused() {
    fails(&[
        ("", 1, "expected a value, found the end"),
        ("  ", 3, "expected a value, found the end"),
        ("invalid-value", 1, "put a string in quotes"),
        ("True", 1, "unknown word \"True\""),
        ("5 6", 3, "\"6\" after the value"),
        ("5,", 2, "',' after the value"),
        ("'a' 'b'", 5, "a string after the value"),
        ("@u 5 @u 6", 6, "\"@u\" after the value"),
        ("[1, 2", 6, "expected ',' or ']', found the end"),
        ("[1 2]", 4, "expected ',' or ']', found \"2\""),
        ("[1,]", 4, "expected a value, found ']'"),
        ("[,1]", 2, "expected a value, found ','"),
        ("[1)", 3, "expected ',' or ']', found ')'"),
        ("(1)", 3, "needs a trailing comma"),
        ("(1, 2,)", 7, "expected a value, found ')'"),
        ("(1,,)", 4, "expected a value, found ','"),
        ("(,)", 2, "expected a value, found ','"),
        ("<5", 3, "expected '>', found the end"),
        ("<5, 6>", 3, "expected '>', found ','"),
        ("<>", 2, "expected a value, found '>'"),
        ("]", 1, "expected a value, found ']'"),
        ("é", 1, "expected a value, found 'é'"),
        ("5 é", 3, "'é' after"),
        (";", 1, "expected a value, found ';'"),
    ]);
}

#[test]
fn depth_length_and_signature_are_limited() {
    let variants = |n: usize| format!("{}5{}", "<".repeat(n), ">".repeat(n));
    assert!(variants(63).parse::<Value>().is_ok());
    let arrays = |n: usize| format!("{}5{}", "[".repeat(n), "]".repeat(n));
    assert!(arrays(32).parse::<Value>().is_ok());
    fails(&[
        (&variants(64), 65, "nested more than 64 levels deep"),
        (&"<".repeat(60_000), 65, "nested more than 64 levels deep"),
        (&"@u ".repeat(20_000), 193, "nested more than 64 levels deep"),
        (&arrays(33), 1, "too long or too deep"),
        (&format!("@{}u []", "a".repeat(70)), 1, "nested too deeply"),
        (&format!("@{}u []", "a".repeat(300)), 1, "longer than 255"),
        (&format!("({}1)", "1, ".repeat(300)), 1, "too long or too deep"),
        (&format!("'{}'", "x".repeat(MAX_TEXT)), MAX_TEXT + 1, "longer than 65536 bytes"),
    ]);
    assert!(format!("'{}'", "x".repeat(MAX_TEXT - 2)).parse::<Value>().is_ok());
}
