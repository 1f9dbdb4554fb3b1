// SPDX-License-Identifier: Apache-2.0

//! Shared by all Rust participants. Measures the same work in the same way, and prints the same
//! lines, as `c/harness.h`.

mod version;

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use version::Version;

/// The hierarchies that every participant joins on v1.
pub const SUBSYSTEMS: [&str; 8] =
    ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids"];
pub const SHARES: u64 = 2048;
/// The v2 value for shares.
pub const WEIGHT: u64 = 174;
pub const QUOTA: i64 = 150_000;
pub const PERIOD: u64 = 100_000;
pub const MEMORY: i64 = 256 << 20;
pub const PIDS: i64 = 512;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Runs the life cycle of a cgroup. The name is `/parent/child`.
pub trait Participant {
    /// Returns when the process is inside with its limits.
    fn start(&mut self, bench: &mut Bench, name: &str) -> Result<()>;
    fn destroy(&mut self, name: &str) -> Result<()>;
}

impl Participant for Box<dyn Participant> {
    fn start(&mut self, bench: &mut Bench, name: &str) -> Result<()> {
        self.as_mut().start(bench, name)
    }

    fn destroy(&mut self, name: &str) -> Result<()> {
        self.as_mut().destroy(name)
    }
}

/// The base directory, the parent cgroup and the process of a benchmark.
pub struct Bench {
    /// The cgroup2 mount, or the directory of the v1 hierarchies, which are named like their
    /// subsystems.
    pub base: String,
    /// An existing cgroup in all hierarchies, with a child `home` for idle processes.
    pub parent: String,
    /// The CPUs and memory nodes of the parent's cpuset.
    pub cpus: String,
    pub mems: String,
    /// The process to move in.
    pub pid: u32,
    version: Version,
    records: Vec<(&'static str, Duration)>,
    last: Instant,
    recording: bool,
}

/// A child that ends when this value is dropped, and also when the process is killed.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Result<Sleeper> {
        let mut command = Command::new("sleep");
        command.arg("infinity");
        // SAFETY: prctl is async-signal-safe and does not touch the parent's memory.
        unsafe {
            command.pre_exec(|| {
                match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        Ok(Sleeper(command.spawn()?))
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures a participant. Arguments: BASE PARENT CPUS MEMS CYCLES PAUSE_MICROSECONDS.
pub fn run<P: Participant>(setup: impl FnOnce(&Bench) -> Result<P>) -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [base, parent, cpus, mems, cycles, pause, ..] = arguments.as_slice() else {
        return Err("arguments: BASE PARENT CPUS MEMS CYCLES PAUSE_MICROSECONDS".into());
    };
    let cycles: usize = cycles.parse()?;
    let pause = Duration::from_micros(pause.parse()?);
    let sleeper = Sleeper::start()?;
    let mut bench = Bench {
        version: Version::of(base, cpus, mems),
        base: base.clone(),
        parent: parent.clone(),
        cpus: cpus.clone(),
        mems: mems.clone(),
        pid: sleeper.0.id(),
        records: Vec::with_capacity(cycles * 8),
        last: Instant::now(),
        recording: false,
    };
    let mut homes = Vec::new();
    for path in bench.paths(&format!("{parent}/home")) {
        homes.push(OpenOptions::new().write(true).open(path.join("cgroup.procs"))?);
    }
    bench.go_home(&mut homes)?;
    let mut participant = setup(&bench)?;
    // The first cycle fills caches and is checked. It is not counted.
    let own = std::process::id();
    for n in 0..=cycles {
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
        bench.recording = n > 0;
        bench.cycle(&mut participant, &format!("{parent}/{own}-{n}"), &mut homes)?;
    }
    let mut out = String::new();
    for (phase, took) in &bench.records {
        out.push_str(&format!("{phase} {}\n", took.as_nanos()));
    }
    std::io::stdout().write_all(out.as_bytes())?;
    Ok(())
}

impl Bench {
    /// Ends a phase of start, which began with the last call, or with start.
    pub fn phase(&mut self, name: &'static str) {
        let now = Instant::now();
        self.record(name, now - self.last);
        self.last = now;
    }

    /// Whether the base is the cgroup2 mount.
    pub fn unified(&self) -> bool {
        self.version.unified
    }

    fn path(&self, hierarchy: &str, name: &str) -> PathBuf {
        Path::new(&self.base).join(hierarchy).join(name.trim_start_matches('/'))
    }

    fn paths(&self, name: &str) -> Vec<PathBuf> {
        self.version.hierarchies.iter().map(|hierarchy| self.path(hierarchy, name)).collect()
    }

    fn cycle(
        &mut self,
        participant: &mut impl Participant,
        name: &str,
        homes: &mut [File],
    ) -> Result<()> {
        let begin = Instant::now();
        self.last = begin;
        participant.start(self, name)?;
        let started = begin.elapsed();
        if !self.recording {
            self.verify(name)?;
        }
        self.go_home(homes)?;
        let leave = Instant::now();
        participant.destroy(name)?;
        let destroyed = leave.elapsed();
        self.record("start", started);
        self.record("destroy", destroyed);
        self.record("cycle", started + destroyed);
        match self.paths(name).iter().find(|path| !self.recording && path.exists()) {
            Some(path) => Err(format!("{} is still there", path.display()).into()),
            None => Ok(()),
        }
    }

    fn record(&mut self, phase: &'static str, took: Duration) {
        // The vector must not grow beyond its first allocation.
        if self.recording && self.records.len() < self.records.capacity() {
            self.records.push((phase, took));
        }
    }

    fn go_home(&self, homes: &mut [File]) -> Result<()> {
        let pid = self.pid.to_string();
        for home in homes {
            home.write_all(pid.as_bytes())?;
        }
        Ok(())
    }

    /// Ends the program when a cycle did not do all of the work.
    fn verify(&self, name: &str) -> Result<()> {
        let expect = |hierarchy: &str, file: &str, wanted: &str| {
            let path = self.path(hierarchy, name).join(file);
            match fs::read_to_string(&path)?.trim() {
                found if found == wanted => Ok(()),
                found => Err(Box::<dyn Error>::from(format!(
                    "{} is {found}, not {wanted}",
                    path.display()
                ))),
            }
        };
        for hierarchy in &self.version.hierarchies {
            expect(hierarchy, "cgroup.procs", &self.pid.to_string())?;
        }
        self.version.files.iter().try_for_each(|f| expect(f.hierarchy, f.file, &f.value))
    }
}
