//! Until when something may take.

use std::time::{Duration, Instant};

/// A moment, and how long it was away when it was set (an error says so).
#[derive(Clone, Copy, Debug)]
pub(in crate::systemd) struct Deadline {
    end: Instant,
    limit: Duration,
}

/// "For ever" of a caller: what can be added to any clock.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

impl Deadline {
    pub fn after(limit: Duration) -> Deadline {
        let limit = limit.min(LONGEST);
        Deadline { end: Instant::now() + limit, limit }
    }

    /// This one, or one that is `limit` away: whichever is earlier.
    pub fn within(self, limit: Duration) -> Deadline {
        let other = Deadline::after(limit);
        if other.end < self.end {
            other
        } else {
            self
        }
    }

    /// What is left; zero when it has passed.
    pub fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    pub fn has_passed(self) -> bool {
        self.left().is_zero()
    }

    /// How long it was away when it was set, in seconds.
    pub fn seconds(self) -> f64 {
        self.limit.as_secs_f64()
    }

    /// Sleeps, but not past the deadline; false when it has passed.
    pub fn sleep(self, time: Duration) -> bool {
        let left = self.left();
        std::thread::sleep(time.min(left));
        !left.is_zero()
    }
}
