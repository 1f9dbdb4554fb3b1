//! One error type: what was attempted, on which file, with which value, why it failed, and
//! what the caller can do about it.

use std::borrow::Cow;
use std::fmt;

use rustix::io::Errno;

use crate::bytes::{one_line, Lossless};

/// What kind of failure this is. The numbers are the C ABI's `KATACG_ERR_*`: append-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
#[non_exhaustive]
pub enum Code {
    /// An argument is missing, malformed or contradicts another one.
    Argument = 1,
    /// A path or unit name breaks the rule that it was checked against.
    Path = 2,
    /// JSON that cannot be read (the message has line and column), or is not what it should be.
    Json = 3,
    /// A value that is out of range or contradicts another one.
    Value = 4,
    /// No cgroup mount, or none with the controller that is needed.
    NotMounted = 5,
    /// The controller is not available in this cgroup; the message lists those that are.
    Controller = 6,
    /// A system call failed; see `errno`.
    System = 7,
    /// What was asked for cannot be done on this layout or by this version.
    Unsupported = 8,
    /// The cgroup does not exist (any more).
    Deleted = 9,
    /// The kernel took a value and changed it.
    Clamped = 10,
    /// Without root: limits were asked for, but no cgroup could be made to hold them.
    Rootless = 11,
    /// Still in use after the deadline; the message names what is left.
    Busy = 12,
    /// A deadline passed.
    Timeout = 13,
    /// A bug in this library; it was caught, and nothing is known about the operation.
    Panic = 14,
    /// An options structure has fields set that this version does not know.
    TooNew = 15,
    /// systemd cannot be reached: no bus, or no systemd on it.
    Bus = 16,
}

impl Code {
    /// The errno that stands for this kind when no system call gave one.
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

/// An error. `Display` is one line: operation, file, value, cause, advice.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    code: Code,
    errno: Option<Errno>,
    text: Vec<u8>,
    /// What was asked for may have been done all the same.
    uncertain: bool,
}

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error whose whole text is `text` (bytes, because paths need not be UTF-8), on one line.
    pub fn new(code: Code, text: impl Into<Vec<u8>>) -> Self {
        Error::original(code, one_line(&text.into()))
    }

    /// An error with the exact text of Kata's Go code, which can have a path's newlines.
    pub(crate) fn original(code: Code, text: impl Into<Vec<u8>>) -> Self {
        Error(Box::new(Inner { code, errno: None, text: text.into(), uncertain: false }))
    }

    /// A system call that failed: `OPERATION FILE: CAUSE`.
    pub fn system(operation: &str, file: &[u8], errno: Errno) -> Self {
        Error::new(Code::System, [operation.as_bytes(), b" ", file].concat()).because(errno)
    }

    /// A write that failed: `write "VALUE" to FILE: CAUSE`.
    pub fn write(file: &[u8], value: &[u8], errno: Errno) -> Self {
        let text = format!("write {} to ", Lossless(value));
        Error::new(Code::System, [text.as_bytes(), file].concat()).because(errno)
    }

    fn because(mut self, errno: Errno) -> Self {
        self.0.errno = Some(errno);
        self.0.text.extend_from_slice(format!(": {}", describe(errno)).as_bytes());
        self
    }

    /// The same error under another code (the text and errno stay).
    #[must_use]
    pub fn with_code(mut self, code: Code) -> Self {
        self.0.code = code;
        self
    }

    /// The same error with what led to it in front: `CONTEXT: TEXT`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        let mut text = one_line(format!("{context}: ").as_bytes()).into_owned();
        text.append(&mut self.0.text);
        self.0.text = text;
        self
    }

    /// The same error with what the caller can do behind it: `TEXT; ADVICE`.
    #[must_use]
    pub fn advice(mut self, advice: impl fmt::Display) -> Self {
        self.0.text.extend_from_slice(&one_line(format!("; {advice}").as_bytes()));
        self
    }

    /// The same error of a request that may have been carried out, or may still be.
    pub(crate) fn or_done(mut self) -> Self {
        self.0.uncertain = true;
        self
    }

    /// Whether it is such an error.
    pub(crate) fn is_uncertain(&self) -> bool {
        self.0.uncertain
    }

    /// What kind of failure this is.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The errno of the system call that failed, when one did.
    pub fn sys_errno(&self) -> Option<Errno> {
        self.0.errno
    }

    /// The errno for a C caller: the system call's, or the one that stands for the kind.
    pub fn errno(&self) -> Errno {
        match self.0.code {
            // The kernel says ENODEV of a file of a cgroup that went away while it was open.
            // A missing controller's file, or bus's socket, does not exist; that is not what is
            // missing.
            code @ (Code::Deleted | Code::Controller | Code::Bus) => code.errno(),
            code => self.0.errno.unwrap_or_else(|| code.errno()),
        }
    }

    /// The text as bytes, paths as they were given.
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

/// The errno's words, without std's " (os error N)" tail.
fn describe(errno: Errno) -> Cow<'static, str> {
    let whole = std::io::Error::from(errno).to_string();
    match whole.rsplit_once(" (os error") {
        Some((words, _)) => Cow::Owned(words.to_owned()),
        None => Cow::Owned(whole),
    }
}

/// `Err` with a text that is built from UTF-8 parts.
pub(crate) fn fail<T>(code: Code, text: impl Into<String>) -> Result<T> {
    Err(Error::new(code, text.into().into_bytes()))
}
