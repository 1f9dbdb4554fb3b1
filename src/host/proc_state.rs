// SPDX-License-Identifier: Apache-2.0

//! Whether a process has ended but has not been reaped yet.

use rustix::fs::{readlinkat, CWD};

/// Whether /proc shows the program of a process. Costs one system call. Zombies and kernel threads
/// have no program, and the programs of other users' processes may be hidden.
pub(crate) fn has_program(id: i32) -> bool {
    readlinkat(CWD, format!("/proc/{id}/exe"), Vec::new()).is_ok()
}

/// Whether a process is a zombie, with no thread that still runs: proc_pid_stat(5). False when
/// /proc does not tell.
pub(crate) fn is_zombie(id: i32) -> bool {
    crate::sys::read_file(&format!("/proc/{id}/stat")).is_ok_and(|text| is_zombie_stat(&text))
}

fn is_zombie_stat(text: &[u8]) -> bool {
    // The name, in parentheses, may itself have spaces and parentheses.
    let Some(end) = text.iter().rposition(|&b| b == b')') else { return false };
    let rest = String::from_utf8_lossy(text.get(end + 1..).unwrap_or_default()).into_owned();
    let mut fields = rest.split_ascii_whitespace();
    let ended = matches!(fields.next(), Some("Z" | "X" | "x"));
    // num_threads is field 20; other threads can outlive the leader.
    ended && fields.nth(16).and_then(|n| n.parse::<u64>().ok()).is_none_or(|threads| threads <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_with_running_threads_is_no_zombie_after_its_leader_has_ended() {
        let stat = |state: &str, threads: u32| {
            let text = format!(
                "7 (a) Z (b) {state} 1 7 7 0 -1 4228108 0 0 0 0 0 0 0 0 20 0 {threads} 0 9"
            );
            is_zombie_stat(text.as_bytes())
        };
        assert!(stat("Z", 1));
        assert!(!stat("Z", 3));
        assert!(!stat("S", 1));
        assert!(!is_zombie_stat(b""));
    }
}
