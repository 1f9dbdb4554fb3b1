// SPDX-License-Identifier: Apache-2.0

//! The error type: the operation, the file, the value, the cause, and what the caller can do.

use std::borrow::Cow;
use std::fmt;

use rustix::io::Errno;

use crate::bytes::{one_line, Lossless};

/// The kind of a failure. The numbers are the C ABI's `KATACG_ERR_*`, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
#[non_exhaustive]
pub enum Code {
    /// An argument is missing, malformed or contradicts another one.
    Argument = 1,
    /// A path or unit name breaks the rule that it was checked against.
    Path = 2,
    /// The JSON cannot be parsed (the message has line and column), or is not of the expected form.
    Json = 3,
    /// A value is out of range or contradicts another one.
    Value = 4,
    /// No cgroup is mounted, or none with the controller that is needed.
    NotMounted = 5,
    /// The controller is not available in this cgroup; the message lists the available ones.
    Controller = 6,
    /// A system call failed; see `errno`.
    System = 7,
    /// This layout, this kernel or this version of the library cannot do it.
    Unsupported = 8,
    /// The cgroup does not exist, or no longer exists.
    Deleted = 9,
    /// The kernel took the value and changed it.
    Clamped = 10,
    /// A rootless caller asked for limits, and may not create a cgroup to hold them.
    Rootless = 11,
    /// Something is still in use; the message names what is left.
    Busy = 12,
    /// Something did not happen in time.
    Timeout = 13,
    /// A bug in this library, which caught it. What the call did is not known.
    Panic = 14,
    /// An options struct sets fields that this version does not know.
    TooNew = 15,
    /// systemd cannot be reached: no bus, or no systemd on it.
    Bus = 16,
}

impl Code {
    /// Returns the errno that stands for this kind when no system call failed.
    fn errno(self) -> Errno {
        match self {
            Code::Argument | Code::Path | Code::Json => Errno::INVAL,
            Code::Value | Code::Clamped => Errno::RANGE,
            Code::NotMounted | Code::Deleted => Errno::NOENT,
            Code::Controller | Code::Unsupported => Errno::OPNOTSUPP,
            Code::System => Errno::IO,
            Code::Rootless => Errno::PERM,
            Code::Busy => Errno::BUSY,
            Code::Timeout => Errno::TIMEDOUT,
            Code::Panic => Errno::NOTRECOVERABLE,
            Code::TooNew => Errno::TOOBIG,
            Code::Bus => Errno::CONNREFUSED,
        }
    }
}

/// An error. `Display` prints one line: operation, file, value, cause, advice.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    code: Code,
    errno: Option<Errno>,
    text: Vec<u8>,
    /// The request may have been carried out in spite of the error.
    uncertain: bool,
}

/// The result of every function of this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Makes an error with this text, on one line. The text is bytes, because paths need not be
    /// UTF-8.
    pub fn new(code: Code, text: impl Into<Vec<u8>>) -> Self {
        Error::original(code, one_line(&text.into()))
    }

    /// Makes an error with the exact text of Kata's Go code, which may have the newlines of a path.
    pub(crate) fn original(code: Code, text: impl Into<Vec<u8>>) -> Self {
        Error(Box::new(Inner { code, errno: None, text: text.into(), uncertain: false }))
    }

    /// Makes the error of a system call that failed: `OPERATION FILE: CAUSE`.
    pub fn system(operation: &str, file: &[u8], errno: Errno) -> Self {
        Error::new(Code::System, [operation.as_bytes(), b" ", file].concat()).caused_by(errno)
    }

    /// Makes the error of a write that failed: `write "VALUE" to FILE: CAUSE`.
    pub fn write(file: &[u8], value: &[u8], errno: Errno) -> Self {
        let text = format!("write {} to ", Lossless(value));
        Error::new(Code::System, [text.as_bytes(), file].concat()).caused_by(errno)
    }

    fn caused_by(mut self, errno: Errno) -> Self {
        self.0.errno = Some(errno);
        self.0.text.extend_from_slice(format!(": {}", describe(errno)).as_bytes());
        self
    }

    /// Returns the error with another code. Text and errno stay.
    #[must_use]
    pub fn with_code(mut self, code: Code) -> Self {
        self.0.code = code;
        self
    }

    /// Returns the error with a context before its text: `CONTEXT: TEXT`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        let mut text = one_line(format!("{context}: ").as_bytes()).into_owned();
        text.append(&mut self.0.text);
        self.0.text = text;
        self
    }

    /// Returns the error with advice after its text: `TEXT; ADVICE`.
    #[must_use]
    pub fn advice(mut self, advice: impl fmt::Display) -> Self {
        self.0.text.extend_from_slice(&one_line(format!("; {advice}").as_bytes()));
        self
    }

    /// Marks the error: the request may have been carried out already, or may be carried out later.
    pub(crate) fn into_uncertain(mut self) -> Self {
        self.0.uncertain = true;
        self
    }

    /// Whether the request may have been carried out in spite of the error.
    pub(crate) fn is_uncertain(&self) -> bool {
        self.0.uncertain
    }

    /// Returns the kind of the failure.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Returns the errno of the system call that failed, if one failed.
    pub fn sys_errno(&self) -> Option<Errno> {
        self.0.errno
    }

    /// Returns the errno for a C caller: the system call's, or the one that stands for the code.
    pub fn errno(&self) -> Errno {
        match self.0.code {
            // The system call's errno would mislead: ENODEV for an open file of a removed cgroup,
            // ENOENT for the file of a missing controller or the socket of a missing bus.
            code @ (Code::Deleted | Code::Controller | Code::Bus) => code.errno(),
            code => self.0.errno.unwrap_or_else(|| code.errno()),
        }
    }

    /// Returns the text as bytes. Paths are as the caller gave them.
    pub fn text(&self) -> &[u8] {
        &self.0.text
    }

    /// Whether a system call failed with this errno.
    pub fn is(&self, errno: Errno) -> bool {
        self.0.errno == Some(errno)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0.text))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.code)
    }
}

impl std::error::Error for Error {}

/// Returns the errno's text without std's " (os error N)".
fn describe(errno: Errno) -> Cow<'static, str> {
    let whole = std::io::Error::from(errno).to_string();
    match whole.rsplit_once(" (os error") {
        Some((words, _)) => Cow::Owned(words.to_owned()),
        None => Cow::Owned(whole),
    }
}

/// Returns `Err` with this text.
pub(crate) fn fail<T>(code: Code, text: impl Into<String>) -> Result<T> {
    Err(Error::new(code, text.into().into_bytes()))
}
