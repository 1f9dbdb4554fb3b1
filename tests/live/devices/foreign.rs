// SPDX-License-Identifier: Apache-2.0

//! Cgroups of v2 whose device programs have another owner.

use std::sync::Arc;

use katacg::cgroupfs::bpf;
use katacg::devices::Insn;
use katacg::{Config, Flags, Host, Manager};
use rustix::fd::{AsRawFd, OwnedFd};

use super::*;

#[path = "../../common/device_programs.rs"]
mod peer;

/// Returns a view of the host that has cgroup2 alone.
pub fn unified_view() -> Option<Arc<Host>> {
    views().into_iter().find(|host| host.info().is_unified())
}

/// Ends the test unless there is cgroup2. Binds the view of the host to a name.
macro_rules! need_unified {
    ($host:ident) => {
        need_devices!();
        let $host = unified_view();
        need!($host.is_some(), "no cgroup2 here");
        let $host = $host.unwrap();
    };
}

/// Returns a manager of a cgroup that another owner made.
pub fn existing(host: &Arc<Host>, name: &str) -> Manager {
    let flags = Flags { existing: true, ..Flags::default() };
    Manager::new(Arc::clone(host), Config { flags, ..config(name, "{}") }).unwrap()
}

pub fn directory(b: &Boxed) -> OwnedFd {
    fs::File::open(dir(&b.manager, "")).unwrap().into()
}

fn code_of(program: &[peer::Bytes]) -> Vec<Insn> {
    program.iter().map(|bytes| Insn::from_bytes(*bytes)).collect()
}

/// Makes a cgroup with a program in it, as its owner does.
pub fn with_program(host: &Arc<Host>, name: &str, code: &[Insn]) -> Boxed {
    let b = Boxed::new(host, "{}");
    attach(&b, name, code);
    b
}

fn attach(b: &Boxed, name: &str, code: &[Insn]) {
    let program = bpf::load(name, code).unwrap();
    bpf::attach(&directory(b), &program, None).unwrap();
}

/// Returns what is attached: ids, names and instructions.
pub fn attached(b: &Boxed) -> Vec<(u32, String, Vec<Insn>)> {
    let ids = bpf::query(&directory(b)).unwrap();
    let programs = ids.into_iter().map(|id| bpf::open(id).unwrap());
    programs.map(|program| (program.id, program.name, program.code)).collect()
}

pub fn change(manager: &Manager, allow: bool, device: &str, access: &str) -> katacg::Result<()> {
    let access = Access::parse(access).unwrap();
    manager.change_device(allow, parse_devices(device).unwrap(), access).map(drop)
}

