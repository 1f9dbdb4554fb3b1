// SPDX-License-Identifier: Apache-2.0

//! Cgroups of v2 whose device programs another program has attached.

use std::sync::Arc;

use katacg::cgroupfs::bpf;
use katacg::devices::Insn;
use katacg::{Config, Flags, Host, Manager};
use rustix::fd::{AsRawFd, OwnedFd};

use super::*;

#[path = "../../common/device_programs.rs"]
mod peer;

/// Returns the host as one with cgroup2 alone.
pub fn unified_view() -> Option<Arc<Host>> {
    views().into_iter().find(|host| host.info().is_unified())
}

/// Ends the test unless there is cgroup2; names the host's view of it.
macro_rules! need_unified {
    ($host:ident) => {
        need_devices!();
        let $host = unified_view();
        need!($host.is_some(), "no cgroup2 here");
        let $host = $host.unwrap();
    };
}

/// Returns a manager of a cgroup that somebody else made.
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
fn with_program(host: &Arc<Host>, name: &str, code: &[Insn]) -> Boxed {
    let b = Boxed::new(host, "{}");
    attach(&b, name, code);
    b
}

fn attach(b: &Boxed, name: &str, code: &[Insn]) {
    let program = bpf::load(name, code).unwrap();
    bpf::attach(&directory(b), &program, None).unwrap();
}

/// Returns what is attached: ids, names and instructions.
fn attached(b: &Boxed) -> Vec<(u32, String, Vec<Insn>)> {
    let ids = bpf::query(&directory(b)).unwrap();
    let programs = ids.into_iter().map(|id| bpf::open(id).unwrap());
    programs.map(|program| (program.id, program.name, program.code)).collect()
}

fn change(manager: &Manager, allow: bool, device: &str, access: &str) -> katacg::Result<()> {
    let access = Access::parse(access).unwrap();
    manager.change_device(allow, parse_devices(device).unwrap(), access)
}

