// SPDX-License-Identifier: Apache-2.0

//! Containers of runc and crun, which only sleep.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A container, which ends when this value is dropped.
pub struct Container {
    runtime: &'static str,
    id: String,
    bundle: PathBuf,
}

/// Whether a container runtime is installed.
pub fn is_installed(runtime: &str) -> bool {
    let version = Command::new(runtime).arg("--version").output();
    version.is_ok_and(|out| out.status.success())
}

impl Container {
    /// Starts a container whose specification denies all devices. The runtime adds its own list.
    /// `cgroup` is a path, or `slice:prefix:name` for systemd.
    pub fn start(runtime: &'static str, id: &str, place: &Path, cgroup: &str) -> Container {
        let bundle = place.join(format!("{id}-bundle"));
        let root = bundle.join("rootfs");
        for below in ["usr", "proc", "dev"] {
            fs::create_dir_all(root.join(below)).unwrap();
        }
        for link in ["bin", "lib", "lib64"] {
            std::os::unix::fs::symlink(format!("usr/{link}"), root.join(link)).unwrap();
        }
        let mount = |at: &str, source: &str, kind: &str, options: &str| {
            format!(
                r#"{{"destination":"{at}","source":"{source}","type":"{kind}","options":[{options}]}}"#
            )
        };
        let mounts = [
            mount("/usr", "/usr", "none", r#""rbind","ro""#),
            mount("/proc", "proc", "proc", ""),
            mount("/dev", "tmpfs", "tmpfs", r#""mode=755""#),
        ];
        let spec = format!(
            r#"{{"ociVersion":"1.0.0","process":{{"user":{{"uid":0,"gid":0}},"cwd":"/",
            "args":["/usr/bin/sleep","600"],"env":["PATH=/usr/bin"]}},
            "root":{{"path":"rootfs"}},"mounts":[{}],
            "linux":{{"cgroupsPath":"{cgroup}","namespaces":[{{"type":"mount"}},{{"type":"pid"}}],
            "resources":{{"devices":[{{"allow":false,"access":"rwm"}}]}}}}}}"#,
            mounts.join(",")
        );
        fs::write(bundle.join("config.json"), spec).unwrap();
        let container = Container { runtime, id: id.to_owned(), bundle };
        let bundle = container.bundle.to_str().unwrap().to_owned();
        let by = if cgroup.contains(':') { "systemd" } else { "cgroupfs" };
        let detached = ["run", "--no-pivot", "--detach", "--bundle", &bundle, id];
        match runtime {
            "crun" => container.command(&[&["--cgroup-manager", by], &detached[..]].concat()),
            _ if by == "systemd" => {
                container.command(&[&["--systemd-cgroup"], &detached[..]].concat())
            }
            _ => container.command(&detached),
        }
        container
    }

    fn command(&self, arguments: &[&str]) {
        let path = self.bundle.join("log");
        let log = fs::File::create(&path).unwrap();
        let mut command = Command::new(self.runtime);
        command.args(arguments).stdin(Stdio::null());
        let done = command.stdout(log.try_clone().unwrap()).stderr(log).status().unwrap();
        let text = fs::read_to_string(path).unwrap();
        assert!(done.success(), "{} {arguments:?}: {text}", self.runtime);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let mut command = Command::new(self.runtime);
        let _ = command.args(["delete", "--force", &self.id]).stdin(Stdio::null()).status();
        let _ = fs::remove_dir_all(&self.bundle);
    }
}
