//! The systemd driver's side of a manager: its unit, and what the unit is told.

use std::sync::Arc;

use oci_spec::runtime::{LinuxBlockIo, LinuxResources};
use rustix::fs::OFlags;

use super::config::SystemdConfig;
use super::{Config, Joined, Manager, Shared};
use crate::cgroupfs::Cgroup;
use crate::error::{fail, Code, Error, Result};
use crate::kata::gopath;
use crate::plan::{Plan, Step};
use crate::resources::{self, device_properties, Options, PropertyContext};
use crate::systemd::{check_address, user_properties, Bus, Property, Systemd, Unit};

const NO_DEVICES: &str = "a user's systemd has no way to";
const DEVICES_PERHAPS: &str =
    "device rules are perhaps not in force: a systemd in a user namespace may load no BPF program";

/// A unit and the systemd that has it.
#[derive(Debug)]
pub(super) struct OnSystemd {
    pub(super) unit: Unit,
    pub(super) client: Arc<Systemd>,
    pub(super) bus: Bus,
    user: Vec<Property>,
}

/// What a unit is told, and what is written besides.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) properties: Vec<Property>,
    /// Without device rules.
    pub(super) plan: Plan,
}

impl OnSystemd {
    /// The unit of a configuration; none when the path is not systemd's.
    pub(super) fn new(shared: &Shared, config: &Config) -> Result<Option<OnSystemd>> {
        if !config.is_systemd()? {
            return Ok(None);
        }
        let SystemdConfig { bus, address, version, annotations } = &config.systemd;
        let bus = bus.unwrap_or(match shared.host().rootless {
            true if shared.is_live() && has_own_systemd() => Bus::System,
            true => Bus::User,
            false => Bus::System,
        });
        if bus == Bus::User && !shared.host().is_unified() {
            return fail(
                Code::Unsupported,
                "a user's systemd manages no cgroups on v1: it is delegated none there",
            );
        }
        let unit = Unit::parse(&config.path, bus == Bus::User)?;
        address.as_deref().map_or(Ok(()), check_address)?;
        let user = user_properties(annotations.iter().map(|(k, v)| (k.as_str(), v.as_str())))?;
        let client = shared.systemd(bus, address.as_deref(), *version);
        Ok(Some(OnSystemd { unit, client, bus, user }))
    }

    /// The unit's cgroup, from the hierarchies' own root.
    pub(super) fn cgroup(&self, shared: &Shared) -> Result<Vec<u8>> {
        let root = match self.bus {
            Bus::System => shared.systemd_root().to_vec(),
            Bus::User => self.client.control_group()?.into_bytes(),
        };
        let cgroup = self.unit.cgroup(|| self.client.version())?;
        Ok(gopath::join(&[b"/", &root, &cgroup]))
    }

    /// That saved places are this unit's: processes would be looked for in one cgroup, and
    /// another one stopped. A user's systemd need not be there to be asked for the whole path.
    pub(super) fn check_places(&self, shared: &Shared, joined: &[Joined]) -> Result<()> {
        for j in joined {
            let found = [b"/", &j.path[..]].concat();
            let is_right = |cgroup: &Vec<u8>| match self.bus {
                Bus::System => {
                    let whole = gopath::join(&[b"/", shared.systemd_root(), cgroup]);
                    let hierarchy = shared.host().hierarchies.get(j.hierarchy);
                    hierarchy.and_then(|h| h.below_mount(&whole)) == Some(j.path.clone())
                }
                Bus::User => found.ends_with(cgroup),
            };
            if !self.unit.cgroups().iter().any(is_right) {
                let text: [&[u8]; 4] =
                    [b"saved path ", &found, b" is not the cgroup of ", self.unit.name.as_bytes()];
                return Err(Error::new(Code::Path, text.concat()));
            }
        }
        Ok(())
    }

    /// The slice that it is in; none for the root slice.
    pub(super) fn parent(&self) -> Option<OnSystemd> {
        let unit = Unit::parse(&self.unit.parent()?, self.bus == Bus::User).ok()?;
        let client = Arc::clone(&self.client);
        Some(OnSystemd { unit, client, bus: self.bus, user: Vec::new() })
    }

