// SPDX-License-Identifier: Apache-2.0

//! Events of pressure that goes away and comes back, and v1's levels.

use std::process::Command;
use std::time::Duration;

use katacg::events::{Events, Kind};
use katacg::{Code, EventOptions, Resource};

use crate::events::{kill_one, until, SMALL};
use crate::fixture::{eventually, has, on_v2, Sandbox};

fn read(events: &mut Events) -> usize {
    let mut room = [None; 4];
    events.read(&mut room).unwrap()
}

/// The kernel ends triggers when pressure is turned off.
#[test]
fn pressure_is_told_again_after_it_was_turned_off_for_a_while() {
    let mut s = Sandbox::empty("{}");
    need!(s.manager.path("").is_ok(), "no cgroup2");
    let switch = s.dir("").join("cgroup.pressure");
    need!(switch.exists(), "the kernel has no cgroup.pressure (Linux 6.1), or no pressure");
    let kinds = Kind::Pressure.bit();
    let options =
        EventOptions { kinds, resource: Resource::Cpu, stall: 1000, ..Default::default() };
    let mut events = match s.manager.events_with(&options) {
        // A machine that was booted with psi=0.
        Err(e) if e.code() == Code::Unsupported => skip!("{e}"),
        other => other.unwrap(),
    };
    std::fs::write(&switch, "0").unwrap();
    // The reading that finds the trigger dead, and some while there is no pressure.
    for _ in 0..5 {
        assert_eq!(read(&mut events), 0);
        std::thread::sleep(Duration::from_millis(50));
    }
    std::fs::write(&switch, "1").unwrap();
    for _ in 0..3 {
        let pid = s.spawn(Command::new("sh").args(["-c", "while :; do :; done"]));
        s.manager.add(&[pid], katacg::Add::default()).unwrap();
    }
    let all = until(&mut events, Kind::Pressure);
    assert!(all.last().unwrap().value >= 1000, "{all:?}");
}

#[test]
fn v1_tells_each_level_of_pressure_that_was_reached() {
    let v1 = has("memory", "memory") && !on_v2("memory", "memory");
    need!(v1, "memory is not in v1");
    let mut s = Sandbox::empty(SMALL);
    let has_psi = s.manager.path("").is_ok() && s.dir("").join("memory.pressure").exists();
    need!(!has_psi, "pressure of cgroup2 comes first");
    let kinds = Kind::Pressure.bit();
    let open = |level| {
        s.manager.events_with(&EventOptions { kinds, level, ..EventOptions::default() }).unwrap()
    };
    let mut watches = ["low", "medium", "critical"].map(open);
    let quiet: Vec<usize> = watches.iter_mut().map(read).collect();
    assert_eq!(quiet, [0, 0, 0]);
    // Reclaim without success, before the OOM killer.
    kill_one(&mut s);
    for events in &mut watches {
        let all = until(events, Kind::Pressure);
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(all[0].value, 0, "v1 does not say how long");
    }
    s.manager.destroy().unwrap();
    eventually("nothing more but the removal's own signal", || {
        watches.iter_mut().all(|events| read(events) == 0)
    });
}
