//! The seam between the filter and the proxy that runs it: what the filter asks, and what it is told.

use std::time::Duration;

use tessera_verifier::SignatureInput;
use thiserror::Error;

use crate::fields::Fields;

/// A configuration at work in a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PluginId(pub u32);

/// A request, from its header to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u32);

/// An HTTP call that the filter made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallId(pub u32);

/// A counter of the proxy's statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterId(pub u32);

/// Tells a value of an entry that the workers share from those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

/// A refusal of the proxy, by the number that its ABI has for the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the proxy answers with status {0}")]
pub struct ProxyError(pub u32);

/// What the proxy does next with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Passes it on.
    Continue,
    /// Keeps it, or has answered it.
    Pause,
}

/// A GET without a body.
#[derive(Clone, Copy, Debug)]
pub struct HttpCall<'c> {
    /// The Envoy cluster that carries it.
    pub cluster: &'c str,
    /// The header fields, `:method` and the like among them.
    pub headers: &'c [(&'c str, &'c str)],
    /// How long all of it may take.
    pub timeout: Duration,
}

/// An answer that the proxy gives instead of the service.
#[derive(Clone, Copy, Debug)]
pub struct LocalReply<'r> {
    /// The HTTP status.
    pub status: u16,
    /// The reason, for the access log.
    pub details: &'r str,
    /// The header fields.
    pub headers: &'r [(&'r str, &'r str)],
    /// The content.
    pub body: &'r [u8],
}

/// What the filter asks of the proxy that it is in. An error is a value, never a panic: that would take all of the
/// worker's requests with it.
pub trait Proxy {
    /// The wall clock, in milliseconds since 1970. It may be put back at any time.
    fn now(&self) -> Result<u64, ProxyError>;

    /// Has [`Filter::tick`](crate::Filter::tick) called at such intervals.
    fn set_tick(&self, plugin: PluginId, period: Duration) -> Result<(), ProxyError>;

    /// Starts a call that outlives the request that caused it. Its end is told by
    /// [`Filter::call_ended`](crate::Filter::call_ended).
    fn call(&self, plugin: PluginId, call: &HttpCall<'_>) -> Result<CallId, ProxyError>;

    /// An entry of what the workers share; `None` where there is none.
    fn shared_data(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, ProxyError>;

    /// Writes an entry of what the workers share; with a version, only over the value that has it.
    fn set_shared_data(&self, key: &str, value: &[u8], over: Option<Version>) -> Result<(), ProxyError>;

    /// Makes a counter known, or finds the one of this name.
    fn counter(&self, name: &str) -> Result<CounterId, ProxyError>;

    /// Adds to a counter.
    fn count(&self, counter: CounterId, number: u64) -> Result<(), ProxyError>;

    /// The proxy's own check of a signature, which is trusted as far as it gives known answers: `None` for what it
    /// cannot check.
    fn verify_signature(&self) -> fn(&SignatureInput<'_>) -> Option<bool>;

    /// The header of a request.
    fn header(&self, request: RequestId) -> Result<Fields, ProxyError>;

    /// Gives a field of the header one value.
    fn set_field(&self, request: RequestId, name: &str, value: &str) -> Result<(), ProxyError>;

    /// Removes a field of the header, all lines of it.
    fn remove_field(&self, request: RequestId, name: &[u8]) -> Result<(), ProxyError>;

    /// Leaves no field in the trailers of a request.
    fn clear_trailers(&self, request: RequestId) -> Result<(), ProxyError>;

    /// The `policy` in the metadata `tessera` of the request's route.
    fn route_policy(&self, request: RequestId) -> Result<Option<Vec<u8>>, ProxyError>;

    /// Leaves a text for other filters and for the logs: in the filter state of the request.
    fn set_attribute(&self, request: RequestId, name: &str, value: &str) -> Result<(), ProxyError>;

    /// Answers a request.
    fn reply(&self, request: RequestId, reply: &LocalReply<'_>) -> Result<(), ProxyError>;

    /// Lets a request go on that was paused.
    fn resume(&self, request: RequestId) -> Result<(), ProxyError>;
}

/// The answer to a call.
pub trait CallResponse {
    /// A field of the header.
    fn field(&self, name: &str) -> Option<Vec<u8>>;

    /// How long the body is, in bytes. It is asked for only when it is short enough.
    fn body_size(&self) -> usize;

    /// The body.
    fn body(&self) -> Result<Vec<u8>, ProxyError>;
}
