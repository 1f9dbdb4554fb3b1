//! /proc/PID/cgroup: lines of `id:controller,controller:path`.

use super::Own;
use crate::bytes::Lossless;
use crate::error::{fail, Code, Result};

/// Controller (v1 name, `name=X`, or `""` for cgroup2) to cgroup. A path may hold colons, and
/// ends in " (deleted)" when the cgroup is gone; that is left as it is.
pub(crate) fn parse(text: &[u8]) -> Result<Own> {
    let mut out = Own::new();
    for line in text.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        let mut fields = line.splitn(3, |&b| b == b':');
        let (Some(_), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return fail(
                Code::System,
                format!("read /proc/self/cgroup: {} is not id:controllers:path", Lossless(line)),
            );
        };
        for controller in controllers.split(|&b| b == b',') {
            out.insert(String::from_utf8_lossy(controller).into_owned(), path.to_vec());
        }
    }
    Ok(out)
}
