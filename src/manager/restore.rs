//! How to put back what a knob held: files are not written as they are read. Pure.

/// What to write so that `file`, which read `old` before `written` was written to it, holds the
/// same again. None when that cannot be told.
///
/// Files of one value take it back as it reads. Files of a line for each device, interface or
/// `default` take back the line that `written` was about; where there was none, the word that
/// means "no limit" in that file.
pub(super) fn value(file: &str, written: &str, old: &str) -> Option<String> {
    let subject = written.split_whitespace().next().unwrap_or_default();
    let line = |key: &str| {
        old.lines().find(|line| line.split_whitespace().next() == Some(key)).map(str::to_owned)
    };
    match file {
        // These are told what to do, not what to be.
        _ if file.starts_with("cgroup.")
            && !matches!(file, "cgroup.freeze" | "cgroup.max.depth")
            && file != "cgroup.max.descendants" =>
        {
            None
        }
        // "oom_kill_disable 0" and two lines that cannot be written.
        "memory.oom_control" => {
            line("oom_kill_disable")?.split_whitespace().nth(1).map(str::to_owned)
        }
        "net_prio.ifpriomap" | "rdma.max" | "misc.max" | "dmem.max" => line(subject),
        "io.max" => Some(
            line(subject)
                .unwrap_or_else(|| format!("{subject} rbps=max wbps=max riops=max wiops=max")),
        ),
        // 0 is no target; a line of one that has none may not be there.
        "io.latency" => Some(line(subject).unwrap_or_else(|| format!("{subject} target=0"))),
        "blkio.bfq.weight_device" => {
            Some(line(subject).unwrap_or_else(|| format!("{subject} default")))
        }
        _ if file.starts_with("blkio.throttle.") || file.ends_with("weight_device") => {
            Some(line(subject).unwrap_or_else(|| format!("{subject} 0")))
        }
        "io.weight" | "io.bfq.weight" | "blkio.bfq.weight" if subject.contains(':') => {
            Some(line(subject).unwrap_or_else(|| format!("{subject} default")))
        }
        "io.weight" | "io.bfq.weight" | "blkio.bfq.weight" => {
            line("default").or_else(|| single(old))
        }
        _ => single(old),
    }
}

/// The one line of a file; an empty file is emptied by an empty line.
fn single(old: &str) -> Option<String> {
    let mut lines = old.lines();
    match (lines.next(), lines.next()) {
        (None, _) | (Some(""), None) => Some("\n".to_owned()),
        (Some(line), None) => Some(line.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::value;

    fn check(file: &str, written: &str, old: &str, wanted: Option<&str>) {
        assert_eq!(value(file, written, old).as_deref(), wanted, "{file} {written} {old:?}");
    }

    #[test]
    fn files_of_one_value() {
        check("cpu.shares", "512", "1024\n", Some("1024"));
        check("cpu.max", "max 1000", "50000 100000\n", Some("50000 100000"));
        check("cpuset.cpus", "0-1", "\n", Some("\n"));
        check("cpuset.cpus", "0-1", "", Some("\n"));
        check("memory.max", "1", "max\n", Some("max"));
    }

    #[test]
    fn files_of_many_lines() {
        let max =
            "8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=2 wbps=max riops=3 wiops=max\n";
        check("io.max", "8:16 rbps=7", max, Some("8:16 rbps=2 wbps=max riops=3 wiops=max"));
        let none = "9:0 rbps=max wbps=max riops=max wiops=max";
        check("io.max", "9:0 rbps=7", max, Some(none));
        check("io.weight", "200", "default 100\n8:0 50\n", Some("default 100"));
        check("io.weight", "8:0 70", "default 100\n8:0 50\n", Some("8:0 50"));
        check("io.bfq.weight", "8:16 70", "default 100\n", Some("8:16 default"));
        check("blkio.throttle.read_bps_device", "8:0 5", "8:0 9\n", Some("8:0 9"));
        check("blkio.throttle.read_bps_device", "8:0 5", "", Some("8:0 0"));
        check("blkio.weight_device", "8:0 500", "", Some("8:0 0"));
        check("blkio.bfq.weight_device", "8:0 500", "", Some("8:0 default"));
        check("io.latency", "8:0 target=10", "8:16 target=5\n", Some("8:0 target=0"));
        check("io.latency", "8:0 target=10", "8:0 target=5\n", Some("8:0 target=5"));
        check("net_prio.ifpriomap", "eth0 5", "lo 0\neth0 2\n", Some("eth0 2"));
        check(
            "rdma.max",
            "mlx hca_handle=1",
            "mlx hca_handle=2 hca_object=max\n",
            Some("mlx hca_handle=2 hca_object=max"),
        );
        check("misc.max", "sev 5", "sev 100\nsev_es max\n", Some("sev 100"));
        let oom = "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n";
        check("memory.oom_control", "1", oom, Some("0"));
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        check("cgroup.subtree_control", "+cpu", "", None);
        check("misc.unknown", "a 1", "a 2\nb 3\n", None);
        check("rdma.max", "gone hca_handle=1", "", None);
    }
}
