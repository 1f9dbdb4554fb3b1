// SPDX-License-Identifier: Apache-2.0

//! The parsers of the files that tell events. Pure: bytes in, counts and states out.
//!
//! The kernel ends every line with a newline. A text that does not end so was cut short, and its
//! last number may lack digits. Such a text, and a key without its number, is garbled: a removal
//! after a garbled reading must not say that the counts are exact.

use rustix::process::Pid;

use super::kind::{Kind, MEMORY_EVENTS};
use super::tally::Tally;
use crate::stats::{lines, number, split};

/// What the text of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `populated` and `frozen` of cgroup.events.
    State,
    /// `populated` of cgroup.events alone, on a hybrid host, where v1's freezer freezes.
    Populated,
    /// Counts by key.
    Counts(&'static [(&'static str, Kind)]),
    /// v1's freezer.state.
    FreezerState,
    /// Bytes in use. With a threshold, each reading compares the two; without, an eventfd of v1
    /// signals that memory use crossed the threshold.
    Usage(Option<u64>),
    /// The text is not read: the file is only for an eventfd.
    Signal,
}

/// A text that is not what the kernel writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Garbled;

/// Notes what a file says.
pub(super) fn note(role: Role, text: &[u8], tally: &mut Tally) -> std::result::Result<(), Garbled> {
    match role {
        Role::State => tally.state(Some(populated(text)?), flag(text, "frozen")?),
        Role::Populated => tally.state(Some(populated(text)?), None),
        Role::FreezerState => tally.state(None, freezer_state(text)?),
        Role::Counts(keys) => {
            for (key, kind) in keys {
                if let Some(value) = keyed(text, key)? {
                    tally.count(*kind, value);
                }
            }
        }
        Role::Usage(threshold) => {
            let bytes = value(text).ok_or(Garbled)?;
            tally.level(Kind::Threshold, bytes);
            if let Some(threshold) = threshold {
                tally.side(bytes >= threshold);
            }
        }
        Role::Signal => {}
    }
    Ok(())
}

/// Returns the number after a key and a space; None for a key that this kernel does not have.
pub(super) fn keyed(text: &[u8], key: &str) -> std::result::Result<Option<u64>, Garbled> {
    if !text.ends_with(b"\n") {
        return Err(Garbled);
    }
    for line in lines(text) {
        let (name, rest) = split(line, b' ').unwrap_or((line, b""));
        if name == key.as_bytes() {
            return number(rest).map(Some).ok_or(Garbled);
        }
    }
    Ok(None)
}

fn flag(text: &[u8], key: &str) -> std::result::Result<Option<bool>, Garbled> {
    match keyed(text, key)? {
        None => Ok(None),
        Some(0) => Ok(Some(false)),
        Some(1) => Ok(Some(true)),
        Some(_) => Err(Garbled),
    }
}

fn populated(text: &[u8]) -> std::result::Result<bool, Garbled> {
    flag(text, "populated")?.ok_or(Garbled)
}

/// Returns None while the cgroup is neither frozen nor thawed.
fn freezer_state(text: &[u8]) -> std::result::Result<Option<bool>, Garbled> {
    match text {
        b"FROZEN\n" => Ok(Some(true)),
        b"THAWED\n" => Ok(Some(false)),
        b"FREEZING\n" => Ok(None),
        _ => Err(Garbled),
    }
}

fn value(text: &[u8]) -> Option<u64> {
    number(text.strip_suffix(b"\n")?)
}

/// Returns the microseconds behind `total=` in the line of pressure that begins with `some` or
/// `full`.
pub(super) fn total(text: &[u8], word: &str) -> Option<u64> {
    let line = lines(text)
        .find(|line| split(line, b' ').is_some_and(|(first, _)| first == word.as_bytes()))?;
    let mut words = line.split(|&b| b == b' ');
    number(words.find_map(|word| word.strip_prefix(b"total="))?)
}

/// Returns the processes of a list. A process of another pid namespace is 0 there, and left out.
pub(super) fn pids(text: &[u8]) -> impl Iterator<Item = Pid> + '_ {
    lines(text).filter_map(|line| Pid::from_raw(i32::try_from(number(line)?).ok()?))
}

const COUNTS: usize = MEMORY_EVENTS.len();

/// Counts in the order of [`MEMORY_EVENTS`]. Old kernels do not have every key.
pub(super) type Counts = [Option<u64>; COUNTS];

/// Reads memory.events.
pub(super) fn counts(text: &[u8]) -> std::result::Result<Counts, Garbled> {
    let mut out = [None; COUNTS];
    for (place, (key, _)) in out.iter_mut().zip(MEMORY_EVENTS) {
        *place = keyed(text, key)?;
    }
    Ok(out)
}
