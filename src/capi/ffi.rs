// SPDX-License-Identifier: Apache-2.0

//! What all exported functions share: the panic guard, pointer checks, text out, options.

use std::cell::Cell;
use std::ffi::CStr;
use std::mem::size_of;
use std::os::raw::{c_char, c_int};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::{fill, katacg_error};
use crate::error::{fail, Code, Error, Result};

thread_local! {
    /// Whether this thread runs inside [`guard`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    /// Makes the next guarded call panic, in tests.
    #[cfg(test)]
    pub(super) static INJECT: Cell<bool> = const { Cell::new(false) };
}

/// Installs a panic hook that prints nothing for a panic inside [`guard`]. Other panics go to the
/// old hook: a Rust program that links the crate has panics of its own.
fn quiet() {
    // Not a Once: if fork(2) happens while another thread is in call_once, the child waits for
    // ever.
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    // A panicking thread may not change the hook: the first call may come from a destructor while a
    // Rust caller unwinds. A later call installs the hook.
    if std::thread::panicking() {
        return;
    }
    if INSTALLED.load(Ordering::Relaxed) || INSTALLED.swap(true, Ordering::Relaxed) {
        return;
    }
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !GUARDED.try_with(Cell::get).unwrap_or(false) {
            before(info);
        }
    }));
}

/// Runs `body` and catches a panic, silently.
fn caught<T>(body: impl FnOnce() -> T) -> std::thread::Result<T> {
    quiet();
    let outer = GUARDED.with(|g| g.replace(true));
    let result = catch_unwind(AssertUnwindSafe(body));
    GUARDED.with(|g| g.set(outer));
    result
}

/// Runs `body`. Turns its error or panic into `-errno` and fills `err`.
pub(super) unsafe fn guard(err: *mut katacg_error, body: impl FnOnce() -> Result<c_int>) -> c_int {
    let result = caught(|| {
        #[cfg(test)]
        assert!(!INJECT.with(Cell::take), "injected");
        body()
    });
    let error = match result {
        Ok(Ok(value)) => return value,
        Ok(Err(error)) => error,
        Err(cause) => Error::new(Code::Panic, format!("bug in libkatacg: {}", words(&*cause)))
            .advice("please report it; what the call did is not known"),
    };
    // SAFETY: the caller's contract is that of `fill`.
    unsafe { fill(err, &error) };
    -error.errno().raw_os_error()
}

fn words(cause: &(dyn std::any::Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("panic").to_owned()
}

/// Returns the bytes of a C string. NULL is an error that names the argument.
pub(super) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a [u8]> {
    if pointer.is_null() {
        return fail(Code::Argument, format!("{name} is NULL"));
    }
    // SAFETY: not NULL, and the header asks for a NUL-terminated string.
    Ok(unsafe { CStr::from_ptr(pointer) }.to_bytes())
}

/// Returns a C string that must be UTF-8, such as the name of a controller or file.
pub(super) unsafe fn name<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: the same contract.
    let bytes = unsafe { text(pointer, name) }?;
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => fail(Code::Argument, format!("{name} is not UTF-8")),
    }
}

/// Returns bytes from a pointer and a length. NULL with length 0 is empty.
pub(super) unsafe fn bytes<'a>(
    pointer: *const c_char,
    length: usize,
    name: &str,
) -> Result<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return fail(Code::Argument, format!("{name} is NULL and its length is {length}"));
    }
    if isize::try_from(length).is_err() {
        return fail(Code::Argument, format!("{name} has an impossible length"));
    }
    // SAFETY: not NULL, a possible length, and the header asks for that many readable bytes.
    Ok(unsafe { std::slice::from_raw_parts(pointer.cast(), length) })
}

/// Borrows the value behind a handle.
pub(super) unsafe fn handle<'a, T>(pointer: *const T, name: &str) -> Result<&'a T> {
    if !pointer.is_aligned() {
        return fail(Code::Argument, format!("{name} is not a handle of this library"));
    }
    // SAFETY: aligned, and the header asks for a live handle of this library or NULL.
    match unsafe { pointer.as_ref() } {
        Some(handle) => Ok(handle),
        None => fail(Code::Argument, format!("{name} is NULL")),
    }
}

/// Stores a new handle in `out`, which [`check_out`] has checked.
pub(super) unsafe fn give<T>(out: *mut *mut T, value: T) -> c_int {
    // SAFETY: `check_out` has refused NULL. The header asks for a place that can be written. A
    // packed struct may hold the place, so it need not be aligned.
    unsafe { out.write_unaligned(Box::into_raw(Box::new(value))) };
    0
}

