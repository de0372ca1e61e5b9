//! Which Envoy cluster reaches a URL.

/// The clusters, by the origin of the URLs that they reach.
#[derive(Default)]
pub(crate) struct Clusters(Vec<(String, String)>);

/// Where a URL leads, in Envoy's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) cluster: String,
    pub(crate) scheme: String,
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) path: String,
}

impl Clusters {
    /// The clusters as they are configured, or what is wrong with that.
    pub(crate) fn new(clusters: Vec<(String, String)>) -> Result<Self, Vec<String>> {
        let faults: Vec<String> = clusters.iter().filter_map(fault).collect();
        if faults.is_empty() { Ok(Self(clusters)) } else { Err(faults) }
    }

    /// How to reach a URL; nothing, if no cluster is configured for its origin.
    pub(crate) fn source(&self, url: &str) -> Option<Source> {
        let (origin, rest) = split(url)?;
        let (_, cluster) = self.0.iter().find(|(known, _)| known == origin)?;
        let (scheme, authority) = origin.split_once("://")?;
        let path = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        let (cluster, scheme, authority) = (cluster.clone(), scheme.to_owned(), authority.to_owned());
        Some(Source { cluster, scheme, authority, path })
    }
}

/// The origin of a URL, and what comes after it.
pub(crate) fn split(url: &str) -> Option<(&str, &str)> {
    let start = url.find("://")? + "://".len();
    let end = url.get(start..)?.find(['/', '?']).map_or(url.len(), |end| start + end);
    url.split_at_checked(end)
}

fn fault((origin, cluster): &(String, String)) -> Option<String> {
    match split(origin) {
        None => Some(format!("/clusters: `{origin}` is no origin: write it as `https://issuer.example`")),
        Some((bare, rest)) if !rest.is_empty() => {
            Some(format!("/clusters: `{origin}` is more than an origin: write `{bare}`"))
        }
        Some(_) if cluster.is_empty() => Some(format!("/clusters: `{origin}` has no cluster's name")),
        Some(_) => None,
    }
}
