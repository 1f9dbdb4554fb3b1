// SPDX-License-Identifier: Apache-2.0

//! Deadlines: the instant at which a wait ends.

use std::time::{Duration, Instant};

/// An instant, and the timeout that it was made from. Error messages name the timeout.
#[derive(Clone, Copy, Debug)]
pub(in crate::systemd) struct Deadline {
    end: Instant,
    timeout: Duration,
}

/// Longest timeout: a caller's "for ever" must not overflow an [`Instant`].
const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3600);

impl Deadline {
    /// Returns the deadline that is `timeout` from now.
    pub fn after(timeout: Duration) -> Deadline {
        let timeout = timeout.min(MAX_TIMEOUT);
        Deadline { end: Instant::now() + timeout, timeout }
    }

    /// Returns this deadline or the one `timeout` from now, whichever is earlier.
    pub fn capped(self, timeout: Duration) -> Deadline {
        let other = Deadline::after(timeout);
        if other.end < self.end {
            other
        } else {
            self
        }
    }

    /// Returns the time until the deadline, or zero when it has passed.
    pub fn remaining(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// Returns the timeout in seconds, as error messages show it.
    pub fn timeout_seconds(self) -> f64 {
        self.timeout.as_secs_f64()
    }

    /// Sleeps for `pause`, but not past the deadline. Returns false when the deadline had
    /// passed before.
    pub fn sleep(self, pause: Duration) -> bool {
        let remaining = self.remaining();
        std::thread::sleep(pause.min(remaining));
        !remaining.is_zero()
    }
}
