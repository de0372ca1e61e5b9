//! Which addresses are other parties' and which are this network's own.
//!
//! A URL that someone registered must not make this process ask its own machine, its neighbours, or the metadata
//! service of its cloud. The ranges are those of the IANA special-purpose address registries (RFC 6890) that are not
//! globally reachable, and the addresses of metadata services wherever they lie.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A network in CIDR notation, `10.96.0.0/12` or `fd00::/64`; a bare address is that one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

/// Why a text is no [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It is neither an address nor an address, a slash and a length.
    #[error("{text:?} is no network; write for example `10.96.0.0/12`, or one address")]
    Syntax {
        /// What was found.
        text: String,
    },
    /// The address has bits after the prefix: a slip, or a network other than the one that was meant.
    #[error("{text} is an address within a network; the network is {network}")]
    HostBits {
        /// What was found.
        text: String,
        /// The network that it lies in.
        network: Network,
    },
}

/// A kind of address that documents are not fetched from unless a network of them is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// `0.0.0.0/8` and `::`, which Linux connects to this machine.
    Unspecified,
    /// `127.0.0.0/8` and `::1`.
    Loopback,
    /// RFC 1918, and the unique local addresses of RFC 4193.
    Private,
    /// `100.64.0.0/10`, behind a carrier's translator (RFC 6598).
    Shared,
    /// `169.254.0.0/16` (RFC 3927) and `fe80::/10`.
    LinkLocal,
    /// `fec0::/10`, deprecated by RFC 3879.
    SiteLocal,
    /// Where a cloud tells a machine its credentials. Only an allowed network of this one address opens it.
    Metadata,
    /// `224.0.0.0/4` and `ff00::/8`.
    Multicast,
    /// `255.255.255.255`.
    Broadcast,
    /// For examples (RFC 5737, RFC 3849, RFC 9637).
    Documentation,
    /// Between test devices (RFC 2544, RFC 5180).
    Benchmarking,
    /// `64:ff9b:1::/48`, translated by rules of the local network (RFC 8215).
    Translation,
    /// Assigned to protocols, kept back, or no unicast address at all.
    Reserved,
}

/// An address that documents are not fetched from. The message carries the remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {class}; if it is meant, list it in `fetch.allow_addresses`")]
pub struct Forbidden {
    /// The address.
    pub address: IpAddr,
    /// What it is.
    pub class: AddressClass,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(head: [u16; 4], length: u8) -> Ipv6Net {
    let [a, b, c, d] = head;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), length)
}

/// The first that fits counts.
const V4: [(Ipv4Net, AddressClass); 20] = [
    // AWS, Azure, Google Cloud and most others.
    (v4(169, 254, 169, 254, 32), AddressClass::Metadata),
    // AWS: the credentials of ECS tasks and EKS pods.
    (v4(169, 254, 170, 0, 24), AddressClass::Metadata),
    (v4(100, 100, 100, 200, 32), AddressClass::Metadata), // Alibaba Cloud
    (v4(192, 0, 0, 192, 32), AddressClass::Metadata),     // Oracle Cloud
    (v4(168, 63, 129, 16, 32), AddressClass::Metadata),   // Azure, in the midst of public addresses
    (v4(0, 0, 0, 0, 8), AddressClass::Unspecified),
    (v4(10, 0, 0, 0, 8), AddressClass::Private),
    (v4(100, 64, 0, 0, 10), AddressClass::Shared),
    (v4(127, 0, 0, 0, 8), AddressClass::Loopback),
    (v4(169, 254, 0, 0, 16), AddressClass::LinkLocal),
    (v4(172, 16, 0, 0, 12), AddressClass::Private),
    (v4(192, 0, 0, 0, 24), AddressClass::Reserved),
    (v4(192, 0, 2, 0, 24), AddressClass::Documentation),
    (v4(192, 168, 0, 0, 16), AddressClass::Private),
    (v4(198, 18, 0, 0, 15), AddressClass::Benchmarking),
    (v4(198, 51, 100, 0, 24), AddressClass::Documentation),
    (v4(203, 0, 113, 0, 24), AddressClass::Documentation),
    (v4(224, 0, 0, 0, 4), AddressClass::Multicast),
    (v4(255, 255, 255, 255, 32), AddressClass::Broadcast),
    // Class E, all that is left from here up.
    (v4(240, 0, 0, 0, 4), AddressClass::Reserved),
];

/// The relays of 6to4, which RFC 7526 took out of service.
const SIX_TO_FOUR_RELAYS: Ipv4Net = v4(192, 88, 99, 0, 24);

