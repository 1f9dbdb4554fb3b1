// SPDX-License-Identifier: Apache-2.0

//! Where a manager's cgroup is: one site per hierarchy. Pure.
//!
//! [`Placement::site`] is the only answer to "where is this controller". v1 has a hierarchy per set
//! of controllers; a unified host has one for all; on a hybrid host cgroup2 has those that v1
//! lacks.

mod anywhere;
mod locate;

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use crate::error::{fail, Code, Error, Result};
use crate::host::{controllers, is_named, Hierarchy, HierarchyId, HostInfo, Version};
use crate::path::lexical;
use crate::sort::sort_by;
use locate::{locate, mounted_at, Location};

pub use locate::Place;

/// The cgroup's place in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The hierarchy.
    pub id: HierarchyId,
    /// The hierarchy's version.
    pub version: Version,
    /// v1: the subsystems that are joined, controllers or `name=X`. cgroup2: `""`.
    pub names: Vec<Cow<'static, str>>,
    /// The cgroup below the mountpoint: clean, without a leading slash.
    pub path: Vec<u8>,
}

/// The cgroup's sites. They never change, except that a rootless caller may have to drop some.
#[derive(Debug)]
pub struct Placement {
    info: Arc<HostInfo>,
    /// What the sites were derived from, if it is known.
    place: Option<Place>,
    /// One per hierarchy, in the order in which runc walks its subsystems.
    sites: Vec<Site>,
    /// One flag per site: whether a rootless caller could not create it, or it is unmounted.
    dropped: Vec<AtomicBool>,
    /// One flag per site: whether its hierarchy has been unmounted.
    unmounted: Vec<AtomicBool>,
    /// The caller listed the subsystems. Then a limit of another one is a warning.
    pub is_listed: bool,
    /// The directories are known to be the hierarchies' own, with nothing mounted on the way.
    verified: AtomicBool,
}

impl Placement {
    /// Derives the sites of a cgroup.
    ///
    /// `subsystems` are those to join on v1 and hybrid hosts; empty means all that runc joins.
    ///
    /// Errors: a subsystem that is asked for is not mounted, or `devices` is not mounted although
    /// `devices_required` ([`Code::NotMounted`]); an unknown subsystem ([`Code::Argument`]).
    pub fn new(
        info: Arc<HostInfo>,
        place: &Place,
        subsystems: &[String],
        devices_required: bool,
    ) -> Result<Placement> {
        if info.is_unified() {
            let home = home(&info, place)?;
            return Ok(Placement::of(info, vec![home], Some(place.clone())));
        }
        let asked = |name: &str| subsystems.iter().any(|s| controllers::canonical(s) == name);
        let unit = matches!(place, Place::Unit(_));
        check_names(subsystems)?;
        let wanted = |name: &&str| {
            subsystems.is_empty() || asked(name) || unit && controllers::systemd_attaches(name)
        };
        let mut sites = Vec::with_capacity(info.hierarchies.len());
        for name in controllers::subsystems().filter(wanted) {
            let found = info.find(name);
            let Some((id, hierarchy)) = found.and_then(|id| Some((id, info.hierarchy(id)?))) else {
                // Without the devices controller a container would have every device.
                if asked(name) || name == "devices" && devices_required {
                    return Err(info.no_such_controller(name));
                }
                continue;
            };
            add(&mut sites, locate(&info, id, hierarchy, place)?, name.into())?;
        }
        if sites.is_empty() {
            return Err(Error::new(Code::NotMounted, "none of the subsystems is mounted")
                .advice(format!("mounted: {}", info.labels().join(" "))));
        }
        let placement = Placement::of(info, sites, Some(place.clone()));
        Ok(Placement { is_listed: !subsystems.is_empty(), ..placement })
    }