/// Programs that allow null, zero (reading) and full, as runc, crun and systemd make them.
pub fn programs() -> [(&'static str, Vec<Insn>); 3] {
    let rules = ["allow c 1:3 rwm", "allow c 1:5 r", "allow c 1:7 rw", "allow c 136:* rwm"];
    let (rules, deny) = (peer::list(&rules), peer::list(&["deny a *:* rwm"]));
    [
        ("sd_devices", code_of(&peer::systemd(&rules[..3]))),
        ("", code_of(&peer::crun(&rules, &deny))),
        ("device_filter", code_of(&peer::runc(false, &rules))),
    ]
}

pub const BEFORE: [&str; 5] = ["rwb", "r", "rwb", "", ""];

pub fn opens(b: &Boxed) -> Vec<String> {
    b.opens().into_iter().map(|letters| letters.replace('m', "")).collect()
}

#[test]
fn device_is_allowed_in_a_cgroup_of_another_program_and_denied_again() {
    need_unified!(host);
    for (name, code) in programs() {
        let b = with_program(&host, name, &code);
        assert_eq!(opens(&b), BEFORE);
        let own = existing(&host, &b.name);
        change(&own, true, "c 1:9", "rw").unwrap();
        assert_eq!(opens(&b), ["rwb", "r", "rwb", "", "rwb"]);
        // The device is allowed already, so no program is replaced.
        let before = attached(&b);
        assert_eq!((before.len(), before[0].1.as_str()), (1, name));
        change(&existing(&host, &b.name), true, "c 1:9", "rw").unwrap();
        change(&own, true, "c 1:3", "rw").unwrap();
        assert_eq!(attached(&b), before);
        // The other program allows reading, and the code in front of it allows writing.
        change(&existing(&host, &b.name), true, "c 1:5", "w").unwrap();
        assert_eq!(opens(&b), ["rwb", "rwb", "rwb", "", "rwb"]);
        let error = own.device_rules().unwrap_err();
        assert_eq!(error.code(), Code::Unsupported);
        let rules = "\"allow c 1:5 w, allow c 1:9 rw\"";
        assert!(error.to_string().contains(rules), "{error}");
        change(&existing(&host, &b.name), false, "c 1:9", "w").unwrap();
        assert_eq!(opens(&b), ["rwb", "rwb", "rwb", "", "r"]);
        change(&own, false, "c 1:9", "r").unwrap();
        change(&own, false, "c 1:5", "w").unwrap();
        assert_eq!(opens(&b), BEFORE);
        // The program is again what its owner attached.
        let after = attached(&b);
        assert_eq!((after.len(), &after[0].1[..], &after[0].2), (1, name, &code));
    }
}

#[test]
fn each_program_that_denies_the_device_is_extended() {
    need_unified!(host);
    let b = Boxed::new(&host, &deny_all(&[rule(true, 3, "rwm"), rule(true, 5, "r")]));
    for (name, code) in programs() {
        attach(&b, name, &code);
    }
    let all = attached(&b);
    assert_eq!(opens(&b), ["rwb", "r", "", "", ""]);
    let own = existing(&host, &b.name);
    change(&own, true, "c 1:7", "r").unwrap();
    // The other programs allow that.
    assert_eq!(opens(&b), ["rwb", "r", "r", "", ""]);
    assert_eq!(attached(&b)[1..], all[1..]);
    change(&own, true, "c 1:8", "r").unwrap();
    assert_eq!(opens(&b), ["rwb", "r", "r", "r", ""]);
    change(&own, false, "c 1:8", "r").unwrap();
    assert_eq!(opens(&b), ["rwb", "r", "r", "", ""]);
    let codes = |all: Vec<(u32, String, Vec<Insn>)>| {
        all.into_iter().skip(1).map(|(_, name, code)| (name, code)).collect::<Vec<_>>()
    };
    assert_eq!(codes(attached(&b)), codes(all));
}

#[test]
fn device_that_another_program_allows_is_denied_beside_it() {
    need_unified!(host);
    let [(name, code), ..] = programs();
    let b = with_program(&host, name, &code);
    let own = existing(&host, &b.name);
    change(&own, false, "c 1:7", "w").unwrap();
    assert_eq!(opens(&b), ["rwb", "r", "r", "", ""]);
    assert_eq!(attached(&b).len(), 2);
    // The device is denied already.
    change(&own, false, "c 1:9", "rw").unwrap();
    change(&own, true, "c 1:7", "w").unwrap();
    assert_eq!(opens(&b), BEFORE);
    let found = attached(&b);
    assert_eq!((found[0].1.as_str(), &found[0].2), (name, &code));
}

/// A program that is attached beside another one cannot allow what the other one denies.
#[test]
fn whole_list_is_refused_where_another_program_denies_a_part() {
    need_unified!(host);
    for (name, code) in programs() {
        let b = with_program(&host, name, &code);
        let own = existing(&host, &b.name);
        let set = |rules: &[String]| {
            own.set(&katacg::parse::resources(deny_all(rules).as_bytes()).unwrap())
        };
        let before = attached(&b);
        let error = set(&[rule(true, 3, "rw"), rule(true, 9, "r")]).unwrap_err();
        assert_eq!(error.code(), Code::Unsupported, "{error}");
        let text = error.to_string();
        let id = before[0].0.to_string();
        for part in [name, &id, "denies what rule \"allow c 1:9 r\" allows", "device_allow"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!((attached(&b), opens(&b)), (before, BEFORE.map(str::to_owned).to_vec()));
        // The list has only devices that the other program allows too.
        assert_eq!(set(&[rule(true, 3, "r"), rule(true, 5, "r")]).unwrap(), [""; 0]);
        assert_eq!(opens(&b), ["r", "r", "", "", ""]);
        // A device that code in front of the other program allows counts as allowed.
        change(&own, true, "c 1:9", "r").unwrap();
        let again = existing(&host, &b.name);
        let list = deny_all(&[rule(true, 3, "rw"), rule(true, 9, "r")]);
        again.set(&katacg::parse::resources(list.as_bytes()).unwrap()).unwrap();
        assert_eq!(opens(&b), ["rwb", "", "", "", "r"]);
    }
}

/// The instructions of such a program do not show whether it allows the devices.
#[test]
fn whole_list_beside_a_program_that_calls_functions_is_warned_of() {
    need_unified!(host);
    let b = with_program(&host, "somebodys", &calling());
    let list = katacg::parse::resources(deny_all(&[rule(true, 3, "r")]).as_bytes()).unwrap();
    let warnings = existing(&host, &b.name).set(&list).unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("\"somebodys\" (id "), "{warnings:?}");
    let flags = Flags { existing: true, strict: true, ..Flags::default() };
    let config = Config { flags, ..config(&b.name, "{}") };
    let error = Manager::new(Arc::clone(&host), config).unwrap().set(&list).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported, "{error}");
}

