//! The limits of a listener, with their units and where the numbers come from.

use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

/// The least that hyper accepts as a buffer for one header.
const HEADER_BYTES_MIN: usize = 8192;

/// What a listener grants its peers. [`Limits::default`] suits a service of small requests and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once. For a further one the longest idle is closed; while none is idle, further ones wait in
    /// the kernel's queue. Default 512; [`Limits::of_process`] takes what the process may have. It does not cover a
    /// descriptor for each request, of which an HTTP/2 connection carries [`http2_streams`](Self::http2_streams) at
    /// once: a handler that opens some bounds them itself.
    pub connections: usize,
    /// Connections open at once of one IPv4 address, or of one IPv6 network of 64 bits. For a further one the longest
    /// idle of these is closed; while none is idle, further ones are refused. Default 256, half of `connections`: behind a
    /// reverse proxy all of them have one address.
    pub connections_per_address: usize,
    /// From the opening of a connection, a TLS handshake included, or from the first byte of its next HTTP/1 request, to the end of that
    /// request's header. Default 10 s: a header is one or two segments, and this covers three retransmissions.
    pub header_read: Duration,
    /// How long a connection may stay open between requests. Default 75 s, as nginx's `keepalive_timeout`.
    pub idle: Duration,
    /// How long a peer may accept no byte of what is being written to it, and on HTTP/2, where it paces each
    /// answer, how long it may make no room for a further part of any answer while nothing else is waited for.
    /// Default 30 s.
    pub write_stall: Duration,
    /// From shutdown to the end of accepting. Meanwhile everything is served, and each answer asks its peer to come back
    /// on another connection; it is the time that load balancers need to see that this server is no longer ready.
    /// Default 0.
    pub lame_duck: Duration,
    /// From the end of accepting to the cutting of what is still in flight. Default 20 s: within the 30 s that Kubernetes
    /// grants between SIGTERM and SIGKILL.
    pub drain: Duration,
    /// The size of a request's header [bytes]: on HTTP/1 the request line and the fields, at least 8,192; on
    /// HTTP/2 the header list as RFC 9113 §6.5.2 counts it, 32 bytes more for each field. Default 32,768, as nginx's
    /// `large_client_header_buffers` of four times 8 k.
    pub header_bytes: usize,
    /// Fields in the header of an HTTP/1 request. Default 100, as hyper's. On HTTP/2 `header_bytes` bounds it.
    pub header_fields: usize,
    /// Requests at once on an HTTP/2 connection. Default 100: the least that RFC 9113 §6.5.2 recommends.
    pub http2_streams: u32,
    /// Between two HTTP/2 pings to a peer. Default 20 s.
    pub http2_ping: Duration,
    /// Within which a peer must answer an HTTP/2 ping. Default 10 s.
    pub http2_ping_answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            connections_per_address: 256,
            header_read: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            write_stall: Duration::from_secs(30),
            lame_duck: Duration::ZERO,
            drain: Duration::from_secs(20),
            header_bytes: 32 * 1024,
            header_fields: 100,
            http2_streams: 100,
            http2_ping: Duration::from_secs(20),
            http2_ping_answer: Duration::from_secs(10),
        }
    }
}

/// The file descriptors that a process asks for, if its hard limit allows: what `systemd` and container engines allow at
/// least, and more than [`CONNECTIONS_MAX`] needs.
const DESCRIPTORS: u64 = 65_536;
/// Of the descriptors of a process, the part that one listener gives to connections. A server may have three listeners,
/// and files, databases and connections of its own.
const DESCRIPTORS_PER_CONNECTION: u64 = 4;
/// The most connections of one listener. An idle one takes about 20 kB, with TLS 40, so these take 330 MB.
const CONNECTIONS_MAX: u64 = 8_192;
const CONNECTIONS_MIN: u64 = 16;

impl Limits {
    /// The defaults, with as many connections as this process may have.
    ///
    /// Raises the soft limit of open files (`RLIMIT_NOFILE`) to 65,536 or to the hard limit, whichever is less; a quarter
    /// of what it is then is for the connections of one listener, 8,192 at most, and half of that for one address. Says so
    /// in the log.
    #[must_use]
    pub fn of_process() -> Self {
        let descriptors = raise_descriptors();
        let limits = Self::of_descriptors(descriptors);
        info!(
            connections = limits.connections,
            per_address = limits.connections_per_address,
            open_files = descriptors,
            "the connections that a listener holds at once"
        );
        limits
    }

    fn of_descriptors(descriptors: u64) -> Self {
        let connections = (descriptors / DESCRIPTORS_PER_CONNECTION).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX);
        let connections = usize::try_from(connections).unwrap_or(usize::MAX);
        Self { connections, connections_per_address: connections / 2, ..Self::default() }
    }

    /// hyper set up for the limits that it keeps itself; the connection's watchdog keeps the others.
    pub(super) fn http(&self) -> auto::Builder<TokioExecutor> {
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            // hyper's own timer starts when the previous answer ends, so it would also be the idle limit, and it
            // does not run while the protocol of a new connection is being told. The watchdog covers both.
            .header_read_timeout(None)
            // Who has said all that they have to say may still listen (RFC 9112 §9.6).
            .half_close(true)
            .max_buf_size(self.header_bytes.max(HEADER_BYTES_MIN))
            .max_headers(self.header_fields);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(self.http2_ping)
            .keep_alive_timeout(self.http2_ping_answer)
            .max_concurrent_streams(self.http2_streams)
            .max_header_list_size(u32::try_from(self.header_bytes).unwrap_or(u32::MAX));
        http
    }
}

/// The open files that this process may have, after asking for more.
fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let (soft, hard) = (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX));
    let wanted = DESCRIPTORS.min(hard);
    if soft >= wanted {
        return soft;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }) {
        Ok(()) => wanted,
        Err(error) => {
            warn!(%error, open_files = soft, "the limit of open files stays as it was");
            soft
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_a_part_of_the_descriptors() {
        for (descriptors, connections, per_address) in
            [(0, 16, 8), (1024, 256, 128), (65_536, 8192, 4096), (u64::MAX, 8192, 4096)]
        {
            let limits = Limits::of_descriptors(descriptors);
            let found = (limits.connections, limits.connections_per_address);
            assert_eq!(found, (connections, per_address), "{descriptors}");
        }
    }

    #[test]
    fn the_soft_limit_of_open_files_is_raised() {
        let hard = getrlimit(Resource::Nofile).maximum;
        let lowered = Rlimit { current: Some(256), maximum: hard };
        setrlimit(Resource::Nofile, lowered).unwrap();
        let raised = raise_descriptors();
        assert_eq!(raised, DESCRIPTORS.min(hard.unwrap_or(u64::MAX)));
        assert_eq!(getrlimit(Resource::Nofile).current, Some(raised));
    }
}
