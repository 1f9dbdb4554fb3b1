//! Messages that come in: where one ends, what its header says, what is in it.

use zbus::message::{Header, Type};
use zbus::zvariant::serialized::{Context, Data};
use zbus::zvariant::{DynamicDeserialize, Endian, Signature};

use super::{Fault, Outcome, Remote};

/// Up to the length of the header's fields.
pub(super) const FIXED: usize = 16;
/// The D-Bus specification's limits.
const LONGEST: usize = 128 * 1024 * 1024;
const LONGEST_FIELDS: usize = 64 * 1024 * 1024;

/// A message from the bus, of a kind that somebody may want.
#[derive(Debug)]
pub(in crate::systemd) struct Incoming {
    pub kind: Type,
    pub reply_to: Option<u32>,
    pub sender: Option<String>,
    pub interface: Option<String>,
    pub member: Option<String>,
    error: Option<String>,
    signature: Signature,
    body: Data<'static, 'static>,
}

/// The whole length of the message that starts with these bytes; nothing is allocated for it.
pub(super) fn length(fixed: [u8; FIXED]) -> Outcome<usize> {
    let [endian, kind, _, version, b0, b1, b2, b3, _, _, _, _, f0, f1, f2, f3] = fixed;
    let number: fn([u8; 4]) -> u32 = match endian {
        b'l' => u32::from_le_bytes,
        b'B' => u32::from_be_bytes,
        _ => return Err(Fault::Broken(format!("a message that starts with {endian:#04x}"))),
    };
    if version != 1 || kind == 0 {
        let text = format!("a message of protocol version {version} and type {kind}");
        return Err(Fault::Broken(text));
    }
    let size = |n| usize::try_from(n).unwrap_or(usize::MAX);
    let (body, fields) = (size(number([b0, b1, b2, b3])), size(number([f0, f1, f2, f3])));
    if fields > LONGEST_FIELDS || body > LONGEST || body_offset(fields) + body > LONGEST {
        return Err(Fault::Broken(format!(
            "a message of {fields} bytes of header, {body} of body"
        )));
    }
    Ok(body_offset(fields) + body)
}

/// The body is aligned to 8.
fn body_offset(fields: usize) -> usize {
    (FIXED + fields).next_multiple_of(8)
}

/// A whole message; `None` when it is of no interest: a call (this side offers nothing), a kind
/// that is to be ignored, or a signal with header fields that are not known here.
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
    let (header, size): (Header<'_>, usize) = match data.deserialize() {
        Ok(parsed) => parsed,
        // Anybody can send a signal; only an answer has to be right.
        Err(_) if kind == 4 => return Ok(None),
        Err(e) => return Err(Fault::Broken(format!("an answer with a malformed header: {e}"))),
    };
    let body = data.slice(size.next_multiple_of(8).min(data.len())..);
    Ok(Some(Incoming {
        kind: header.message_type(),
        reply_to: header.reply_serial().map(u32::from),
        sender: header.sender().map(ToString::to_string),
        interface: header.interface().map(ToString::to_string),
        member: header.member().map(ToString::to_string),
        error: header.error_name().map(ToString::to_string),
        signature: header.signature().clone(),
        body,
    }))
}

impl Incoming {
    /// The arguments.
    pub fn read<'a, T: DynamicDeserialize<'a>>(&'a self) -> Outcome<T> {
        let read = self.body.deserialize_for_dynamic_signature(self.signature.clone());
        read.map(|(value, _)| value).map_err(|e| {
            let signature = self.signature.to_string_no_parens();
            Fault::Broken(format!("an answer of type '{signature}' that cannot be read: {e}"))
        })
    }

    /// The error, when it is one.
    pub fn refusal(&self) -> Option<Remote> {
        if self.kind != Type::Error {
            return None;
        }
        // An error need not have a text, nor one that is a string.
        let text = self.read::<&str>().unwrap_or_default().to_owned();
        let name = self.error.clone().unwrap_or_default();
        Some(Remote { name, text })
    }
}
