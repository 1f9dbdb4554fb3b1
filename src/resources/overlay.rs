//! Resources written over others, field by field.

#[cfg(test)]
mod tests;

use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxInterfacePriority, LinuxMemory, LinuxNetwork, LinuxResources,
    LinuxThrottleDevice, LinuxWeightDevice, LinuxWeightDeviceBuilder,
};

use super::cpu;

/// Fields of `$new` into `$old`, where they are there.
macro_rules! copy {
    ($old:ident, $new:ident: $($get:ident $set:ident),*) => {$(
        if let Some(value) = $new.$get() {
            $old.$set(Some(value.to_owned()));
        }
    )*};
}

/// The same of fields of which 0 means "leave it": setting them to 0 writes nothing.
macro_rules! copy_unless_0 {
    ($old:ident, $new:ident: $($get:ident $set:ident),*) => {$(
        if let Some(value) = $new.$get().filter(|value| *value != 0) {
            $old.$set(Some(value));
        }
    )*};
}

/// Lists in which an entry replaces the one for the same.
macro_rules! replace {
    ($old:ident, $new:ident, $same:ident: $($get:ident $set:ident),*) => {$(
        if let Some(new) = $new.$get() {
            let mut all = $old.$get().clone().unwrap_or_default();
            lay(&mut all, new, $same, Clone::clone_from);
            $old.$set(Some(all));
        }
    )*};
}

/// `old`, with every field that `new` has.
pub(super) fn overlay(old: &mut LinuxResources, new: &LinuxResources) {
    drop_other_names(old, new);
    copy!(old, new: devices set_devices, pids set_pids);
    if let Some(new) = new.memory() {
        memory(old.memory_mut().get_or_insert_default(), new);
    }
    if let Some(new) = new.cpu() {
        of_cpu(old.cpu_mut().get_or_insert_default(), new);
    }
    if let Some(new) = new.block_io() {
        block_io(old.block_io_mut().get_or_insert_default(), new);
    }
    if let Some(new) = new.network() {
        network(old.network_mut().get_or_insert_default(), new);
    }
    if let Some(new) = new.hugepage_limits() {
        let old = old.hugepage_limits_mut().get_or_insert_default();
        lay(old, new, |a, b| a.page_size() == b.page_size(), Clone::clone_from);
    }
    if let Some(new) = new.rdma() {
        let all = old.rdma_mut().get_or_insert_default();
        for (device, new) in new {
            let old = all.entry(device.clone()).or_default();
            *old.hca_handles_mut() = new.hca_handles().or(old.hca_handles());
            *old.hca_objects_mut() = new.hca_objects().or(old.hca_objects());
        }
    }
    if let Some(new) = new.unified() {
        let all = old.unified_mut().get_or_insert_default();
        all.extend(new.iter().map(|(file, value)| (file.clone(), value.clone())));
    }
}

fn memory(old: &mut LinuxMemory, new: &LinuxMemory) {
    copy_unless_0!(old, new: limit set_limit, reservation set_reservation, swap set_swap);
    copy!(old, new: kernel set_kernel, kernel_tcp set_kernel_tcp, swappiness set_swappiness,
        disable_oom_killer set_disable_oom_killer, use_hierarchy set_use_hierarchy,
        check_before_update set_check_before_update);
}

fn of_cpu(old: &mut LinuxCpu, new: &LinuxCpu) {
    copy_unless_0!(old, new: shares set_shares, quota set_quota, period set_period,
        realtime_runtime set_realtime_runtime, realtime_period set_realtime_period);
    copy!(old, new: idle set_idle, burst set_burst, cpus set_cpus, mems set_mems);
}

fn block_io(old: &mut LinuxBlockIo, new: &LinuxBlockIo) {
    copy_unless_0!(old, new: weight set_weight, leaf_weight set_leaf_weight);
    if let Some(new) = new.weight_device() {
        let mut all = old.weight_device().clone().unwrap_or_default();
        // Two values, each to be left out.
        lay(&mut all, new, |a, b| (a.major(), a.minor()) == (b.major(), b.minor()), weights);
        old.set_weight_device(Some(all));
    }
    let same = |a: &LinuxThrottleDevice, b: &LinuxThrottleDevice| {
        (a.major(), a.minor()) == (b.major(), b.minor())
    };
    replace!(old, new, same: throttle_read_bps_device set_throttle_read_bps_device,
        throttle_write_bps_device set_throttle_write_bps_device,
        throttle_read_iops_device set_throttle_read_iops_device,
        throttle_write_iops_device set_throttle_write_iops_device);
}

fn weights(old: &mut LinuxWeightDevice, new: &LinuxWeightDevice) {
    let mut both = LinuxWeightDeviceBuilder::default().major(old.major()).minor(old.minor());
    if let Some(weight) = cpu::set(new.weight()).or(old.weight()) {
        both = both.weight(weight);
    }
    if let Some(weight) = cpu::set(new.leaf_weight()).or(old.leaf_weight()) {
        both = both.leaf_weight(weight);
    }
    // There is no field that it asks for.
    if let Ok(both) = both.build() {
        *old = both;
    }
}

fn network(old: &mut LinuxNetwork, new: &LinuxNetwork) {
    copy_unless_0!(old, new: class_id set_class_id);
    let same = |a: &LinuxInterfacePriority, b: &LinuxInterfacePriority| a.name() == b.name();
    replace!(old, new, same: priorities set_priorities);
}

/// New entries over those for the same thing, or behind them.
fn lay<T: Clone>(
    old: &mut Vec<T>,
    new: &[T],
    same: impl Fn(&T, &T) -> bool,
    over: impl Fn(&mut T, &T),
) {
    for entry in new {
        match old.iter_mut().find(|known| same(known, entry)) {
            Some(known) => over(known, entry),
            None => old.push(entry.clone()),
        }
    }
}

/// The map is written last and would have the last word, also over a field that was set since.
fn drop_other_names(old: &mut LinuxResources, new: &LinuxResources) {
    let Some(map) = old.unified_mut() else { return };
    let mut set = |is_set: bool, file: &str| {
        if is_set {
            map.remove(file);
        }
    };
    if let Some(cpu) = new.cpu() {
        let list = |list: &Option<String>| list.as_ref().is_some_and(|list| !list.is_empty());
        let shares = cpu::set(cpu.shares()).is_some();
        set(shares, "cpu.weight");
        set(shares, "cpu.weight.nice");
        set(cpu::set(cpu.quota()).is_some() || cpu::set(cpu.period()).is_some(), "cpu.max");
        set(cpu.burst().is_some(), "cpu.max.burst");
        set(cpu.idle().is_some(), "cpu.idle");
        set(list(cpu.cpus()), "cpuset.cpus");
        set(list(cpu.mems()), "cpuset.mems");
    }
    if let Some(memory) = new.memory() {
        set(cpu::set(memory.limit()).is_some(), "memory.max");
        set(cpu::set(memory.swap()).is_some(), "memory.swap.max");
        set(cpu::set(memory.reservation()).is_some(), "memory.low");
    }
    set(new.pids().is_some(), "pids.max");
}
