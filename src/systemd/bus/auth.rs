//! The handshake: EXTERNAL without an identity, as sd-bus does it.
//!
//! The bus takes the uid from the socket's credentials. A uid in the text would have to be the
//! one outside of the caller's user namespace, which the caller cannot know for sure.

use super::{socket::Socket, Deadline, Fault, Outcome};
use crate::error::{Code, Error};

/// Sent in one go with the first message behind it: neither answer changes what would follow.
pub(super) const OPENING: &[u8] = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";

/// A line that is longer is no line of this protocol.
const LONGEST: usize = 16 * 1024;

/// Reads `DATA` and `OK GUID`; what is behind them stays in `input`.
pub(super) fn accepted(socket: &Socket, input: &mut Vec<u8>, deadline: Deadline) -> Outcome<()> {
    let mut asked = false;
    loop {
        let line = line(socket, input, deadline)?;
        let word = line.split(|b| *b == b' ').next().unwrap_or_default();
        match word {
            // Once: whoever says it for ever is no bus.
            b"DATA" if !asked => asked = true,
            b"OK" => return Ok(()),
            b"REJECTED" => {
                let text = format!(
                    "the bus rejected the credentials of this process ({}); it has to run as a \
                     user that the bus serves: root or the bus's own user",
                    printable(&line)
                );
                return Err(Fault::Failed(
                    Error::new(Code::System, text).context("authenticate to the bus"),
                ));
            }
            _ => {
                let text = format!("{} in answer to AUTH EXTERNAL", printable(&line));
                return Err(Fault::Broken(text));
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
        if input.len() > LONGEST {
            return Err(Fault::Broken("a line without an end during authentication".to_owned()));
        }
        socket.read_more(input, deadline).map_err(|fault| match fault {
            // Nothing but Hello was sent.
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
