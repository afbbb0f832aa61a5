CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'append-only: %% on %% refused', TG_OP, TG_TABLE_NAME; END
$$
;
CREATE SEQUENCE feed_pos
;
CREATE TABLE journal_entry (
    town UUID NOT NULL,
    source UUID NOT NULL,
    incarnation BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    v BIGINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    zone TEXT NOT NULL,
    media BYTEA NOT NULL,
    commitment BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    verdict TEXT NOT NULL,
    code TEXT NOT NULL,
    field TEXT,
    subject_type TEXT,
    subject TEXT,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    settled_verdict TEXT,
    settled_code TEXT,
    settled_field TEXT,
    settled_at TIMESTAMP WITH TIME ZONE,
    tries BIGINT NOT NULL,
    next_try_at TIMESTAMP WITH TIME ZONE,
    erased_at TIMESTAMP WITH TIME ZONE,
    xid XID8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT pk_journal_entry PRIMARY KEY (town, source, incarnation, seq),
    CONSTRAINT ck_journal_entry_verdict CHECK (verdict IN ('accepted', 'rejected', 'conflict', 'held', 'parked')),
    CONSTRAINT ck_journal_entry_settled_verdict CHECK (settled_verdict IN ('accepted', 'rejected', 'conflict')),
    CONSTRAINT ck_journal_entry_settled CHECK ((settled_at IS NULL) = (settled_verdict IS NULL))
)
;
CREATE INDEX ix_journal_entry_open ON journal_entry (town, source, incarnation, seq) WHERE verdict IN ('held', 'parked') AND settled_at IS NULL
;
ALTER TABLE journal_entry ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON journal_entry USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (settled_verdict, settled_code, settled_field, settled_at, tries, next_try_at, erased_at) ON journal_entry TO streife_app
;
CREATE TABLE journal_private (
    town UUID NOT NULL,
    source UUID NOT NULL,
    incarnation BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    salt BYTEA NOT NULL,
    body BYTEA NOT NULL,
    media BYTEA NOT NULL,
    CONSTRAINT pk_journal_private PRIMARY KEY (town, source, incarnation, seq)
)
;
ALTER TABLE journal_private ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON journal_private USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, DELETE ON journal_private TO streife_app
;
CREATE TABLE journal_effect (
    town UUID NOT NULL,
    source UUID NOT NULL,
    id UUID NOT NULL,
    commitment BYTEA NOT NULL,
    incarnation BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    CONSTRAINT pk_journal_effect PRIMARY KEY (town, source, id)
)
;
ALTER TABLE journal_effect ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON journal_effect USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON journal_effect TO streife_app
;
CREATE TABLE journal_seal (
    town UUID NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    source UUID NOT NULL,
    incarnation BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    signature BYTEA NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_journal_seal PRIMARY KEY (town, id)
)
;
ALTER TABLE journal_seal ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON journal_seal USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON journal_seal TO streife_app
;
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON journal_seal FOR EACH ROW EXECUTE FUNCTION refuse_change()
;
CREATE TRIGGER keep_all BEFORE TRUNCATE ON journal_seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
;
CREATE TABLE journal_fork (
    town UUID NOT NULL,
    id UUID NOT NULL,
    source UUID NOT NULL,
    incarnation BIGINT NOT NULL,
    reason TEXT NOT NULL,
    prev BYTEA NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    headers BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_journal_fork PRIMARY KEY (town, id)
)
;
ALTER TABLE journal_fork ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON journal_fork USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON journal_fork TO streife_app
;
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON journal_fork FOR EACH ROW EXECUTE FUNCTION refuse_change()
;
CREATE TRIGGER keep_all BEFORE TRUNCATE ON journal_fork FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
;
CREATE TABLE journal_fork_private (
    town UUID NOT NULL,
    fork UUID NOT NULL,
    seq BIGINT NOT NULL,
    salt BYTEA NOT NULL,
    body BYTEA NOT NULL,
    media BYTEA NOT NULL,
    CONSTRAINT pk_journal_fork_private PRIMARY KEY (town, fork, seq)
)
;
ALTER TABLE journal_fork_private ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON journal_fork_private USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, DELETE ON journal_fork_private TO streife_app
;
CREATE TABLE feed (
    town UUID NOT NULL,
    scope TEXT NOT NULL,
    type TEXT NOT NULL,
    id UUID NOT NULL,
    op TEXT NOT NULL,
    rev BIGINT NOT NULL,
    body BYTEA,
    xid XID8 DEFAULT pg_current_xact_id() NOT NULL,
    pos BIGINT DEFAULT nextval('feed_pos') NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_feed PRIMARY KEY (town, scope, type, id),
    CONSTRAINT ck_feed_op CHECK (op IN ('put', 'drop', 'delete', 'purge')),
    CONSTRAINT ck_feed_body CHECK ((op = 'put') = (body IS NOT NULL))
)
;
CREATE INDEX ix_feed_position ON feed (town, scope, xid, pos)
;
ALTER TABLE feed ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON feed USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE, DELETE ON feed TO streife_app
;
CREATE TABLE feed_floor (
    town UUID NOT NULL,
    xid XID8 NOT NULL,
    CONSTRAINT pk_feed_floor PRIMARY KEY (town)
)
;
ALTER TABLE feed_floor ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON feed_floor USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON feed_floor TO streife_app
;
CREATE TABLE history (
    id BIGSERIAL NOT NULL,
    epoch BYTEA NOT NULL,
    system_identifier TEXT NOT NULL,
    timeline BIGINT NOT NULL,
    CONSTRAINT pk_history PRIMARY KEY (id),
    CONSTRAINT ck_history_single CHECK (id = 1)
)
;
CREATE TABLE town (
    town UUID NOT NULL,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    domain TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_town PRIMARY KEY (town),
    CONSTRAINT uq_town_slug UNIQUE (slug),
    CONSTRAINT uq_town_domain UNIQUE (domain)
)
;
ALTER TABLE town ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON town USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON town TO streife_app
;
CREATE TABLE enrolment (
    town UUID NOT NULL,
    code_hash BYTEA NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    source UUID,
    created_by UUID,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    used_by UUID,
    CONSTRAINT pk_enrolment PRIMARY KEY (town, code_hash),
    CONSTRAINT ck_enrolment_kind CHECK (kind IN ('phone', 'dock', 'gateway'))
)
;
CREATE UNIQUE INDEX ix_enrolment_code_hash ON enrolment (code_hash)
;
ALTER TABLE enrolment ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON enrolment USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (used_at, used_by) ON enrolment TO streife_app
;
CREATE TABLE log_queue (
    town UUID NOT NULL,
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    leaf BYTEA NOT NULL,
    CONSTRAINT pk_log_queue PRIMARY KEY (town, id),
    CONSTRAINT ck_log_queue_leaf CHECK (octet_length(leaf) = 32)
)
;
ALTER TABLE log_queue ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON log_queue USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, DELETE ON log_queue TO streife_app
;
CREATE TABLE log_leaf (
    town UUID NOT NULL,
    index BIGINT NOT NULL,
    leaf BYTEA NOT NULL,
    CONSTRAINT pk_log_leaf PRIMARY KEY (town, index),
    CONSTRAINT ck_log_leaf_leaf CHECK (octet_length(leaf) = 32),
    CONSTRAINT ck_log_leaf_index CHECK (index >= 0)
)
;
CREATE INDEX ix_log_leaf_town_leaf_index ON log_leaf (town, leaf, index)
;
ALTER TABLE log_leaf ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON log_leaf USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON log_leaf TO streife_app
;
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON log_leaf FOR EACH ROW EXECUTE FUNCTION refuse_change()
;
CREATE TRIGGER keep_all BEFORE TRUNCATE ON log_leaf FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
;
CREATE TABLE log_tile (
    town UUID NOT NULL,
    level SMALLINT NOT NULL,
    index BIGINT NOT NULL,
    hashes BYTEA NOT NULL,
    CONSTRAINT pk_log_tile PRIMARY KEY (town, level, index),
    CONSTRAINT ck_log_tile_hashes CHECK (octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) %% 32 = 0)
)
;
ALTER TABLE log_tile ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON log_tile USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (hashes) ON log_tile TO streife_app
;
ALTER TABLE log_tile ALTER hashes SET STORAGE EXTERNAL
;
CREATE TABLE log_tree (
    town UUID NOT NULL,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_log_tree PRIMARY KEY (town),
    CONSTRAINT ck_log_tree_size CHECK (size > 0 AND octet_length(root) = 32)
)
;
ALTER TABLE log_tree ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON log_tree USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON log_tree TO streife_app
;
CREATE TABLE log_checkpoint (
    town UUID NOT NULL,
    size BIGINT NOT NULL,
    note TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_log_checkpoint PRIMARY KEY (town, size),
    CONSTRAINT ck_log_checkpoint_size CHECK (size > 0)
)
;
ALTER TABLE log_checkpoint ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON log_checkpoint USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON log_checkpoint TO streife_app
;
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON log_checkpoint FOR EACH ROW EXECUTE FUNCTION refuse_change()
;
CREATE TRIGGER keep_all BEFORE TRUNCATE ON log_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
;
CREATE TABLE log_record (
    town UUID NOT NULL,
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    subject TEXT NOT NULL,
    position BIGINT NOT NULL,
    public BYTEA NOT NULL,
    hash BYTEA GENERATED ALWAYS AS (sha256(public)) STORED NOT NULL,
    signature BYTEA,
    CONSTRAINT pk_log_record PRIMARY KEY (town, id),
    CONSTRAINT uq_log_record_town_subject_position UNIQUE (town, subject, position),
    CONSTRAINT ck_log_record_position CHECK (position > 0),
    CONSTRAINT ck_log_record_subject CHECK (length(subject) BETWEEN 1 AND 200),
    CONSTRAINT ck_log_record_kind CHECK (kind ~ '^[a-z_]+[.][a-z_]+$'),
    CONSTRAINT ck_log_record_signature CHECK (octet_length(signature) = 64)
)
;
ALTER TABLE log_record ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON log_record USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON log_record TO streife_app
;
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON log_record FOR EACH ROW EXECUTE FUNCTION refuse_change()
;
CREATE TRIGGER keep_all BEFORE TRUNCATE ON log_record FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
;
CREATE TABLE media (
    town UUID NOT NULL,
    id UUID NOT NULL,
    source UUID NOT NULL,
    entry UUID NOT NULL,
    sha256 BYTEA,
    size BIGINT NOT NULL,
    type TEXT NOT NULL,
    chunks BYTEA,
    state TEXT NOT NULL,
    rev BIGINT NOT NULL,
    expected_at TIMESTAMP WITH TIME ZONE NOT NULL,
    object UUID,
    stored_at TIMESTAMP WITH TIME ZONE,
    receipt UUID,
    described_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_media PRIMARY KEY (town, id),
    CONSTRAINT ck_media_state CHECK (state IN ('awaiting', 'stored', 'removed')),
    CONSTRAINT ck_media_removed CHECK ((state = 'removed') = (sha256 IS NULL)),
    CONSTRAINT ck_media_stored CHECK ((state = 'stored') = (object IS NOT NULL)),
    CONSTRAINT ck_media_sha256 CHECK (octet_length(sha256) = 32),
    CONSTRAINT ck_media_chunks CHECK (octet_length(chunks) %% 32 = 0),
    CONSTRAINT ck_media_size CHECK (size >= 0)
)
;
CREATE UNIQUE INDEX uq_media_file ON media (town, source, entry, sha256)
;
CREATE INDEX ix_media_described ON media (town, stored_at) WHERE state = 'stored' AND described_at IS NULL
;
ALTER TABLE media ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON media USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (state, sha256, chunks, object, stored_at, receipt, described_at, rev) ON media TO streife_app
;
CREATE TABLE offence (
    town UUID NOT NULL,
    id UUID NOT NULL,
    rev BIGINT NOT NULL,
    source UUID NOT NULL,
    by UUID NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_zone TEXT NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
    occurred_zone TEXT NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    tbnr TEXT NOT NULL,
    street TEXT NOT NULL,
    house_no TEXT,
    place_detail TEXT,
    lat DOUBLE PRECISION,
    lon DOUBLE PRECISION,
    accuracy_m DOUBLE PRECISION,
    plate TEXT,
    plate_country TEXT,
    plate_kind TEXT,
    plate_normal TEXT,
    vehicle_make TEXT,
    vehicle_colour TEXT,
    vehicle_kind TEXT,
    amount_cents BIGINT,
    edition_from DATE,
    edition_cents BIGINT,
    findings TEXT NOT NULL,
    note TEXT,
    photos BIGINT NOT NULL,
    media_state TEXT NOT NULL,
    synthetic_plate BOOLEAN NOT NULL,
    CONSTRAINT pk_offence PRIMARY KEY (town, id),
    CONSTRAINT ck_offence_media_state CHECK (media_state IN ('none', 'awaiting', 'complete')),
    CONSTRAINT ck_offence_position CHECK ((lat IS NULL) = (lon IS NULL))
)
;
CREATE INDEX ix_offence_newest ON offence (town, received_at, id)
;
ALTER TABLE offence ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON offence USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (rev, media_state) ON offence TO streife_app
;
CREATE TABLE catalogue_import (
    town UUID NOT NULL,
    id UUID NOT NULL,
    source TEXT NOT NULL,
    format TEXT NOT NULL,
    sha256 BYTEA NOT NULL,
    entries BIGINT NOT NULL,
    status TEXT NOT NULL,
    published_no BIGINT,
    imported_at TIMESTAMP WITH TIME ZONE NOT NULL,
    imported_by UUID,
    approved_at TIMESTAMP WITH TIME ZONE,
    approved_by UUID,
    CONSTRAINT pk_catalogue_import PRIMARY KEY (town, id),
    CONSTRAINT uq_catalogue_import_town_sha256 UNIQUE (town, sha256),
    CONSTRAINT uq_catalogue_import_town_published_no UNIQUE (town, published_no),
    CONSTRAINT ck_catalogue_import_status CHECK (status IN ('proposed', 'published')),
    CONSTRAINT ck_catalogue_import_published_no CHECK ((status = 'published') = (published_no IS NOT NULL)),
    CONSTRAINT ck_catalogue_import_second_person CHECK (approved_by IS NULL OR approved_by <> imported_by)
)
;
ALTER TABLE catalogue_import ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON catalogue_import USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (status, published_no, approved_by, approved_at) ON catalogue_import TO streife_app
;
CREATE TABLE task (
    town UUID NOT NULL,
    id UUID NOT NULL,
    audience TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject_type TEXT NOT NULL,
    subject UUID NOT NULL,
    facts JSONB NOT NULL,
    rev BIGINT NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    closed_by UUID,
    outcome TEXT,
    reason TEXT,
    CONSTRAINT pk_task PRIMARY KEY (town, id),
    CONSTRAINT ck_task_closed_with_outcome CHECK ((closed_at IS NULL) = (outcome IS NULL))
)
;
CREATE INDEX ix_task_open ON task (town, audience, opened_at, id) WHERE closed_at IS NULL
;
CREATE UNIQUE INDEX uq_task_open ON task (town, kind, subject_type, subject) WHERE closed_at IS NULL
;
ALTER TABLE task ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON task USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (rev, closed_at, closed_by, outcome, reason) ON task TO streife_app
;
CREATE TABLE sweep (
    name TEXT NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE NOT NULL,
    found BIGINT NOT NULL,
    CONSTRAINT pk_sweep PRIMARY KEY (name)
)
;
CREATE TABLE person (
    town UUID NOT NULL,
    id UUID NOT NULL,
    login TEXT NOT NULL,
    name TEXT NOT NULL,
    call_sign TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    failures BIGINT NOT NULL,
    failed_at TIMESTAMP WITH TIME ZONE,
    state TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_person PRIMARY KEY (town, id),
    CONSTRAINT uq_person_town_login UNIQUE (town, login),
    CONSTRAINT fk_person_town FOREIGN KEY(town) REFERENCES town (town),
    CONSTRAINT ck_person_state CHECK (state IN ('active', 'left'))
)
;
ALTER TABLE person ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON person USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (password_hash, failures, failed_at, state) ON person TO streife_app
;
CREATE TABLE source (
    town UUID NOT NULL,
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    state TEXT NOT NULL,
    incarnation BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    head BYTEA NOT NULL,
    rev BIGINT NOT NULL,
    unsettled BIGINT NOT NULL,
    confirmed_xid BIGINT NOT NULL,
    confirmed_pos BIGINT NOT NULL,
    holds TEXT[] NOT NULL,
    app TEXT NOT NULL,
    schema BIGINT NOT NULL,
    last_contact_at TIMESTAMP WITH TIME ZONE,
    enrolled_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    revoked_reason TEXT,
    CONSTRAINT pk_source PRIMARY KEY (town, id),
    CONSTRAINT fk_source_town FOREIGN KEY(town) REFERENCES town (town),
    CONSTRAINT ck_source_kind CHECK (kind IN ('phone', 'dock', 'gateway')),
    CONSTRAINT ck_source_state CHECK (state IN ('active', 'revoked'))
)
;
ALTER TABLE source ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON source USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON source TO streife_app
;
CREATE TABLE log_private (
    town UUID NOT NULL,
    id UUID NOT NULL,
    salt BYTEA NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_log_private PRIMARY KEY (town, id),
    CONSTRAINT fk_log_private_town_id FOREIGN KEY(town, id) REFERENCES log_record (town, id),
    CONSTRAINT ck_log_private_salt CHECK (octet_length(salt) = 16)
)
;
ALTER TABLE log_private ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON log_private USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, DELETE ON log_private TO streife_app
;
CREATE TABLE media_upload (
    town UUID NOT NULL,
    id UUID NOT NULL,
    source UUID NOT NULL,
    size BIGINT NOT NULL,
    object UUID NOT NULL,
    durable_offset BIGINT NOT NULL,
    writer BIGINT NOT NULL,
    tail BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_media_upload PRIMARY KEY (town, id),
    CONSTRAINT fk_media_upload_town_id FOREIGN KEY(town, id) REFERENCES media (town, id),
    CONSTRAINT ck_media_upload_durable_offset CHECK (durable_offset BETWEEN 0 AND size),
    CONSTRAINT ck_media_upload_tail CHECK (octet_length(tail) < 65536)
)
;
CREATE INDEX ix_media_upload_source ON media_upload (town, source)
;
ALTER TABLE media_upload ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON media_upload USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (object, durable_offset, writer, tail, expires_at), DELETE ON media_upload TO streife_app
;
CREATE TABLE catalogue_entry (
    town UUID NOT NULL,
    import_id UUID NOT NULL,
    tbnr TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_until DATE,
    amount_cents BIGINT,
    text TEXT,
    provision TEXT,
    class BIGINT,
    slots JSONB NOT NULL,
    CONSTRAINT pk_catalogue_entry PRIMARY KEY (town, import_id, tbnr, valid_from),
    CONSTRAINT fk_catalogue_entry_town_import_id FOREIGN KEY(town, import_id) REFERENCES catalogue_import (town, id),
    CONSTRAINT ck_catalogue_entry_validity CHECK (valid_until IS NULL OR valid_until >= valid_from),
    CONSTRAINT ck_catalogue_entry_amount_cents CHECK (amount_cents >= 0)
)
;
ALTER TABLE catalogue_entry ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON catalogue_entry USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON catalogue_entry TO streife_app
;
CREATE TABLE role_grant (
    town UUID NOT NULL,
    id UUID NOT NULL,
    person UUID NOT NULL,
    role TEXT NOT NULL,
    granted_by UUID,
    granted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    approved_by UUID,
    approved_at TIMESTAMP WITH TIME ZONE,
    withdrawn_by UUID,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_role_grant PRIMARY KEY (town, id),
    CONSTRAINT fk_role_grant_town_person FOREIGN KEY(town, person) REFERENCES person (town, id),
    CONSTRAINT ck_role_grant_second_person CHECK (approved_by IS NULL OR approved_by <> granted_by)
)
;
CREATE UNIQUE INDEX uq_role_grant_standing ON role_grant (town, person, role) WHERE withdrawn_at IS NULL
;
ALTER TABLE role_grant ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON role_grant USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (approved_by, approved_at, withdrawn_by, withdrawn_at) ON role_grant TO streife_app
;
CREATE TABLE login_session (
    town UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    person UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_login_session PRIMARY KEY (town, token_hash),
    CONSTRAINT fk_login_session_town_person FOREIGN KEY(town, person) REFERENCES person (town, id)
)
;
CREATE UNIQUE INDEX ix_login_session_token_hash ON login_session (token_hash)
;
ALTER TABLE login_session ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON login_session USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, DELETE ON login_session TO streife_app
;
CREATE TABLE source_key (
    town UUID NOT NULL,
    source UUID NOT NULL,
    incarnation BIGINT NOT NULL,
    spki BYTEA NOT NULL,
    genesis BYTEA NOT NULL,
    reason TEXT NOT NULL,
    enrolled_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lease_now TIMESTAMP WITH TIME ZONE,
    share BYTEA NOT NULL,
    next_share BYTEA NOT NULL,
    CONSTRAINT pk_source_key PRIMARY KEY (town, source, incarnation),
    CONSTRAINT fk_source_key_town_source FOREIGN KEY(town, source) REFERENCES source (town, id)
)
;
ALTER TABLE source_key ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON source_key USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (lease_now, share, next_share) ON source_key TO streife_app
;
CREATE TABLE lease (
    town UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    source UUID NOT NULL,
    incarnation BIGINT NOT NULL,
    person UUID,
    roles TEXT[] NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_lease PRIMARY KEY (town, token_hash),
    CONSTRAINT fk_lease_town_source FOREIGN KEY(town, source) REFERENCES source (town, id)
)
;
CREATE UNIQUE INDEX ix_lease_token_hash ON lease (token_hash)
;
CREATE INDEX ix_lease_source ON lease (town, source, person)
;
ALTER TABLE lease ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON lease USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (expires_at), DELETE ON lease TO streife_app
;
CREATE SCHEMA broker
;
CREATE SEQUENCE broker.queue_id_sequence
;
CREATE SEQUENCE broker.message_id_sequence
;
CREATE TABLE broker.kombu_queue (id integer PRIMARY KEY, name varchar(200) UNIQUE)
;
CREATE TABLE broker.kombu_message (id integer PRIMARY KEY, visible boolean, timestamp timestamp, payload text NOT NULL, version smallint NOT NULL, queue_id integer CONSTRAINT "FK_kombu_message_queue" REFERENCES broker.kombu_queue (id))
;
CREATE INDEX ix_kombu_message_timestamp_id ON broker.kombu_message (timestamp, id)
;
CREATE INDEX ix_kombu_message_visible ON broker.kombu_message (visible)
;
GRANT USAGE ON SCHEMA broker TO streife_broker
;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA broker TO streife_broker
;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA broker TO streife_broker
;
CREATE FUNCTION forget_consumed(before timestamp) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$

    WITH gone AS (DELETE FROM broker.kombu_message m WHERE NOT m.visible AND m.timestamp < before RETURNING 1)
    SELECT count(*) FROM gone

