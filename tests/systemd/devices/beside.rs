// SPDX-License-Identifier: Apache-2.0

//! Device rules that systemd cannot express, on v2: a program of this library beside systemd's.

use std::fs::File;
use std::os::fd::OwnedFd;

use katacg::cgroupfs::bpf;
use katacg::devices::{compile, Access, Kind, Mode, State};

use super::*;

const ALL_BUT_WRITING_NULL: &str = r#"{"devices":[{"allow":true,"access":"rwm"},
    {"allow":false,"type":"c","major":1,"minor":3,"access":"w"}]}"#;
/// Allows all devices that have the minor number of null, which systemd cannot express.
const MINOR_3: &str = r#"{"devices":[{"allow":false,"access":"rwm"},
    {"allow":true,"type":"c","minor":3,"access":"rw"}]}"#;

/// More rules than systemd enforces, and null.
pub fn long_list(count: u32) -> String {
    let one = |major: u32| format!(r#",{{"allow":true,"type":"c","major":{major},"access":"r"}}"#);
    let majors: String = (1000..1000 + count).map(one).collect();
    format!(
        r#"{{"devices":[{{"allow":false,"access":"rwm"}},
        {{"allow":true,"type":"c","major":1,"minor":3,"access":"rw"}}{majors}]}}"#
    )
}

fn forms() -> [(String, &'static str); 3] {
    [
        (ALL_BUT_WRITING_NULL.to_owned(), "null r, zero r, zero w, random r, random w"),
        (MINOR_3.to_owned(), "null r, null w"),
        (long_list(450), "null r, null w"),
    ]
}

/// Opens the unit's directory.
fn directory(s: &Sandbox) -> OwnedFd {
    File::open(s.dir("")).unwrap().into()
}

/// Returns the number of this library's programs in the unit.
fn own_programs(s: &Sandbox) -> usize {
    let ids = bpf::query(&directory(s)).unwrap();
    ids.into_iter().filter(|id| bpf::open(*id).unwrap().name == bpf::NAME).count()
}

const NO_RULES: [(&str, &str); 2] = [("DevicePolicy", "auto"), ("DeviceAllow", "")];

/// Returns what the rules in force say about null, zero and random, in the form of
/// [`Opener::opens`].
pub fn said(s: &Sandbox) -> String {
    let rules = s.manager.device_rules().unwrap();
    let state = State::from_rules(&rules, &mut Vec::new()).unwrap();
    let mut out = Vec::new();
    for (name, minor) in [("null", 3), ("zero", 5), ("random", 8)] {
        for (way, access) in [("r", Access::READ), ("w", Access::WRITE)] {
            if state.permits(Kind::Char, 1, minor, access) {
                out.push(format!("{name} {way}"));
            }
        }
    }
    out.join(", ")
}

/// Does, one after the other, all that makes systemd attach its own rules again. Checks after each
/// which devices open.
fn holds(s: &Sandbox, opener: &mut Opener, wanted: &str, rules: &str, does: &[&str]) {
    assert_eq!(opener.opens(), wanted, "{rules}");
    assert_eq!(said(s), wanted, "{rules}");
    let set_property = ["set-property", "--runtime", &s.unit, "TasksMax=4000"];
    for does in does {
        match *does {
            "daemon-reload" => reload(),
            "set-property" => drop(systemctl(&set_property)),
            other => drop(systemctl(&[other])),
        }
        // systemd may attach its rules a moment later.
        for _ in 0..3 {
            assert_eq!(opener.opens(), wanted, "{rules} after {does:?}");
        }
        assert_eq!(said(s), wanted, "{rules} after {does:?}");
    }
}

/// Other tests wait while this one runs, so it tries only one form of rules.
#[test]
fn rules_without_words_hold_after_each_kind_of_reload() {
    need_systemd!(alone);
    need!(root(), "a user's systemd cannot apply device rules");
    need!(unified(), "on v1 such rules are an error");
    let [(rules, wanted), ..] = forms();
    let mut s = alone(&rules);
    let mut opener = Opener::new();
    s.manager.apply(opener.pid(), true).unwrap();
    s.check("made", &NO_RULES);
    let all = ["daemon-reload", "daemon-reexec", "set-property", "daemon-reload"];
    holds(&s, &mut opener, wanted, &rules, &all);
    assert_eq!(own_programs(&s), 1);
    drop(opener);
    s.end();
}

#[test]
fn rules_without_words_hold_beside_a_neighbour_and_are_replaced() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    need!(unified(), "on v1 such rules are an error");
    for (n, (rules, wanted)) in forms().into_iter().enumerate() {
        let mut s = alone(&rules);
        let mut opener = Opener::new();
        s.manager.apply(opener.pid(), true).unwrap();
        s.check("made", &NO_RULES);
        holds(&s, &mut opener, wanted, &rules, &["daemon-reload"]);
        assert_eq!(own_programs(&s), 1);
        if n == 0 {
            // A neighbour with rules makes systemd look at all units of the slice.
            let slice = s.unit.replace("katacgtest-", "katacgtest").replace(".scope", ".slice");
            let neighbour = name();
            let config = config(&format!("{slice}:katacgtest:{neighbour}"), NULL_AND_ZERO);
            let mut other = Sandbox::with(&format!("katacgtest-{neighbour}.scope"), config);
            other.start();
            assert_eq!(opener.opens(), wanted, "{rules} with a neighbour");
            other.end();
            // The next set replaces the program.
            for (next, wanted) in forms() {
                s.set(&next).unwrap();
                assert_eq!(opener.opens(), wanted, "{next}");
                assert_eq!(own_programs(&s), 1);
            }
        }
        drop(opener);
        s.end();
    }
}

