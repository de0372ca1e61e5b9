//! HTTP/1.1 by hand: what is sent and what has arrived is exactly what stands here, which no HTTP library leaves alone.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Far above any head of the corpus.
const HEAD_LIMIT: usize = 256 * 1024;

/// The head of a message: its first line and its fields, in order, names in lower case.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) start: String,
    pub(super) fields: Vec<(String, String)>,
}

impl Head {
    /// Reads up to the empty line. There is none where the other side has closed before.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                bytes.truncate(end);
                return Ok(Some(Self::parse(&String::from_utf8_lossy(&bytes))));
            }
            if bytes.len() > HEAD_LIMIT {
                return Err(io::Error::other("the head is too long"));
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn parse(text: &str) -> Self {
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines.filter_map(|line| line.split_once(':'));
        let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim_ascii().to_owned()));
        Self { start, fields: fields.collect() }
    }

    /// A part of the first line, which has three: of a request the method and the target, of a response the status.
    pub(super) fn part(&self, index: usize) -> &str {
        self.start.splitn(3, ' ').nth(index).unwrap_or_default()
    }

    /// The value of a field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        field(&self.fields, name)
    }
}

/// The value of the first field of a name.
pub(super) fn field<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}
