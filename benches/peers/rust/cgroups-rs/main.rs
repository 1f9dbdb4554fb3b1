// SPDX-License-Identifier: Apache-2.0

//! Participant cgroups-rs: its builder over v1 hierarchies or over v2. The program reads the mounts
//! once, and each build consumes a copy of the hierarchy.

use bench_harness::{
    run, Bench, Participant, Result, MEMORY, PERIOD, PIDS, QUOTA, SHARES, SUBSYSTEMS, WEIGHT,
};
use cgroups_rs::fs::cgroup_builder::CgroupBuilder;
use cgroups_rs::fs::hierarchies::{V1, V2};
use cgroups_rs::fs::{Cgroup, Hierarchy, MaxValue};
use cgroups_rs::CgroupPid;

/// The values that differ between v1 and v2.
struct Version<H> {
    hierarchy: H,
    controllers: Vec<String>,
    /// The library does not convert shares to a weight.
    shares: u64,
}

struct CgroupsRs<H> {
    version: Version<H>,
    cgroup: Option<Cgroup>,
}

impl<H: Hierarchy + Clone + 'static> Participant for CgroupsRs<H> {
    fn start(&mut self, bench: &mut Bench, name: &str) -> Result<()> {
        let cgroup = CgroupBuilder::new(name.trim_start_matches('/'))
            .set_specified_controllers(self.version.controllers.clone())
            .cpu()
            .shares(self.version.shares)
            .quota(QUOTA)
            .period(PERIOD)
            .cpus(bench.cpus.clone())
            .mems(bench.mems.clone())
            .done()
            .memory()
            .memory_hard_limit(MEMORY)
            .done()
            .pid()
            .maximum_number_of_processes(MaxValue::Value(PIDS))
            .done()
            .build(Box::new(self.version.hierarchy.clone()))?;
        bench.phase("create+set");
        cgroup.add_task_by_tgid(CgroupPid::from(u64::from(bench.pid)))?;
        bench.phase("attach");
        self.cgroup = Some(cgroup);
        Ok(())
    }

    fn destroy(&mut self, _name: &str) -> Result<()> {
        match self.cgroup.take() {
            Some(cgroup) => Ok(cgroup.delete()?),
            None => Err("there is no cgroup".into()),
        }
    }
}

fn v1() -> Version<V1> {
    let controllers = SUBSYSTEMS.map(str::to_owned).to_vec();
    Version { hierarchy: V1::new(), controllers, shares: SHARES }
}

fn v2() -> Version<V2> {
    let controllers = ["cpu", "cpuset", "memory", "pids"].map(str::to_owned).to_vec();
    Version { hierarchy: V2::new(), controllers, shares: WEIGHT }
}

fn main() -> Result<()> {
    run(|bench| -> Result<Box<dyn Participant>> {
        Ok(match bench.unified() {
            true => Box::new(CgroupsRs { version: v2(), cgroup: None }),
            false => Box::new(CgroupsRs { version: v1(), cgroup: None }),
        })
    })
}
