//! What no registration is made of.

use super::made;

#[test]
fn what_is_missing_unknown_or_unsafe_is_refused() {
    let kubernetes = [("namespace", "shop"), ("service-account", "billing"), ("issuer", "https://k.example")];
    let github = [("repository-id", "1"), ("owner-id", "2")];
    let wrong = |preset: &str, name: &str, problem: &str| {
        format!("the parameter `{name}` of the preset `{preset}` is unusable: {problem}")
    };
    let with = |base: &[(&'static str, &'static str)], more: &[(&'static str, &'static str)]| {
        let mut all: Vec<_> =
            base.iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name)).copied().collect();
        all.extend(more);
        all
    };
    let label = "expected a name: lower-case letters, digits and dashes";
    for (preset, parameters, expected) in [
        (
            "kubernets",
            with(&[], &[]),
            "there is no preset `kubernets` (did you mean `kubernetes`?)".to_owned(),
        ),
        (
            "kubernetes",
            with(&kubernetes[..2], &[]),
            "the preset `kubernetes` needs the parameter `issuer`".to_owned(),
        ),
        (
            "kubernetes",
            with(&kubernetes, &[("namespaces", "x")]),
            "the preset `kubernetes` has no parameter `namespaces` (did you mean `namespace`?)".to_owned(),
        ),
        ("kubernetes", with(&kubernetes, &[("namespace", "*")]), wrong("kubernetes", "namespace", label)),
        ("kubernetes", with(&kubernetes, &[("namespace", "a.b")]), wrong("kubernetes", "namespace", label)),
        (
            "kubernetes",
            with(&kubernetes, &[("service-account", "a:b")]),
            wrong("kubernetes", "service-account", label),
        ),
        (
            "kubernetes",
            with(&kubernetes, &[("issuer", "http://k.example")]),
            wrong("kubernetes", "issuer", "expected an https URL, as it stands in `iss`"),
        ),
        (
            "kubernetes",
            with(&kubernetes, &[("max-lifetime", "86401")]),
            wrong("kubernetes", "max-lifetime", "it is 1 to 86400 seconds"),
        ),
        (
            "kubernetes",
            with(&kubernetes, &[("audience", "")]),
            wrong("kubernetes", "audience", "it is empty or has control characters in it"),
        ),
        ("github", with(&github, &[]), "the preset `github` needs the parameter `ref`".to_owned()),
        (
            "github",
            with(&github, &[("ref", "refs/heads/*")]),
            wrong("github", "ref", "expected refs/heads/NAME or refs/tags/NAME; not every ref, and no `**`"),
        ),
        (
            "github",
            with(&github, &[("ref", "main")]),
            wrong("github", "ref", "expected refs/heads/NAME or refs/tags/NAME; not every ref, and no `**`"),
        ),
        (
            "github",
            with(&github, &[("environment", "*")]),
            wrong("github", "environment", "it is no pattern"),
        ),
        (
            "github",
            with(&github, &[("repository-id", "octo/repo")]),
            wrong("github", "repository-id", "expected its number"),
        ),
        (
            "gitlab",
            with(&[("project-id", "1")], &[("ref", "*")]),
            wrong("gitlab", "ref", "not every ref, and no `**`"),
        ),
        (
            "gitlab",
            with(&[("project-id", "1")], &[]),
            "the preset `gitlab` needs the parameter `ref`".to_owned(),
        ),
        (
            "gcp",
            with(&[("unique-id", "1")], &[("email", "someone@gmail.com")]),
            wrong("gcp", "email", "expected the address of a service account: NAME@….gserviceaccount.com"),
        ),
        ("gcp", with(&[], &[]), "the preset `gcp` needs the parameter `unique-id`".to_owned()),
        (
            "aws",
            with(&[("issuer", "https://a.example")], &[("principal", "arn:aws:iam::123456789012:role/*")]),
            wrong("aws", "principal", "expected the ARN of an IAM role or user, without `*`"),
        ),
        (
            "aws",
            with(
                &[("issuer", "https://a.example")],
                &[("principal", "arn:aws:sts::123456789012:assumed-role/a/b")],
            ),
            wrong("aws", "principal", "expected the ARN of an IAM role or user, without `*`"),
        ),
        (
            "azure",
            with(&[("tenant", "common"), ("object-id", "x")], &[("audience", "x")]),
            wrong("azure", "tenant", "expected a UUID in lower case"),
        ),
        (
            "spiffe",
            with(&[("trust-domain", "example.org")], &[("path", "/x")]),
            "the preset `spiffe` needs the parameter `jwks-uri`".to_owned(),
        ),
        (
            "spiffe",
            with(&[("trust-domain", "Example.org")], &[("path", "/x")]),
            wrong(
                "spiffe",
                "trust-domain",
                "expected lower-case letters, digits, dots, dashes and underscores",
            ),
        ),
    ] {
        assert_eq!(made(preset, &parameters).map(|_| ()), Err(expected), "{preset} {parameters:?}");
    }
    for path in ["*", "/*", "/*/*", "/**/x", "x", "/x/", "/../x"] {
        let made = made("spiffe", &[("trust-domain", "example.org"), ("path", path)]);
        assert!(made.is_err_and(|error| error.starts_with("the parameter `path`")), "{path}");
    }
}
