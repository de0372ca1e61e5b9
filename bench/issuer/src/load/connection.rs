//! A connection that is kept alive, with HTTP/1.1 by hand: a client that cost as much as the server would be in the
//! way of its own figures.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

use crate::tls;

/// Longest answer that is waited for, in bytes; a token answer has about one kilobyte.
const MAX_ANSWER: usize = 64 * 1024;

/// Where a server listens, and how it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// For whom it speaks TLS.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// Why the load could not be put on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// There is no connection.
    #[error("{address} cannot be connected to")]
    Connect {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection broke off")]
    Broken(#[source] io::Error),
    /// The answer is not one of success. What was measured then is something else than issuing.
    #[error("a request was answered by: {0}")]
    Answer(String),
    /// The answer is in no form that this client knows.
    #[error("the answer has no Content-Length, or is too long")]
    Form,
    /// What is in the certificate is no name.
    #[error("the name of the server is malformed")]
    Name,
    /// A task of the load ended before its time.
    #[error("the load stopped")]
    Stopped,
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// An open connection.
pub(super) struct Connection {
    wire: Box<dyn Wire>,
    read: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(target: &Target) -> Result<Self, LoadError> {
        let address = target.address;
        let refused = |source: io::Error| LoadError::Connect { address, source };
        let stream = TcpStream::connect(address).await.map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        let wire: Box<dyn Wire> = match &target.tls {
            Some(tls) => {
                let name = ServerName::try_from(tls::NAME).map_err(|_| LoadError::Name)?;
                Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await.map_err(refused)?)
            }
            None => Box::new(stream),
        };
        Ok(Self { wire, read: Vec::with_capacity(4096) })
    }

    /// The body of the last answer.
    pub(super) fn body(&self) -> &[u8] {
        parts(&self.read).map_or(&[], |(_, body)| body)
    }

    /// Writes a request and reads its answer to the end.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<(), LoadError> {
        self.wire.write_all(request).await.map_err(LoadError::Broken)?;
        self.read.clear();
        loop {
            if self.wire.read_buf(&mut self.read).await.map_err(LoadError::Broken)? == 0 {
                return Err(LoadError::Broken(io::ErrorKind::UnexpectedEof.into()));
            }
            if is_whole(&self.read)? {
                return if is_success(&self.read) {
                    Ok(())
                } else {
                    Err(LoadError::Answer(String::from_utf8_lossy(&self.read).into_owned()))
                };
            }
        }
    }
}

/// The header of an answer, with the empty line that ends it, and what follows; none while there is no such line.
fn parts(read: &[u8]) -> Option<(&[u8], &[u8])> {
    const END: &[u8] = b"\r\n\r\n";
    let header = read.windows(END.len()).position(|bytes| bytes == END)?;
    Some(read.split_at(header + END.len()))
}

/// Whether a whole answer is there: its header, and as many bytes after it as it says.
fn is_whole(read: &[u8]) -> Result<bool, LoadError> {
    let Some((header, body)) = parts(read) else {
        return if read.len() > MAX_ANSWER { Err(LoadError::Form) } else { Ok(false) };
    };
    let length = content_length(header).filter(|length| *length <= MAX_ANSWER).ok_or(LoadError::Form)?;
    Ok(body.len() >= length)
}

fn content_length(header: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let mut lines = header.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then_some(value)
    })?;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

fn is_success(read: &[u8]) -> bool {
    read.starts_with(b"HTTP/1.1 200 ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_header_says() {
        let answer = b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 5\r\n\r\nhello";
        for cut in 0..answer.len() {
            let (part, _) = answer.split_at(cut);
            assert!(matches!(is_whole(part), Ok(false)), "{cut}");
        }
        assert!(matches!(is_whole(answer), Ok(true)));
        assert!(is_success(answer));
        assert!(!is_success(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"));
    }

    #[test]
    fn other_forms_are_refused() {
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
        assert!(matches!(is_whole(chunked), Err(LoadError::Form)));
        let long = b"HTTP/1.1 200 OK\r\ncontent-length: 65537\r\n\r\n";
        assert!(matches!(is_whole(long), Err(LoadError::Form)));
        assert!(matches!(is_whole(&vec![b'x'; MAX_ANSWER + 1]), Err(LoadError::Form)));
    }
}
