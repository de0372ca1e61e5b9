//! A document as all workers of an Envoy share it: the last good copy, and who is fetching it.
//!
//! It lies in the proxy's shared data, which all workers of a plug-in see, those of a later configuration included. Two
//! entries for each document, since one is looked at often and the other is long: its [`FetchState`], and the
//! [`CachedCopy`].

use crate::{clusters::Source, proxy::Proxy};

/// The entries of a document.
#[derive(Clone, Debug)]
pub(crate) struct SharedDocument {
    state: String,
    copy: String,
}

/// What happened to a document, in milliseconds since 1970; 0 for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FetchState {
    /// Until when a worker has leave to fetch it.
    pub(crate) leased_until: u64,
    /// When the last good copy came.
    pub(crate) fetched: u64,
    /// When fetching it last failed.
    pub(crate) failed: u64,
}

/// A good copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CachedCopy {
    pub(crate) text: String,
    pub(crate) cache_control: String,
    /// When it came, in milliseconds since 1970.
    pub(crate) fetched: u64,
}

/// How often a change is tried that other workers get in the way of. Each of them is done with the document for a
/// second, at least, when its own change went through.
const TRIES: usize = 16;

impl SharedDocument {
    pub(crate) fn new(source: &Source) -> Self {
        let Source { cluster, scheme, authority, path } = source;
        // Another cluster may lead to another server of the same name. The number is that of the entries' form.
        let name = format!("tessera/1/{cluster}/{scheme}://{authority}{path}");
        Self { state: format!("{name}#state"), copy: format!("{name}#copy") }
    }

    /// Makes sure that there is a state: a worker that finds none writes one without knowing who else does. Where a
    /// plug-in is configured the main thread does that first, alone.
    pub(crate) fn prepare(&self, proxy: &dyn Proxy) {
        if let Ok(None) = proxy.shared_data(&self.state) {
            // Should that fail, the first fetch is perhaps made twice.
            let _ = proxy.set_shared_data(&self.state, &FetchState::default().to_bytes(), None);
        }
    }

    pub(crate) fn state(&self, proxy: &dyn Proxy) -> FetchState {
        let Ok(Some((bytes, _))) = proxy.shared_data(&self.state) else { return FetchState::default() };
        FetchState::from_bytes(&bytes).unwrap_or_default()
    }

    /// Changes the state, unless the change is none. Says whether it is changed.
    pub(crate) fn change(
        &self,
        proxy: &dyn Proxy,
        mut change: impl FnMut(FetchState) -> Option<FetchState>,
    ) -> bool {
        for _ in 0..TRIES {
            let Ok(entry) = proxy.shared_data(&self.state) else { return false };
            let (state, version) = match entry {
                // Bytes that are not a state must not keep everybody from fetching.
                Some((bytes, version)) => (FetchState::from_bytes(&bytes).unwrap_or_default(), Some(version)),
                None => (FetchState::default(), None),
            };
            let Some(state) = change(state) else { return false };
            if proxy.set_shared_data(&self.state, &state.to_bytes(), version).is_ok() {
                return true;
            }
        }
        false
    }

    /// Takes the lease, if the state as it is now allows that.
    pub(crate) fn lease(
        &self,
        proxy: &dyn Proxy,
        until: u64,
        mut allowed: impl FnMut(FetchState) -> bool,
    ) -> bool {
        self.change(proxy, |state| allowed(state).then_some(FetchState { leased_until: until, ..state }))
    }

    /// Lays a good copy down, for everybody, and gives up a lease.
    pub(crate) fn put(&self, proxy: &dyn Proxy, lease: u64, copy: &CachedCopy) {
        if proxy.set_shared_data(&self.copy, &copy.to_bytes(), None).is_ok() {
            self.change(proxy, |state| Some(FetchState { fetched: copy.fetched, ..state.without(lease) }));
        }
    }

    /// Says that fetching failed, at a time, and gives up a lease.
    pub(crate) fn fail(&self, proxy: &dyn Proxy, lease: u64, at: u64) {
        self.change(proxy, |state| Some(FetchState { failed: at, ..state.without(lease) }));
    }

    /// Makes room where a copy is that came before a time. What happened to the document stays known.
    pub(crate) fn clear_if_older(&self, proxy: &dyn Proxy, time: u64) {
        if self.state(proxy).fetched < time {
            let _ = proxy.set_shared_data(&self.copy, &[], None);
        }
    }

    pub(crate) fn copy(&self, proxy: &dyn Proxy) -> Option<CachedCopy> {
        let (bytes, _) = proxy.shared_data(&self.copy).ok()??;
        CachedCopy::from_bytes(&bytes)
    }
}

impl FetchState {
    /// Without a lease, if it is still this one: another worker may have taken it over.
    fn without(self, lease: u64) -> Self {
        if self.leased_until == lease { Self { leased_until: 0, ..self } } else { self }
    }

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

impl CachedCopy {
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
