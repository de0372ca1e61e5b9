//! Load on an Envoy, and what that costs it.

use std::{fs, io, path::PathBuf, process::Stdio, time::Duration};

use tokio::process::Command;
use url::Url;

use crate::error::{BenchError, refused};

/// One thread that keeps sixteen connections busy: more than one worker can serve, so that it never waits.
pub(crate) const WRK: [&str; 3] = ["wrk", "-t1", "-c16"];

/// Has wrk ask for a while, and returns how many requests were answered. Each answer has to be one of success.
pub(crate) async fn put_on(url: &Url, authorization: &str, turn: Duration) -> Result<u32, BenchError> {
    let [program, arguments @ ..] = WRK;
    let output = Command::new(program)
        .args(arguments)
        .arg(format!("-d{}s", turn.as_secs()))
        .arg("-H")
        .arg(format!("authorization: {authorization}"))
        .arg(url.as_str())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(not_run)?;
    let said = String::from_utf8_lossy(&output.stdout);
    answered(&said).ok_or_else(|| BenchError::Load { said: said.into_owned() })
}

/// Which wrk this is.
pub(crate) fn version() -> Result<String, BenchError> {
    let [program, ..] = WRK;
    let output = std::process::Command::new(program).arg("--version").output().map_err(not_run)?;
    // `wrk debian/4.1.0-3+b2 [epoll] Copyright …`, and an exit status of 1.
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.split_whitespace().nth(1).unwrap_or_default().to_owned())
}

/// The processor time that a process has had so far, all its threads together. Envoy's threads last as long as it
/// does, so that none takes its share of this with it.
pub(crate) fn processor_time(process: u32) -> Result<Duration, BenchError> {
    let folder = PathBuf::from(format!("/proc/{process}/task"));
    let total = || -> io::Result<u64> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(&folder)? {
            // Time on a processor, time spent waiting for one, turns (Linux: Documentation/scheduler/sched-stats.rst).
            let figures = fs::read_to_string(task?.path().join("schedstat"))?;
            let on_processor =
                figures.split_whitespace().next().and_then(|figure| figure.parse::<u64>().ok());
            nanoseconds += on_processor.ok_or(io::ErrorKind::InvalidData)?;
        }
        Ok(nanoseconds)
    };
    total()
        .map(Duration::from_nanos)
        .map_err(refused(format!("read the processor time of Envoy in {}", folder.display())))
}

/// The number of requests in what wrk says, unless something was wrong with some of them.
fn answered(said: &str) -> Option<u32> {
    if said.contains("Socket errors") || said.contains("Non-2xx") {
        return None;
    }
    let requests = said.lines().find_map(|line| line.trim().split_once(" requests in "))?.0;
    requests.parse().ok().filter(|requests| *requests > 0)
}

fn not_run(source: io::Error) -> BenchError {
    refused("run wrk")(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
Running 2s test @ http://127.0.0.1:10000/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   545.06us  101.05us   3.02ms   88.31%
    Req/Sec    29.41k     1.62k   30.99k    90.00%
  58523 requests in 2.00s, 5.75MB read
Requests/sec:  29249.21
Transfer/sec:      2.87MB
";

    #[test]
    fn requests_count_if_all_of_them_are_answered_by_success() {
        assert_eq!(answered(GOOD), Some(58523));
        assert_eq!(answered(&GOOD.replace("58523", "0")), None);
        assert_eq!(answered(&format!("{GOOD}  Non-2xx or 3xx responses: 1\n")), None);
        assert_eq!(
            answered(&format!("{GOOD}  Socket errors: connect 0, read 1, write 0, timeout 0\n")),
            None
        );
        assert_eq!(answered("unable to connect to 127.0.0.1:10000 Connection refused\n"), None);
    }
}
