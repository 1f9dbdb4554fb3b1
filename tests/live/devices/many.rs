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
        b.no_wrong_answer_in(1000, |n| {
            let access = ["r", "w", "rw", "rm"][n % 4];
            b.set(&deny_all(&[rule(true, 3, "rwm"), rule(true, 5, access)])).unwrap();
        });
    }
}

/// Some of the lists are refused, because a rule denies a part of what a wider rule allows.
const LISTS: usize = 260;

/// Returns generated lists of rules, the same lists at every run.
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
        let of_memory = [("c", "1"), ("c", "1"), ("c", "1"), ("c", "-1")];
        let of_others = [("c", "5"), ("b", "7"), ("b", "-1"), ("c", "2")];
        let (kind, major) = [of_memory, of_others][next(2)][next(4)];
        let minor = ["-1", "0", "3", "5", "7", "8", "9"][next(7)];
        let numbers = format!(r#""major":{major},"minor":{minor}"#);
        format!(r#"{{"allow":{allow},"type":"{kind}",{numbers},"access":"{access}"}}"#)
    };
    (0..LISTS).map(|n| rules(&(0..1 + n % 6).map(|_| one()).collect::<Vec<_>>())).collect()
}

#[test]
fn generated_lists_hold_on_live_devices() {
    need_devices!();
    for host in views() {
        let b = Boxed::new(&host, "{}");
        // A terminal; and a loop device, which the kernel makes at the first open.
        let mut others = vec![("c-5-0", Kind::Char, 5, 0)];
        others.extend(emulated().then_some(("b-7-0", Kind::Block, 7, 0)));
        others.iter().for_each(|(node, ..)| make_node(&b.nodes, node));
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
            let right = |kind, major, minor| {
                let asked = [("r", "r"), ("w", "w"), ("b", "rw"), ("m", "m")];
                let allowed = asked.iter().filter(|(_, access)| {
                    state.permits(kind, major, minor, Access::parse(access).unwrap())
                });
                allowed.map(|(letter, _)| *letter).collect::<String>()
            };
            let of_memory = NODES.map(|(_, major, minor)| right(Kind::Char, major, minor));
            assert_eq!(b.opens(), of_memory, "{list}");
            for (node, kind, major, minor) in &others {
                let found = b.opener.borrow_mut().opens_one(node);
                assert_eq!(found, right(*kind, *major, *minor), "{node} {list}");
            }
        }
        assert!(set >= 200, "{set}");
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