/// Checks the place for a new handle and stores NULL there. A failed call then leaves NULL.
pub(super) unsafe fn check_out<T>(out: *mut *mut T) -> Result<()> {
    if out.is_null() {
        return fail(Code::Argument, "the place for the handle is NULL");
    }
    // SAFETY: not NULL, and the header asks for a place that can be written.
    unsafe { out.write_unaligned(std::ptr::null_mut()) };
    Ok(())
}

/// Frees the value behind a handle. NULL does nothing.
pub(super) unsafe fn free<T>(pointer: *mut T) {
    // No handle of this library is misaligned.
    if pointer.is_null() || !pointer.is_aligned() {
        return;
    }
    // SAFETY: the header asks for a handle from `give` that is not used again.
    let value = unsafe { Box::from_raw(pointer) };
    // A panic in a destructor must not reach C either.
    let _ = caught(|| drop(value));
}

/// Writes text as snprintf(3) does: as much as fits, always ended with NUL. Returns the length of
/// the whole text without its NUL.
pub(super) unsafe fn put(value: &[u8], buf: *mut c_char, buf_len: usize) -> Result<c_int> {
    if buf.is_null() && buf_len > 0 {
        return fail(Code::Argument, format!("buf is NULL and its length is {buf_len}"));
    }
    if value.contains(&0) {
        return fail(Code::Value, "the result has a NUL byte, which no C string can hold");
    }
    let Ok(length) = c_int::try_from(value.len()) else {
        return fail(Code::Value, "the result is longer than an int can say");
    };
    if let Some(room) = buf_len.checked_sub(1) {
        let count = value.len().min(room);
        // SAFETY: count + 1 <= buf_len, and the header asks for buf_len writable bytes. `value`
        // is memory of this library.
        unsafe {
            std::ptr::copy_nonoverlapping(value.as_ptr(), buf.cast(), count);
            buf.add(count).write(0);
        }
    }
    Ok(length)
}

/// Writes as many numbers as fit. Returns how many there are.
pub(super) unsafe fn put_ints(values: &[i32], out: *mut i32, out_len: usize) -> Result<c_int> {
    if out.is_null() && out_len > 0 {
        return fail(Code::Argument, format!("the array is NULL and its length is {out_len}"));
    }
    let Ok(length) = c_int::try_from(values.len()) else {
        return fail(Code::Value, "more values than an int can count");
    };
    let count = values.len().min(out_len);
    if count > 0 {
        let (from, to) = (values.as_ptr().cast::<u8>(), out.cast::<u8>());
        // SAFETY: count <= out_len, and the header asks for out_len writable places. `values` is
        // memory of this library. Bytes need no alignment, which the caller may get wrong.
        unsafe { std::ptr::copy_nonoverlapping(from, to, count * size_of::<i32>()) };
    }
    Ok(length)
}

/// Size of the smallest options struct, which has flags only.
const SMALLEST: usize = size_of::<u64>();

/// Reads an options struct of the size that the caller was compiled with, by the rules of
/// openat2(2): a smaller struct is extended with zeros, a larger one must end in zeros.
pub(super) unsafe fn read_options<T: Copy + Default>(pointer: *const T, size: usize) -> Result<T> {
    let mut out = T::default();
    if pointer.is_null() {
        return match size {
            0 => Ok(out),
            _ => Err(Error::new(Code::Argument, format!("opts is NULL and its size is {size}"))
                .advice("pass 0 for no options")),
        };
    }
    // Every version ends at a multiple of 8. Another size would cut a field in two.
    if size < SMALLEST || !size.is_multiple_of(SMALLEST) {
        let text = format!("opts_size {size} is no version's size");
        return Err(Error::new(Code::Argument, text)
            .advice("pass sizeof of the struct that opts points to"));
    }
    if size > 1 << 12 {
        return fail(Code::TooNew, format!("opts_size {size} is larger than a page"));
    }
    let known = size.min(size_of::<T>());
    // SAFETY: the header asks for `size` readable bytes. T is a C struct of integers and
    // pointers: every byte pattern is a value of it, and its Default is all zeros.
    unsafe {
        std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), (&raw mut out).cast::<u8>(), known);
        let tail = std::slice::from_raw_parts(pointer.cast::<u8>().add(known), size - known);
        if tail.iter().any(|&b| b != 0) {
            return fail(
                Code::TooNew,
                format!("opts has fields set that this version does not know (size {size})"),
            );
        }
    }
    Ok(out)
}

/// Refuses unknown bits: the library would not do what they ask for.
pub(super) fn check_flags(flags: u64, known: u64) -> Result<()> {
    match flags & !known {
        0 => Ok(()),
        unknown => fail(Code::Argument, format!("unknown flags {unknown:#x}")),
    }
}
