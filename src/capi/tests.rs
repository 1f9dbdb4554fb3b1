// SPDX-License-Identifier: Apache-2.0

//! Tests of what all functions share: the panic guard, and pointers that are not aligned.
//!
//! A panic inside a function becomes -ENOTRECOVERABLE and a message, and the next call works.

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

/// A value at an odd address. A debug build aborts when it reads or writes it as if it were
/// aligned.
#[repr(C, packed)]
struct Odd<T> {
    shift: u8,
    value: T,
}

impl<T> Odd<T> {
    /// On the heap, where the struct begins at a multiple of 8.
    #[allow(clippy::unnecessary_box_returns)]
    fn new(value: T) -> Box<Odd<T>> {
        let odd = Box::new(Odd { shift: 0, value });
        assert_eq!((&raw const odd.shift) as usize % 8, 0);
        odd
    }

    fn at(&mut self) -> *mut T {
        &raw mut self.value
    }
}

const HOST: &CStr = c"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
const OWN: &CStr = c"0::/\n";

/// A host that exists as text only, as a handle.
fn text_host(out: *mut *mut katacg_host, err: *mut katacg_error) -> c_int {
    let (mounts, own) = (HOST.to_bytes(), OWN.to_bytes());
    unsafe {
        katacg_host_parse(
            mounts.as_ptr().cast(),
            mounts.len(),
            own.as_ptr().cast(),
            own.len(),
            out,
            err,
        )
    }
}

#[test]
fn misaligned_error_struct_is_filled() {
    let mut err = Odd::new(fresh());
    let result = unsafe { katacg_path_rename(null(), null_mut(), 0, err.at()) };
    assert_eq!(result, -libc::EINVAL);
    assert_eq!({ err.value.code }, KATACG_ERR_ARGUMENT);
    let message = { err.value.message };
    assert_eq!(unsafe { CStr::from_ptr(message.as_ptr()) }, c"path is NULL");
}

#[test]
fn misaligned_places_for_handles_and_numbers_are_written() {
    let mut host = Odd::new(null_mut());
    assert_eq!(text_host(host.at(), null_mut()), 0);
    let host = { host.value };
    let opts = katacg_manager_opts { path: c"/x/y".as_ptr(), ..Default::default() };
    let mut opts = Odd::new(opts);
    let mut manager = Odd::new(null_mut());
    let size = size_of::<katacg_manager_opts>();
    let result =
        unsafe { katacg_manager_new(host, null(), 0, opts.at(), size, manager.at(), null_mut()) };
    assert_eq!(result, 0);
    let manager = { manager.value };
    let mut attach =
        Odd::new(katacg_attach { count: 0, reserved: 0, fds: [-1; KATACG_ATTACH_MAX] });
    let mut kills = Odd::new(0u64);
    let mut pids = Odd::new([0i32; 4]);
    let mut ids = Odd::new([1i32; 2]);
    // The host is text, so the calls fail after the place is looked at.
    unsafe {
        assert!(katacg_attach_open(manager, 0, attach.at(), null_mut()) < 0);
        assert_eq!(katacg_attach_self(attach.at()), 0);
        katacg_attach_close(attach.at());
        let _ = katacg_manager_oom_kills(manager, kills.at(), null_mut());
        let _ = katacg_manager_pids(manager, pids.at().cast(), 4, null_mut());
        let _ = katacg_manager_add(manager, ids.at().cast(), 2, 0, null(), null_mut());
        let mut parent = Odd::new(null_mut());
        let _ = katacg_manager_parent(manager, parent.at(), null_mut());
        katacg_manager_free(parent.value);
        katacg_manager_free(manager);
        katacg_host_free(host);
    }
}

#[test]
fn misaligned_array_receives_the_numbers() {
    let mut out = Odd::new([0i32; 3]);
    let count = unsafe { super::ffi::put_ints(&[7, 8, 9, 10], out.at().cast(), 3) };
    assert_eq!(count.unwrap(), 4);
    assert_eq!({ out.value }, [7, 8, 9]);
}

#[test]
fn misaligned_handle_is_an_error() {
    let mut err = fresh();
    let mut host = null_mut();
    assert_eq!(text_host(&raw mut host, null_mut()), 0);
    let odd = host.wrapping_byte_add(1);
    assert_eq!(unsafe { katacg_host_layout(odd, &raw mut err) }, -libc::EINVAL);
    let message = unsafe { CStr::from_ptr(err.message.as_ptr()) };
    assert_eq!(message, c"host is not a handle of this library");
    let mut out = null_mut();
    let result =
        unsafe { katacg_manager_new(odd, null(), 0, null(), 0, &raw mut out, &raw mut err) };
    assert_eq!(result, -libc::EINVAL);
    unsafe { katacg_host_free(odd) };
    unsafe { katacg_host_free(host) };
}

/// Returns the message of katacg_manager_new on a host that is text.
fn new_refused(spec: Option<&[u8]>, opts: &katacg_manager_opts, size: usize) -> String {
    let (mut host, mut manager, mut err) = (null_mut(), null_mut(), fresh());
    assert_eq!(text_host(&raw mut host, null_mut()), 0);
    let (json, len) = spec.map_or((null(), 0), |spec| (spec.as_ptr().cast(), spec.len()));
    let result =
        unsafe { katacg_manager_new(host, json, len, opts, size, &raw mut manager, &raw mut err) };
    assert_eq!(result, -libc::EINVAL);
    unsafe { katacg_host_free(host) };
    unsafe { CStr::from_ptr(err.message.as_ptr()) }.to_str().unwrap().to_owned()
}