$$
;
REVOKE ALL ON FUNCTION forget_consumed(timestamp) FROM PUBLIC
;
GRANT EXECUTE ON FUNCTION forget_consumed(timestamp) TO streife_app
;
GRANT USAGE ON SEQUENCE feed_pos TO streife_app
;
GRANT SELECT, INSERT, UPDATE ON history TO streife_app
;
CREATE FUNCTION feed_moved(towns uuid[], scopes text[], after_xid xid8, after_pos bigint, horizon xid8) RETURNS TABLE (town uuid, scope text) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$

    SELECT w.town, w.scope FROM unnest(towns, scopes) AS w(town, scope)
    WHERE EXISTS (SELECT 1 FROM feed f WHERE f.town = w.town AND f.scope = w.scope
                  AND (f.xid, f.pos) > (after_xid, after_pos) AND f.xid < horizon)

$$
;
REVOKE ALL ON FUNCTION feed_moved(uuid[], text[], xid8, bigint, xid8) FROM PUBLIC
;
GRANT EXECUTE ON FUNCTION feed_moved(uuid[], text[], xid8, bigint, xid8) TO streife_app
;
CREATE FUNCTION find_actor(token bytea, at timestamptz) RETURNS TABLE (town uuid, person uuid, roles text[], source uuid, source_kind text, is_locked_out boolean) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$

    SELECT s.town, s.person,
           ARRAY(SELECT g.role FROM role_grant g WHERE g.town = s.town AND g.person = s.person
                 AND g.approved_at IS NOT NULL AND g.withdrawn_at IS NULL),
           NULL::uuid, NULL::text, false
    FROM login_session s JOIN person p ON p.town = s.town AND p.id = s.person
    WHERE s.token_hash = token AND s.expires_at > at AND p.state = 'active'
    UNION ALL
    SELECT l.town, l.person,
           ARRAY(SELECT g.role FROM role_grant g WHERE g.town = l.town AND g.person = l.person
                 AND g.approved_at IS NOT NULL AND g.withdrawn_at IS NULL),
           o.id, o.kind, o.state = 'revoked' OR l.incarnation <> o.incarnation
    FROM lease l JOIN source o ON o.town = l.town AND o.id = l.source
    WHERE l.token_hash = token AND l.expires_at > at

