// SPDX-License-Identifier: Apache-2.0

//! Long lists of device rules, many lists, and many changes.

use super::*;

#[test]
fn ten_thousand_rules_are_set_in_a_few_seconds() {
    need_devices!();
    for host in views() {
        let mut list: Vec<String> = (100..10_100)
            .map(|major| {
                format!(r#"{{"allow":true,"type":"c","major":{major},"minor":1,"access":"r"}}"#)
            })
            .collect();
        list.push(rule(true, 3, "r"));
        let b = Boxed::new(&host, &deny_all(&[]));
        let start = std::time::Instant::now();
        b.set(&deny_all(&list)).unwrap();
        println!("{:?} for {} rules", start.elapsed(), list.len());
        assert_eq!(b.opens(), ["r", "", "", "", ""]);
    }
}

/// A process opens an allowed and a denied device in a loop while the rules are replaced.
#[test]
fn a_thousand_replacements_give_no_wrong_answer() {
    need_devices!();
    for host in views() {
        let b = Boxed::new(&host, &deny_all(&[rule(true, 3, "rwm"), rule(true, 5, "r")]));
        b.no_wrong_answer_in(rounds(1000), |n| {
            let access = ["r", "w", "rw", "rm"][n % 4];
            b.set(&deny_all(&[rule(true, 3, "rwm"), rule(true, 5, access)])).unwrap();
        });
    }
}

/// Returns lists of rules, the same at every run.
fn generated_lists() -> Vec<String> {
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    let mut next = |n: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % n).unwrap()
    };
    let mut one = || {
        let allow = next(2) == 0;
        let access = ["r", "w", "m", "rw", "rwm", "wm"][next(6)];
        if next(12) == 0 {
            return format!(r#"{{"allow":{allow},"access":"rwm"}}"#);
        }
        let major = ["-1", "1", "1", "1", "2"][next(5)];
        let minor = ["-1", "3", "5", "7", "8", "9"][next(6)];
        let numbers = format!(r#""major":{major},"minor":{minor}"#);
        format!(r#"{{"allow":{allow},"type":"c",{numbers},"access":"{access}"}}"#)
    };
    (0..200).map(|n| rules(&(0..1 + n % 6).map(|_| one()).collect::<Vec<_>>())).collect()
}

#[test]
fn generated_lists_hold_on_live_devices() {
    need_devices!();
    for host in views() {
        let b = Boxed::new(&host, "{}");
        let mut set = 0;
        for list in generated_lists() {
            let resources = katacg::parse::resources(list.as_bytes()).unwrap();
            let given = resources.devices().clone().unwrap();
            let Ok(state) = State::from_rules(&given, &mut Vec::new()) else {
                assert_eq!(b.manager.set(&resources).unwrap_err().code(), Code::Value);
                continue;
            };
            b.manager.set(&resources).unwrap();
            set += 1;
            let permits = |minor, asked: &str| {
                state.permits(Kind::Char, 1, minor, Access::parse(asked).unwrap())
            };
            let right = NODES.map(|(_, _, minor)| {
                let asked = [("r", "r"), ("w", "w"), ("b", "rw"), ("m", "m")];
                let allowed = asked.iter().filter(|(_, access)| permits(minor, access));
                allowed.map(|(letter, _)| *letter).collect::<String>()
            });
            assert_eq!(b.opens(), right, "{list}");
        }
        assert!(set > 150, "{set}");
    }
}

#[test]
fn two_processes_at_once_end_in_both_changes() {
    need_devices!();
    for host in views() {
        let b = Boxed::new(&host, &deny_all(&[]));
        std::thread::scope(|scope| {
            for minor in [3, 5, 7, 8, 9] {
                let (host, name) = (&b.host, &b.name);
                scope.spawn(move || {
                    let device = parse_devices(&format!("c 1:{minor}")).unwrap();
                    let own = manager_at(host, name, "{}");
                    own.change_device(true, device, Access::READ).unwrap();
                });
            }
        });
        assert_eq!(b.opens(), ["r"; 5]);
    }
}
