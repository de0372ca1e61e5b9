//! Counts HTTP/2 frames that cost work and carry nothing: PING, SETTINGS, PRIORITY, `RST_STREAM`, `WINDOW_UPDATE`, empty
//! DATA and unknown ones.
//!
//! The HTTP/2 library answers as many as a peer sends (CVE-2019-9512 and its kin); it bounds only resets. A connection has
//! an account that requests and the bytes of answers fill, and each such frame takes from. Sans-IO: bytes are an argument.

/// Frames without content that a connection may be ahead of its requests and answers, and the most that it can save up.
/// Keep-alive sends one in ten seconds, a bandwidth probe one a round trip; 10,000 take about 10 ms of a core.
const ACCOUNT: u32 = 10_000;
/// What a request pays for: its SETTINGS, `WINDOW_UPDATE`, `RST_STREAM` and PRIORITY frames, twice.
const PER_REQUEST: u32 = 8;
/// The bytes of answers that pay for one `WINDOW_UPDATE`.
const BYTES_PER_FRAME: usize = 1024;

/// The beginning of an HTTP/2 connection (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The length of a frame's header [bytes] (RFC 9113 §4.1).
const HEADER: usize = 9;

/// Frame types (RFC 9113 §6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

/// The account of one connection; of HTTP/1 nothing is counted.
#[derive(Debug)]
pub(super) struct FrameAccount {
    reading: Reading,
    left: u32,
    /// Bytes written that have not paid for a frame yet.
    written: usize,
}

/// Where in the stream the next byte belongs.
#[derive(Debug)]
enum Reading {
    /// So many bytes of the preface were there.
    Preface(usize),
    Header {
        bytes: [u8; HEADER],
        have: usize,
    },
    Payload {
        left: usize,
    },
    /// HTTP/1.
    Other,
}

/// The account is used up.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {ACCOUNT} HTTP/2 control frames without requests or answers to go with them")]
pub(super) struct Flood;

impl FrameAccount {
    pub(super) fn new() -> Self {
        Self { reading: Reading::Preface(0), left: ACCOUNT, written: 0 }
    }

    /// `bytes` came from the peer.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<(), Flood> {
        while let Some((&byte, rest)) = bytes.split_first() {
            match &mut self.reading {
                Reading::Other => return Ok(()),
                Reading::Preface(have) => {
                    let fits = PREFACE.get(*have) == Some(&byte);
                    *have += 1;
                    if !fits {
                        self.reading = Reading::Other;
                    } else if *have == PREFACE.len() {
                        self.reading = Reading::header();
                    }
                    bytes = rest;
                }
                Reading::Header { bytes: header, have } => {
                    if let Some(slot) = header.get_mut(*have) {
                        *slot = byte;
                    }
                    *have += 1;
                    bytes = rest;
                    if *have == HEADER {
                        let header = *header;
                        self.frame(header)?;
                    }
                }
                Reading::Payload { left } => {
                    let skipped = bytes.len().min(*left);
                    *left -= skipped;
                    if *left == 0 {
                        self.reading = Reading::header();
                    }
                    bytes = bytes.get(skipped..).unwrap_or_default();
                }
            }
        }
        Ok(())
    }

    /// `count` bytes went to the peer.
    pub(super) fn wrote(&mut self, count: usize) {
        let written = self.written + count;
        self.written = written % BYTES_PER_FRAME;
        self.earn(u32::try_from(written / BYTES_PER_FRAME).unwrap_or(ACCOUNT));
    }

    fn frame(&mut self, [a, b, c, kind, ..]: [u8; HEADER]) -> Result<(), Flood> {
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        self.reading = if length == 0 { Reading::header() } else { Reading::Payload { left: length } };
        match kind {
            HEADERS => self.earn(PER_REQUEST),
            CONTINUATION => {}
            DATA if length > 0 => {}
            _ => self.left = self.left.checked_sub(1).ok_or(Flood)?,
        }
        Ok(())
    }

    fn earn(&mut self, frames: u32) {
        self.left = self.left.saturating_add(frames).min(ACCOUNT);
    }
}

impl Reading {
    fn header() -> Self {
        Self::Header { bytes: [0; HEADER], have: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, 0, 0, 0, 0, 0];
        frame.resize(HEADER + usize::from(length), 0xff);
        frame
    }

    fn started() -> FrameAccount {
        let mut account = FrameAccount::new();
        account.read(PREFACE).unwrap();
        account
    }

    #[test]
    fn frames_without_content_are_counted_however_they_are_cut() {
        for step in [1, 7, 17, 1000] {
            let mut account = started();
            let pings: Vec<u8> = (0..ACCOUNT).flat_map(|_| frame(PING, 8)).collect();
            for bytes in pings.chunks(step) {
                account.read(bytes).unwrap();
            }
            assert_eq!(account.read(&frame(PING, 8)), Err(Flood), "{step}");
        }
    }

    #[test]
    fn every_kind_without_content_counts_and_no_other() {
        for (kind, length, counts) in [
            (DATA, 0, true),
            (DATA, 1, false),
            (HEADERS, 5, false),
            (2, 5, true),
            (3, 4, true),
            (4, 0, true),
            (PING, 8, true),
            (8, 4, true),
            (CONTINUATION, 1, false),
            (0x10, 5, true),
        ] {
            let mut account = started();
            account.read(&frame(kind, length)).unwrap();
            assert_eq!(account.left < ACCOUNT, counts, "{kind} of {length} bytes");
        }
    }

    #[test]
    fn requests_and_answers_pay_up_to_the_whole_account() {
        let mut account = started();
        account.left = 0;
        account.read(&frame(HEADERS, 5)).unwrap();
        account.wrote(1023);
        account.wrote(1);
        assert_eq!(account.left, PER_REQUEST + 1);
        account.wrote(usize::MAX / 2);
        assert_eq!(account.left, ACCOUNT);
    }

    #[test]
    fn nothing_of_http1_is_counted() {
        for beginning in ["GET / HTTP/1.1\r\n", "PRI * HTTP/1.1\r\n"] {
            let mut account = FrameAccount::new();
            account.read(beginning.as_bytes()).unwrap();
            for _ in 0..=ACCOUNT {
                account.read(&frame(PING, 8)).unwrap();
            }
        }
    }
}
