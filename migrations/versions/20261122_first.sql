CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'append-only: %% on %% refused', TG_OP, TG_TABLE_NAME; END
$$
;
CREATE SEQUENCE feed_pos
;
CREATE TABLE site (
    town UUID NOT NULL,
    id UUID NOT NULL,
    rev BIGINT NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    CONSTRAINT pk_site PRIMARY KEY (town, id)
)
;
ALTER TABLE site ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON site USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON site TO streife_app
;
CREATE TABLE alarm (
    town UUID NOT NULL,
    id UUID NOT NULL,
    rev BIGINT NOT NULL,
    kind TEXT NOT NULL,
    priority BIGINT NOT NULL,
    state TEXT NOT NULL,
    is_latched BOOLEAN NOT NULL,
    spot TEXT NOT NULL,
    place TEXT NOT NULL,
    building UUID,
    zone UUID,
    point UUID,
    line UUID,
    sender TEXT,
    code TEXT,
    level BIGINT,
    text TEXT,
    flags TEXT NOT NULL,
    count BIGINT NOT NULL,
    sounds BIGINT NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    raised_at TIMESTAMP WITH TIME ZONE NOT NULL,
    late_s BIGINT,
    incident UUID,
    shown_at TIMESTAMP WITH TIME ZONE,
    accepted_at TIMESTAMP WITH TIME ZONE,
    accepted_by UUID,
    shelved_until TIMESTAMP WITH TIME ZONE,
    reason TEXT,
    due_at TIMESTAMP WITH TIME ZONE,
    told TEXT,
    told_at TIMESTAMP WITH TIME ZONE,
    closed_at TIMESTAMP WITH TIME ZONE,
    closed_by UUID,
    disposition TEXT,
    CONSTRAINT pk_alarm PRIMARY KEY (town, id),
    CONSTRAINT ck_alarm_priority CHECK (priority BETWEEN 1 AND 5),
    CONSTRAINT ck_alarm_state CHECK (state IN ('raised', 'returned_unaccepted', 'accepted', 'returned', 'shelved', 'out_of_service', 'closed')),
    CONSTRAINT ck_alarm_closed_with_disposition CHECK ((state = 'closed') = (disposition IS NOT NULL)),
    CONSTRAINT ck_alarm_no_shelved_p1 CHECK (state <> 'shelved' OR (priority > 1 AND shelved_until IS NOT NULL))
)
;
CREATE INDEX ix_alarm_building ON alarm (town, building, received_at)
;
CREATE INDEX ix_alarm_due ON alarm (town, due_at) WHERE due_at IS NOT NULL
;
CREATE INDEX ix_alarm_p1 ON alarm (town, id) WHERE priority = 1 AND state <> 'closed'
;
CREATE INDEX ix_alarm_spot ON alarm (town, spot, kind, raised_at)
;
CREATE UNIQUE INDEX uq_alarm_open ON alarm (town, spot, kind) WHERE state <> 'closed'
;
ALTER TABLE alarm ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON alarm USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON alarm TO streife_app
;
CREATE TABLE signal (
    town UUID NOT NULL,
    id UUID NOT NULL,
    source UUID NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT NOT NULL,
    rule TEXT,
    version BIGINT NOT NULL,
    alarm UUID,
    line UUID,
    protocol TEXT NOT NULL,
    raw BYTEA NOT NULL,
    sender TEXT,
    point_name TEXT,
    kind TEXT,
    code TEXT,
    level BIGINT,
    text TEXT,
    flags TEXT NOT NULL,
    is_test BOOLEAN NOT NULL,
    facts JSONB NOT NULL,
    dedup TEXT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    admitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_signal PRIMARY KEY (town, id),
    CONSTRAINT uq_signal_town_source_dedup UNIQUE (town, source, dedup),
    CONSTRAINT ck_signal_state CHECK (state IN ('normalised', 'unparsed'))
)
;
CREATE INDEX ix_signal_alarm ON signal (town, alarm, received_at)
;
CREATE INDEX ix_signal_bad ON signal (town, source, received_at) WHERE state = 'unparsed'
;
ALTER TABLE signal ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON signal USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON signal TO streife_app
;
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON signal FOR EACH ROW EXECUTE FUNCTION refuse_change()
;
CREATE TRIGGER keep_all BEFORE TRUNCATE ON signal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
;
CREATE TABLE signal_repeat (
    town UUID NOT NULL,
    id UUID NOT NULL,
    signal UUID NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    admitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_signal_repeat PRIMARY KEY (town, id)
)
;
CREATE INDEX ix_signal_repeat_signal ON signal_repeat (town, signal)
;
ALTER TABLE signal_repeat ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON signal_repeat USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON signal_repeat TO streife_app
;
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON signal_repeat FOR EACH ROW EXECUTE FUNCTION refuse_change()
;
CREATE TRIGGER keep_all BEFORE TRUNCATE ON signal_repeat FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
;
CREATE TABLE link_change (
    town UUID NOT NULL,
    id UUID NOT NULL,
    source UUID NOT NULL,
    line UUID,
    sender TEXT NOT NULL,
    state TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen TIMESTAMP WITH TIME ZONE,
    admitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_link_change PRIMARY KEY (town, id)
)
;
CREATE INDEX ix_link_change_line ON link_change (town, line, at)
;
ALTER TABLE link_change ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON link_change USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON link_change TO streife_app
;
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON link_change FOR EACH ROW EXECUTE FUNCTION refuse_change()
;
CREATE TRIGGER keep_all BEFORE TRUNCATE ON link_change FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
;
CREATE TABLE link_summary (
    town UUID NOT NULL,
    id UUID NOT NULL,
    source UUID NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    lines JSONB NOT NULL,
    strangers BIGINT NOT NULL,
    CONSTRAINT pk_link_summary PRIMARY KEY (town, id)
)
;
CREATE INDEX ix_link_summary_source ON link_summary (town, source, at)
;
ALTER TABLE link_summary ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON link_summary USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON link_summary TO streife_app
;
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON link_summary FOR EACH ROW EXECUTE FUNCTION refuse_change()
;
CREATE TRIGGER keep_all BEFORE TRUNCATE ON link_summary FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
;
CREATE TABLE incident (
    town UUID NOT NULL,
    id UUID NOT NULL,
    rev BIGINT NOT NULL,
    no BIGINT NOT NULL,
    kind TEXT NOT NULL,
    priority BIGINT NOT NULL,
    state TEXT NOT NULL,
    place TEXT NOT NULL,
    building UUID,
    text TEXT,
    happened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    opened_by UUID,
    rule TEXT,
    accepted_at TIMESTAMP WITH TIME ZONE,
    accepted_by UUID,
    is_without_unit BOOLEAN NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE,
    closed_at TIMESTAMP WITH TIME ZONE,
    closed_by UUID,
    disposition TEXT,
    linked UUID,
    CONSTRAINT pk_incident PRIMARY KEY (town, id),
    CONSTRAINT uq_incident_town_no UNIQUE (town, no),
    CONSTRAINT ck_incident_priority CHECK (priority BETWEEN 1 AND 5),
    CONSTRAINT ck_incident_state CHECK (state IN ('new', 'accepted', 'dispatched', 'on_scene', 'resolved', 'closed', 'merged')),
    CONSTRAINT ck_incident_disposition CHECK (disposition IN ('real', 'false_user', 'false_technical', 'test', 'drill', 'unfounded')),
    CONSTRAINT ck_incident_closed_with_disposition CHECK (state <> 'closed' OR disposition IS NOT NULL)
)
;
CREATE INDEX ix_incident_building ON incident (town, building, happened_at) WHERE building IS NOT NULL
;
CREATE INDEX ix_incident_open ON incident (town, no) WHERE state NOT IN ('closed', 'merged')
;
ALTER TABLE incident ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON incident USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON incident TO streife_app
;
CREATE TABLE unit (
    town UUID NOT NULL,
    id UUID NOT NULL,
    rev BIGINT NOT NULL,
    call_sign TEXT NOT NULL,
    mode TEXT NOT NULL,
    status TEXT NOT NULL,
    code TEXT,
    status_at TIMESTAMP WITH TIME ZONE NOT NULL,
    status_received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    is_clock_off BOOLEAN NOT NULL,
    wants_to_talk BOOLEAN NOT NULL,
    urgent_talk BOOLEAN NOT NULL,
    CONSTRAINT pk_unit PRIMARY KEY (town, id),
    CONSTRAINT uq_unit_town_call_sign UNIQUE (town, call_sign),
    CONSTRAINT ck_unit_mode CHECK (mode IN ('foot', 'bike', 'car')),
    CONSTRAINT ck_unit_status CHECK (status IN ('available_patrol', 'available_station', 'en_route', 'on_scene', 'off', 'committed', 'limited'))
)
;
ALTER TABLE unit ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON unit USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON unit TO streife_app
;
CREATE TABLE status_change (
    town UUID NOT NULL,
    id UUID NOT NULL,
    unit UUID NOT NULL,
    meaning TEXT NOT NULL,
    code TEXT,
    by UUID,
    source UUID,
    job UUID,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    offset_ms BIGINT,
    CONSTRAINT pk_status_change PRIMARY KEY (town, id)
)
;
CREATE INDEX ix_status_change_unit ON status_change (town, unit, recorded_at)
;
ALTER TABLE status_change ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON status_change USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON status_change TO streife_app
;
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON status_change FOR EACH ROW EXECUTE FUNCTION refuse_change()
;
CREATE TRIGGER keep_all BEFORE TRUNCATE ON status_change FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
;
CREATE TABLE status_code (
    town UUID NOT NULL,
    code TEXT NOT NULL,
    meaning TEXT NOT NULL,
    CONSTRAINT pk_status_code PRIMARY KEY (town, code)
)
;
ALTER TABLE status_code ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON status_code USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, DELETE ON status_code TO streife_app
;
CREATE TABLE decision (
    town UUID NOT NULL,
    id UUID NOT NULL,
    subject_type TEXT NOT NULL,
    subject UUID NOT NULL,
    rule TEXT NOT NULL,
    version BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_decision PRIMARY KEY (town, id)
)
;
CREATE INDEX ix_decision_subject ON decision (town, subject_type, subject, at)
;
ALTER TABLE decision ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON decision USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON decision TO streife_app
;
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON decision FOR EACH ROW EXECUTE FUNCTION refuse_change()
;
CREATE TRIGGER keep_all BEFORE TRUNCATE ON decision FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
;
CREATE TABLE evidence_case (
    town UUID NOT NULL,
    id UUID NOT NULL,
    aktenzeichen TEXT NOT NULL,
    ground TEXT NOT NULL,
    opened_by UUID NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_evidence_case PRIMARY KEY (town, id),
    CONSTRAINT uq_evidence_case_town_aktenzeichen UNIQUE (town, aktenzeichen)
)
;
ALTER TABLE evidence_case ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON evidence_case USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON evidence_case TO streife_app
;
CREATE TABLE camera (
    town UUID NOT NULL,
    id UUID NOT NULL,
    pseudonym TEXT NOT NULL,
    serial TEXT,
    model TEXT,
    kind TEXT,
    state TEXT NOT NULL,
    first_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_docked_at TIMESTAMP WITH TIME ZONE,
    confirmed_by UUID,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    last_receipt BYTEA,
    CONSTRAINT pk_camera PRIMARY KEY (town, id),
    CONSTRAINT uq_camera_town_pseudonym UNIQUE (town, pseudonym),
    CONSTRAINT ck_camera_kind CHECK (kind IN ('bodycam', 'vehicle')),
    CONSTRAINT ck_camera_state CHECK (state IN ('unconfirmed', 'active', 'retired')),
    CONSTRAINT ck_camera_confirmed CHECK (state = 'unconfirmed' OR kind IS NOT NULL)
)
;
ALTER TABLE camera ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON camera USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON camera TO streife_app
;
CREATE TABLE deletion_clock (
    town UUID NOT NULL,
    wall_at TIMESTAMP WITH TIME ZONE NOT NULL,
    mono_ms BIGINT NOT NULL,
    boot TEXT NOT NULL,
    is_waiting BOOLEAN NOT NULL,
    CONSTRAINT pk_deletion_clock PRIMARY KEY (town)
)
;
ALTER TABLE deletion_clock ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON deletion_clock USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON deletion_clock TO streife_app
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
CREATE INDEX ix_media_described ON media (town, stored_at) WHERE state = 'stored' AND described_at IS NULL
;
CREATE UNIQUE INDEX uq_media_file ON media (town, source, entry, sha256)
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
CREATE TABLE building (
    town UUID NOT NULL,
    id UUID NOT NULL,
    rev BIGINT NOT NULL,
    site UUID NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT pk_building PRIMARY KEY (town, id),
    CONSTRAINT fk_building_town_site FOREIGN KEY(town, site) REFERENCES site (town, id)
)
;
ALTER TABLE building ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON building USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON building TO streife_app
;
CREATE TABLE report (
    town UUID NOT NULL,
    id UUID NOT NULL,
    rev BIGINT NOT NULL,
    channel TEXT NOT NULL,
    text TEXT NOT NULL,
    place TEXT NOT NULL,
    caller TEXT,
    by UUID NOT NULL,
    source UUID,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    incident UUID,
    CONSTRAINT pk_report PRIMARY KEY (town, id),
    CONSTRAINT fk_report_town_incident FOREIGN KEY(town, incident) REFERENCES incident (town, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT ck_report_channel CHECK (channel IN ('phone', 'officer', 'citizen', 'patrol'))
)
;
CREATE INDEX ix_report_incident ON report (town, incident)
;
CREATE INDEX ix_report_open ON report (town, received_at) WHERE incident IS NULL
;
ALTER TABLE report ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON report USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON report TO streife_app
;
CREATE TABLE job (
    town UUID NOT NULL,
    id UUID NOT NULL,
    rev BIGINT NOT NULL,
    incident UUID NOT NULL,
    unit UUID NOT NULL,
    state TEXT NOT NULL,
    text TEXT,
    sent_by UUID NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    delivered_at TIMESTAMP WITH TIME ZONE,
    accepted_at TIMESTAMP WITH TIME ZONE,
    en_route_at TIMESTAMP WITH TIME ZONE,
    on_scene_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    reason TEXT,
    answered_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_job PRIMARY KEY (town, id),
    CONSTRAINT fk_job_town_incident FOREIGN KEY(town, incident) REFERENCES incident (town, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT fk_job_town_unit FOREIGN KEY(town, unit) REFERENCES unit (town, id),
    CONSTRAINT ck_job_state CHECK (state IN ('proposed', 'sent', 'delivered', 'accepted', 'en_route', 'on_scene', 'timed_out', 'declined', 'withdrawn', 'done'))
)
;
CREATE INDEX ix_job_due ON job (town, due_at) WHERE due_at IS NOT NULL
;
CREATE INDEX ix_job_incident ON job (town, incident)
;
ALTER TABLE job ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON job USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON job TO streife_app
;
CREATE TABLE note (
    town UUID NOT NULL,
    id UUID NOT NULL,
    incident UUID NOT NULL,
    text TEXT NOT NULL,
    by UUID,
    rule TEXT,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_note PRIMARY KEY (town, id),
    CONSTRAINT fk_note_town_incident FOREIGN KEY(town, incident) REFERENCES incident (town, id) DEFERRABLE INITIALLY DEFERRED
)
;
CREATE INDEX ix_note_incident ON note (town, incident, received_at)
;
ALTER TABLE note ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON note USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON note TO streife_app
;
CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON note FOR EACH ROW EXECUTE FUNCTION refuse_change()
;
CREATE TRIGGER keep_all BEFORE TRUNCATE ON note FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
;
CREATE TABLE emergency (
    town UUID NOT NULL,
    id UUID NOT NULL,
    rev BIGINT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    person UUID NOT NULL,
    source UUID,
    incident UUID,
    raised_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    is_confirmed BOOLEAN NOT NULL,
    presses BIGINT NOT NULL,
    cancelled_at TIMESTAMP WITH TIME ZONE,
    lat DOUBLE PRECISION,
    lon DOUBLE PRECISION,
    accuracy_m DOUBLE PRECISION,
    shown_at TIMESTAMP WITH TIME ZONE,
    accepted_at TIMESTAMP WITH TIME ZONE,
    accepted_by UUID,
    due_at TIMESTAMP WITH TIME ZONE,
    told TEXT,
    told_at TIMESTAMP WITH TIME ZONE,
    closed_at TIMESTAMP WITH TIME ZONE,
    closed_by UUID,
    linked UUID,
    CONSTRAINT pk_emergency PRIMARY KEY (town, id),
    CONSTRAINT fk_emergency_town_incident FOREIGN KEY(town, incident) REFERENCES incident (town, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT ck_emergency_kind CHECK (kind IN ('duress', 'help', 'medical', 'timer')),
    CONSTRAINT ck_emergency_state CHECK (state IN ('stored', 'shown', 'accepted', 'supported', 'safe', 'closed')),
    CONSTRAINT ck_emergency_no_position_kept CHECK (state <> 'closed' OR lat IS NULL)
)
;
CREATE INDEX ix_emergency_due ON emergency (town, due_at) WHERE due_at IS NOT NULL
;
CREATE INDEX ix_emergency_open ON emergency (town, id) WHERE state <> 'closed'
;
ALTER TABLE emergency ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON emergency USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON emergency TO streife_app
;
CREATE TABLE evidence_export (
    town UUID NOT NULL,
    id UUID NOT NULL,
    case_id UUID NOT NULL,
    recipient TEXT NOT NULL,
    rev BIGINT NOT NULL,
    state TEXT NOT NULL,
    requested_by UUID NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    approved_by UUID,
    approved_at TIMESTAMP WITH TIME ZONE,
    built_at TIMESTAMP WITH TIME ZONE,
    size_bytes BIGINT,
    sha256 TEXT,
    root TEXT,
    checkpoint_size BIGINT,
    delivered_at TIMESTAMP WITH TIME ZONE,
    delete_at TIMESTAMP WITH TIME ZONE,
    problem TEXT,
    CONSTRAINT pk_evidence_export PRIMARY KEY (town, id),
    CONSTRAINT fk_evidence_export_town_case_id FOREIGN KEY(town, case_id) REFERENCES evidence_case (town, id),
    CONSTRAINT ck_evidence_export_state CHECK (state IN ('requested', 'approved', 'built', 'failed', 'gone')),
    CONSTRAINT ck_evidence_export_second_person CHECK (approved_by <> requested_by),
    CONSTRAINT ck_evidence_export_approved CHECK (state = 'requested' OR approved_by IS NOT NULL),
    CONSTRAINT ck_evidence_export_built CHECK (state NOT IN ('built', 'gone') OR built_at IS NOT NULL)
)
;
CREATE INDEX ix_evidence_export_newest ON evidence_export (town, requested_at, id)
;
CREATE INDEX ix_evidence_export_open ON evidence_export (town, id) WHERE state IN ('approved', 'built')
;
ALTER TABLE evidence_export ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON evidence_export USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (rev, state, approved_by, approved_at, built_at, size_bytes, sha256, root, checkpoint_size, delivered_at, delete_at, problem) ON evidence_export TO streife_app
;
CREATE TABLE camera_docking (
    town UUID NOT NULL,
    id UUID NOT NULL,
    source UUID NOT NULL,
    camera TEXT NOT NULL,
    docked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    files BIGINT NOT NULL,
    erase_at TIMESTAMP WITH TIME ZONE NOT NULL,
    erased_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_camera_docking PRIMARY KEY (town, id),
    CONSTRAINT fk_camera_docking_town_camera FOREIGN KEY(town, camera) REFERENCES camera (town, pseudonym)
)
;
CREATE INDEX ix_camera_docking_erase ON camera_docking (town, erase_at) WHERE erased_at IS NULL
;
ALTER TABLE camera_docking ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON camera_docking USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (erased_at) ON camera_docking TO streife_app
;
CREATE TABLE clip (
    town UUID NOT NULL,
    id UUID NOT NULL,
    rev BIGINT NOT NULL,
    source UUID NOT NULL,
    camera TEXT NOT NULL,
    camera_seq BIGINT NOT NULL,
    duplicate_of UUID,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    docked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    duration_ms BIGINT,
    size_bytes BIGINT NOT NULL,
    clock TEXT NOT NULL,
    class TEXT NOT NULL,
    rule TEXT NOT NULL,
    delete_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    holds BIGINT NOT NULL,
    answers_rev BIGINT NOT NULL,
    is_marked BOOLEAN NOT NULL,
    event TEXT,
    findings TEXT NOT NULL,
    camera_erased_at TIMESTAMP WITH TIME ZONE,
    reviewed_by UUID,
    reviewed_at TIMESTAMP WITH TIME ZONE,
    deleting_at TIMESTAMP WITH TIME ZONE,
    deleted_at TIMESTAMP WITH TIME ZONE,
    tombstone UUID,
    officer UUID,
    file_name TEXT,
    sha256 TEXT,
    probe JSONB,
    answers JSONB,
    answered_by UUID,
    CONSTRAINT pk_clip PRIMARY KEY (town, id),
    CONSTRAINT fk_clip_town_camera FOREIGN KEY(town, camera) REFERENCES camera (town, pseudonym),
    CONSTRAINT ck_clip_state CHECK (state IN ('awaiting_media', 'stored', 'deleting', 'deleted')),
    CONSTRAINT ck_clip_counts CHECK (holds >= 0 AND rev > 0),
    CONSTRAINT ck_clip_held CHECK (NOT (state IN ('deleting', 'deleted')) OR holds = 0),
    CONSTRAINT ck_clip_erased CHECK (NOT (state IN ('deleting', 'deleted')) OR num_nonnulls(officer, file_name, sha256, probe, answers, answered_by) = 0),
    CONSTRAINT ck_clip_deleted CHECK ((state = 'deleted') = (deleted_at IS NOT NULL))
)
;
CREATE INDEX ix_clip_camera ON clip (town, camera, camera_seq)
;
CREATE INDEX ix_clip_due ON clip (town, delete_at) WHERE state <> 'deleted'
;
CREATE INDEX ix_clip_newest ON clip (town, received_at, id)
;
ALTER TABLE clip ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON clip USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON clip TO streife_app
;
CREATE TABLE clip_gap (
    town UUID NOT NULL,
    id UUID NOT NULL,
    source UUID NOT NULL,
    camera TEXT NOT NULL,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    cause TEXT NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_clip_gap PRIMARY KEY (town, id),
    CONSTRAINT fk_clip_gap_town_camera FOREIGN KEY(town, camera) REFERENCES camera (town, pseudonym),
    CONSTRAINT ck_clip_gap_span CHECK (first <= last)
)
;
ALTER TABLE clip_gap ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON clip_gap USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON clip_gap TO streife_app
;
CREATE TABLE clip_gap_filled (
    town UUID NOT NULL,
    id UUID NOT NULL,
    camera TEXT NOT NULL,
    camera_seq BIGINT NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_clip_gap_filled PRIMARY KEY (town, id),
    CONSTRAINT fk_clip_gap_filled_town_camera FOREIGN KEY(town, camera) REFERENCES camera (town, pseudonym)
)
;
CREATE INDEX ix_clip_gap_filled_camera ON clip_gap_filled (town, camera, camera_seq)
;
ALTER TABLE clip_gap_filled ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON clip_gap_filled USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON clip_gap_filled TO streife_app
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
CREATE TABLE zone (
    town UUID NOT NULL,
    id UUID NOT NULL,
    rev BIGINT NOT NULL,
    building UUID NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    CONSTRAINT pk_zone PRIMARY KEY (town, id),
    CONSTRAINT fk_zone_town_building FOREIGN KEY(town, building) REFERENCES building (town, id),
    CONSTRAINT ck_zone_kind CHECK (kind IN ('entrance', 'waiting', 'counter', 'office', 'corridor', 'escape', 'break_room', 'toilet'))
)
;
ALTER TABLE zone ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON zone USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON zone TO streife_app
;
CREATE TABLE line (
    town UUID NOT NULL,
    id UUID NOT NULL,
    rev BIGINT NOT NULL,
    gateway UUID NOT NULL,
    protocol TEXT NOT NULL,
    sender TEXT NOT NULL,
    label TEXT NOT NULL,
    building UUID NOT NULL,
    interval_s BIGINT NOT NULL,
    keys TEXT NOT NULL,
    nak_address TEXT,
    token_sha256 TEXT,
    link TEXT NOT NULL,
    link_at TIMESTAMP WITH TIME ZONE,
    last_seen TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_line PRIMARY KEY (town, id),
    CONSTRAINT uq_line_town_gateway_protocol_sender UNIQUE (town, gateway, protocol, sender),
    CONSTRAINT fk_line_town_gateway FOREIGN KEY(town, gateway) REFERENCES source (town, id),
    CONSTRAINT fk_line_town_building FOREIGN KEY(town, building) REFERENCES building (town, id),
    CONSTRAINT ck_line_protocol CHECK (protocol IN ('dc09', 'http', 'mqtt', 'onvif')),
    CONSTRAINT ck_line_link CHECK (link IN ('unknown', 'online', 'late', 'lost')),
    CONSTRAINT ck_line_interval_s CHECK (interval_s > 0)
)
;
ALTER TABLE line ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON line USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON line TO streife_app
;
CREATE TABLE shift (
    town UUID NOT NULL,
    id UUID NOT NULL,
    unit UUID NOT NULL,
    person UUID NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_shift PRIMARY KEY (town, id),
    CONSTRAINT fk_shift_town_unit FOREIGN KEY(town, unit) REFERENCES unit (town, id),
    CONSTRAINT fk_shift_town_person FOREIGN KEY(town, person) REFERENCES person (town, id),
    CONSTRAINT ck_shift_order CHECK (ended_at >= started_at)
)
;
CREATE INDEX ix_shift_unit ON shift (town, unit, started_at)
;
CREATE UNIQUE INDEX uq_shift_open ON shift (town, person) WHERE ended_at IS NULL
;
ALTER TABLE shift ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON shift USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON shift TO streife_app
;
CREATE TABLE evidence_export_item (
    town UUID NOT NULL,
    export UUID NOT NULL,
    clip UUID NOT NULL,
    number BIGINT NOT NULL,
    outcome TEXT,
    CONSTRAINT pk_evidence_export_item PRIMARY KEY (town, export, clip),
    CONSTRAINT fk_evidence_export_item_town_export FOREIGN KEY(town, export) REFERENCES evidence_export (town, id),
    CONSTRAINT fk_evidence_export_item_town_clip FOREIGN KEY(town, clip) REFERENCES clip (town, id),
    CONSTRAINT ck_evidence_export_item_outcome CHECK (outcome IN ('original', 'deleted', 'withheld'))
)
;
CREATE INDEX ix_evidence_export_item_clip ON evidence_export_item (town, clip)
;
ALTER TABLE evidence_export_item ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON evidence_export_item USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (outcome) ON evidence_export_item TO streife_app
;
CREATE TABLE training_certificate (
    town UUID NOT NULL,
    id UUID NOT NULL,
    person UUID NOT NULL,
    issued_on DATE NOT NULL,
    valid_until DATE NOT NULL,
    issuer TEXT NOT NULL,
    recorded_by UUID NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    withdrawn_by UUID,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_training_certificate PRIMARY KEY (town, id),
    CONSTRAINT fk_training_certificate_town_person FOREIGN KEY(town, person) REFERENCES person (town, id),
    CONSTRAINT uq_training_certificate_town_id_person UNIQUE (town, id, person),
    CONSTRAINT ck_training_certificate_days CHECK (valid_until >= issued_on)
)
;
ALTER TABLE training_certificate ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON training_certificate USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (withdrawn_at, withdrawn_by) ON training_certificate TO streife_app
;
CREATE TABLE clip_media (
    town UUID NOT NULL,
    clip UUID NOT NULL,
    position BIGINT NOT NULL,
    sha256 TEXT,
    size_bytes BIGINT NOT NULL,
    type TEXT NOT NULL,
    media UUID,
    stored_at TIMESTAMP WITH TIME ZONE,
    receipt UUID,
    receipt_sha256 BYTEA,
    CONSTRAINT pk_clip_media PRIMARY KEY (town, clip, position),
    CONSTRAINT fk_clip_media_town_clip FOREIGN KEY(town, clip) REFERENCES clip (town, id)
)
;
ALTER TABLE clip_media ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON clip_media USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (sha256, media, stored_at, receipt, receipt_sha256) ON clip_media TO streife_app
;
CREATE TABLE clip_entry (
    town UUID NOT NULL,
    clip UUID NOT NULL,
    source UUID NOT NULL,
    entry UUID NOT NULL,
    CONSTRAINT pk_clip_entry PRIMARY KEY (town, clip, source, entry),
    CONSTRAINT fk_clip_entry_town_clip FOREIGN KEY(town, clip) REFERENCES clip (town, id)
)
;
ALTER TABLE clip_entry ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON clip_entry USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT ON clip_entry TO streife_app
;
CREATE TABLE clip_hold (
    town UUID NOT NULL,
    id UUID NOT NULL,
    clip UUID NOT NULL,
    ground TEXT NOT NULL,
    case_reference TEXT NOT NULL,
    review_on DATE NOT NULL,
    note TEXT,
    placed_by UUID NOT NULL,
    placed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    released_by UUID,
    released_at TIMESTAMP WITH TIME ZONE,
    release_reason TEXT,
    CONSTRAINT pk_clip_hold PRIMARY KEY (town, id),
    CONSTRAINT fk_clip_hold_town_clip FOREIGN KEY(town, clip) REFERENCES clip (town, id),
    CONSTRAINT ck_clip_hold_ground CHECK (ground IN ('danger_prevention', 'criminal_offence', 'regulatory_offence', 'person_request')),
    CONSTRAINT ck_clip_hold_released CHECK ((released_at IS NULL) = (released_by IS NULL)),
    CONSTRAINT ck_clip_hold_second_person CHECK (ground <> 'person_request' OR released_by <> placed_by)
)
;
CREATE UNIQUE INDEX uq_clip_hold_standing ON clip_hold (town, clip, ground, case_reference) WHERE released_at IS NULL
;
ALTER TABLE clip_hold ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON clip_hold USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (review_on, note, released_by, released_at, release_reason) ON clip_hold TO streife_app
;
CREATE TABLE clip_view (
    town UUID NOT NULL,
    id UUID NOT NULL,
    clip UUID NOT NULL,
    person UUID NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    until_at TIMESTAMP WITH TIME ZONE NOT NULL,
    needs_approval BOOLEAN NOT NULL,
    is_review BOOLEAN NOT NULL,
    approved_by UUID,
    approved_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_clip_view PRIMARY KEY (town, id),
    CONSTRAINT fk_clip_view_town_clip FOREIGN KEY(town, clip) REFERENCES clip (town, id),
    CONSTRAINT ck_clip_view_second_person CHECK (approved_by IS NULL OR approved_by <> person)
)
;
ALTER TABLE clip_view ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON clip_view USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (approved_by, approved_at) ON clip_view TO streife_app
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
CREATE INDEX ix_lease_source ON lease (town, source, person)
;
CREATE UNIQUE INDEX ix_lease_token_hash ON lease (token_hash)
;
ALTER TABLE lease ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON lease USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (expires_at), DELETE ON lease TO streife_app
;
CREATE TABLE point (
    town UUID NOT NULL,
    id UUID NOT NULL,
    rev BIGINT NOT NULL,
    zone UUID NOT NULL,
    label TEXT NOT NULL,
    kind TEXT NOT NULL,
    CONSTRAINT pk_point PRIMARY KEY (town, id),
    CONSTRAINT fk_point_town_zone FOREIGN KEY(town, zone) REFERENCES zone (town, id),
    CONSTRAINT ck_point_kind CHECK (kind IN ('desk', 'door', 'escape_door', 'camera', 'detector', 'button', 'contact'))
)
;
CREATE INDEX ix_point_zone ON point (town, zone)
;
ALTER TABLE point ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON point USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE ON point TO streife_app
;
CREATE FUNCTION check_camera_point() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
  IF NEW.kind <> 'camera' THEN RETURN NEW; END IF;
  SELECT z.kind INTO found FROM zone z WHERE z.town = NEW.town AND z.id = NEW.zone FOR SHARE;
  IF found IS NULL OR found NOT IN ('entrance', 'waiting') THEN
    RAISE EXCEPTION 'R16: no camera in this zone' USING ERRCODE = 'check_violation', CONSTRAINT = 'camera_zone';
  END IF;
  RETURN NEW;
END
$$
;
CREATE TRIGGER camera_zone BEFORE INSERT OR UPDATE ON point FOR EACH ROW EXECUTE FUNCTION check_camera_point()
;
CREATE FUNCTION check_camera_zone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.kind NOT IN ('entrance', 'waiting') AND EXISTS (SELECT 1 FROM point p
      WHERE p.town = NEW.town AND p.zone = NEW.id AND p.kind = 'camera') THEN
    RAISE EXCEPTION 'R16: a camera is here' USING ERRCODE = 'check_violation', CONSTRAINT = 'camera_zone';
  END IF;
  RETURN NEW;
END
$$
;
CREATE TRIGGER camera_zone AFTER UPDATE ON zone FOR EACH ROW EXECUTE FUNCTION check_camera_zone()
;
CREATE TABLE camera_assignment (
    town UUID NOT NULL,
    id UUID NOT NULL,
    camera TEXT NOT NULL,
    person UUID NOT NULL,
    certificate UUID NOT NULL,
    since_at TIMESTAMP WITH TIME ZONE NOT NULL,
    until_at TIMESTAMP WITH TIME ZONE NOT NULL,
    assigned_by UUID NOT NULL,
    assigned_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_by UUID,
    CONSTRAINT pk_camera_assignment PRIMARY KEY (town, id),
    CONSTRAINT fk_camera_assignment_town_camera FOREIGN KEY(town, camera) REFERENCES camera (town, pseudonym),
    CONSTRAINT fk_camera_assignment_town_certificate_person FOREIGN KEY(town, certificate, person) REFERENCES training_certificate (town, id, person),
    CONSTRAINT ck_camera_assignment_span CHECK (until_at >= since_at)
)
;
CREATE INDEX ix_camera_assignment_since ON camera_assignment (town, camera, since_at)
;
ALTER TABLE camera_assignment ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON camera_assignment USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, UPDATE (until_at, ended_by) ON camera_assignment TO streife_app
;
CREATE FUNCTION check_certificate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.until_at > NEW.since_at AND NOT EXISTS (
        SELECT FROM training_certificate c WHERE c.town = NEW.town AND c.id = NEW.certificate
        AND NEW.since_at >= c.issued_on::timestamp AT TIME ZONE 'Europe/Berlin'
        AND NEW.until_at <= least((c.valid_until + 1)::timestamp AT TIME ZONE 'Europe/Berlin', c.withdrawn_at)
        FOR SHARE
    ) THEN
        RAISE EXCEPTION 'no valid training certificate' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'ck_camera_assignment_certificate', TABLE = 'camera_assignment';
    END IF;
    RETURN NEW;
END $$
;
CREATE TRIGGER certificate AFTER INSERT OR UPDATE ON camera_assignment FOR EACH ROW EXECUTE FUNCTION check_certificate()
;
CREATE FUNCTION check_assignments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.withdrawn_at IS NOT NULL AND EXISTS (
        SELECT FROM camera_assignment a WHERE a.town = NEW.town AND a.certificate = NEW.id
        AND a.until_at > a.since_at AND a.until_at > NEW.withdrawn_at
    ) THEN
        RAISE EXCEPTION 'assignments outlive the certificate' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'ck_camera_assignment_certificate', TABLE = 'training_certificate';
    END IF;
    RETURN NEW;
END $$
;
CREATE TRIGGER assignments AFTER UPDATE ON training_certificate FOR EACH ROW EXECUTE FUNCTION check_assignments()
;
CREATE TABLE line_point (
    town UUID NOT NULL,
    line UUID NOT NULL,
    name TEXT NOT NULL,
    point UUID NOT NULL,
    CONSTRAINT pk_line_point PRIMARY KEY (town, line, name),
    CONSTRAINT fk_line_point_town_line FOREIGN KEY(town, line) REFERENCES line (town, id),
    CONSTRAINT fk_line_point_town_point FOREIGN KEY(town, point) REFERENCES point (town, id)
)
;
ALTER TABLE line_point ENABLE ROW LEVEL SECURITY
;
CREATE POLICY own_town ON line_point USING (town = (SELECT nullif(current_setting('app.town', true), '')::uuid)) WITH CHECK (town = (SELECT nullif(current_setting('app.town', true), '')::uuid))
;
GRANT SELECT, INSERT, DELETE ON line_point TO streife_app
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
CREATE FUNCTION urgent_alarms(towns uuid[]) RETURNS TABLE (town uuid, waiting bigint, stamp numeric) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$

    SELECT w.town, count(*) FILTER (WHERE o.is_waiting), coalesce(sum(hashtextextended(o.id::text, o.rev)::numeric), 0)
    FROM unnest(towns) AS w(town) LEFT JOIN LATERAL (
        SELECT a.id, a.rev, a.state IN ('raised', 'returned_unaccepted') AS is_waiting FROM alarm a
        WHERE a.town = w.town AND a.priority = 1 AND a.state <> 'closed'
        UNION ALL
        SELECT e.id, e.rev, e.state IN ('stored', 'shown') FROM emergency e
        WHERE e.town = w.town AND e.state <> 'closed'
    ) AS o ON true GROUP BY w.town

$$
;
REVOKE ALL ON FUNCTION urgent_alarms(uuid[]) FROM PUBLIC
;
GRANT EXECUTE ON FUNCTION urgent_alarms(uuid[]) TO streife_app
;
CREATE FUNCTION timers_due(at timestamptz) RETURNS SETOF uuid LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$

    SELECT town FROM job WHERE due_at <= at UNION SELECT town FROM alarm WHERE due_at <= at
    UNION SELECT town FROM emergency WHERE due_at <= at
    UNION SELECT s.town FROM source s WHERE s.kind = 'gateway' AND s.last_contact_at < at - interval '90 s' AND EXISTS (
        SELECT 1 FROM line l WHERE l.town = s.town AND l.gateway = s.id AND l.link <> 'unknown')
    UNION SELECT a.town FROM alarm a JOIN source s ON s.town = a.town AND 'gateway:' || s.id = a.spot
        WHERE a.kind = 'gateway.lost' AND a.state IN ('raised', 'accepted')
        AND s.last_contact_at >= at - interval '90 s'

$$
;
REVOKE ALL ON FUNCTION timers_due(timestamptz) FROM PUBLIC
;
GRANT EXECUTE ON FUNCTION timers_due(timestamptz) TO streife_app
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
