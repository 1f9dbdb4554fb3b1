// SPDX-License-Identifier: Apache-2.0

//! Decodes incoming messages: length, header and body.
//!
//! D-Bus specification, "Message Format".

use zvariant::serialized::{Context, Data};
use zvariant::{DynamicDeserialize, Endian, Signature};

use super::fault::{ErrorReply, Fault, Outcome};
use super::header::{Header, Kind};
use crate::bytes::cut;

/// Bytes of the fixed part of a header, which ends with the length of the header's fields.
pub(super) const FIXED: usize = 16;
/// The longest message that is read. The specification allows 128 MiB, which any program on the bus
/// could make this process hold. systemd's longest reply is the list of a unit's processes.
pub(super) const MAX_MESSAGE: usize = 8 * 1024 * 1024;
/// The longest header that is read. A real one holds a few names. Decoding takes some 60 times its
/// length in memory.
const MAX_FIELDS: usize = 16 * 1024;
/// The longest body that is decoded to a [`zvariant::Value`], which takes some 150 times the length
/// in memory. systemd's longest property is a list of devices.
const MAX_VALUE: usize = 256 * 1024;
/// The longest signal that is kept. A real `JobRemoved` has less than 1 KiB.
pub(super) const MAX_SIGNAL: usize = 4 * 1024;
/// The longest text of an error reply that is passed on.
const MAX_TEXT: usize = 1024;

/// A message from the bus: a reply, an error reply or a signal.
#[derive(Debug)]
pub(in crate::systemd) struct Incoming {
    pub kind: Kind,
    /// Serial of the call that this message replies to.
    pub reply_to: Option<u32>,
    /// The message is addressed to this connection and is not a broadcast.
    pub is_unicast: bool,
    pub interface: Option<String>,
    pub member: Option<String>,
    /// The error's name.
    error: Option<String>,
    signature: Signature,
    body: Data<'static, 'static>,
}

/// Returns the length of the whole message whose header starts with these bytes.
pub(super) fn length(fixed: [u8; FIXED]) -> Outcome<usize> {
    let [endian, kind, _, version, b0, b1, b2, b3, _, _, _, _, f0, f1, f2, f3] = fixed;
    let number: fn([u8; 4]) -> u32 = match endian {
        b'l' => u32::from_le_bytes,
        b'B' => u32::from_be_bytes,
        _ => return Err(Fault::Protocol(format!("a message that starts with {endian:#04x}"))),
    };
    if version != 1 || kind == 0 {
        let text = format!("a message of protocol version {version} and type {kind}");
        return Err(Fault::Protocol(text));
    }
    let size = |n| usize::try_from(n).unwrap_or(usize::MAX);
    let (body, fields) = (size(number([b0, b1, b2, b3])), size(number([f0, f1, f2, f3])));
    if fields > MAX_FIELDS || body > MAX_MESSAGE || body_offset(fields) + body > MAX_MESSAGE {
        return Err(Fault::Protocol(format!(
            "a message with {fields} bytes of header fields and {body} bytes of body, above the \
             limits of {MAX_FIELDS} and {MAX_MESSAGE}"
        )));
    }
    Ok(body_offset(fields) + body)
}

/// Returns where the body begins: at the first multiple of 8 after the header.
fn body_offset(fields: usize) -> usize {
    (FIXED + fields).next_multiple_of(8)
}

/// Decodes a whole message. Returns None for messages to ignore: method calls, because this side
/// offers no methods; types that the specification does not define; and signals with a header
/// that cannot be decoded.
pub(super) fn parse(bytes: Vec<u8>) -> Outcome<Option<Incoming>> {
    let (endian, kind) = match *bytes.as_slice() {
        [b'l', kind, ..] => (Endian::Little, kind),
        [_, kind, ..] => (Endian::Big, kind),
        _ => return Ok(None),
    };
    if !(2..=4).contains(&kind) {
        return Ok(None);
    }
    let data: Data<'static, 'static> = Data::new(bytes, Context::new_dbus(endian, 0));
    let (header, size): (Header, usize) = match data.deserialize() {
        Ok(parsed) => parsed,
        // Any process on the bus can send a signal, so a malformed one is no fault of the bus.
        Err(_) if kind == 4 => return Ok(None),
        Err(e) => return Err(Fault::Protocol(format!("a reply with a malformed header: {e}"))),
    };
    let body = data.slice(size.next_multiple_of(8).min(data.len())..);
    Ok(Some(Incoming {
        kind: header.kind,
        reply_to: header.reply_to,
        is_unicast: header.has_destination,
        interface: header.interface,
        member: header.member,
        error: header.error,
        signature: header.signature,
        body,
    }))
}

