//! The limits of a listener, with their units and where the numbers come from.

use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;

/// The least that hyper accepts as a buffer for one header.
const HEADER_BYTES_MIN: usize = 8192;

/// What a listener grants its peers. [`Limits::default`] suits a service of small requests and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once; further ones wait in the kernel's queue. Default 512: half of the usual
    /// `RLIMIT_NOFILE` of 1,024. The other half is for the rest of the process. It does not cover a descriptor for
    /// each request, of which an HTTP/2 connection carries [`http2_streams`](Self::http2_streams) at once: a
    /// handler that opens some bounds them itself.
    pub connections: usize,
    /// From the opening of a connection, a TLS handshake included, or from the first byte of its next HTTP/1 request, to the end of that
    /// request's header. Default 10 s: a header is one or two segments, and this covers three retransmissions.
    pub header_read: Duration,
    /// How long a connection may stay open between requests. Default 75 s, as nginx's `keepalive_timeout`.
    pub idle: Duration,
    /// How long a peer may accept no byte of what is being written to it, and on HTTP/2, where it paces each
    /// answer, how long it may make no room for a further part of any answer while nothing else is waited for.
    /// Default 30 s.
    pub write_stall: Duration,
    /// From shutdown to the cutting of what is still in flight. Default 20 s: within the 30 s that Kubernetes
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
            header_read: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            write_stall: Duration::from_secs(30),
            drain: Duration::from_secs(20),
            header_bytes: 32 * 1024,
            header_fields: 100,
            http2_streams: 100,
            http2_ping: Duration::from_secs(20),
            http2_ping_answer: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// hyper set up for the limits that it keeps itself; the connection's watchdog keeps the others.
    pub(super) fn http(&self) -> auto::Builder<TokioExecutor> {
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            // hyper's own timer starts when the previous answer ends, so it would also be the idle limit, and it
            // does not run while the protocol of a new connection is being told. The watchdog covers both.
            .header_read_timeout(None)
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
