// SPDX-License-Identifier: Apache-2.0

//! Copies the fields of one set of resources over another.

#[cfg(test)]
mod tests;

use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxInterfacePriority, LinuxMemory, LinuxNetwork, LinuxResources,
    LinuxThrottleDevice, LinuxWeightDevice, LinuxWeightDeviceBuilder,
};

use super::attribute;
use super::oci::set;

/// Copies the fields that `$new` has to `$old`.
macro_rules! copy {
    ($old:ident, $new:ident: $($get:ident $set:ident),*) => {$(
        if let Some(value) = $new.$get() {
            $old.$set(Some(value.to_owned()));
        }
    )*};
}

/// Copies fields in which 0 means "unset".
macro_rules! copy_unless_0 {
    ($old:ident, $new:ident: $($get:ident $set:ident),*) => {$(
        if let Some(value) = $new.$get().filter(|value| *value != 0) {
            $old.$set(Some(value));
        }
    )*};
}

/// Copies lists; an entry replaces the old entry for the same thing.
macro_rules! replace {
    ($old:ident, $new:ident, $same:ident: $($get:ident $set:ident),*) => {$(
        if let Some(new) = $new.$get() {
            let mut all = $old.$get().clone().unwrap_or_default();
            lay(&mut all, new, $same, Clone::clone_from);
            $old.$set(Some(all));
        }
    )*};
}

/// Copies every field that `new` has to `old`.
pub(super) fn overlay(old: &mut LinuxResources, new: &LinuxResources) {
    drop_replaced_files(old, new);
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
        // An entry has a weight and a leaf weight; a call may omit either.
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
    if let Some(weight) = set(new.weight()).or(old.weight()) {
        both = both.weight(weight);
    }
    if let Some(weight) = set(new.leaf_weight()).or(old.leaf_weight()) {
        both = both.leaf_weight(weight);
    }
    // The builder requires no field, so this always succeeds.
    if let Ok(both) = both.build() {
        *old = both;
    }
}

fn network(old: &mut LinuxNetwork, new: &LinuxNetwork) {
    copy_unless_0!(old, new: class_id set_class_id);
    let same = |a: &LinuxInterfacePriority, b: &LinuxInterfacePriority| a.name() == b.name();
    replace!(old, new, same: priorities set_priorities);
}

/// Replaces the old entries for the same thing, and appends the others.
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

/// Removes files from the old `unified` map that a new field sets too. The map is written last, so
/// its older value would win over the field.
fn drop_replaced_files(old: &mut LinuxResources, new: &LinuxResources) {
    let Some(map) = old.unified_mut() else { return };
    for row in attribute::with_one_value_on_v2() {
        if row.fields.iter().any(|field| field.is_set(new)) {
            map.remove(row.name);
        }
    }
}
