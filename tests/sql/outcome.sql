-- Included by the tests: pg_temp.outcome(statement) runs a statement, takes back what it did, and gives "ok" or its
-- error as SQLSTATE, message, detail and hint.
CREATE FUNCTION pg_temp.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION USING errcode = 'RBACK';
EXCEPTION WHEN OTHERS THEN
    IF sqlstate = 'RBACK' THEN
        RETURN 'ok';
    END IF;
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n    ', format('%s %s', sqlstate, sqlerrm), 'detail: ' || nullif(detail, ''),
                     'hint: ' || nullif(hint, ''));
END $$;
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' -> '
\set ECHO all
