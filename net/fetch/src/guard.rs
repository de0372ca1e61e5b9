//! Keeps a client to the addresses that it may connect to.
//!
//! The check sits in the client's own resolver: what is checked is what is connected to, so a name server that answers
//! differently the second time (rebinding) gains nothing. Addresses written into the URL pass no resolver and are
//! checked before the request.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::address::{Forbidden, Network, judge};
use super::destination::LOOPBACK;

/// Resolves a name, as the operating system would.
pub(super) type Lookup = Arc<dyn Fn(String) -> LookedUp + Send + Sync>;
pub(super) type LookedUp = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Connects to public addresses and to those in `allowed`.
#[derive(Clone)]
pub(super) struct Guard {
    allowed: Arc<[Network]>,
    lookup: Lookup,
}

impl Guard {
    pub(super) fn new(allowed: Vec<Network>, lookup: Lookup) -> Self {
        Self { allowed: allowed.into(), lookup }
    }

    /// Judges an address written into `url`, in any of the spellings that the parser made one of: `2130706433`,
    /// `0x7f.1` and `0177.0.0.1` are 127.0.0.1 by now.
    pub(super) fn literal(&self, url: &Url) -> Result<(), Forbidden> {
        match url.host() {
            Some(Host::Ipv4(address)) => judge(address.into(), &self.allowed),
            Some(Host::Ipv6(address)) => judge(address.into(), &self.allowed),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }
}

impl Resolve for Guard {
    /// Of the addresses of a name the forbidden ones are left out; if that is all of them, the first is the error.
    ///
    /// A name with both kinds is served by the allowed ones: a cluster's service has a private address of each family,
    /// and its operator lists the family that is in use. Nothing is ever sent to a forbidden one.
    fn resolve(&self, name: Name) -> Resolving {
        let Self { allowed, lookup } = self.clone();
        Box::pin(async move {
            // Never asked from a name server (RFC 6761 §6.3).
            let found = match name.as_str() {
                "localhost" => LOOPBACK.to_vec(),
                name => lookup(name.to_owned()).await?,
            };
            let mut refused = None;
            let mut addresses = Vec::with_capacity(found.len());
            for address in found {
                match judge(address, &allowed) {
                    Ok(()) => addresses.push(SocketAddr::new(address, 0)),
                    Err(forbidden) => refused = refused.or(Some(forbidden)),
                }
            }
            match refused {
                Some(forbidden) if addresses.is_empty() => Err(forbidden.into()),
                _ => Ok(Box::new(addresses.into_iter()) as Addrs),
            }
        })
    }
}

/// The operating system's resolver.
pub(super) fn system() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// The refusal of a [`Guard`] within an error of the client whose resolver it is.
pub(super) fn refusal(error: &(dyn StdError + 'static)) -> Option<Forbidden> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(forbidden) = error.downcast_ref() {
            return Some(*forbidden);
        }
        cause = error.source();
    }
    None
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}
