// SPDX-License-Identifier: Apache-2.0

//! The authentication handshake: mechanism EXTERNAL without an identity, as sd-bus does it.
//!
//! The bus reads the uid from the socket's credentials. A uid in the text would have to be the
//! uid outside the caller's user namespace, and the caller cannot know that uid for sure.
//! D-Bus specification, "Authentication Protocol".

use super::deadline::Deadline;
use super::fault::{Fault, Outcome};
use super::socket::Socket;
use crate::error::{Code, Error};

/// What the client sends. It goes out together with the first message: the bus's replies do not
/// change what the client says next.
pub(super) const OPENING: &[u8] = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";

/// Longest line accepted from the bus; its real lines are far shorter.
const MAX_LINE: usize = 16 * 1024;

/// Reads `DATA` and `OK GUID`. Bytes after these lines stay in `input`.
pub(super) fn read_acceptance(
    socket: &Socket,
    input: &mut Vec<u8>,
    deadline: Deadline,
) -> Outcome<()> {
    let mut data_seen = false;
    loop {
        let line = line(socket, input, deadline)?;
        let word = line.split(|b| *b == b' ').next().unwrap_or_default();
        match word {
            // Accepted once: a peer that repeats it for ever is not a bus.
            b"DATA" if !data_seen => data_seen = true,
            b"OK" => return Ok(()),
            b"REJECTED" => {
                let text = format!(
                    "the bus rejected the credentials of this process ({}); run it as root or as \
                     the user whose bus this is",
                    printable(&line)
                );
                return Err(Fault::Failed(
                    Error::new(Code::System, text).context("authenticate to the bus"),
                ));
            }
            _ => {
                let text = format!("{} in reply to AUTH EXTERNAL", printable(&line));
                return Err(Fault::Protocol(text));
            }
        }
    }
}

fn line(socket: &Socket, input: &mut Vec<u8>, deadline: Deadline) -> Outcome<Vec<u8>> {
    loop {
        if let Some(end) = memchr::memmem::find(input, b"\r\n") {
            let mut line: Vec<u8> = input.drain(..end + 2).collect();
            line.truncate(end);
            return Ok(line);
        }
        if input.len() > MAX_LINE {
            let text = format!("a line of more than {MAX_LINE} bytes during authentication");
            return Err(Fault::Protocol(text));
        }
        socket.read_more(input, deadline).map_err(|fault| match fault {
            // Only Hello was sent, so no request can have been carried out.
            Fault::Lost { errno, .. } => {
                Fault::Lost { sent: false, errno, when: "during authentication" }
            }
            other => other,
        })?;
    }
}

fn printable(line: &[u8]) -> String {
    let start = line.get(..80).unwrap_or(line);
    format!("\"{}\"", start.escape_ascii())
}
