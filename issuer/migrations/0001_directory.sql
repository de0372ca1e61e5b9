-- The issuer's whole state. Portable on purpose: this file runs unchanged on SQLite and on PostgreSQL.
-- Times are Unix seconds. Sets of scopes are rows, so that the database itself refuses a grant of a scope
-- that its audience does not offer.

-- One row; counts the changes. Readers poll it to learn that their copy is old.
CREATE TABLE revision (
    id    SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    value BIGINT   NOT NULL
);
INSERT INTO revision (id, value) VALUES (1, 0);

-- A client, which is an audience at the same time. The secret is generated, 256 bits, and kept as its SHA-256.
CREATE TABLE client (
    id            TEXT   NOT NULL PRIMARY KEY,
    secret_sha256 TEXT,
    created_at    BIGINT NOT NULL
);

-- The scopes that a client offers when it is the audience.
CREATE TABLE client_scope (
    client_id TEXT NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    scope     TEXT NOT NULL,
    PRIMARY KEY (client_id, scope)
);

-- Whose assertions prove a client's identity (RFC 7523). The key makes an assertion name one client at most;
-- an empty audience means this issuer itself.
CREATE TABLE trust (
    issuer     TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    audience   TEXT   NOT NULL,
    client_id  TEXT   NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    profile    TEXT   NOT NULL CHECK (profile IN ('jwt', 'at+jwt')),
    jwks_uri   TEXT,
    jwks       TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject, audience),
    CHECK ((jwks_uri IS NULL) <> (jwks IS NULL))
);

-- Which client may call which audience. (GRANT is a reserved word.)
CREATE TABLE client_grant (
    client_id        TEXT   NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    audience_id      TEXT   NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    lifetime_seconds BIGINT NOT NULL CHECK (lifetime_seconds BETWEEN 1 AND 3600),
    created_at       BIGINT NOT NULL,
    PRIMARY KEY (client_id, audience_id)
);

CREATE TABLE client_grant_scope (
    client_id   TEXT NOT NULL,
    audience_id TEXT NOT NULL,
    scope       TEXT NOT NULL,
    PRIMARY KEY (client_id, audience_id, scope),
    FOREIGN KEY (client_id, audience_id) REFERENCES client_grant (client_id, audience_id) ON DELETE CASCADE,
    FOREIGN KEY (audience_id, scope) REFERENCES client_scope (client_id, scope) ON DELETE CASCADE
);

-- Signing keys, sealed under the key-encryption key. A retired key stays published until `published_until`.
CREATE TABLE signing_key (
    kid             TEXT   NOT NULL PRIMARY KEY,
    algorithm       TEXT   NOT NULL CHECK (algorithm IN ('ES256', 'RS256')),
    state           TEXT   NOT NULL CHECK (state IN ('next', 'active', 'retired')),
    jwk             TEXT   NOT NULL,
    sealed          TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    published_until BIGINT,
    CHECK ((state = 'retired') = (published_until IS NOT NULL))
);
CREATE UNIQUE INDEX signing_key_one_next ON signing_key (state) WHERE state = 'next';
CREATE UNIQUE INDEX signing_key_one_active ON signing_key (state) WHERE state = 'active';

-- One record for each change, written in the change's own transaction. Never a secret.
CREATE TABLE audit (
    revision BIGINT NOT NULL PRIMARY KEY,
    at       BIGINT NOT NULL,
    actor    TEXT   NOT NULL,
    action   TEXT   NOT NULL,
    subject  TEXT   NOT NULL,
    detail   TEXT   NOT NULL,
    outcome  TEXT   NOT NULL
);