#[test]
fn rules_move_between_systemd_and_a_program() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    need!(unified(), "on v1 such rules are an error");
    let does = ["daemon-reload", "set-property"];
    let mut s = alone(NULL_AND_RANDOM);
    let mut opener = Opener::new();
    s.manager.apply(opener.pid(), true).unwrap();
    holds(&s, &mut opener, "null r, null w, random r", "at first", &does);
    for (rules, wanted, programs) in [
        (ALL_BUT_WRITING_NULL, "null r, zero r, zero w, random r, random w", 1),
        (NULL_AND_ZERO, "null r, null w, zero r, zero w", 0),
        (MINOR_3, "null r, null w", 1),
        (ALL, EVERYTHING, 0),
        (&long_list(450), "null r, null w", 1),
        (NULL_AND_RANDOM, "null r, null w, random r", 0),
    ] {
        s.set(rules).unwrap();
        assert_eq!(own_programs(&s), programs, "{rules}");
        s.check("policy", &[("DevicePolicy", if programs == 1 { "auto" } else { "strict" })]);
        holds(&s, &mut opener, wanted, rules, &does);
    }
    drop(opener);
    s.end();
}

/// The set changes systemd's properties and the device program before a write to a file fails.
#[test]
fn failed_set_brings_the_other_form_back() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    need!(unified(), "on v1 such rules are an error");
    need!(has("hugetlb", "hugetlb"), "no write that fails last");
    let wrong = r#","hugepageLimits":[{"pageSize":"3KB","limit":4096}]}"#;
    for (n, (first, before, next)) in [
        (NULL_AND_RANDOM, "null r, null w, random r", ALL_BUT_WRITING_NULL),
        (ALL, EVERYTHING, MINOR_3),
        (MINOR_3, "null r, null w", NULL_AND_ZERO),
        (MINOR_3, "null r, null w", ALL),
        (MINOR_3, "null r, null w", ALL_BUT_WRITING_NULL),
        ("{}", EVERYTHING, MINOR_3),
    ]
    .into_iter()
    .enumerate()
    {
        let mut s = alone(first);
        let mut opener = Opener::new();
        s.manager.apply(opener.pid(), true).unwrap();
        assert_eq!(opener.opens(), before);
        let (policy, own) = (s.property("DevicePolicy"), own_programs(&s));
        let error = s.set(&next.replace("]}", &format!("]{wrong}"))).unwrap_err().to_string();
        assert!(error.contains("restored: ") && !error.contains("undone"), "{error}");
        assert_eq!(opener.opens(), before, "{first} after {next}: {error}");
        assert_eq!(said(&s), before, "{first} after {next}");
        assert_eq!((s.property("DevicePolicy"), own_programs(&s)), (policy, own), "{first}");
        // From each form to the other.
        if n % 2 == 0 {
            reload();
            assert_eq!(opener.opens(), before, "{first} after {next} and a reload");
        }
        drop(opener);
        s.end();
    }
}

