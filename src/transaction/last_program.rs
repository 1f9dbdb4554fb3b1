// SPDX-License-Identifier: Apache-2.0

//! The device program that a manager attached last, so that the next change need not look for it.

use std::sync::{Arc, Mutex, PoisonError};

use rustix::fd::OwnedFd;

/// The program that a manager attached last.
///
/// The kernel exchanges a program for another only while the old one is attached (BPF_F_REPLACE).
/// So the manager need not look for its program: an exchange of the last one fails when another
/// process has exchanged the program since.
#[derive(Debug, Default)]
pub struct LastProgram(Mutex<Option<Arc<OwnedFd>>>);

impl LastProgram {
    /// Notes a program; none when it is not known which one is attached.
    pub fn note(&self, program: Option<Arc<OwnedFd>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = program;
    }

    /// Returns the program that was noted.
    pub fn get(&self) -> Option<Arc<OwnedFd>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
