// SPDX-License-Identifier: Apache-2.0

//! Decodes JSON into runtime-spec's types as Go's encoding/json does, which other runtimes use.
//!
//! serde alone accepts an array for a struct, refuses null for a number, and silently skips members
//! that it does not know. A [`Decoder`] stands between serde_json and the OCI types:
//!
//! - null leaves a value as it is, which is 0, false, "" or an empty object
//! - a struct must be a JSON object
//! - a device type of "" is type `a`
//! - members that the types do not know are noted, so that a misspelt limit causes a warning

use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::notes::{Notes, Part, Place};

/// Decodes a value. `root` is the name of the outermost object in [`Unknown::object`].
pub(super) fn decode<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    json: D,
    root: &str,
    notes: &mut Notes,
) -> Result<T, D::Error> {
    T::deserialize(Decoder { json, at: Place::root(root), notes })
}

struct Decoder<'n, D> {
    json: D,
    at: Place<'n>,
    notes: &'n mut Notes,
}

/// Decodes a member or an element.
struct Seed<'n, S> {
    target: S,
    at: Place<'n>,
    notes: &'n mut Notes,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Seed<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<S::Value, D::Error> {
        self.target.deserialize(Decoder { json, at: self.at, notes: self.notes })
    }
}

/// The types that accept null.
#[derive(Clone, Copy)]
enum Kind {
    Bool,
    Signed,
    Unsigned,
    Text,
    /// An optional value.
    Option,
    /// An object with these members.
    Struct(&'static str, &'static [&'static str]),
}

macro_rules! or_null {
    ($($method:ident $kind:expr),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.or_null($kind, visitor)
        }
    )*};
}

impl<D> Decoder<'_, D> {
    fn or_null<'de, V: Visitor<'de>>(self, kind: Kind, visitor: V) -> Result<V::Value, D::Error>
    where
        D: Deserializer<'de>,
    {
        let Decoder { json, at, notes } = self;
        json.deserialize_option(OrNull { kind, visitor, at, notes })
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Decoder<'_, D> {
    type Error = D::Error;

    or_null!(
        deserialize_bool Kind::Bool,
        deserialize_i8 Kind::Signed, deserialize_i16 Kind::Signed,
        deserialize_i32 Kind::Signed, deserialize_i64 Kind::Signed,
        deserialize_u8 Kind::Unsigned, deserialize_u16 Kind::Unsigned,
        deserialize_u32 Kind::Unsigned, deserialize_u64 Kind::Unsigned,
        deserialize_str Kind::Text, deserialize_string Kind::Text,
        deserialize_option Kind::Option
    );

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.json.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.json.deserialize_ignored_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let Decoder { json, at, notes } = self;
        // A null document would silently set nothing.
        if at.is_root() {
            let of = Some((name, fields));
            return json.deserialize_map(Members { of, visitor, at, notes });
        }
        Decoder { json, at, notes }.or_null(Kind::Struct(name, fields), visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let Decoder { json, at, notes } = self;
        json.deserialize_map(Members { of: None, visitor, at, notes })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let Decoder { json, at, notes } = self;
        json.deserialize_seq(Elements { visitor, at, notes })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.json.deserialize_str(DeviceType(visitor))
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple tuple_struct
        identifier
    }
}

/// Visits a value that may be null.
struct OrNull<'n, V> {
    kind: Kind,
    visitor: V,
    at: Place<'n>,
    notes: &'n mut Notes,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for OrNull<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        match self.kind {
            Kind::Bool => self.visitor.visit_bool(false),
            Kind::Signed => self.visitor.visit_i64(0),
            Kind::Unsigned => self.visitor.visit_u64(0),
            Kind::Text => self.visitor.visit_str(""),
            Kind::Option => self.visitor.visit_none(),
            Kind::Struct(..) => {
                let none = std::iter::empty::<(&str, &str)>();
                self.visitor.visit_map(MapDeserializer::new(none))
            }
        }
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<V::Value, D::Error> {
        let OrNull { kind, visitor, at, notes } = self;
        if at.is_pids_limit {
            notes.pids_limits.push(at.depth);
        }
        match kind {
            Kind::Bool => json.deserialize_bool(visitor),
            Kind::Signed => json.deserialize_i64(visitor),
            Kind::Unsigned => json.deserialize_u64(visitor),
            Kind::Text => json.deserialize_string(visitor),
            Kind::Option => visitor.visit_some(Decoder { json, at, notes }),
            Kind::Struct(name, fields) => {
                json.deserialize_map(Members { of: Some((name, fields)), visitor, at, notes })
            }
        }
    }
}

/// Visits an object. `of` is its type's name and members; None for a map.
struct Members<'n, V> {
    of: Option<(&'static str, &'static [&'static str])>,
    visitor: V,
    at: Place<'n>,
    notes: &'n mut Notes,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Members<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let Members { of, visitor, at, notes } = self;
        visitor.visit_map(MemberAccess { map, of, at, notes, name: Cow::Borrowed("") })
    }
}

struct MemberAccess<'n, 'de, A> {
    map: A,
    of: Option<(&'static str, &'static [&'static str])>,
    at: Place<'n>,
    notes: &'n mut Notes,
    name: Cow<'de, str>,
}

impl<A> MemberAccess<'_, '_, A> {
    /// Notes a member that the object's type does not know, or refuses the object.
    fn check<E: Error>(&mut self) -> Result<(), E> {
        let Some((kind, known)) = self.of.filter(|(_, known)| !known.contains(&&*self.name)) else {
            return Ok(());
        };
        self.notes.note(self.at, kind, known, &self.name).map_err(E::custom)
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for MemberAccess<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Some(Name(name)) = self.map.next_key()? else { return Ok(None) };
        self.name = name;
        self.check()?;
        seed.deserialize((*self.name).into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let mut at = self.at.below(Part::Name(&self.name));
        at.is_pids_limit = self.of.is_some_and(|(kind, _)| kind == "LinuxPids");
        self.map.next_value_seed(Seed { target: seed, at, notes: &mut *self.notes })
    }
}

/// The name of a member.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        json.deserialize_str(NameVisitor)
    }
}

/// Visits a list.
struct Elements<'n, V> {
    visitor: V,
    at: Place<'n>,
    notes: &'n mut Notes,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Elements<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        let Elements { visitor, at, notes } = self;
        visitor.visit_seq(ElementAccess { list, at, notes, index: 0 })
    }
}

struct ElementAccess<'n, A> {
    list: A,
    at: Place<'n>,
    notes: &'n mut Notes,
    index: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for ElementAccess<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let at = self.at.below(Part::Element(self.index));
        self.index += 1;
        self.list.next_element_seed(Seed { target: seed, at, notes: &mut *self.notes })
    }
}

/// Visits the name of an enumeration's value. The only enumeration is the type of a device, where
/// "" means every type.
struct DeviceType<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for DeviceType<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a device type")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<V::Value, E> {
        let name = if name.is_empty() { "a" } else { name };
        self.0.visit_enum(name.into_deserializer())
    }
}