/// A process inside opens an allowed and a denied device all the time.
#[test]
fn changes_beside_another_program_give_no_wrong_answer() {
    need_unified!(host);
    for (name, code) in programs() {
        let b = with_program(&host, name, &code);
        let own = existing(&host, &b.name);
        b.no_wrong_answer_in(200, |n| {
            change(&own, n % 2 == 0, "c 1:8", "rw").unwrap();
        });
    }
}

/// bpf_get_current_uid_gid(), and all is denied.
fn calling() -> Vec<Insn> {
    vec![Insn::imm(0x85, 0, 15), Insn::imm(0xb7, 0, 0), Insn::imm(0x95, 0, 0)]
}

#[test]
fn program_that_calls_functions_is_named_and_stays() {
    need_unified!(host);
    let b = with_program(&host, "somebodys", &calling());
    let before = attached(&b);
    let own = existing(&host, &b.name);
    let error = change(&own, true, "c 1:5", "r").unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    let (id, text) = (before[0].0, error.to_string());
    assert!(text.contains(&format!("\"somebodys\" (id {id})")), "{text}");
    assert!(text.contains("calls functions") && text.contains("allow c 1:5 r"), "{text}");
    assert_eq!((attached(&b), opens(&b)), (before, vec![String::new(); 5]));
    // To deny a device, the library need not know what the other program does.
    change(&own, false, "c 1:5", "r").unwrap();
}

/// Attaches a program by a link, which only its holder can change (BPF_LINK_CREATE).
fn link(b: &Boxed, code: &[Insn]) -> OwnedFd {
    use rustix::fd::FromRawFd;
    let program = bpf::load("linked", code).unwrap();
    let directory = directory(b);
    let mut attr = [0u32; 32];
    attr[0] = program.as_raw_fd().cast_unsigned();
    attr[1] = directory.as_raw_fd().cast_unsigned();
    attr[2] = 6;
    // SAFETY: the attribute is memory of that size, and has descriptors and no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, 28, attr.as_mut_ptr(), 128) };
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just opened it.
    unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).unwrap()) }
}

#[test]
fn failed_change_restores_the_programs_that_were_extended_before() {
    need_unified!(host);
    let [(name, code), (_, other), _] = programs();
    let b = with_program(&host, name, &code);
    let _link = link(&b, &other);
    let error = change(&existing(&host, &b.name), true, "c 1:8", "r").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("BPF link") && text.contains("\"linked\""), "{text}");
    assert_eq!(opens(&b), BEFORE);
    assert!(attached(&b).iter().any(|(_, _, found)| *found == code));
}