/// systemd moves the process into the unit. The rules are in force from that moment on.
#[test]
fn program_is_there_before_the_process() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    need!(unified(), "on v1 such rules are an error");
    for _ in 0..6 {
        let mut s = alone(MINOR_3);
        // The process opens zero as soon as it is in the unit.
        let script = format!(
            "while :; do read -r own </proc/$$/cgroup; case $own in
                *{}*) (: </dev/zero) && echo opened; read -r end; exit;; esac; done",
            s.unit
        );
        let mut early = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The shell must be looking before it is moved.
        std::thread::sleep(Duration::from_millis(100));
        s.manager.apply(i32::try_from(early.id()).unwrap(), true).unwrap();
        drop(early.stdin.take());
        let mut text = String::new();
        std::io::Read::read_to_string(&mut early.stdout.take().unwrap(), &mut text).unwrap();
        early.wait().unwrap();
        assert_eq!(text, "");
        s.end();
    }
}

/// A start that systemd refuses leaves no directory.
#[test]
fn refused_start_leaves_no_directory() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    need!(unified(), "on v1 such rules are an error");
    let mut s = Sandbox::changed(MINOR_3, |config| {
        let wrong = ("org.systemd.property.TimeoutStopUSec".to_owned(), "'no'".to_owned());
        config.systemd.annotations.extend([wrong]);
    });
    let pid = s.child();
    let error = s.manager.apply(pid, true).unwrap_err().to_string();
    assert!(!error.contains("undone"), "{error}");
    assert!(directories(&s.unit).is_empty(), "{error}");
    assert!(alive(pid));
}

/// The kernel attaches at most 64 programs to a cgroup. systemd reports success although it could
/// not attach its own.
#[test]
fn list_that_systemd_does_not_enforce_is_an_error() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    need!(unified(), "v1 has no programs");
    let mut s = alone("{}");
    let mut opener = Opener::new();
    s.manager.apply(opener.pid(), true).unwrap();
    let cgroup = directory(&s);
    let programs: Vec<OwnedFd> = (0..64)
        .map(|_| bpf::load("other", &compile(&State::all(Mode::Allow))).unwrap())
        .inspect(|program| bpf::attach(&cgroup, program, None).unwrap())
        .collect();
    let error = s.set(NULL_AND_ZERO).unwrap_err();
    assert_eq!(error.code(), katacg::Code::Unsupported, "{error}");
    assert!(error.to_string().contains("attached no program"), "{error}");
    for program in &programs {
        bpf::detach(&cgroup, program).unwrap();
    }
    assert_eq!(opener.opens(), EVERYTHING);
    s.set(NULL_AND_ZERO).unwrap();
    assert_eq!(opener.opens(), "null r, null w, zero r, zero w");
    drop(opener);
    s.end();
}

#[test]
fn slice_gets_a_program() {
    need_systemd!();
    need!(root(), "a user's systemd cannot apply device rules");
    need!(unified(), "on v1 such rules are an error");
    let name = format!("katacgtest{}.slice", name());
    let mut s = Sandbox::with(&name, config(&format!("::{name}"), MINOR_3));
    s.manager.apply(-1, true).unwrap();
    let mut opener = Opener::new();
    s.manager.add(&[opener.pid()], katacg::Add::default()).unwrap();
    assert_eq!(opener.opens(), "null r, null w");
    reload();
    assert_eq!(opener.opens(), "null r, null w", "after a reload");
    s.set(NULL_AND_ZERO).unwrap();
    assert_eq!(opener.opens(), "null r, null w, zero r, zero w");
    drop(opener);
    s.end();
}