/// Programs that allow null, zero (reading) and full, as runc, crun and systemd make them.
fn programs() -> [(&'static str, Vec<Insn>); 3] {
    let rules = ["allow c 1:3 rwm", "allow c 1:5 r", "allow c 1:7 rw", "allow c 136:* rwm"];
    let (rules, deny) = (peer::list(&rules), peer::list(&["deny a *:* rwm"]));
    [
        ("sd_devices", code_of(&peer::systemd(&rules[..3]))),
        ("", code_of(&peer::crun(&rules, &deny))),
        ("device_filter", code_of(&peer::runc(false, &rules))),
    ]
}

const BEFORE: [&str; 5] = ["rwb", "r", "rwb", "", ""];

fn opens(b: &Boxed) -> Vec<String> {
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
        // Allowed already: nothing is exchanged.
        let before = attached(&b);
        assert_eq!((before.len(), before[0].1.as_str()), (1, name));
        change(&existing(&host, &b.name), true, "c 1:9", "rw").unwrap();
        change(&own, true, "c 1:3", "rw").unwrap();
        assert_eq!(attached(&b), before);
        // The other program allows the reading, and code in front of it the writing.
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
    // The others allow that.
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
    // It is denied already.
    change(&own, false, "c 1:9", "rw").unwrap();
    change(&own, true, "c 1:7", "w").unwrap();
    assert_eq!(opens(&b), BEFORE);
    let found = attached(&b);
    assert_eq!((found[0].1.as_str(), &found[0].2), (name, &code));
}

/// A process inside opens an allowed and a denied device all the time.
#[test]
fn changes_beside_another_program_give_no_wrong_answer() {
    need_unified!(host);
    for (name, code) in programs() {
        let b = with_program(&host, name, &code);
        let own = existing(&host, &b.name);
        b.opener.borrow_mut().ask("loop");
        eventually("the loop begins", || b.nodes.join("begun").exists());
        for n in 0..200 {
            change(&own, n % 2 == 0, "c 1:8", "rw").unwrap();
        }
        fs::write(b.nodes.join("stop"), "").unwrap();
        let answer = b.opener.borrow_mut().answer();
        let tries: u32 = answer[0].parse().unwrap();
        assert!(tries > 200 && answer[1..] == ["0", "0"], "{answer:?}");
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
    // Denying needs no look into the program.
    change(&own, false, "c 1:5", "r").unwrap();
}

/// The kernel blinds the constants of programs that are loaded while this setting is 2.
#[test]
fn blinded_program_is_named_and_stays() {
    const HARDEN: &str = "/proc/sys/net/core/bpf_jit_harden";
    let emulated = fs::read_to_string("/proc/cmdline").unwrap().contains("lab");
    need!(emulated, "a setting of the whole machine would be changed");
    need!(can() && unified_view().is_some(), "no device nodes, or no cgroup2 here");
    let host = unified_view().unwrap();
    let _alone = MACHINE.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    let was = fs::read_to_string(HARDEN).unwrap();
    let [(name, code), ..] = programs();
    fs::write(HARDEN, "2").unwrap();
    let b = with_program(&host, name, &code);
    fs::write(HARDEN, was).unwrap();
    let error = change(&existing(&host, &b.name), true, "c 1:8", "r").unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    let text = error.to_string();
    assert!(text.contains("blinded") && text.contains("\"sd_devices\" (id "), "{text}");
    assert_eq!(opens(&b), BEFORE);
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

/// A container of crun's, if crun is installed.
#[test]
fn device_is_allowed_in_a_container_of_crun() {
    need_unified!(host);
    need!(unified(), "crun needs a host with cgroup2 alone");
    let crun = Command::new("crun").arg("--version").output();
    need!(crun.is_ok_and(|out| out.status.success()), "crun is not installed");
    let name = name();
    let id = name.trim_start_matches('/');
    let bundle = place().unwrap().join(format!("{id}-bundle"));
    let root = bundle.join("rootfs");
    for below in ["usr", "proc", "dev"] {
        fs::create_dir_all(root.join(below)).unwrap();
    }
    for link in ["bin", "lib", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{link}"), root.join(link)).unwrap();
    }
    let spec = format!(
        r#"{{"ociVersion":"1.0.0","process":{{"user":{{"uid":0,"gid":0}},"cwd":"/",
        "args":["/usr/bin/sleep","600"],"env":["PATH=/usr/bin"]}},"root":{{"path":"rootfs"}},
        "mounts":[{{"destination":"/usr","source":"/usr","type":"none","options":["rbind","ro"]}},
        {{"destination":"/proc","source":"proc","type":"proc"}}],
        "linux":{{"cgroupsPath":"{name}","namespaces":[{{"type":"mount"}},{{"type":"pid"}}],
        "resources":{{"devices":[{{"allow":false,"access":"rwm"}}]}}}}}}"#
    );
    fs::write(bundle.join("config.json"), spec).unwrap();
    let crun = |arguments: &[&str]| {
        let log = fs::File::create(bundle.join("log")).unwrap();
        let mut command = Command::new("crun");
        command.arg("--cgroup-manager=cgroupfs").args(arguments).stdin(std::process::Stdio::null());
        let done = command.stdout(log.try_clone().unwrap()).stderr(log).status().unwrap();
        assert!(done.success(), "{}", fs::read_to_string(bundle.join("log")).unwrap());
    };
    crun(&["run", "--no-pivot", "--detach", "--bundle", bundle.to_str().unwrap(), id]);
    let own = existing(&host, &name);
    let b = Boxed::in_cgroup(&host, name.clone(), existing(&host, &name));
    make_node(&b.nodes, "c-1-11");
    let kmsg = || b.opener.borrow_mut().opens_one("c-1-11");
    // crun lets every node be made.
    let (before, all) = (kmsg(), attached(&b));
    change(&own, true, "c 1:11", "rw").unwrap();
    let allowed = (kmsg(), attached(&b));
    change(&own, false, "c 1:11", "rw").unwrap();
    let after = (kmsg(), attached(&b));
    crun(&["delete", "--force", id]);
    fs::remove_dir_all(&bundle).unwrap();
    let lengths = (all[0].2.len(), allowed.1[0].2.len());
    println!("crun's program: {} instructions; {} with a device in front", lengths.0, lengths.1);
    assert_eq!((before.as_str(), allowed.0.as_str()), ("m", "rwbm"));
    assert_eq!((after.0.as_str(), &after.1[0].2), ("m", &all[0].2));
    assert_eq!((all.len(), after.1.len()), (1, 1));
}
