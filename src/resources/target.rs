//! Where a manager's cgroup is, and in which hierarchy a controller's files are.

use std::borrow::Cow;
use std::fmt::Display;

use crate::error::{Code, Error, Result};
use crate::host::{Host, Version};
use crate::plan::Write;

/// Where a manager's cgroup is: the hierarchies that it has joined.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The host's facts.
    pub host: &'a Host,
    /// Indices into [`Host::hierarchies`] of the hierarchies that the manager has joined.
    pub joined: &'a [usize],
}

impl Target<'_> {
    /// Returns whether a resource is written to v2 files.
    ///
    /// A hybrid host uses v2 files for a controller that no v1 hierarchy has and cgroup2 has:
    /// memory and cpuset on kernels built without CONFIG_MEMCG_V1 and CONFIG_CPUSETS_V1.
    pub fn v2(&self, v1_name: &str, v2_name: &str) -> bool {
        let v1_has = || self.host.find(v1_name).is_some();
        self.host.is_unified() || !v1_has() && self.host.cgroup2_with(v2_name).is_some()
    }

    /// Returns the hierarchy that has a controller's files.
    ///
    /// v1: the hierarchy whose super options name the controller. v2: the cgroup2 hierarchy;
    /// the transaction reports a controller that is not enabled there.
    ///
    /// # Errors
    /// [`Code::Controller`]: the cgroup has joined no such hierarchy; the text lists what it has.
    pub fn hierarchy(&self, controller: &str) -> Result<usize> {
        let found = match self.host.is_unified() {
            true => self.host.find(""),
            false => self.host.find(controller).or_else(|| self.host.cgroup2_with(controller)),
        };
        match found.filter(|index| self.joined.contains(index)) {
            Some(index) => Ok(index),
            None => Err(self.missing(controller)),
        }
    }

    /// Returns the cgroup2 hierarchy of a hybrid or unified host.
    pub fn cgroup2(&self) -> Option<usize> {
        self.host.find("").filter(|index| self.joined.contains(index))
    }

    fn missing(&self, controller: &str) -> Error {
        let joined: Vec<&str> = self
            .joined
            .iter()
            .filter_map(|&i| self.host.hierarchies.get(i))
            .flat_map(|h| {
                let v2 = (h.version == Version::V2).then_some("cgroup2");
                v2.into_iter().chain(h.controllers.iter().map(String::as_str))
            })
            .collect();
        Error::new(
            Code::Controller,
            format!("cannot set {controller} limit: the cgroup has no {controller} controller"),
        )
        .advice(format!("available: {}", joined.join(" ")))
    }

    /// Returns a write that must succeed.
    pub(super) fn write(
        &self,
        controller: &'static str,
        file: impl Into<Cow<'static, str>>,
        value: impl Display,
    ) -> Result<Write> {
        Ok(Write::new(self.hierarchy(controller)?, controller, file, value.to_string()))
    }
}
