// SPDX-License-Identifier: Apache-2.0

//! Lets one test have the hierarchies to itself. On v1 an exclusive cpuset shares no CPU with its
//! siblings, which can be the cgroups of other tests.

use std::cell::RefCell;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static HOST: RwLock<()> = RwLock::new(());

enum Turn {
    Beside { _others: RwLockReadGuard<'static, ()> },
    Alone,
}

thread_local! {
    /// Held until the test's thread ends.
    static TURN: RefCell<Option<Turn>> = const { RefCell::new(None) };
}

/// Waits until no test is alone. Each test calls this function before its first cgroup.
pub fn beside_others() {
    // A thread of a test has no name, and shares the test's turn.
    if std::thread::current().name().is_none() {
        return;
    }
    TURN.with_borrow_mut(|turn| {
        turn.get_or_insert_with(|| Turn::Beside {
            _others: HOST.read().unwrap_or_else(PoisonError::into_inner),
        });
    });
}

/// Waits until this is the only test with cgroups, and keeps the others waiting.
pub fn alone() -> Alone {
    TURN.set(None);
    let only = HOST.write().unwrap_or_else(PoisonError::into_inner);
    TURN.set(Some(Turn::Alone));
    Alone { _only: only }
}

pub struct Alone {
    _only: RwLockWriteGuard<'static, ()>,
}

impl Drop for Alone {
    fn drop(&mut self) {
        TURN.set(None);
    }
}
