// SPDX-License-Identifier: Apache-2.0

//! Device programs whose instructions the kernel hides or changes.

use katacg::cgroupfs::bpf;
use rustix::fd::OwnedFd;

use super::foreign::*;
use super::*;

/// Runs a test of this file in a process of its own, which lacks capabilities.
fn without(test: &str, capabilities: &str, name: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let test = format!("devices::hidden::{test}");
    command.args(["--exact", &test, "--nocapture", "--test-threads=1"]);
    let out =
        command.env("KATACG_TEST_WITHOUT", format!("{capabilities} {name}")).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{text}{}", String::from_utf8_lossy(&out.stderr));
    assert!(text.contains("REFUSED"), "{text}");
}

/// Drops capabilities of the calling thread, given as numbers with commas between.
fn drop_capabilities(numbers: &str) {
    let header: [u32; 2] = [0x2008_0522, 0];
    // Effective, permitted and inheritable, for the numbers below 32 and then for the others.
    let mut sets = [0u32; 6];
    // SAFETY: the kernel reads the header, and writes both sets of this version.
    let done = unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr()) };
    assert_eq!(done, 0);
    for number in numbers.split(',').map(|n| n.parse::<usize>().unwrap()) {
        sets[number / 32 * 3] &= !(1 << (number % 32));
    }
    // SAFETY: the kernel reads both.
    let done = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

const SYS_ADMIN: &str = "21";
const SYS_ADMIN_AND_BPF: &str = "21,39";

/// The kernel shows another owner's program only to a caller with CAP_SYS_ADMIN.
#[test]
fn program_that_the_caller_may_not_see_is_named_and_stays() {
    need_unified!(host);
    let [(name, code), ..] = programs();
    for capabilities in [SYS_ADMIN, SYS_ADMIN_AND_BPF] {
        let b = with_program(&host, name, &code);
        let before = attached(&b);
        without("unseen", capabilities, &b.name);
        assert_eq!((attached(&b), opens(&b)), (before, BEFORE.map(str::to_owned).to_vec()));
    }
}

/// The part of the test above that runs without capabilities. In a normal run it does nothing.
#[test]
fn unseen() {
    let Ok(text) = std::env::var("KATACG_TEST_WITHOUT") else { return };
    let (capabilities, name) = text.split_once(' ').unwrap();
    let host = unified_view().unwrap();
    let own = existing(&host, name);
    let directory: OwnedFd = fs::File::open(dir(&own, "")).unwrap().into();
    let id = bpf::query(&directory).unwrap()[0];
    drop_capabilities(capabilities);
    let list = katacg::parse::resources(deny_all(&[]).as_bytes()).unwrap();
    let errors = [
        change(&own, true, "c 1:9", "r").unwrap_err(),
        change(&own, false, "c 1:3", "r").unwrap_err(),
        own.device_rules().unwrap_err(),
        own.set(&list).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code(), Code::Unsupported, "{error}");
        let text = error.to_string();
        // Without CAP_BPF a set fails when it loads the new program.
        let named = format!("the device program with the id {id}");
        assert!(text.contains(&named) || text.contains("load a device program"), "{text}");
        assert!(text.contains("CAP_SYS_ADMIN"), "{text}");
    }
    println!("REFUSED");
}

/// The manager holds its own program, but the kernel hides the instructions without CAP_BPF.
#[test]
fn own_program_that_the_caller_may_not_see_stays() {
    need_unified!(host);
    let b = Boxed::new(&host, &deny_all(&[]));
    without("hidden", SYS_ADMIN_AND_BPF, &b.name);
    assert_eq!(opens(&b), ["r", "", "", "", ""]);
}

/// The part of the test above that runs without capabilities. In a normal run it does nothing.
#[test]
fn hidden() {
    let Ok(text) = std::env::var("KATACG_TEST_WITHOUT") else { return };
    let (capabilities, name) = text.split_once(' ').unwrap();
    let own = existing(&unified_view().unwrap(), name);
    let list = katacg::parse::resources(deny_all(&[rule(true, 3, "r")]).as_bytes()).unwrap();
    own.set(&list).unwrap();
    let directory: OwnedFd = fs::File::open(dir(&own, "")).unwrap().into();
    let id = bpf::query(&directory).unwrap()[0];
    drop_capabilities(capabilities);
    for error in [change(&own, true, "c 1:9", "r").unwrap_err(), own.set(&list).unwrap_err()] {
        assert_eq!(error.code(), Code::Unsupported, "{error}");
        let text = error.to_string();
        let named = text.contains(&format!("device program {id} of"));
        assert!(named || text.contains("load a device program"), "{text}");
        assert!(text.contains("CAP_BPF"), "{text}");
    }
    println!("REFUSED");
}

/// The kernel blinds the constants of programs that are loaded while this setting is 2.
#[test]
fn blinded_program_is_named_and_stays() {
    const HARDEN: &str = "/proc/sys/net/core/bpf_jit_harden";
    const RESTRICT: &str = "/proc/sys/kernel/kptr_restrict";
    need!(emulated(), "a setting of the whole machine would be changed");
    need!(can() && unified_view().is_some(), "no device nodes, or no cgroup2 here");
    let host = unified_view().unwrap();
    let _alone = MACHINE.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    let was = fs::read_to_string(HARDEN).unwrap();
    let [(name, code), ..] = programs();
    fs::write(HARDEN, "2").unwrap();
    let b = with_program(&host, name, &code);
    fs::write(HARDEN, was).unwrap();
    let before = attached(&b);
    let restricted = fs::read_to_string(RESTRICT).unwrap();
    // While the setting is 2, the kernel shows no instructions of a blinded program.
    for (restrict, why) in [(&restricted[..], "are blinded ("), ("2", "blinded and hidden")] {
        fs::write(RESTRICT, restrict).unwrap();
        let error = change(&existing(&host, &b.name), true, "c 1:8", "r");
        fs::write(RESTRICT, &restricted).unwrap();
        let error = error.unwrap_err();
        assert_eq!(error.code(), Code::Unsupported);
        let text = error.to_string();
        assert!(text.contains(why) && text.contains("\"sd_devices\" (id "), "{text}");
        assert_eq!((attached(&b), opens(&b)), (before.clone(), BEFORE.map(str::to_owned).to_vec()));
    }
}
