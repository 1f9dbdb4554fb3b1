// SPDX-License-Identifier: Apache-2.0

//! Kata's rules for CPU resources: which values it drops, and how it adds up containers.

use oci_spec::runtime::LinuxCpu;

/// Unsets each of shares, quota, period, realtime runtime and realtime period that is below 1. As
/// in K0, a quota of -1 ("no limit") is unset, too.
pub fn validate(cpu: &LinuxCpu) -> LinuxCpu {
    let mut out = cpu.clone();
    if out.shares().is_some_and(|v| v < 1) {
        out.set_shares(None);
    }
    if out.quota().is_some_and(|v| v < 1) {
        out.set_quota(None);
    }
    if out.period().is_some_and(|v| v < 1) {
        out.set_period(None);
    }
    if out.realtime_runtime().is_some_and(|v| v < 1) {
        out.set_realtime_runtime(None);
    }
    if out.realtime_period().is_some_and(|v| v < 1) {
        out.set_realtime_period(None);
    }
    out
}

/// Returns a sandbox's CPU resources from those of its containers: the largest shares and period,
/// the sums of quotas and realtime values, and the concatenated lists of CPUs and memory nodes.
///
/// As in K0, shares and period pass through a double, which rounds them above 2^53; sums wrap; a
/// quota of -1 counts as -1; and the memory nodes end in a comma.
pub fn aggregate<'a>(containers: impl IntoIterator<Item = &'a LinuxCpu>) -> LinuxCpu {
    let mut shares = 0u64;
    let mut period = 0u64;
    let mut quota = 0i64;
    let mut runtime = 0i64;
    let mut rt_period = 0u64;
    let mut cpus = String::new();
    let mut mems = String::new();
    for cpu in containers {
        if let Some(v) = cpu.shares() {
            shares = max_as_double(v, shares);
        }
        if let Some(v) = cpu.period() {
            period = max_as_double(v, period);
        }
        quota = quota.wrapping_add(cpu.quota().unwrap_or(0));
        runtime = runtime.wrapping_add(cpu.realtime_runtime().unwrap_or(0));
        rt_period = rt_period.wrapping_add(cpu.realtime_period().unwrap_or(0));
        append(&mut cpus, cpu.cpus().as_ref());
        append(&mut mems, cpu.mems().as_ref());
    }
    let cpus = cpus.trim_matches([' ', '\n', '\t', ',']).to_owned();
    let mut out = LinuxCpu::default();
    out.set_shares(Some(shares));
    out.set_period(Some(period));
    out.set_quota(Some(quota));
    out.set_realtime_runtime(Some(runtime));
    out.set_realtime_period(Some(rt_period));
    out.set_cpus((!cpus.is_empty()).then_some(cpus));
    out.set_mems((!mems.is_empty()).then_some(mems));
    validate(&out)
}

/// Does what [`aggregate`] does, but returns a quota of -1 ("no limit") if any container has no
/// quota. A container has no quota if the quota is absent or below 1, or if the container has no
/// CPU resources at all.
///
/// The sum alone would throttle such a container to the quotas of the others.
pub fn aggregate_unlimited(containers: &[Option<LinuxCpu>]) -> LinuxCpu {
    let mut out = aggregate(containers.iter().flatten());
    let limited = |cpu: &Option<LinuxCpu>| {
        cpu.as_ref().and_then(LinuxCpu::quota).is_some_and(|quota| quota > 0)
    };
    if !containers.iter().all(limited) {
        out.set_quota(Some(-1));
    }
    out
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn max_as_double(a: u64, b: u64) -> u64 {
    (a as f64).max(b as f64) as u64
}

fn append(list: &mut String, part: Option<&String>) {
    if let Some(part) = part.filter(|part| !part.is_empty()) {
        list.push_str(part);
        list.push(',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn containers(json: &str) -> Vec<Option<LinuxCpu>> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn aggregate_adds_a_quota_of_no_limit_as_kata_did() {
        let all = containers(r#"[{"quota":-1},{"quota":50000}]"#);
        assert_eq!(aggregate(all.iter().flatten()).quota(), Some(49_999));
    }

    #[test]
    fn unlimited_container_makes_an_unlimited_sandbox() {
        for (json, wanted) in [
            (r#"[{"quota":-1},{"quota":50000}]"#, Some(-1)),
            (r#"[{"quota":0},{"quota":50000}]"#, Some(-1)),
            (r#"[{"shares":5},{"quota":50000}]"#, Some(-1)),
            (r#"[null,{"quota":50000}]"#, Some(-1)),
            (r#"[{"quota":20000},{"quota":50000}]"#, Some(70_000)),
            ("[]", None),
        ] {
            let all = containers(json);
            let sandbox = aggregate_unlimited(&all);
            assert_eq!(sandbox.quota(), wanted, "{json}");
            assert_eq!(sandbox.shares(), aggregate(all.iter().flatten()).shares(), "{json}");
        }
    }
}