$$
;
REVOKE ALL ON FUNCTION find_actor(bytea, timestamptz) FROM PUBLIC
;
GRANT EXECUTE ON FUNCTION find_actor(bytea, timestamptz) TO streife_app
;
CREATE FUNCTION find_login(slug text, login text) RETURNS TABLE (town uuid, person uuid) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$

    SELECT p.town, p.id FROM person p JOIN town t ON t.town = p.town
    WHERE p.login = find_login.login AND p.state = 'active'
      AND (t.slug = find_login.slug OR (find_login.slug = '' AND (SELECT count(*) FROM town) = 1))

$$
;
REVOKE ALL ON FUNCTION find_login(text, text) FROM PUBLIC
;
GRANT EXECUTE ON FUNCTION find_login(text, text) TO streife_app
;
CREATE FUNCTION find_enrolment(code bytea) RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
SELECT town FROM enrolment WHERE code_hash = code
$$
;
REVOKE ALL ON FUNCTION find_enrolment(bytea) FROM PUBLIC
;
GRANT EXECUTE ON FUNCTION find_enrolment(bytea) TO streife_app
;
CREATE FUNCTION find_source(source uuid) RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
SELECT town FROM source WHERE id = find_source.source
$$
;
REVOKE ALL ON FUNCTION find_source(uuid) FROM PUBLIC
;
GRANT EXECUTE ON FUNCTION find_source(uuid) TO streife_app
;
CREATE FUNCTION all_towns() RETURNS SETOF uuid LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
SELECT town FROM town ORDER BY town
$$
;
REVOKE ALL ON FUNCTION all_towns() FROM PUBLIC
;
GRANT EXECUTE ON FUNCTION all_towns() TO streife_app
;
CREATE FUNCTION town_names() RETURNS TABLE (slug text, name text) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
SELECT slug, name FROM town ORDER BY name
$$
;
REVOKE ALL ON FUNCTION town_names() FROM PUBLIC
;
GRANT EXECUTE ON FUNCTION town_names() TO streife_app
;
CREATE FUNCTION find_town(slug text) RETURNS uuid LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
SELECT town FROM town t WHERE t.slug = find_town.slug
$$
;
REVOKE ALL ON FUNCTION find_town(text) FROM PUBLIC
;
GRANT EXECUTE ON FUNCTION find_town(text) TO streife_app
;
CREATE FUNCTION log_towns_waiting() RETURNS SETOF uuid LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$

    WITH RECURSIVE queued(town) AS (
        (SELECT town FROM log_queue ORDER BY town LIMIT 1)
        UNION ALL
        SELECT (SELECT next.town FROM log_queue next WHERE next.town > queued.town ORDER BY next.town LIMIT 1)
        FROM queued WHERE queued.town IS NOT NULL
    )
    SELECT town FROM queued WHERE town IS NOT NULL
    UNION
    SELECT town FROM log_tree tree WHERE NOT EXISTS (
        SELECT FROM log_checkpoint done WHERE done.town = tree.town AND done.size = tree.size
    )

$$
;
REVOKE ALL ON FUNCTION log_towns_waiting() FROM PUBLIC
;
GRANT EXECUTE ON FUNCTION log_towns_waiting() TO streife_app
;
GRANT SELECT, INSERT, UPDATE ON sweep TO streife_app