    /// Takes the sites from a saved map of subsystem to absolute directory.
    ///
    /// Errors: a directory is not below the subsystem's mountpoint, or two subsystems of one
    /// hierarchy have different directories ([`Code::Path`]); a subsystem is not mounted
    /// ([`Code::NotMounted`]).
    pub fn from_paths(info: Arc<HostInfo>, paths: &[(String, Vec<u8>)]) -> Result<Placement> {
        let mut sites = Vec::new();
        let rank = |name: &str| controllers::subsystems().position(|s| s == name);
        let mut paths: Vec<(&str, &[u8])> =
            paths.iter().map(|(name, path)| (controllers::canonical(name), &path[..])).collect();
        sort_by(&mut paths, |a, b| rank(a.0).cmp(&rank(b.0)));
        for (name, path) in paths {
            let (id, hierarchy) = find(&info, name)?;
            let Some(location) = mounted_at(id, hierarchy, &lexical::clean(path)) else {
                return fail(
                    Code::Path,
                    format!(
                        "saved path {} is not a cgroup below {}, where {} is mounted",
                        String::from_utf8_lossy(path),
                        String::from_utf8_lossy(&hierarchy.mountpoint),
                        hierarchy.label(),
                    ),
                );
            };
            add(&mut sites, location, name.to_owned().into())?;
        }
        Ok(Placement::of(info, sites, None))
    }

    fn of(info: Arc<HostInfo>, sites: Vec<Site>, place: Option<Place>) -> Placement {
        let flags = || sites.iter().map(|_| AtomicBool::new(false)).collect();
        let (dropped, unmounted) = (flags(), flags());
        let verified = AtomicBool::new(false);
        Placement { info, place, sites, dropped, unmounted, is_listed: false, verified }
    }

    /// Returns the placement with those sites that `keep` returns true for.
    pub fn retain(self, mut keep: impl FnMut(&Site) -> Result<bool>) -> Result<Placement> {
        let mut kept = Vec::new();
        for site in self.sites {
            if keep(&site)? {
                kept.push(site);
            }
        }
        let is_listed = self.is_listed;
        Ok(Placement { is_listed, ..Placement::of(self.info, kept, self.place) })
    }

    /// Returns the placement of the parent cgroup.
    #[must_use]
    pub fn parent(&self) -> Placement {
        let up = |path: &[u8]| {
            let end = path.iter().rposition(|&b| b == b'/').unwrap_or(0);
            path.get(..end).unwrap_or_default().to_vec()
        };
        let sites = self.sites.iter().map(|site| Site { path: up(&site.path), ..site.clone() });
        Placement::of(Arc::clone(&self.info), sites.collect(), None)
    }

    /// Returns the host's facts.
    pub fn info(&self) -> &HostInfo {
        &self.info
    }

    /// Whether the host is unified.
    pub fn is_unified(&self) -> bool {
        self.info.is_unified()
    }

    /// Returns where a controller's files are; also a site that a rootless caller lost.
    ///
    /// On a unified host every name has the same site. On a hybrid host cgroup2 has the controllers
    /// that no v1 hierarchy has. `""` is the cgroup2 site.
    pub fn site(&self, controller: &str) -> Option<&Site> {
        let name = if self.is_unified() { "" } else { controllers::canonical(controller) };
        let has = |site: &Site| site.names.iter().any(|n| n == name || is_named(n, name));
        let index = self.sites.iter().position(has).or_else(|| {
            let id = self.info.find(name).or_else(|| self.info.cgroup2_with(name))?;
            self.sites.iter().position(|site| site.id.is_same(id))
        })?;
        let is_unmounted = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        self.sites.get(index).filter(|_| !self.unmounted.get(index).is_some_and(is_unmounted))
    }

    /// Returns [`Placement::site`] of a controller that a limit needs. Only the write tells whether
    /// a v2 controller is enabled.
    ///
    /// Errors: the cgroup has no such controller ([`Code::Controller`]); the message lists its own.
    pub fn require(&self, controller: &str) -> Result<&Site> {
        self.site(controller).ok_or_else(|| self.missing(controller, controller))
    }

