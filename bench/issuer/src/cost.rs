//! What a process takes of its machine, by the kernel's own count (`proc_pid_stat(5)`, `proc_pid_status(5)`).

use std::{fs, io, path::PathBuf, time::Duration};

/// A clock tick of `/proc`: `USER_HZ` is 100 wherever Linux shows it.
const TICK: Duration = Duration::from_millis(10);

/// The processor time of all threads of a process so far, those that ended too; user's and system's.
pub(crate) fn processor_time(process: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(PathBuf::from(format!("/proc/{process}/stat")))?;
    ticks(&stat).map(|ticks| TICK * ticks).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// What of a process is in memory at the moment, in bytes.
pub(crate) fn resident(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(PathBuf::from(format!("/proc/{process}/status")))?;
    resident_kilobytes(&status)
        .map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The 14th and the 15th field. The second is a name, which may hold spaces and parentheses.
fn ticks(stat: &str) -> Option<u32> {
    const UTIME_AFTER_NAME: usize = 11;
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(UTIME_AFTER_NAME);
    let mut field = || fields.next()?.parse::<u32>().ok();
    field()?.checked_add(field()?)
}

fn resident_kilobytes(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    value.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_those_of_user_and_system() {
        let stat = "4711 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 125 7 8 20 0 3 0 99";
        assert_eq!(ticks(stat), Some(375));
        assert_eq!(ticks("4711 (a) S 1 2"), None);
    }

    #[test]
    fn memory_is_what_is_resident() {
        let status = "VmPeak:\t  9000 kB\nVmRSS:\t    5120 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(resident_kilobytes(status), Some(5120));
        assert_eq!(resident_kilobytes("Name:\tkthreadd\n"), None);
    }

    #[test]
    fn this_process_is_counted() {
        assert!(resident(std::process::id()).unwrap() > 0);
        processor_time(std::process::id()).unwrap();
    }
}