    /// That one's path.
    pub(super) fn parent_path(&self) -> Vec<u8> {
        self.unit.parent().unwrap_or_else(|| b"::-.slice".to_vec())
    }

    /// Adding through a user's systemd, which may move processes where the user may not.
    pub(super) fn add(&self, ids: &[i32], below: &[u8]) -> Result<()> {
        let pids: Vec<u32> = ids.iter().filter_map(|id| u32::try_from(*id).ok()).collect();
        let done = match std::str::from_utf8(below) {
            Ok("") => self.client.attach(&self.unit.name, "", &pids),
            Ok(below) => self.client.attach(&self.unit.name, &format!("/{below}"), &pids),
            Err(_) => fail(Code::Path, "a sub cgroup of a unit has a name of UTF-8"),
        };
        done.map_err(|e| match e.is(rustix::io::Errno::BUSY) {
            // runc#2356
            true => e.advice(
                "a cgroup with controllers turned on for its children takes no processes; \
                 use one of its leaves",
            ),
            false => e,
        })
    }

    /// The user's properties, as annotations gave them.
    pub(super) fn user_properties(&self) -> &[Property] {
        &self.user
    }
}

/// Root of a user namespace in which systemd has been started as the first process, as in a system
/// container. Who only took a namespace for himself sees the host's systemd belong to nobody; the
/// directory that sd_booted(3) looks at some images have without a systemd.
fn has_own_systemd() -> bool {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let own = |socket: std::fs::Metadata| socket.file_type().is_socket() && socket.uid() == 0;
    rustix::process::geteuid().is_root()
        && std::fs::metadata("/run/systemd/system").is_ok()
        && std::fs::metadata("/run/systemd/private").is_ok_and(own)
}

impl Manager {
    /// What the resources come to on a unit, after those that are known. systemd applies device
    /// rules itself, on v1 and v2.
    pub(super) fn wanted(
        &self,
        on: &OnSystemd,
        r: &LinuxResources,
        known: &LinuxResources,
    ) -> Result<Wanted> {
        let flags = self.config.flags;
        let facts = self.facts(on, r, known)?;
        let mut properties = Vec::new();
        let mut warnings = Vec::new();
        let rules = r.devices().as_deref().filter(|_| !flags.skip_devices).unwrap_or_default();
        match on.bus {
            _ if rules.is_empty() => {}
            Bus::System => {
                warnings = device_properties(rules, facts.version, &mut properties)?;
                // Whether it is this namespace's systemd or the host's nobody says.
                let of_whom = self.shared.host().in_user_namespace;
                warnings.extend(of_whom.then(|| DEVICES_PERHAPS.to_owned()));
            }
            // It may load no BPF program, and says nothing.
            Bus::User if flags.strict => {
                return fail(Code::Unsupported, format!("device rules: {NO_DEVICES}"))
            }
            Bus::User => warnings.push(format!("device rules are not applied: {NO_DEVICES}")),
        }
        let mut limits = resources::properties(r, self.target(), facts)?;
        properties.append(&mut limits.list);
        warnings.append(&mut limits.warnings);

        let files = resources::rounded(r, self.target(), facts);
        let options = Options { skip_devices: true, strict: flags.strict };
        let mut plan = resources::plan(&files, self.target(), options)?;
        plan.warnings.append(&mut warnings);
        self.config.flags.resource_options().check(&plan.warnings)?;
        Ok(Wanted { properties, plan })
    }

