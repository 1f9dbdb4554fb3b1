// SPDX-License-Identifier: Apache-2.0
//! Which properties of a unit a container's annotations may set, and why.
//!
//! An annotation comes from whoever wrote the container's specification. It may shape the
//! container's own unit. It may not reach other units, other processes or the host.
//! The names are those that systemd 252 and 257 take in StartTransientUnit for scopes and slices.

/// Properties that share a decision.
pub(super) struct Row {
    /// Whether annotations may set the properties.
    pub allowed: bool,
    /// Why annotations may or may not set them.
    pub reason: &'static str,
    pub names: &'static [&'static str],
}

const fn allowed(reason: &'static str, names: &'static [&'static str]) -> Row {
    Row { allowed: true, reason, names }
}

const fn refused(reason: &'static str, names: &'static [&'static str]) -> Row {
    Row { allowed: false, reason, names }
}

/// Returns the decision about a property; None for a name that is not in the table.
pub(super) fn find(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.names.contains(&name))
}

pub(super) static TABLE: &[Row] = &[
    allowed("text about the unit", &["Description", "Documentation"]),
    allowed(
        "order alone neither starts nor stops a unit; CRI-O passes After",
        &["After", "Before"],
    ),
    allowed("the system's shutdown ends the unit in order", &["DefaultDependencies"]),
    allowed(
        "how long the unit lives and stays loaded",
        &[
            "CollectMode",
            "IgnoreOnIsolate",
            "JobRunningTimeoutUSec",
            "RuntimeMaxUSec",
            "RuntimeRandomizedExtraUSec",
            "StartLimitBurst",
            "StartLimitIntervalUSec",
            "StopWhenUnneeded",
            "TimeoutStopUSec",
        ],
    ),
    allowed(
        "how the unit's own processes are ended",
        &[
            "FinalKillSignal",
            "KillMode",
            "KillSignal",
            "OOMPolicy",
            "RestartKillSignal",
            "SendSIGHUP",
            "SendSIGKILL",
            "WatchdogSignal",
        ],
    ),
    allowed(
        "accounting of the unit",
        &[
            "BlockIOAccounting",
            "CPUAccounting",
            "IOAccounting",
            "IPAccounting",
            "MemoryAccounting",
            "TasksAccounting",
        ],
    ),
    allowed(
        "CPU of the unit",
        &[
            "AllowedCPUs",
            "AllowedMemoryNodes",
            "CPUQuotaPerSecUSec",
            "CPUQuotaPeriodUSec",
            "CPUShares",
            "CPUWeight",
            "StartupAllowedCPUs",
            "StartupAllowedMemoryNodes",
            "StartupCPUShares",
            "StartupCPUWeight",
        ],
    ),
    allowed(
        "memory of the unit",
        &[
            "DefaultMemoryLow",
            "DefaultMemoryLowScale",
            "DefaultMemoryMin",
            "DefaultMemoryMinScale",
            "DefaultStartupMemoryLow",
            "DefaultStartupMemoryLowScale",
            "MemoryHigh",
            "MemoryHighScale",
            "MemoryLimit",
            "MemoryLimitScale",
            "MemoryLow",
            "MemoryLowScale",
            "MemoryMax",
            "MemoryMaxScale",
            "MemoryMin",
            "MemoryMinScale",
            "MemoryPressureThresholdUSec",
            "MemoryPressureWatch",
            "MemorySwapMax",
            "MemorySwapMaxScale",
            "MemoryZSwapMax",
            "MemoryZSwapMaxScale",
            "MemoryZSwapWriteback",
            "StartupMemoryHigh",
            "StartupMemoryHighScale",
            "StartupMemoryLow",
            "StartupMemoryLowScale",
            "StartupMemoryMax",
            "StartupMemoryMaxScale",
            "StartupMemorySwapMax",
            "StartupMemorySwapMaxScale",
            "StartupMemoryZSwapMax",
            "StartupMemoryZSwapMaxScale",
        ],
    ),
    allowed(
        "whether systemd-oomd kills in this unit",
        &[
            "ManagedOOMMemoryPressure",
            "ManagedOOMMemoryPressureDurationUSec",
            "ManagedOOMMemoryPressureLimit",
            "ManagedOOMSwap",
        ],
    ),
    allowed(
        "I/O of the unit",
        &[
            "BlockIODeviceWeight",
            "BlockIOReadBandwidth",
            "BlockIOWeight",
            "BlockIOWriteBandwidth",
            "IODeviceLatencyTargetUSec",
            "IODeviceWeight",
            "IOReadBandwidthMax",
            "IOReadIOPSMax",
            "IOWeight",
            "IOWriteBandwidthMax",
            "IOWriteIOPSMax",
            "StartupBlockIOWeight",
            "StartupIOWeight",
        ],
    ),
    allowed("tasks of the unit", &["TasksMax", "TasksMaxScale"]),
    allowed(
        "devices of the unit; the specification's own rules come later and replace them",
        &["DeviceAllow", "DevicePolicy"],
    ),
    allowed(
        "network of the unit's own processes",
        &[
            "IPAddressAllow",
            "IPAddressDeny",
            "RestrictNetworkInterfaces",
            "SocketBindAllow",
            "SocketBindDeny",
        ],
    ),
    refused(
        "it decides which processes are in the unit, or where its cgroup is",
        &["PIDFDs", "PIDs", "Slice"],
    ),
    refused(
        "it decides who owns the unit's cgroup",
        &[
            "Controller",
            "CoredumpReceive",
            "Delegate",
            "DelegateControllers",
            "DelegateSubgroup",
            "Group",
            "User",
        ],
    ),
    refused(
        "it ties other units to this one: they start, stop or reload with it",
        &[
            "BindTo",
            "BindsTo",
            "Conflicts",
            "JoinsNamespaceOf",
            "OnFailure",
            "OnFailureIsolate",
            "OnFailureJobMode",
            "OnSuccess",
            "OnSuccessJobMode",
            "PartOf",
            "PropagateReloadFrom",
            "PropagateReloadTo",
            "PropagatesReloadTo",
            "PropagatesStopTo",
            "ReloadPropagatedFrom",
            "Requires",
            "RequiresOverridable",
            "Requisite",
            "RequisiteOverridable",
            "StopPropagatedFrom",
            "Upholds",
            "Wants",
        ],
    ),
    refused(
        "it starts the host's mount units and ties them to this one",
        &["RequiresMountsFor", "WantsMountsFor"],
    ),
    refused(
        "it acts on the whole host when the unit ends",
        &[
            "FailureAction",
            "FailureActionExitStatus",
            "JobTimeoutAction",
            "JobTimeoutRebootArgument",
            "RebootArgument",
            "StartLimitAction",
            "SuccessAction",
            "SuccessActionExitStatus",
            "SurviveFinalKillSignal",
        ],
    ),
    refused(
        "whoever ends the container needs the unit to start, stop and go as usual",
        &["AddRef", "AllowIsolate", "Markers", "RefuseManualStart", "RefuseManualStop"],
    ),
    refused("it reveals what is on the host", &["Asserts", "Conditions", "SourcePath"]),
    refused(
        "it attaches a program, or the host's firewall, by its name on the host",
        &["BPFProgram", "IPEgressFilterPath", "IPIngressFilterPath", "NFTSet"],
    ),
    refused("other units would be killed in this one's place", &["ManagedOOMPreference"]),
    refused("it takes away controllers that limits need", &["DisableControllers"]),
];
