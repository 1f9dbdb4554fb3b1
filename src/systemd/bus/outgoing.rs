// SPDX-License-Identifier: Apache-2.0

//! Encodes outgoing messages. This side sends only method calls.
//!
//! zbus's message builder encodes header and body twice and copies the result, which was a
//! quarter of the cost of setting properties. This file writes the header itself and encodes the
//! body once. A test compares the bytes with zbus's.
//! D-Bus specification, "Message Format".

use std::num::NonZeroU32;

use serde::Serialize;
use zvariant::serialized::Context;
use zvariant::{DynamicType, Endian};

use super::incoming::MAX_MESSAGE;
use super::method::{Method, Reply};

/// Message type of a method call.
const CALL: u8 = 1;
const NO_REPLY_EXPECTED: u8 = 1;
/// Set on every call: the bus must not start a service because this library asks.
const NO_AUTO_START: u8 = 2;

/// Appends the message of a method call to `out`. On failure `out` is unchanged.
pub(super) fn call<B: Serialize + DynamicType>(
    out: &mut Vec<u8>,
    method: Method<'_>,
    body: &B,
    reply: Reply,
    serial: NonZeroU32,
) -> zvariant::Result<()> {
    let signature = body.signature();
    let types = signature.to_string_no_parens();
    let context = Context::new_dbus(Endian::Little, 0);
    let body = zvariant::to_bytes_for_signature(context, signature, body)?;

    let mut fields = Vec::with_capacity(256);
    field(&mut fields, 1, b'o', method.path)?;
    field(&mut fields, 2, b's', method.interface)?;
    field(&mut fields, 3, b's', method.name)?;
    field(&mut fields, 6, b's', method.destination)?;
    if !types.is_empty() {
        start(&mut fields, 8, b'g');
        fields.push(u8::try_from(types.len()).map_err(|_| zvariant::Error::OutOfBounds)?);
        fields.extend_from_slice(types.as_bytes());
        fields.push(0);
    }
    let flags = match reply {
        Reply::Expected => NO_AUTO_START,
        Reply::NotExpected => NO_AUTO_START | NO_REPLY_EXPECTED,
    };
    if body.len() + fields.len() + 24 > MAX_MESSAGE {
        return Err(zvariant::Error::OutOfBounds);
    }
    let lengths = (length(body.len())?, length(fields.len())?);
    out.reserve(16 + fields.len() + 8 + body.len());
    out.extend_from_slice(&[b'l', CALL, flags, 1]);
    out.extend_from_slice(&lengths.0);
    out.extend_from_slice(&serial.get().to_le_bytes());
    out.extend_from_slice(&lengths.1);
    align(&mut fields, 8);
    out.append(&mut fields);
    out.extend_from_slice(&body);
    Ok(())
}

/// Appends a header field whose value is text of type `letter`.
fn field(fields: &mut Vec<u8>, code: u8, letter: u8, text: &str) -> zvariant::Result<()> {
    start(fields, code, letter);
    align(fields, 4);
    fields.extend_from_slice(&length(text.len())?);
    fields.extend_from_slice(text.as_bytes());
    fields.push(0);
    Ok(())
}

/// Appends a header field's code and its value's type, which is the signature of a variant.
fn start(fields: &mut Vec<u8>, code: u8, letter: u8) {
    align(fields, 8);
    fields.extend_from_slice(&[code, 1, letter, 0]);
}

/// Pads with zeros. Offsets in `bytes` may stand for offsets in the message, because the fields
/// begin at byte 16.
fn align(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

fn length(bytes: usize) -> zvariant::Result<[u8; 4]> {
    u32::try_from(bytes).map(u32::to_le_bytes).map_err(|_| zvariant::Error::OutOfBounds)
}

#[cfg(test)]
mod tests {
    use zbus::message::{Flags, Message};
    use zbus::zvariant::Value;

    use super::*;

    /// Compares with the message that zbus builds.
    fn check<B: Serialize + DynamicType>(method: Method<'_>, body: &B, reply: Reply) {
        let serial = NonZeroU32::new(77).unwrap();
        let message = Message::method_call(method.path, method.name).unwrap();
        let message =
            message.destination(method.destination).unwrap().interface(method.interface).unwrap();
        let message = message.endian(Endian::Little).serial(serial);
        let message = message.with_flags(Flags::NoAutoStart).unwrap();
        let message = match reply {
            Reply::Expected => message,
            Reply::NotExpected => message.with_flags(Flags::NoReplyExpected).unwrap(),
        };
        let mut found = b"before".to_vec();
        call(&mut found, method, body, reply, serial).unwrap();
        assert_eq!(&found[6..], &message.build(body).unwrap().data()[..]);
    }

    #[test]
    fn call_refuses_a_message_above_the_limit() {
        let method =
            Method { destination: "a.b", path: "/", interface: "a.b.Manager", name: "Hello" };
        let text = "x".repeat(MAX_MESSAGE);
        let mut out = Vec::new();
        call(&mut out, method, &text, Reply::Expected, NonZeroU32::MIN).unwrap_err();
        assert!(out.is_empty());
    }

    #[test]
    fn call_writes_the_same_bytes_as_zbus() {
        let paths = ["/", "/a", "/org/freedesktop/systemd1", "/org/freedesktop/systemd1/unit/a_2e"];
        for path in paths {
            for name in ["a", "Hello", "StartTransientUnit"] {
                let method = Method { destination: "a.b", path, interface: "a.b.Manager", name };
                for reply in [Reply::Expected, Reply::NotExpected] {
                    check(method, &(), reply);
                    check(method, &"a.scope", reply);
                    check(method, &("a.scope", true), reply);
                    let properties = vec![
                        ("MemoryMax", Value::U64(1 << 40)),
                        ("PIDs", Value::from(vec![1u32, 2])),
                        ("AllowedCPUs", Value::from(vec![3u8])),
                        ("DeviceAllow", Value::from(vec![("/dev/null", "rwm")])),
                        ("Delegate", Value::Bool(true)),
                    ];
                    check(method, &("a.scope", true, &properties), reply);
                    let auxiliary: [(&str, Vec<(&str, Value<'_>)>); 0] = [];
                    check(method, &("a", "replace", &properties, &auxiliary[..]), reply);
                }
            }
        }
    }
}
