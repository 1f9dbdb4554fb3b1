// SPDX-License-Identifier: Apache-2.0

//! The idle connections to one bus.
//!
//! A request takes a connection out of the pool and puts it back at its end. Successive requests
//! use the same connection, and concurrent requests never wait for each other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, TryLockError};

use crate::error::Result;
use crate::systemd::bus::{parse_address, Bus, Connection, Endpoint};

/// Greatest number of idle connections that are kept.
const MAX_IDLE: usize = 4;

/// A bus, and the connections to it that no request uses now.
#[derive(Debug)]
pub(super) struct ConnectionPool {
    pub bus: Bus,
    /// The caller's D-Bus address; None for the default of `bus`.
    address: Option<String>,
    /// systemd has replied before. If it does not now, it is probably restarting.
    has_replied: AtomicBool,
    idle: Mutex<Vec<Connection>>,
}

impl ConnectionPool {
    pub fn new(bus: Bus, address: Option<String>) -> ConnectionPool {
        ConnectionPool {
            bus,
            address,
            has_replied: AtomicBool::new(false),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Returns the sockets to try, in order.
    pub fn endpoints(&self) -> Result<Vec<Endpoint>> {
        match &self.address {
            Some(address) => parse_address(address.as_bytes()),
            None => self.bus.endpoints(),
        }
    }

    /// Remembers that systemd has replied.
    pub fn note_reply(&self) {
        self.has_replied.store(true, Ordering::Relaxed);
    }

    /// Returns whether there is a systemd on the bus, as far as is known: it has replied before,
    /// or the machine runs one there (sd_booted(3)). A request that does not reach it now should
    /// wait a little for it.
    pub fn is_systemd_expected(&self) -> bool {
        self.has_replied.load(Ordering::Relaxed)
            || (self.address.is_none() && self.bus.has_systemd())
    }

    /// Removes and returns an idle connection that can be used. The flag is true when the bus had
    /// closed an idle connection.
    pub fn take(&self) -> (Option<Connection>, bool) {
        let mut lost = false;
        while let Some(connection) = self.with_idle(Vec::pop).flatten() {
            if connection.is_usable() {
                return (Some(connection), lost);
            }
            lost |= connection.is_own();
        }
        (None, lost)
    }

    /// Keeps a connection for the next request, or closes it when the pool is full.
    pub fn put(&self, connection: Connection) {
        // A connection over the limit is returned here and closed after the lock is released.
        let _excess = self.with_idle(|idle| {
            if idle.len() < MAX_IDLE {
                idle.push(connection);
                None
            } else {
                Some(connection)
            }
        });
    }

    /// Runs `act` on the idle connections, or returns None when another thread holds the lock.
    ///
    /// Never waits for the lock. If another thread holds it while the process forks, it stays
    /// locked in the child for ever. Missing the pool only costs a new connection.
    fn with_idle<T>(&self, act: impl FnOnce(&mut Vec<Connection>) -> T) -> Option<T> {
        match self.idle.try_lock() {
            Ok(mut idle) => Some(act(&mut idle)),
            Err(TryLockError::Poisoned(idle)) => Some(act(&mut idle.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
