// SPDX-License-Identifier: Apache-2.0

//! The header of an incoming message.
//!
//! Four bytes, the body's length, the serial, and an array of fields, each a code and a variant.
//! D-Bus specification, "Message Format".

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use zvariant::{Signature, Type, Value};

/// What a message is. Method calls are not read: this side offers no methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::systemd) enum Kind {
    /// The reply to a call.
    Reply,
    /// A reply that says why a call failed.
    Error,
    /// A signal.
    Signal,
}

/// What this library reads of a header. Names are not checked: they are only compared or shown.
#[derive(Debug)]
pub(super) struct Header {
    pub kind: Kind,
    pub reply_to: Option<u32>,
    pub has_destination: bool,
    pub interface: Option<String>,
    pub member: Option<String>,
    pub error: Option<String>,
    pub signature: Signature,
}

/// Endianness, type, flags, version, body length, serial, fields.
type Wire<'m> = (u8, u8, u8, u8, u32, u32, Vec<(u8, Value<'m>)>);

impl Type for Header {
    const SIGNATURE: &'static Signature = <Wire<'static> as Type>::SIGNATURE;
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Header, D::Error> {
        let (_, kind, _, _, _, _, fields) = Wire::deserialize(from)?;
        let kind = match kind {
            2 => Kind::Reply,
            3 => Kind::Error,
            4 => Kind::Signal,
            other => return Err(D::Error::custom(format!("message type {other}"))),
        };
        let mut header = Header {
            kind,
            reply_to: None,
            has_destination: false,
            interface: None,
            member: None,
            error: None,
            signature: Signature::Unit,
        };
        for (code, value) in fields {
            match (code, value) {
                (2, Value::Str(text)) => header.interface = Some(text.to_string()),
                (3, Value::Str(text)) => header.member = Some(text.to_string()),
                (4, Value::Str(text)) => header.error = Some(text.to_string()),
                (5, Value::U32(serial)) => header.reply_to = Some(serial),
                (6, Value::Str(_)) => header.has_destination = true,
                (8, Value::Signature(signature)) => header.signature = signature,
                (2..=6 | 8, _) => {
                    return Err(D::Error::custom(format!("header field {code} of another type")))
                }
                // The specification: unknown fields are ignored.
                _ => {}
            }
        }
        Ok(header)
    }
}