const OPTS: usize = size_of::<katacg_manager_opts>();

#[test]
fn path_without_a_name_says_which_field_it_is_from() {
    let none = katacg_manager_opts::default();
    let path = |path: &'static CStr| katacg_manager_opts { path: path.as_ptr(), ..none };
    let name = |name: &'static CStr| katacg_manager_opts { name: name.as_ptr(), ..none };
    let ends = "which must end in a name, as in /kata/NAME";
    let given = "no path is given: set linux.cgroupsPath in the specification, or opts.path, \
                 or opts.name";
    let cases: [(&str, katacg_manager_opts, String); 9] = [
        ("{}", none, given.to_owned()),
        (r#"{"cgroupsPath":""}"#, none, "linux.cgroupsPath is empty".to_owned()),
        (r#"{"cgroupsPath":null}"#, none, given.to_owned()),
        (r#"{"cgroupsPath":"/"}"#, none, format!("it is from linux.cgroupsPath, {ends}")),
        (r#"{"cgroupsPath":"/a/.."}"#, none, format!("it is from linux.cgroupsPath, {ends}")),
        (r#"{"cgroupsPath":"/x"}"#, path(c""), "opts.path is empty".to_owned()),
        ("{}", path(c"/"), format!("it is from opts.path, {ends}")),
        ("{}", name(c""), "opts.name is empty".to_owned()),
        ("{}", name(c".."), format!("it is from opts.name, {ends}")),
    ];
    for (spec, opts, advice) in cases {
        let message = new_refused(Some(spec.as_bytes()), &opts, OPTS);
        assert!(message.ends_with(&format!("; {advice}")), "{spec}: {message}");
    }
    let message = new_refused(None, &none, OPTS);
    assert!(message.ends_with(given), "{message}");
}

#[test]
fn size_of_options_that_is_no_versions_says_sizeof() {
    let opts = katacg_manager_opts { path: c"/x".as_ptr(), ..Default::default() };
    for size in [0, 1, 7, 12] {
        let message = new_refused(None, &opts, size);
        let advice = "is no version's size; pass sizeof of the struct that opts points to";
        assert_eq!(message, format!("opts_size {size} {advice}"));
    }
}

#[test]
fn json_with_its_nul_says_how_to_count() {
    let opts = katacg_manager_opts { path: c"/x".as_ptr(), ..Default::default() };
    let message = new_refused(Some(b"{}\0"), &opts, OPTS);
    assert!(message.ends_with("(in C strlen, or sizeof - 1)"), "{message}");
    let cpu = |json: &[u8]| {
        let mut err = fresh();
        let (at, len) = (json.as_ptr().cast(), json.len());
        let result = unsafe { katacg_cpu_validate(at, len, null_mut(), 0, &raw mut err) };
        assert_eq!(result, -libc::EINVAL);
        unsafe { CStr::from_ptr(err.message.as_ptr()) }.to_str().unwrap().to_owned()
    };
    assert!(cpu(b"{}\0").ends_with("(in C strlen, or sizeof - 1)"));
    assert!(!cpu(b"{]").contains("NUL"));
    let mut err = fresh();
    let mut manager = null_mut();
    let state = b"{\"version\":1}\0";
    let (at, len) = (state.as_ptr().cast(), state.len());
    let result = unsafe {
        let mut host = null_mut();
        assert_eq!(text_host(&raw mut host, null_mut()), 0);
        let result = katacg_manager_load(host, at, len, &raw mut manager, &raw mut err);
        katacg_host_free(host);
        result
    };
    assert_eq!(result, -libc::EINVAL);
    let message = unsafe { CStr::from_ptr(err.message.as_ptr()) }.to_str().unwrap();
    assert!(message.ends_with("(in C strlen, or sizeof - 1)"), "{message}");
}

/// Calls the library from a destructor, as a Rust program's clean-up does.
struct CallsInDrop(bool);

impl Drop for CallsInDrop {
    fn drop(&mut self) {
        INJECT.with(|inject| inject.set(self.0));
        let result = unsafe { katacg_path_rename(c"/a".as_ptr(), null_mut(), 0, null_mut()) };
        assert_eq!(result, if self.0 { -libc::ENOTRECOVERABLE } else { 7 });
    }
}

/// Runs one test of this file alone, in a process that has called nothing before.
fn alone(test: &str) {
    let name = format!("capi::tests::{test}");
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &name, "--test-threads=1"])
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && stdout.contains("1 passed"), "{child:?}");
}

#[test]
#[ignore = "run by the test below, in a process of its own"]
fn calls_while_unwinding() {
    for injected in [false, true] {
        let result = std::panic::catch_unwind(|| {
            let _calls = CallsInDrop(injected);
            panic!("the caller's own");
        });
        assert!(result.is_err());
    }
    // The first call outside of a panic makes the guard silent after all.
    let before = INJECT.with(|inject| inject.replace(true));
    assert!(!before);
    let result = unsafe { katacg_path_rename(c"/a".as_ptr(), null_mut(), 0, null_mut()) };
    assert_eq!(result, -libc::ENOTRECOVERABLE);
}

#[test]
fn first_call_in_a_destructor_while_unwinding_works() {
    alone("calls_while_unwinding");
}
