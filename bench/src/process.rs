//! What a process took, by the kernel's count.

use std::time::Duration;

use serde::Serialize;

use crate::Result;

/// The kernel's clock ticks per second, as it tells user space: 100 on every architecture.
const TICKS: f64 = 100.0;

/// CPU time of a process.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Cpu {
    /// Seconds in the program.
    pub(crate) user: f64,
    /// Seconds in the kernel on its behalf.
    pub(crate) system: f64,
}

// === impl Cpu ===

impl Cpu {
    /// What process `pid` took so far; children that ended are not counted.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat"))?)
    }

    /// Reads `/proc/<pid>/stat`. The name in parentheses may hold anything, also parentheses.
    fn parse(stat: &str) -> Result<Self> {
        let (_, rest) = stat.rsplit_once(')').ok_or("expected a process' name in parentheses")?;
        let mut fields = rest.split_ascii_whitespace().skip(11).map(|field| field.parse::<f64>());
        match (fields.next(), fields.next()) {
            (Some(user), Some(system)) => Ok(Self { user: user? / TICKS, system: system? / TICKS }),
            _ => Err("expected user and system time in a process' stat".into()),
        }
    }

    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }

    /// From `earlier` to here.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { user: self.user - earlier.user, system: self.system - earlier.system }
    }
}

/// What the threads of process `pid` took of processors so far, by the scheduler's count.
pub(crate) fn threads_cpu(pid: u32) -> Result<Duration> {
    let mut total = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may have ended meanwhile.
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        total += text.split_ascii_whitespace().next().unwrap_or_default().parse::<u64>().unwrap_or_default();
    }
    Ok(Duration::from_nanos(total))
}

/// The most memory that process `pid` ever had resident, in bytes.
pub(crate) fn peak_memory(pid: u32) -> Result<u64> {
    memory(pid, "VmHWM:")
}

/// The memory that process `pid` has resident, in bytes.
pub(crate) fn resident_memory(pid: u32) -> Result<u64> {
    memory(pid, "VmRSS:")
}

fn memory(pid: u32, field: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).ok_or_else(|| format!("expected {field}"))?;
    let kib = line.trim().trim_end_matches("kB").trim_end().parse::<u64>()?;
    Ok(kib << 10)
}