    pub(super) fn facts<'a>(
        &self,
        on: &OnSystemd,
        r: &LinuxResources,
        known: &'a LinuxResources,
    ) -> Result<PropertyContext<'a>> {
        let weighs = |io: &LinuxBlockIo| io.weight().is_some() || io.weight_device().is_some();
        let weighs = r.block_io().as_ref().is_some_and(weighs);
        let bfq = weighs && self.shared.is_live() && self.has_bfq();
        // Nothing else depends on it, and asking is a round trip.
        let asks = r.cpu().is_some() || r.unified().is_some() || r.devices().is_some();
        let version = if asks { on.client.version()? } else { 0 };
        Ok(PropertyContext { version, known, bfq })
    }

    /// Whether the weights are BFQ's: its files are in the cgroup, or, before it is made, in those
    /// above it.
    fn has_bfq(&self) -> bool {
        let unified = self.shared.host().is_unified();
        let Some(joined) = self.find("blkio") else { return false };
        let Ok(cgroup) = self.shared.cgroup(joined.hierarchy, &joined.path) else { return false };
        let has = |cgroup: Cgroup<'_>, file: &str| cgroup.open(file, OFlags::PATH).is_ok();
        let bfq = |cgroup: Cgroup<'_>| match unified {
            true => has(cgroup, "io.bfq.weight"),
            false => has(cgroup, "blkio.bfq.weight") && !has(cgroup, "blkio.weight"),
        };
        bfq(cgroup) || cgroup.ancestors().any(bfq)
    }

    /// The plan of a set on a unit: checks, properties, files.
    pub(super) fn plan_told(
        &self,
        on: &OnSystemd,
        r: &LinuxResources,
        known: &LinuxResources,
    ) -> Result<Plan> {
        let Wanted { properties, mut plan } = self.wanted(on, r, known)?;
        plan.warnings.append(&mut self.too_late(r, known));
        plan.warnings.extend(self.not_held(r));
        self.config.flags.resource_options().check(&plan.warnings)?;
        let check = |step: &Step| matches!(step, Step::CheckMemory { .. });
        let turn_on = self.turn_on(&plan);
        let (mut steps, mut writes): (Vec<Step>, Vec<Step>) =
            plan.steps.into_iter().partition(check);
        if !properties.is_empty() {
            writes.extend(self.written_again(on, r, known)?);
        }
        let still = !properties.is_empty() && self.holds_still(on, r, known);
        steps.extend(still.then_some(Step::Freeze));
        // An empty call would only cost a round trip.
        if !properties.is_empty() {
            steps.push(Step::SetProperties { unit: on.unit.name.clone(), properties });
        }
        steps.extend(still.then_some(Step::Thaw));
        steps.extend(turn_on);
        steps.extend(writes);
        Ok(Plan { steps, warnings: plan.warnings })
    }

    /// Files of before that any change of the unit undoes.
    fn written_again(
        &self,
        on: &OnSystemd,
        r: &LinuxResources,
        known: &LinuxResources,
    ) -> Result<Vec<Step>> {
        let mut facts = self.facts(on, r, known)?;
        // v2's are properties, or files of the map.
        let weighs = known.block_io().is_some() && !self.shared.host().is_unified();
        facts.bfq = weighs && self.shared.is_live() && self.has_bfq();
        let again = resources::reassert(known, r, self.target(), facts);
        let options = Options { skip_devices: true, strict: false };
        let plan = resources::plan(&again, self.target(), options)?;
        Ok(plan.steps)
    }

    /// Warnings of what the unit, which is there, can only have in a file.
    pub(super) fn too_late(&self, r: &LinuxResources, known: &LinuxResources) -> Vec<String> {
        let facts = PropertyContext { version: 0, known, bfq: false };
        resources::too_late(r, self.target(), facts)
    }

    /// Rules that change while everybody runs on, who may be denied what they have for a moment.
    fn not_held(&self, r: &LinuxResources) -> Option<String> {
        let rules = r.devices().as_ref().is_some_and(|d| !d.is_empty());
        let changes = rules && !self.config.flags.skip_devices && !self.shared.host().is_unified();
        (changes && self.find("freezer").is_none()).then(|| {
            "device rules change without a freeze, since the cgroup has no freezer: processes may \
             be denied a device for a moment"
                .to_owned()
        })
    }

    /// v1: systemd denies a unit with device rules everything for a moment, at every change. Not a
    /// slice: it may have the bus inside, which could not answer.
    fn holds_still(&self, on: &OnSystemd, r: &LinuxResources, known: &LinuxResources) -> bool {
        let ruled = |r: &LinuxResources| r.devices().as_ref().is_some_and(|d| !d.is_empty());
        let v1 = !self.shared.host().is_unified();
        let can = v1 && self.find("freezer").is_some() && !on.unit.is_slice();
        can && !self.config.flags.skip_devices && (ruled(r) || ruled(known))
    }
}
