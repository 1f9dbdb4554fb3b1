//! Messages that go out: calls of methods, which are all that this side sends.
//!
//! The header is put together here and the body is encoded once: zbus's builder goes through both
//! twice and copies what it has, which was a quarter of what a set cost. That the bytes are the same
//! is tested.

use std::num::NonZeroU32;

use serde::Serialize;
use zbus::zvariant::serialized::Context;
use zbus::zvariant::{self, DynamicType, Endian};

use super::message::LONGEST;
use super::{Answer, Method};

/// A call, and neither the bus nor systemd is there to be started by it.
const CALL: u8 = 1;
const NO_REPLY_EXPECTED: u8 = 1;
const NO_AUTO_START: u8 = 2;

/// The call, behind what is in `out`.
pub(super) fn call<B: Serialize + DynamicType>(
    out: &mut Vec<u8>,
    method: Method<'_>,
    body: &B,
    answer: Answer,
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
    field(&mut fields, 6, b's', method.to)?;
    if !types.is_empty() {
        start(&mut fields, 8, b'g');
        fields.push(u8::try_from(types.len()).map_err(|_| zvariant::Error::OutOfBounds)?);
        fields.extend_from_slice(types.as_bytes());
        fields.push(0);
    }
    let flags = match answer {
        Answer::Wanted => NO_AUTO_START,
        Answer::None => NO_AUTO_START | NO_REPLY_EXPECTED,
    };
    if body.len() + fields.len() + 24 > LONGEST {
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

/// A field of the header that is a text.
fn field(fields: &mut Vec<u8>, code: u8, of: u8, text: &str) -> zvariant::Result<()> {
    start(fields, code, of);
    align(fields, 4);
    fields.extend_from_slice(&length(text.len())?);
    fields.extend_from_slice(text.as_bytes());
    fields.push(0);
    Ok(())
}

/// Its number, and its type as a variant has it.
fn start(fields: &mut Vec<u8>, code: u8, of: u8) {
    align(fields, 8);
    fields.extend_from_slice(&[code, 1, of, 0]);
}

/// What comes before the fields is 16 bytes, so that they are aligned as by themselves.
fn align(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

fn length(of: usize) -> zvariant::Result<[u8; 4]> {
    u32::try_from(of).map(u32::to_le_bytes).map_err(|_| zvariant::Error::OutOfBounds)
}

#[cfg(test)]
mod tests {
    use zbus::message::{Flags, Message};
    use zbus::zvariant::Value;

    use super::*;

    /// As zbus builds it.
    fn check<B: Serialize + DynamicType>(method: Method<'_>, body: &B, answer: Answer) {
        let serial = NonZeroU32::new(77).unwrap();
        let message = Message::method_call(method.path, method.name).unwrap();
        let message = message.destination(method.to).unwrap().interface(method.interface).unwrap();
        let message = message.endian(Endian::Little).serial(serial);
        let message = message.with_flags(Flags::NoAutoStart).unwrap();
        let message = match answer {
            Answer::Wanted => message,
            Answer::None => message.with_flags(Flags::NoReplyExpected).unwrap(),
        };
        let mut found = b"before".to_vec();
        call(&mut found, method, body, answer, serial).unwrap();
        assert_eq!(&found[6..], &message.build(body).unwrap().data()[..]);
    }

    #[test]
    fn what_is_too_long() {
        let method = Method { to: "a.b", path: "/", interface: "a.b.Manager", name: "Hello" };
        let text = "x".repeat(LONGEST);
        let mut out = Vec::new();
        call(&mut out, method, &text, Answer::Wanted, NonZeroU32::MIN).unwrap_err();
        assert!(out.is_empty());
    }

    #[test]
    fn the_bytes_are_those_of_zbus() {
        let paths = ["/", "/a", "/org/freedesktop/systemd1", "/org/freedesktop/systemd1/unit/a_2e"];
        for path in paths {
            for name in ["a", "Hello", "StartTransientUnit"] {
                let method = Method { to: "a.b", path, interface: "a.b.Manager", name };
                for answer in [Answer::Wanted, Answer::None] {
                    check(method, &(), answer);
                    check(method, &"a.scope", answer);
                    check(method, &("a.scope", true), answer);
                    let properties = vec![
                        ("MemoryMax", Value::U64(1 << 40)),
                        ("PIDs", Value::from(vec![1u32, 2])),
                        ("AllowedCPUs", Value::from(vec![3u8])),
                        ("DeviceAllow", Value::from(vec![("/dev/null", "rwm")])),
                        ("Delegate", Value::Bool(true)),
                    ];
                    check(method, &("a.scope", true, &properties), answer);
                    let auxiliary: [(&str, Vec<(&str, Value<'_>)>); 0] = [];
                    check(method, &("a", "replace", &properties, &auxiliary[..]), answer);
                }
            }
        }
    }
}
