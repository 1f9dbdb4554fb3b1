//! Participant cgroups-rs: its builder over v1 hierarchies. The mounts are read once, the hierarchy
//! that every build consumes is a copy.

use bench_harness::{
    run, Bench, Participant, Result, MEMORY, PERIOD, PIDS, QUOTA, SHARES, SUBSYSTEMS,
};
use cgroups_rs::fs::cgroup_builder::CgroupBuilder;
use cgroups_rs::fs::hierarchies::V1;
use cgroups_rs::fs::{Cgroup, MaxValue};
use cgroups_rs::CgroupPid;

struct CgroupsRs {
    hierarchy: V1,
    cgroup: Option<Cgroup>,
}

impl Participant for CgroupsRs {
    fn start(&mut self, bench: &mut Bench, name: &str) -> Result<()> {
        let cgroup = CgroupBuilder::new(name.trim_start_matches('/'))
            .set_specified_controllers(SUBSYSTEMS.map(str::to_owned).to_vec())
            .cpu()
            .shares(SHARES)
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
            .build(Box::new(self.hierarchy.clone()))?;
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

fn main() -> Result<()> {
    run(|_| Ok(CgroupsRs { hierarchy: V1::new(), cgroup: None }))
}
