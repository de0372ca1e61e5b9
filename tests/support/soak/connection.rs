//! HTTP/1.1 by hand: quick enough to keep Envoy busy, and no more than that needs.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Far above the header of any answer here.
const HEADER_BYTES: usize = 16 * 1024;

/// A connection, on which requests follow one another.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// How many requests were answered on it.
    answered: u64,
}

/// What an answer says, as far as it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Whether the challenge says `invalid_token`.
    pub(super) invalid_token: bool,
    /// Whether the server closes the connection after it.
    pub(super) closes: bool,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(HEADER_BYTES), answered: 0 })
    }

    /// Whether another request was answered on it: then a server may have closed it by now.
    pub(super) fn is_used(&self) -> bool {
        self.answered > 0
    }

    pub(super) async fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await
    }

    /// Waits for the answer to what was sent.
    pub(super) async fn receive(&mut self) -> io::Result<Reply> {
        self.buffer.clear();
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            if self.buffer.len() > HEADER_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let text = std::str::from_utf8(self.buffer.get(..head).unwrap_or_default());
        let text = text.map_err(|_| io::ErrorKind::InvalidData)?;
        let (reply, length) = parse(text).ok_or(io::ErrorKind::InvalidData)?;
        while self.buffer.len() < head + length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.answered += 1;
        Ok(reply)
    }
}

/// The answer, and the length of its body. None for one that does not say its length.
fn parse(head: &str) -> Option<(Reply, usize)> {
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let mut reply = Reply { status, invalid_token: false, closes: false };
    let mut length = None;
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        match name {
            "content-length" => length = value.parse().ok(),
            "connection" => reply.closes = value == "close",
            "www-authenticate" => reply.invalid_token = value.contains("error=\"invalid_token\""),
            _ => {}
        }
    }
    Some((reply, length?))
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let head = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer error=\"invalid_token\"\r\n\
                    connection: close\r\ncontent-length: 3\r\n\r\n";
        let reply = Reply { status: 401, invalid_token: true, closes: true };
        assert_eq!(parse(head), Some((reply, 3)));
        assert_eq!(parse("HTTP/1.1 200 OK\r\n\r\n"), None);
    }
}