impl Incoming {
    /// Returns the message's arguments.
    pub fn read<'a, T: DynamicDeserialize<'a>>(&'a self) -> Outcome<T> {
        let read = self.body.deserialize_for_dynamic_signature(self.signature.clone());
        read.map(|(value, _)| value).map_err(|e| {
            let signature = self.signature.to_string_no_parens();
            Fault::Protocol(format!("a reply of type '{signature}' that cannot be read: {e}"))
        })
    }

    /// Returns the message's argument, which is a value of any type.
    pub fn read_value(&self) -> Outcome<zvariant::Value<'_>> {
        if self.body_len() > MAX_VALUE {
            let text =
                format!("a value of {} bytes, above the limit of {MAX_VALUE}", self.body_len());
            return Err(Fault::Protocol(text));
        }
        self.read()
    }

    /// Returns the length of the message's body.
    pub fn body_len(&self) -> usize {
        self.body.len()
    }

    /// Returns the name and text of an error reply, or None for any other message.
    pub fn error_reply(&self) -> Option<ErrorReply> {
        if self.kind != Kind::Error {
            return None;
        }
        // An error reply may have no arguments, or a first argument that is not a string.
        let text = cut(self.read::<&str>().unwrap_or_default(), MAX_TEXT);
        let name = self.error.clone().unwrap_or_default();
        Some(ErrorReply { name, text })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zbus::message::Message;
    use zvariant::{ObjectPath, Value};

    use super::super::convert::from_wire;
    use super::*;

    /// Reads the message in every way in which this library reads messages.
    fn read(bytes: Vec<u8>) {
        if let Ok(Some(message)) = parse(bytes) {
            let _ = message.error_reply();
            let _ = message.read::<(u32, ObjectPath<'_>, &str, &str)>();
            let _ = message.read::<Value<'_>>().map(|v| from_wire(&v));
        }
    }

    fn signal() -> Vec<u8> {
        let path = ObjectPath::try_from("/org/freedesktop/systemd1/job/7").unwrap();
        let message = Message::signal("/a", "b.c", "JobRemoved").unwrap();
        message.build(&(7u32, path, "a.scope", "done")).unwrap().data().to_vec()
    }

    fn variant() -> Vec<u8> {
        let message = Message::signal("/a", "b.c", "D").unwrap();
        let value = Value::from(vec![("a", vec![Value::from(1u64), Value::from("text")])]);
        message.build(&value).unwrap().data().to_vec()
    }

    fn length_of(bytes: &[u8]) -> Option<usize> {
        length(*bytes.first_chunk()?).ok()
    }

    #[test]
    fn length_is_that_of_the_whole_message() {
        for bytes in [signal(), variant()] {
            assert_eq!(length_of(&bytes), Some(bytes.len()));
        }
        assert!(
            matches!(parse(signal()), Ok(Some(s)) if s.member.as_deref() == Some("JobRemoved"))
        );
    }

    proptest! {
        #[test]
        fn parse_never_panics_on_changed_messages(
            of_signal in any::<bool>(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut bytes = if of_signal { signal() } else { variant() };
            for (index, byte) in changes {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
            if length_of(&bytes) == Some(bytes.len()) {
                read(bytes);
            }
        }

        #[test]
        fn parse_never_panics_on_random_bytes(
            body in prop::collection::vec(any::<u8>(), 0..64),
            fields in 0usize..64,
        ) {
            let fields = fields.min(body.len());
            let length = u32::try_from(body.len() - fields.next_multiple_of(8).min(body.len()));
            let mut bytes = b"l\x02\x00\x01".to_vec();
            bytes.extend(length.unwrap().to_le_bytes());
            bytes.extend([1, 0, 0, 0]);
            bytes.extend(u32::try_from(fields).unwrap().to_le_bytes());
            bytes.extend(body);
            if length_of(&bytes) == Some(bytes.len()) {
                read(bytes);
            }
        }
    }
}
