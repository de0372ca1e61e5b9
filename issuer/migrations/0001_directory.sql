-- The issuer's whole state. Portable on purpose: this file runs unchanged on SQLite and on PostgreSQL.
-- Times are Unix seconds. Sets of scopes are rows, so that the database itself refuses a grant of a scope
-- that its audience does not offer.

-- One row; counts the changes. Readers poll it to learn that their copy is old.
CREATE TABLE revision (
    id    SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    value BIGINT   NOT NULL
);
INSERT INTO revision (id, value) VALUES (1, 0);

-- Which parts of the state each of the last revisions made different, so that readers need not read everything again.
-- `client_id` is that of a client, and empty for the other kinds.
CREATE TABLE changed (
    revision  BIGINT NOT NULL,
    kind      TEXT   NOT NULL CHECK (kind IN ('client', 'signing_keys', 'revocations')),
    client_id TEXT   NOT NULL,
    PRIMARY KEY (revision, kind, client_id),
    CHECK ((kind = 'client') = (client_id <> ''))
);

-- A client, which is an audience at the same time. Labels are a JSON object of texts.
CREATE TABLE client (
    id               TEXT   NOT NULL PRIMARY KEY,
    description      TEXT   NOT NULL,
    labels           TEXT   NOT NULL,
    enabled          BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    lifetime_seconds BIGINT CHECK (lifetime_seconds BETWEEN 1 AND 3600),
    algorithm        TEXT,
    status           BIGINT NOT NULL DEFAULT 0 CHECK (status IN (0, 1)),
    created_at       BIGINT NOT NULL
);

-- The scopes that a client offers when it is the audience.
CREATE TABLE client_scope (
    client_id   TEXT   NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    scope       TEXT   NOT NULL,
    description TEXT   NOT NULL,
    is_default  BIGINT NOT NULL CHECK (is_default IN (0, 1)),
    PRIMARY KEY (client_id, scope)
);

-- How clients prove themselves. `detail` is JSON: the HMAC of a secret under the pepper, which is not in this
-- database; where keys are; conditions on the claims of a platform's tokens; what a certificate has to say.
-- `workload_key` is a digest of what a workload registration lets in: the same for two clients would prove neither.
CREATE TABLE credential (
    id           TEXT   NOT NULL PRIMARY KEY,
    client_id    TEXT   NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    detail       TEXT   NOT NULL,
    workload_key TEXT   UNIQUE,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT
);
CREATE INDEX credential_client ON credential (client_id);

-- Which client may call which audience. (GRANT is a reserved word.) Claims are a JSON object.
CREATE TABLE client_grant (
    client_id        TEXT   NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    audience_id      TEXT   NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    lifetime_seconds BIGINT CHECK (lifetime_seconds BETWEEN 1 AND 3600),
    expires_at       BIGINT,
    reason           TEXT   NOT NULL,
    claims           TEXT   NOT NULL,
    created_at       BIGINT NOT NULL,
    PRIMARY KEY (client_id, audience_id)
);
CREATE INDEX client_grant_audience ON client_grant (audience_id);

CREATE TABLE client_grant_scope (
    client_id   TEXT NOT NULL,
    audience_id TEXT NOT NULL,
    scope       TEXT NOT NULL,
    PRIMARY KEY (client_id, audience_id, scope),
    FOREIGN KEY (client_id, audience_id) REFERENCES client_grant (client_id, audience_id) ON DELETE CASCADE,
    FOREIGN KEY (audience_id, scope) REFERENCES client_scope (client_id, scope) ON DELETE CASCADE
);
CREATE INDEX client_grant_scope_offered ON client_grant_scope (audience_id, scope);

-- What a grant lets its client trade: a scope that the client offers for one that the grant holds (RFC 8693).
CREATE TABLE client_grant_exchange (
    client_id   TEXT NOT NULL,
    audience_id TEXT NOT NULL,
    from_scope  TEXT NOT NULL,
    to_scope    TEXT NOT NULL,
    PRIMARY KEY (client_id, audience_id, from_scope, to_scope),
    FOREIGN KEY (client_id, from_scope) REFERENCES client_scope (client_id, scope) ON DELETE CASCADE,
    FOREIGN KEY (client_id, audience_id, to_scope)
        REFERENCES client_grant_scope (client_id, audience_id, scope) ON DELETE CASCADE
);
CREATE INDEX client_grant_exchange_from ON client_grant_exchange (client_id, from_scope);
CREATE INDEX client_grant_exchange_to ON client_grant_exchange (client_id, audience_id, to_scope);

