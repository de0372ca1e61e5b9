//! The platforms, each with where its tokens are described. What they look like stands in docs/workloads.md.

mod cloud;
mod cluster;
mod pipeline;

use super::Preset;

pub(super) const ALL: &[Preset] = &[
    cloud::AWS,
    cloud::AZURE,
    cloud::GCP,
    pipeline::GITHUB,
    pipeline::GITLAB,
    cluster::KUBERNETES,
    cluster::SPIFFE,
];

/// Decimal digits, as platforms number things.
fn is_number(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Something other than stars, so that the pattern lets not everything through.
fn has_more_than_stars(text: &str) -> bool {
    text.bytes().any(|byte| !matches!(byte, b'*' | b'/' | b':'))
}

/// No star: what takes no pattern.
fn is_plain(text: &str) -> bool {
    !text.contains('*')
}
