// SPDX-License-Identifier: Apache-2.0

//! Participant libcgroups: the library in youki. On v1 it always joins all controllers that it
//! knows and finds, and always writes its default device rules.

use bench_harness::{run, Bench, Participant, Result, MEMORY, PERIOD, PIDS, QUOTA, SHARES};
use libcgroups::common::{AnyCgroupManager, CgroupManager, ControllerOpt};
use libcgroups::{v1, v2};
use nix::unistd::Pid;
use oci_spec::runtime::{
    LinuxCpuBuilder, LinuxMemoryBuilder, LinuxPidsBuilder, LinuxResources, LinuxResourcesBuilder,
};

struct Youki {
    unified: bool,
    resources: LinuxResources,
    manager: Option<AnyCgroupManager>,
}

impl Participant for Youki {
    fn start(&mut self, bench: &mut Bench, name: &str) -> Result<()> {
        let manager = match self.unified {
            true => v2::manager::Manager::new((&bench.base).into(), name.into())?.any(),
            false => v1::manager::Manager::new(name.as_ref())?.any(),
        };
        bench.phase("new");
        // In youki's order. This call creates the directories, too.
        manager.add_task(Pid::from_raw(i32::try_from(bench.pid)?))?;
        bench.phase("create+attach");
        manager.apply(&ControllerOpt {
            resources: &self.resources,
            disable_oom_killer: false,
            oom_score_adj: None,
            freezer_state: None,
        })?;
        bench.phase("set");
        self.manager = Some(manager);
        Ok(())
    }

    fn destroy(&mut self, _name: &str) -> Result<()> {
        match self.manager.take() {
            Some(manager) => Ok(manager.remove()?),
            None => Err("there is no manager".into()),
        }
    }
}

fn main() -> Result<()> {
    run(|bench| {
        let cpu = LinuxCpuBuilder::default()
            .shares(SHARES)
            .quota(QUOTA)
            .period(PERIOD)
            .cpus(bench.cpus.clone())
            .mems(bench.mems.clone())
            .build()?;
        let resources = LinuxResourcesBuilder::default()
            .cpu(cpu)
            .memory(LinuxMemoryBuilder::default().limit(MEMORY).build()?)
            .pids(LinuxPidsBuilder::default().limit(PIDS).build()?)
            .build()?;
        Ok(Youki { unified: bench.unified(), resources, manager: None })
    })
}