-- Assertions that were used and may be used once only, until they expire by themselves.
CREATE TABLE used_assertion (
    client_id  TEXT   NOT NULL,
    jti_sha256 TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (client_id, jti_sha256)
);
CREATE INDEX used_assertion_expiry ON used_assertion (expires_at);

-- Signing keys. `private` is sealed under a key-encryption key that is not in this database, or names the PKCS #11
-- token that holds the private key. Each is what it is since `since`. A retired key stays published until
-- `published_until` at least. `rotation_asked_at` stands at an active key that is to be replaced when its next key may
-- sign.
CREATE TABLE signing_key (
    kid               TEXT   NOT NULL PRIMARY KEY,
    algorithm         TEXT   NOT NULL,
    state             TEXT   NOT NULL CHECK (state IN ('next', 'active', 'retired')),
    since             BIGINT NOT NULL,
    jwk               TEXT   NOT NULL,
    private           TEXT   NOT NULL,
    created_at        BIGINT NOT NULL,
    rotation_asked_at BIGINT,
    published_until   BIGINT,
    CHECK ((state = 'retired') = (published_until IS NOT NULL)),
    CHECK (state = 'active' OR rotation_asked_at IS NULL)
);
CREATE UNIQUE INDEX signing_key_one_next ON signing_key (algorithm) WHERE state = 'next';
CREATE UNIQUE INDEX signing_key_one_active ON signing_key (algorithm) WHERE state = 'active';

-- Status lists, each for the tokens of one algorithm that expire in the window that ends at `expires_at`. `capacity`
-- counts positions, `used` those that are handed out. `seed` permutes them. `revision` is the one that added it.
CREATE TABLE status_list (
    id         TEXT   NOT NULL PRIMARY KEY,
    algorithm  TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    capacity   BIGINT NOT NULL,
    used       BIGINT NOT NULL CHECK (used BETWEEN 0 AND capacity),
    seed       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    revision   BIGINT NOT NULL
);
CREATE INDEX status_list_window ON status_list (expires_at, algorithm);
CREATE INDEX status_list_revision ON status_list (revision);

-- Positions handed out together: to one process, for tokens of one client about one subject for one audience, signed
-- by one key. They are here before the first such token leaves. The parties may be gone before their tokens are.
-- `revoked_in` is the revision that revoked all of them.
CREATE TABLE status_block (
    list_id     TEXT   NOT NULL REFERENCES status_list (id) ON DELETE CASCADE,
    start       BIGINT NOT NULL,
    length      BIGINT NOT NULL,
    client_id   TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    audience_id TEXT   NOT NULL,
    kid         TEXT   NOT NULL,
    revoked_in  BIGINT,
    PRIMARY KEY (list_id, start)
);
CREATE INDEX status_block_client ON status_block (client_id);
CREATE INDEX status_block_subject ON status_block (subject) WHERE subject <> client_id;
CREATE INDEX status_block_revoked ON status_block (revoked_in) WHERE revoked_in IS NOT NULL;

-- What was revoked: a token by its name, or all tokens of a client, a grant or a key that were issued until `at`.
-- `audience` is that of a grant, and empty otherwise. After `expires_at` all of them have expired.
CREATE TABLE revocation (
    kind       TEXT   NOT NULL CHECK (kind IN ('token', 'client', 'grant', 'key')),
    name       TEXT   NOT NULL,
    audience   TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    PRIMARY KEY (kind, name, audience)
);
CREATE INDEX revocation_revision ON revocation (revision);
CREATE INDEX revocation_expiry ON revocation (expires_at);

-- One record for each change, written in the change's own transaction. Never a secret.
CREATE TABLE audit (
    revision     BIGINT NOT NULL PRIMARY KEY,
    at           BIGINT NOT NULL,
    actor        TEXT   NOT NULL,
    action       TEXT   NOT NULL,
    subject_kind TEXT   NOT NULL CHECK (subject_kind IN ('client', 'credential', 'key', 'token')),
    subject      TEXT   NOT NULL,
    detail       TEXT   NOT NULL,
    outcome      TEXT   NOT NULL
);
