//! Tests of the panic guard. A panic inside a function becomes -ENOTRECOVERABLE and a message, and
//! the next call works.

use std::ffi::CStr;
use std::os::raw::c_int;
use std::ptr::{null, null_mut};

use super::ffi::INJECT;
use super::*;

fn fresh() -> katacg_error {
    let size = u32::try_from(size_of::<katacg_error>()).unwrap();
    katacg_error { size, code: 0, sys_errno: 0, reserved: 0, message: [0; KATACG_ERROR_MESSAGE] }
}

fn panics(family: &str, call: impl Fn(*mut katacg_error) -> c_int) {
    let mut err = fresh();
    INJECT.with(|inject| inject.set(true));
    let result = call(&raw mut err);
    assert_eq!(result, -libc::ENOTRECOVERABLE, "{family}");
    assert_eq!(err.code, KATACG_ERR_PANIC, "{family}");
    let message = unsafe { CStr::from_ptr(err.message.as_ptr()) }.to_str().unwrap();
    assert!(message.contains("injected"), "{family}: {message}");
    assert_ne!(call(&raw mut err), -libc::ENOTRECOVERABLE, "{family}: the next call");
}

#[test]
fn path_functions_return_an_error_on_a_panic() {
    panics("paths", |err| unsafe { katacg_path_rename(c"x".as_ptr(), null_mut(), 0, err) });
}

#[test]
fn path_is_systemd_returns_0_on_a_panic() {
    INJECT.with(|inject| inject.set(true));
    assert_eq!(unsafe { katacg_path_is_systemd(c"a:b:c".as_ptr()) }, 0);
    assert_eq!(unsafe { katacg_path_is_systemd(c"a:b:c".as_ptr()) }, 1);
}

#[test]
fn cpu_functions_return_an_error_on_a_panic() {
    panics("kata", |err| unsafe { katacg_cpu_validate(c"null".as_ptr(), 4, null_mut(), 0, err) });
}

#[test]
fn host_functions_return_an_error_on_a_panic() {
    panics("host", |err| {
        let mut host = null_mut();
        let result = unsafe { katacg_host_open(&raw mut host, err) };
        unsafe { katacg_host_free(host) };
        result
    });
}

#[test]
fn manager_functions_return_an_error_on_a_panic() {
    panics("manager", |err| unsafe { katacg_manager_exists(null(), err) });
}
