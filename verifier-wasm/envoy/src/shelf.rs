//! What the workers of an Envoy know together about a document: its last good copy, and who is fetching it.
//!
//! It lies in proxy-wasm's shared data, which all virtual machines of a plug-in see, those of a later configuration
//! included. Two entries for each document, since one is looked at often and the other is long: its [`Record`], and
//! the document itself.

use crate::{abi, clusters::Source};

/// The place of a document.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    record: String,
    document: String,
}

/// What happened to a document, in milliseconds since 1970; 0 for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Until when somebody has leave to fetch it.
    pub(crate) leased_until: u64,
    /// When the last good copy came.
    pub(crate) fetched: u64,
    /// When fetching it last failed.
    pub(crate) failed: u64,
}

/// A good copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) text: String,
    pub(crate) cache_control: String,
    /// When it came, in milliseconds since 1970.
    pub(crate) fetched: u64,
}

/// Overwrites an entry whatever its version.
const ANY_VERSION: u32 = 0;

/// How often a change is tried that others get in the way of.
const TRIES: usize = 4;

impl Shelf {
    pub(crate) fn new(source: &Source) -> Self {
        let Source { cluster, scheme, authority, path } = source;
        // Another cluster may lead to another server of the same name. The number is that of the entries' form.
        let name = format!("tessera/1/{cluster}/{scheme}://{authority}{path}");
        Self { record: format!("{name}#record"), document: format!("{name}#document") }
    }

    /// Makes sure that there is a record: whoever finds none creates one without knowing who else does. Where a
    /// plug-in is configured the main thread does that first, alone.
    pub(crate) fn prepare(&self) {
        if let Ok((None, _)) = abi::shared_data(&self.record) {
            // Should that fail, the first fetch is perhaps made twice.
            let _ = abi::set_shared_data(&self.record, &Record::default().to_bytes(), ANY_VERSION);
        }
    }

    pub(crate) fn record(&self) -> Record {
        self.read().map_or_else(Record::default, |(record, _)| record)
    }

    /// Changes the record, unless the change is none. Says whether it is changed.
    pub(crate) fn change(&self, change: impl Fn(Record) -> Option<Record>) -> bool {
        for _ in 0..TRIES {
            let Some((record, version)) = self.read() else { return false };
            let Some(record) = change(record) else { return false };
            if abi::set_shared_data(&self.record, &record.to_bytes(), version).is_ok() {
                return true;
            }
        }
        false
    }

    /// Lays a good copy down, for everybody.
    pub(crate) fn put(&self, copy: &Copy) {
        if abi::set_shared_data(&self.document, &copy.to_bytes(), ANY_VERSION).is_ok() {
            self.change(|record| Some(Record { leased_until: 0, fetched: copy.fetched, ..record }));
        }
    }

    /// Makes room where a copy is that came before a time. What happened to the document stays known.
    pub(crate) fn clear_if_older(&self, time: u64) {
        if self.record().fetched < time {
            let _ = abi::set_shared_data(&self.document, &[], ANY_VERSION);
        }
    }

    pub(crate) fn copy(&self) -> Option<Copy> {
        let (bytes, _) = abi::shared_data(&self.document).ok()?;
        Copy::from_bytes(&bytes?)
    }

    fn read(&self) -> Option<(Record, u32)> {
        let (bytes, version) = abi::shared_data(&self.record).ok()?;
        let record = match bytes {
            // Whoever wrote what is no record must not keep everybody from fetching.
            Some(bytes) => Record::from_bytes(&bytes).unwrap_or_default(),
            None => Record::default(),
        };
        Some((record, version))
    }
}

impl Record {
    fn to_bytes(self) -> Vec<u8> {
        [self.leased_until, self.fetched, self.failed].map(u64::to_le_bytes).concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([leased_until, fetched, failed], []) = bytes.as_chunks::<8>() else { return None };
        let [leased_until, fetched, failed] =
            [leased_until, fetched, failed].map(|time| u64::from_le_bytes(*time));
        Some(Self { leased_until, fetched, failed })
    }
}

impl Copy {
    /// The time, the length of the Cache-Control value, that, the text.
    fn to_bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.cache_control.len()).unwrap_or(u32::MAX);
        let (time, length) = (self.fetched.to_le_bytes(), length.to_le_bytes());
        [&time, &length[..], self.cache_control.as_bytes(), self.text.as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (fetched, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (cache_control, text) = rest.split_at_checked(length)?;
        let own = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let fetched = u64::from_le_bytes(*fetched);
        Some(Self { text: own(text)?, cache_control: own(cache_control)?, fetched })
    }
}