    /// Returns the error of a limit whose controller the cgroup lacks.
    pub fn missing(&self, limit: &str, controller: &str) -> Error {
        let names = |site: &Site| {
            let hierarchy = self.info.hierarchy(site.id);
            let v2 = (site.version == Version::V2).then(|| "cgroup2".to_owned());
            let controllers = hierarchy.map_or(&[][..], |h| &h.controllers);
            v2.into_iter().chain(controllers.iter().cloned()).collect::<Vec<_>>()
        };
        let mounted = self.sites.iter().filter(|site| !self.is_unmounted(site));
        let available: Vec<String> = mounted.flat_map(names).collect();
        let text = format!("cannot set {limit} limit: the cgroup has no {controller} controller");
        Error::new(Code::Controller, text).advice(format!("available: {}", available.join(" ")))
    }

    /// Returns the site in a hierarchy.
    ///
    /// Errors: the cgroup is not in the hierarchy ([`Code::Argument`]).
    pub fn at(&self, id: HierarchyId) -> Result<&Site> {
        match self.by_id(id) {
            Some(site) => Ok(site),
            None => fail(Code::Argument, format!("the cgroup is not in hierarchy {}", id.index())),
        }
    }

    fn by_id(&self, id: HierarchyId) -> Option<&Site> {
        self.sites.iter().find(|site| site.id.is_same(id))
    }

    /// Whether a resource goes to v2 files. On a hybrid host it does if cgroup2 has its controller
    /// and no v1 hierarchy has.
    pub fn is_v2(&self, v1_name: &str, v2_name: &str) -> bool {
        self.is_unified() || !self.is_v1(v1_name) && self.info.cgroup2_with(v2_name).is_some()
    }

    /// Whether the host has a v1 hierarchy of a controller, joined or not.
    pub fn is_v1(&self, name: &str) -> bool {
        !self.is_unified() && self.info.find(name).is_some()
    }

    /// Whether a hybrid host's cgroup2 hierarchy has the site.
    pub fn is_hybrid_v2(&self, site: &Site) -> bool {
        !self.is_unified() && site.version == Version::V2
    }

    /// Returns the sites that are not dropped, in order.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = &Site> {
        let sites = self.sites.iter().zip(&self.dropped);
        sites.filter(|(_, dropped)| !dropped.load(Ordering::Relaxed)).map(|(site, _)| site)
    }

    /// Whether a site is not dropped.
    pub fn is_live(&self, site: &Site) -> bool {
        self.live().any(|live| live.id == site.id)
    }

    /// Returns how many sites a rootless caller lost.
    pub fn dropped(&self) -> usize {
        let lost = |site: &&Site| !self.is_live(site) && !self.is_unmounted(site);
        self.sites.iter().filter(lost).count()
    }

    /// Goes on without a site whose hierarchy has been unmounted.
    pub fn note_unmounted(&self, id: HierarchyId) {
        self.drop_out(id);
        for (_, gone) in self.sites.iter().zip(&self.unmounted).filter(|(s, _)| s.id == id) {
            gone.store(true, Ordering::Relaxed);
        }
    }

    fn is_unmounted(&self, site: &Site) -> bool {
        let mut flags = self.sites.iter().zip(&self.unmounted);
        flags.any(|(s, gone)| s.id == site.id && gone.load(Ordering::Relaxed))
    }

    /// Drops the site in a hierarchy.
    pub fn drop_out(&self, id: HierarchyId) {
        for (_, dropped) in self.sites.iter().zip(&self.dropped).filter(|(s, _)| s.id == id) {
            dropped.store(true, Ordering::Relaxed);
        }
    }

    /// Drops all sites.
    pub fn drop_all(&self) {
        self.dropped.iter().for_each(|dropped| dropped.store(true, Ordering::Relaxed));
    }

    /// Whether any site is the root of its hierarchy, which all cgroups share.
    pub fn has_root(&self) -> bool {
        self.sites.iter().any(|site| site.path.is_empty())
    }

    /// Whether the directories are known to be the hierarchies' own.
    pub fn is_verified(&self) -> bool {
        self.verified.load(Ordering::Relaxed)
    }

    /// Notes that the directories are the hierarchies' own.
    pub fn set_verified(&self) {
        self.verified.store(true, Ordering::Relaxed);
    }

    /// Returns the absolute path of the cgroup's directory at a site.
    pub fn absolute(&self, site: &Site) -> Option<Vec<u8>> {
        let hierarchy = self.info.hierarchy(site.id)?;
        Some(lexical::clean(&[&hierarchy.mountpoint[..], b"/", &site.path].concat()))
    }

    /// Returns the path of the cgroup at a site from the hierarchy's root.
    pub fn path_from_root(&self, site: &Site) -> Option<Vec<u8>> {
        Some(self.info.hierarchy(site.id)?.cgroup_at(&site.path))
    }

    /// Returns the site of a unit in the hierarchy in which systemd has its units, also when the
    /// cgroup has not joined that hierarchy: only directories of other hierarchies may be left.
    pub fn home(&self, unit_cgroup: impl FnOnce() -> Result<Vec<u8>>) -> Result<Site> {
        let name = home_name(&self.info);
        match self.sites.iter().find(|site| site.names.iter().any(|n| n == name)) {
            Some(site) => Ok(site.clone()),
            None => home(&self.info, &Place::Unit(unit_cgroup()?)),
        }
    }
}

