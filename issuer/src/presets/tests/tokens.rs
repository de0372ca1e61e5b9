//! The claims of tokens as platforms mint them.

use serde_json::{Value, json};

use crate::testing::NOW;

const AUDIENCE: &str = super::OURS;
const ISSUED: u64 = NOW.as_seconds() - 60;

/// A projected volume's token, Kubernetes 1.30 and later (with `node` and `jti`).
pub(super) fn kubernetes() -> Value {
    json!({
        "aud": [AUDIENCE],
        "exp": ISSUED + 3607,
        "iat": ISSUED,
        "iss": "https://kubernetes.default.svc",
        "jti": "e51f1fbc-4733-4b85-a59f-ba80c0523874",
        "kubernetes.io": {
            "namespace": "shop",
            "node": { "name": "worker-3", "uid": "517eb86e-b863-451b-bf70-86cb61439a3a" },
            "pod": { "name": "billing-7d9c6b8f4-x2x7p", "uid": "900f80ed-bafe-49f0-9ae2-c5f0a3ac2cbe" },
            "serviceaccount": { "name": "billing", "uid": "a709ef71-30e2-489a-bd19-ade97031b9db" },
        },
        "nbf": ISSUED,
        "sub": "system:serviceaccount:shop:billing",
    })
}

/// A token from a Secret, as clusters before 1.24 made them for every account. The issuer is set as ours, so that nothing
/// but the rest keeps it out.
pub(super) fn kubernetes_legacy() -> Value {
    json!({
        "iss": "https://legacy.example",
        "kubernetes.io/serviceaccount/namespace": "shop",
        "kubernetes.io/serviceaccount/secret.name": "billing-token-pnj77",
        "kubernetes.io/serviceaccount/service-account.name": "billing",
        "kubernetes.io/serviceaccount/service-account.uid": "a709ef71-30e2-489a-bd19-ade97031b9db",
        "sub": "system:serviceaccount:shop:billing",
    })
}

/// From the metadata server, `format=full`.
pub(super) fn gcp() -> Value {
    json!({
        "aud": AUDIENCE,
        "azp": "113924789465123456789",
        "email": "billing@acme-prod.iam.gserviceaccount.com",
        "email_verified": true,
        "exp": ISSUED + 3600,
        "google": {
            "compute_engine": {
                "instance_creation_timestamp": 1_790_000_000,
                "instance_id": "152986662232938449",
                "instance_name": "billing-1",
                "project_id": "acme-prod",
                "project_number": 739_419_398_126_u64,
                "zone": "europe-west1-b",
            },
        },
        "iat": ISSUED,
        "iss": "https://accounts.google.com",
        "sub": "113924789465123456789",
    })
}

/// `aws sts get-web-identity-token`, from a Lambda function.
pub(super) fn aws() -> Value {
    json!({
        "iss": "https://0b5b3d4e-1f6a-4c1d-9a55-1b2f3c4d5e6f.tokens.sts.global.api.aws",
        "aud": AUDIENCE,
        "sub": "arn:aws:iam::123456789012:role/service/Billing",
        "iat": ISSUED,
        "exp": ISSUED + 300,
        "jti": "3f1c2f0a-8f3e-4a55-9d7b-0f6c5a1e2d3b",
        "https://sts.amazonaws.com/": {
            "aws_account": "123456789012",
            "source_region": "eu-west-1",
            "org_id": "o-abc1234567",
            "ou_path": "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/",
            "principal_tags": { "environment": "production", "team": "billing" },
            "lambda_source_function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:billing",
            "request_tags": { "job-id": "job-1" },
        },
    })
}

/// A managed identity's token for an API whose manifest asks for version 2.
pub(super) fn azure() -> Value {
    json!({
        "aud": "11112222-bbbb-3333-cccc-4444dddd5555",
        "iss": "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0",
        "iat": NOW.as_seconds() - 300,
        "nbf": NOW.as_seconds() - 300,
        "exp": NOW.as_seconds() + 86_400,
        "aio": "E2ZgYDjx5rXp6Z0a",
        "azp": "00001111-aaaa-2222-bbbb-3333cccc4444",
        "azpacr": "2",
        "oid": "00aa00aa-bb11-cc22-dd33-44ee44ee44ee",
        "rh": "0.AAAA",
        "sub": "00aa00aa-bb11-cc22-dd33-44ee44ee44ee",
        "tid": "aaaabbbb-0000-cccc-1111-dddd2222eeee",
        "uti": "kqFTV8v1gUeSb2mxJQAA",
        "ver": "2.0",
    })
}

/// A job of a deployment environment.
pub(super) fn github(subject: &str) -> Value {
    json!({
        "jti": "example-id",
        "sub": subject,
        "aud": AUDIENCE,
        "ref": "refs/heads/main",
        "sha": "3b7a1f2c9d0e4f5a6b7c8d9e0f1a2b3c4d5e6f70",
        "repository": "octo-org/octo-repo",
        "repository_owner": "octo-org",
        "repository_owner_id": "123456",
        "run_id": "1658821493",
        "run_number": "10",
        "run_attempt": "2",
        "repository_visibility": "private",
        "repository_id": "456789",
        "actor_id": "12",
        "actor": "octocat",
        "workflow": "deploy",
        "head_ref": "",
        "base_ref": "",
        "event_name": "push",
        "ref_protected": "true",
        "ref_type": "branch",
        "workflow_ref": "octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main",
        "workflow_sha": "3b7a1f2c9d0e4f5a6b7c8d9e0f1a2b3c4d5e6f70",
        "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
        "job_workflow_sha": "0f1a2b3c4d5e6f703b7a1f2c9d0e4f5a6b7c8d9e",
        "runner_environment": "github-hosted",
        "environment": "production",
        "enterprise": "octo-enterprise",
        "enterprise_id": "42",
        "check_run_id": "50123456789",
        "iss": "https://token.actions.githubusercontent.com",
        "nbf": ISSUED - 600,
        "exp": ISSUED + 300,
        "iat": ISSUED,
    })
}

/// `id_tokens` of a job with an environment.
pub(super) fn gitlab() -> Value {
    json!({
        "namespace_id": "72",
        "namespace_path": "acme/shop",
        "project_id": "22",
        "project_path": "acme/shop/billing",
        "user_id": "1",
        "user_login": "sam",
        "user_email": "sam@acme.example",
        "user_access_level": "developer",
        "pipeline_id": "574",
        "pipeline_source": "push",
        "job_id": "302",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "groups_direct": ["acme"],
        "environment": "production",
        "environment_protected": "true",
        "deployment_tier": "production",
        "environment_action": "start",
        "runner_id": 1,
        "runner_environment": "self-hosted",
        "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "project_visibility": "private",
        "ci_config_ref_uri": "gitlab.com/acme/shop/billing//.gitlab-ci.yml@refs/heads/main",
        "ci_config_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
        "iat": ISSUED,
        "nbf": ISSUED - 5,
        "exp": ISSUED + 300,
        "iss": "https://gitlab.com",
        "sub": "project_path:acme/shop/billing:ref_type:branch:ref:main",
        "aud": AUDIENCE,
    })
}

/// What SPIRE hands out, without `iss`, as it does where no JWT issuer is configured.
pub(super) fn spiffe(id: &str) -> Value {
    json!({ "aud": [AUDIENCE], "exp": ISSUED + 300, "iat": ISSUED, "sub": id })
}