/// The first that fits counts.
const V6: [(Ipv6Net, AddressClass); 13] = [
    (Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128), AddressClass::Unspecified),
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), AddressClass::Loopback),
    (Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128), AddressClass::Metadata), // AWS
    (Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23), 128), AddressClass::Metadata), // AWS, EKS
    (Ipv6Net::new_assert(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128), AddressClass::Metadata), // Google
    (v6([0x64, 0xff9b, 1, 0], 48), AddressClass::Translation),
    (v6([0xfc00, 0, 0, 0], 7), AddressClass::Private),
    (v6([0xfe80, 0, 0, 0], 10), AddressClass::LinkLocal),
    (v6([0xfec0, 0, 0, 0], 10), AddressClass::SiteLocal),
    (v6([0xff00, 0, 0, 0], 8), AddressClass::Multicast),
    (v6([0x2001, 0xdb8, 0, 0], 32), AddressClass::Documentation),
    (v6([0x3fff, 0, 0, 0], 20), AddressClass::Documentation),
    (v6([0x2001, 2, 0, 0], 48), AddressClass::Benchmarking),
];

/// IPv4 addresses in IPv6 ones, which routers and this machine's own stack unpack.
const COMPATIBLE: Ipv6Net = v6([0; 4], 96); // RFC 4291 §2.5.5.1
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0], 96); // RFC 6052 §2.1
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0], 16); // RFC 3056 §2
const TEREDO: Ipv6Net = v6([0x2001, 0, 0, 0], 32); // RFC 4380 §4

/// For protocols (RFC 2928); what is reachable of it holds no documents.
const PROTOCOLS: Ipv6Net = v6([0x2001, 0, 0, 0], 23);
/// All of IPv6 that is given out as unicast addresses so far (RFC 4291 §2.4 and IANA).
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

impl Network {
    /// Whether `address` is in it. An IPv4 address in IPv6 notation (`::ffff:10.0.0.1`) is that IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    fn is_one_address(&self) -> bool {
        self.0.prefix_len() == self.0.max_prefix_len()
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(IpNet::from(address.to_canonical())));
        }
        let network: IpNet = text
            .parse()
            .map_err(|_: ipnet::AddrParseError| NetworkError::Syntax { text: text.to_owned() })?;
        if network.trunc() != network {
            return Err(NetworkError::HostBits { text: text.to_owned(), network: Self(network.trunc()) });
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl AddressClass {
    /// The class of `address`; `None` for an address that any party on the internet may have.
    ///
    /// An IPv6 address that carries an IPv4 one is judged by that: mapped (RFC 4291 §2.5.5.2), translated by NAT64,
    /// 6to4, and both of Teredo. The IPv4-compatible form reaches nobody, so it is never `None`.
    #[must_use]
    pub fn of(address: IpAddr) -> Option<Self> {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Option<Self> {
        if SIX_TO_FOUR_RELAYS.contains(&address) {
            return Some(Self::Reserved);
        }
        V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, class)| *class)
    }

    fn of_v6(address: Ipv6Addr) -> Option<Self> {
        if let Some((_, class)) = V6.iter().find(|(network, _)| network.contains(&address)) {
            return Some(*class);
        }
        let [_, second, third, fourth, _, _, seventh, eighth] = address.segments();
        if COMPATIBLE.contains(&address) {
            return Self::of_v4(joined(seventh, eighth)).or(Some(Self::Reserved));
        }
        if NAT64.contains(&address) {
            return Self::of_v4(joined(seventh, eighth));
        }
        if SIX_TO_FOUR.contains(&address) {
            return Self::of_v4(joined(second, third));
        }
        if TEREDO.contains(&address) {
            // The server, and the client with each bit turned (RFC 4380 §4).
            return Self::of_v4(joined(third, fourth)).or_else(|| Self::of_v4(joined(!seventh, !eighth)));
        }
        (PROTOCOLS.contains(&address) || !GLOBAL_UNICAST.contains(&address)).then_some(Self::Reserved)
    }
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

/// Whether documents may come from `address`: it is public, or in one of the networks `allowed`.
pub(super) fn judge(address: IpAddr, allowed: &[Network]) -> Result<(), Forbidden> {
    let Some(class) = AddressClass::of(address) else { return Ok(()) };
    let listed = allowed.iter().any(|network| {
        network.contains(address) && (class != AddressClass::Metadata || network.is_one_address())
    });
    if listed { Ok(()) } else { Err(Forbidden { address, class }) }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "an unspecified address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::Shared => "an address behind a carrier's translator",
            Self::LinkLocal => "a link-local address",
            Self::SiteLocal => "a site-local address",
            Self::Metadata => "the address of a cloud's metadata service",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Documentation => "an address for examples",
            Self::Benchmarking => "an address for benchmarks",
            Self::Translation => "an address that the local network translates",
            Self::Reserved => "a reserved address",
        })
    }
}

#[cfg(test)]
mod tests;
