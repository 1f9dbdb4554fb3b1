// SPDX-License-Identifier: Apache-2.0

//! Device programs of real containers of runc and crun.

use katacg::devices::foreign::run;
use katacg::devices::{runtime_defaults, Insn};

use super::foreign::*;
use super::*;
use runtime::Container;

#[path = "../../common/runtime.rs"]
mod runtime;

/// Returns where the program of a runtime's own list answers otherwise than this library's list
/// with these rules in addition.
fn differences(code: &[Insn], more: &[&str]) -> Vec<String> {
    let mut state = State::from_rules(&runtime_defaults(), &mut Vec::new()).unwrap();
    for device in more {
        state.except(parse_devices(device).unwrap(), Access::ALL);
    }
    let mut numbers: Vec<u32> = code.iter().map(|insn| insn.imm.cast_unsigned()).collect();
    numbers.extend([0, 1, 2, 4, 10, 11, 200, 229, 232, 239, 1000]);
    numbers.sort_unstable();
    numbers.dedup();
    let mut out = Vec::new();
    for kind in [Kind::Char, Kind::Block] {
        for (major, minor) in numbers.iter().flat_map(|a| numbers.iter().map(move |b| (*a, *b))) {
            for asked in (1..8).map(Access::from_bits) {
                let (answer, _) = run(code, kind, major, minor, asked).unwrap();
                if answer != state.permits(kind, major, minor, asked) {
                    out.push(format!("{kind:?} {major}:{minor} {asked}"));
                }
            }
        }
    }
    out
}

/// Starts a container, reads its program, and allows a device in it later.
fn container(runtime: &'static str, more: &[&str]) {
    need_unified!(host);
    need!(unified(), "runtimes attach programs on a host with cgroup2 alone");
    need!(runtime::is_installed(runtime), "{runtime} is not installed");
    let name = name();
    let id = name.trim_start_matches('/');
    let container = Container::start(runtime, id, &place().unwrap(), &name);
    let own = existing(&host, &name);
    let b = Boxed::in_cgroup(&host, name.clone(), existing(&host, &name));
    make_node(&b.nodes, "c-1-11");
    let kmsg = || b.opener.borrow_mut().opens_one("c-1-11");
    // Both runtimes allow mknod(2) of every device.
    let (before, all) = (kmsg(), attached(&b));
    change(&own, true, "c 1:11", "rw").unwrap();
    let allowed = (kmsg(), attached(&b));
    change(&own, false, "c 1:11", "rw").unwrap();
    let after = (kmsg(), attached(&b));
    drop(container);
    let lengths = (all[0].2.len(), allowed.1[0].2.len());
    println!("{runtime}: {} instructions; {} with a device in front", lengths.0, lengths.1);
    assert_eq!((before.as_str(), allowed.0.as_str()), ("m", "rwbm"));
    assert_eq!((after.0.as_str(), &after.1[0].2), ("m", &all[0].2));
    assert_eq!((all.len(), after.1.len()), (1, 1));
    let mut differ = differences(&all[0].2, more);
    // crun 1.8.1 does not allow net/tun; 1.21 does.
    differ.retain(|what| runtime != "crun" || !what.starts_with("Char 10:200 "));
    assert_eq!(differ, [""; 0]);
}

#[test]
fn device_is_allowed_in_a_container_of_crun() {
    container("crun", &["c 5:1"]);
}

#[test]
fn device_is_allowed_in_a_container_of_runc() {
    container("runc", &[]);
}
