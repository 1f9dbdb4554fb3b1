// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package katacg

// #include <katacg.h>
import "C"

import "unsafe"

// This function fails to compile when the header disagrees with this package, because an index
// other than 0 is out of range, and a negative size is not constant. The structures are those of
// API level 1; later levels only add fields at the end.
func _() {
	const word = unsafe.Sizeof(uintptr(0))
	var err C.struct_katacg_error
	var opts C.struct_katacg_manager_opts
	var attach C.struct_katacg_attach
	equal := [1]struct{}{}

	const _ = unsafe.Sizeof(err) - 512
	_ = equal[unsafe.Offsetof(err.size)-0]
	_ = equal[unsafe.Offsetof(err.code)-4]
	_ = equal[unsafe.Offsetof(err.sys_errno)-8]
	_ = equal[unsafe.Offsetof(err.reserved)-12]
	_ = equal[unsafe.Offsetof(err.message)-16]
	_ = equal[unsafe.Sizeof(err.message)-496]

	// 80 bytes with 8-byte pointers.
	const _ = unsafe.Sizeof(opts) - (40 + 5*word)
	_ = equal[unsafe.Offsetof(opts.flags)-0]
	_ = equal[unsafe.Offsetof(opts.path)-8]
	_ = equal[unsafe.Offsetof(opts.subsystems)-(8+word)]
	_ = equal[unsafe.Offsetof(opts.log_fd)-(8+2*word)]
	_ = equal[unsafe.Offsetof(opts.log_level)-(12+2*word)]
	_ = equal[unsafe.Offsetof(opts.name)-(16+2*word)]
	_ = equal[unsafe.Offsetof(opts.owner_uid)-(16+3*word)]
	_ = equal[unsafe.Offsetof(opts.owner_gid)-(20+3*word)]
	_ = equal[unsafe.Offsetof(opts.driver)-(24+3*word)]
	_ = equal[unsafe.Offsetof(opts.bus)-(28+3*word)]
	_ = equal[unsafe.Offsetof(opts.bus_address)-(32+3*word)]
	_ = equal[unsafe.Offsetof(opts.systemd_version)-(32+4*word)]
	_ = equal[unsafe.Offsetof(opts.reserved)-(36+4*word)]
	_ = equal[unsafe.Offsetof(opts.unit)-(40+4*word)]

	_ = equal[unsafe.Sizeof(attach)-128]
	_ = equal[unsafe.Offsetof(attach.count)-0]
	_ = equal[unsafe.Offsetof(attach.reserved)-4]
	_ = equal[unsafe.Offsetof(attach.fds)-8]

	_ = equal[CodeArgument-C.KATACG_ERR_ARGUMENT]
	_ = equal[CodePath-C.KATACG_ERR_PATH]
	_ = equal[CodeJSON-C.KATACG_ERR_JSON]
	_ = equal[CodeValue-C.KATACG_ERR_VALUE]
	_ = equal[CodeNotMounted-C.KATACG_ERR_NOT_MOUNTED]
	_ = equal[CodeController-C.KATACG_ERR_CONTROLLER]
	_ = equal[CodeSystem-C.KATACG_ERR_SYSTEM]
	_ = equal[CodeUnsupported-C.KATACG_ERR_UNSUPPORTED]
	_ = equal[CodeDeleted-C.KATACG_ERR_DELETED]
	_ = equal[CodeClamped-C.KATACG_ERR_CLAMPED]
	_ = equal[CodeRootless-C.KATACG_ERR_ROOTLESS]
	_ = equal[CodeBusy-C.KATACG_ERR_BUSY]
	_ = equal[CodeTimeout-C.KATACG_ERR_TIMEOUT]
	_ = equal[CodePanic-C.KATACG_ERR_PANIC]
	_ = equal[CodeTooNew-C.KATACG_ERR_TOO_NEW]
	_ = equal[CodeBus-C.KATACG_ERR_BUS]

	_ = equal[CPUUnlimited-C.KATACG_CPU_UNLIMITED]

	_ = equal[PathSystemd-C.KATACG_PATH_SYSTEMD]
	_ = equal[PathStrict-C.KATACG_PATH_STRICT]
	_ = equal[PathK1-C.KATACG_PATH_K1]
	_ = equal[PathK3-C.KATACG_PATH_K3]
	_ = equal[PathV2-C.KATACG_PATH_V2]
	_ = equal[SubsystemsConstraints-C.KATACG_SUBSYSTEMS_CONSTRAINTS]
	_ = equal[SubsystemsNoConstraints-C.KATACG_SUBSYSTEMS_NO_CONSTRAINTS]
	_ = equal[SubsystemsAll-C.KATACG_SUBSYSTEMS_ALL]
	_ = equal[LayoutLegacy-C.KATACG_LAYOUT_LEGACY]
	_ = equal[LayoutHybrid-C.KATACG_LAYOUT_HYBRID]
	_ = equal[LayoutUnified-C.KATACG_LAYOUT_UNIFIED]
	_ = equal[SkipDevices-C.KATACG_MANAGER_SKIP_DEVICES]
	_ = equal[Strict-C.KATACG_MANAGER_STRICT]
	_ = equal[NoDefaultDevices-C.KATACG_MANAGER_NO_DEFAULT_DEVICES]
	_ = equal[DriverAuto-C.KATACG_DRIVER_AUTO]
	_ = equal[DriverCgroupfs-C.KATACG_DRIVER_CGROUPFS]
	_ = equal[DriverSystemd-C.KATACG_DRIVER_SYSTEMD]
	_ = equal[DriverAutoK0-C.KATACG_DRIVER_AUTO_K0]
	_ = equal[BusAuto-C.KATACG_BUS_AUTO]
	_ = equal[BusSystem-C.KATACG_BUS_SYSTEM]
	_ = equal[BusUser-C.KATACG_BUS_USER]
	_ = equal[AttachV1Only-C.KATACG_ATTACH_V1_ONLY]
	_ = equal[FreezerThawed-C.KATACG_FREEZER_THAWED]
	_ = equal[FreezerFreezing-C.KATACG_FREEZER_FREEZING]
	_ = equal[FreezerFrozen-C.KATACG_FREEZER_FROZEN]
	_ = equal[ApplySet-C.KATACG_APPLY_SET]
	_ = equal[ApplyExclusive-C.KATACG_APPLY_EXCLUSIVE]
	_ = equal[PlanText-C.KATACG_PLAN_TEXT]
	_ = equal[PlanApply-C.KATACG_PLAN_APPLY]
}