/// Name of the hierarchy in which systemd has its units.
fn home_name(info: &HostInfo) -> &'static str {
    if info.is_unified() {
        ""
    } else {
        "name=systemd"
    }
}

fn home(info: &HostInfo, place: &Place) -> Result<Site> {
    let name = home_name(info);
    let (id, hierarchy) = find(info, name)?;
    let Location { id, hierarchy, path } = locate(info, id, hierarchy, place)?;
    Ok(Site { id, version: hierarchy.version, names: vec![name.into()], path })
}

/// Adds a subsystem to the site of its hierarchy: cpu and cpuacct can share a mount.
fn add(sites: &mut Vec<Site>, location: Location<'_>, name: Cow<'static, str>) -> Result<()> {
    let Location { id, hierarchy, path } = location;
    match sites.iter_mut().find(|site| site.id == id) {
        None => {
            sites.push(Site { id, version: hierarchy.version, names: vec![name], path });
            Ok(())
        }
        Some(site) if site.path == path => {
            site.names.push(name);
            Ok(())
        }
        Some(site) => fail(
            Code::Path,
            format!(
                "{name} and {} are one hierarchy, but have the paths {} and {}",
                site.names.join(" "),
                String::from_utf8_lossy(&path),
                String::from_utf8_lossy(&site.path),
            ),
        ),
    }
}

fn check_names(names: &[String]) -> Result<()> {
    let is_known = |name: &str| controllers::subsystems().any(|known| known == name);
    match names.iter().find(|name| !is_known(controllers::canonical(name))) {
        Some(name) => {
            let known: Vec<&str> = controllers::subsystems().collect();
            fail(
                Code::Argument,
                format!("{name:?} is not a v1 subsystem; known: {}", known.join(" ")),
            )
        }
        None => Ok(()),
    }
}

fn find<'h>(info: &'h HostInfo, subsystem: &str) -> Result<(HierarchyId, &'h Hierarchy)> {
    let found = info.find(subsystem);
    found
        .and_then(|id| Some((id, info.hierarchy(id)?)))
        .ok_or_else(|| info.no_such_controller(subsystem))
}

/// Returns a placement at `/test` in all hierarchies of a host.
#[cfg(test)]
pub(crate) fn for_tests(info: HostInfo) -> Placement {
    let place = Place::Path(b"/test".to_vec());
    Placement::new(Arc::new(info), &place, &[], false).unwrap()
}
