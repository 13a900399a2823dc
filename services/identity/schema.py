"""The database: what is in it, and how an older one becomes a newer one."""

from __future__ import annotations

from typing import Any

FIRST = """
CREATE TABLE account (
    number integer PRIMARY KEY,
    issuer text NOT NULL,
    subject text NOT NULL,
    name text NOT NULL,
    quota_bytes bigint CHECK (quota_bytes >= 0),
    asked timestamptz NOT NULL DEFAULT now(),
    left_at timestamptz,
    folder text NOT NULL DEFAULT 'none' CHECK (folder IN ('none', 'present', 'archived', 'removed')),
    folder_quota_bytes bigint,
    UNIQUE (issuer, subject)
);
COMMENT ON COLUMN account.quota_bytes IS 'of its home; NULL for the one of the site, 0 for none';
COMMENT ON COLUMN account.asked IS 'when what is wanted of its home was said last';
COMMENT ON COLUMN account.left_at IS 'when it was told to leave; NULL while it is to be there';
COMMENT ON COLUMN account.folder IS 'what has become of its home, as the program that makes folders says';

CREATE TABLE team (
    number integer PRIMARY KEY,
    issuer text NOT NULL,
    name text NOT NULL,
    quota_bytes bigint CHECK (quota_bytes >= 0),
    asked timestamptz NOT NULL DEFAULT now(),
    folder text NOT NULL DEFAULT 'none' CHECK (folder IN ('none', 'present')),
    folder_quota_bytes bigint,
    UNIQUE (issuer, name)
);
COMMENT ON TABLE team IS 'a group of an issuer, as its tokens name it';

CREATE TABLE membership (
    account integer NOT NULL REFERENCES account,
    team integer NOT NULL REFERENCES team,
    PRIMARY KEY (account, team)
);

CREATE SEQUENCE account_number AS integer START {first_account};
CREATE SEQUENCE team_number AS integer START {first_group};

CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY identity; RETURN NULL; END $$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON account FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON team FOR EACH STATEMENT EXECUTE FUNCTION tell();

-- Numbers that were imported are left out. Two that come at once have different ones.
CREATE FUNCTION next_number(kind text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    candidate integer;
    taken boolean;
BEGIN
    LOOP
        candidate := nextval(kind || '_number');
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE number = $1)', kind) INTO taken USING candidate;
        EXIT WHEN NOT taken;
    END LOOP;
    RETURN candidate;
END
$$;

-- What a login needs: the account, made when it is new, in the groups of this token and in no other one of its issuer.
CREATE FUNCTION login(of_issuer text, of_subject text, of_name text, of_teams text[]) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER SET search_path = identity, pg_temp AS $$
DECLARE
    known account;
BEGIN
    IF coalesce(of_issuer, '') = '' OR coalesce(of_subject, '') = '' OR coalesce(of_name, '') = '' THEN
        RAISE EXCEPTION 'an account needs an issuer, a subject and a name';
    END IF;
    of_teams := coalesce(of_teams, ARRAY[]::text[]);
    SELECT * INTO known FROM account WHERE issuer = of_issuer AND subject = of_subject FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO account (number, issuer, subject, name)
        VALUES (next_number('account'), of_issuer, of_subject, of_name)
        ON CONFLICT (issuer, subject) DO NOTHING;
        SELECT * INTO known FROM account WHERE issuer = of_issuer AND subject = of_subject FOR UPDATE;
    END IF;
    IF known.left_at IS NOT NULL THEN
        RAISE EXCEPTION 'the account of % at % has left', of_name, of_issuer;
    END IF;
    IF known.name <> of_name THEN
        UPDATE account SET name = of_name WHERE number = known.number;
    END IF;
    INSERT INTO team (number, issuer, name)
    SELECT next_number('team'), of_issuer, wanted.name FROM (SELECT DISTINCT unnest(of_teams) AS name ORDER BY 1) wanted
    WHERE NOT EXISTS (SELECT FROM team WHERE issuer = of_issuer AND team.name = wanted.name)
    ON CONFLICT (issuer, name) DO NOTHING;
    DELETE FROM membership USING team WHERE membership.account = known.number AND team.number = membership.team
        AND team.issuer = of_issuer AND NOT team.name = ANY (of_teams);
    INSERT INTO membership SELECT known.number, number FROM team WHERE issuer = of_issuer AND name = ANY (of_teams)
    ON CONFLICT DO NOTHING;
    RETURN whois(known.number);
END
$$;

CREATE FUNCTION whois(of_number integer) RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = identity, pg_temp AS $$
    SELECT json_build_object(
        'number', account.number, 'issuer', issuer, 'subject', subject, 'name', name,
        'ready', folder = 'present' AND left_at IS NULL,
        'groups', coalesce((
            SELECT json_agg(
                json_build_object('number', team.number, 'name', team.name, 'ready', team.folder = 'present')
                ORDER BY team.name)
            FROM membership JOIN team ON team.number = membership.team
            WHERE membership.account = account.number), '[]'))
    FROM account WHERE account.number = of_number
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA identity FROM PUBLIC;
GRANT USAGE ON SCHEMA identity TO identity_client;
GRANT EXECUTE ON FUNCTION login, whois TO identity_client;
"""
SECOND = """
CREATE TRIGGER tell AFTER INSERT OR DELETE ON membership FOR EACH STATEMENT EXECUTE FUNCTION tell();
GRANT USAGE ON SCHEMA identity TO identity_reader;
GRANT SELECT ON account, team, membership TO identity_reader;
"""
MIGRATIONS = (FIRST, SECOND)
"""What makes version N of version N - 1, the first one of nothing. What has been released stays as it is."""


def migrate(connection: Any, first_account: int, first_group: int) -> int:
    """Bring the database to the newest version, which is returned; hosts that come at once wait for each other.

    Numbers are given from the first ones on, as they were when the database was new.
    """
    first = {"first_account": int(first_account), "first_group": int(first_group)}
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('identity'))")
        cursor.execute("CREATE SCHEMA IF NOT EXISTS identity")
        cursor.execute("CREATE TABLE IF NOT EXISTS identity.version (number integer NOT NULL)")
        cursor.execute("SELECT coalesce(max(number), 0) FROM identity.version")
        (found,) = cursor.fetchone()
        cursor.execute("SET LOCAL search_path = identity")
        for number, statements in enumerate(MIGRATIONS, start=1):
            if number > found:
                cursor.execute(statements.format(**first) if number == 1 else statements)
                cursor.execute("INSERT INTO version VALUES (%s)", (number,))
    return max(found, len(MIGRATIONS))
