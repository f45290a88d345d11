//go:build e2e

package e2e_test

import (
	"encoding/json"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// tableAttacks are those of whoever has every right on the database.
func tableAttacks() []attack {
	edit := func(name, shows, sql string) attack {
		return attack{name: name, by: databases, shows: shows, never: clean, code: finding, do: func(s *scene) { s.exec(sql) }}
	}
	return []attack{
		{name: "tables are emptied and set to the beginning", by: databases, shows: "have not folded", never: clean, code: finding, do: func(s *scene) {
			s.exec("truncate dashboard_history, dashboard_heads, dashboard_preferences, access_notices, dashboard_commands")
			s.exec("update checkpoints set next_offset = 0 where projection = 'dashboards'")
		}},
		{name: "tables are emptied, and a pause is written beside them", by: databases, shows: "The log has no operator's pause", never: clean, code: finding, do: func(s *scene) {
			s.exec("truncate dashboard_history, dashboard_heads, dashboard_preferences, access_notices, dashboard_commands")
			s.exec("update checkpoints set next_offset = 0 where projection = 'dashboards'")
			s.exec("insert into kept.pauses (kind, name, since, actor, code, ticket) values ('projection', 'dashboards', now(), 'an operator', 'test', '')")
		}},
		{name: "tables are emptied, and the database says that they are being made", by: databases, shows: "both that it is being made and that readers use it", never: clean, code: finding, do: func(s *scene) {
			s.exec("truncate dashboard_history, dashboard_heads, dashboard_preferences, access_notices, dashboard_commands")
			s.exec("update checkpoints set next_offset = 0 where projection = 'dashboards'")
			s.exec("update generations set state = 'copying' where projection = 'dashboards'")
		}},
		{name: "tables are set back with their positions", by: databases, shows: "have not folded", never: clean, code: finding, do: func(s *scene) {
			s.source = s.older
			s.withItsDatabase()
		}},
		{name: "tables are set forward", by: databases, shows: "or somebody set them forward", never: clean, code: finding, do: func(s *scene) {
			s.exec("update checkpoints set next_offset = next_offset + 10 where projection = 'dashboards'")
		}},
		edit("tables are set back, and their positions are not", "or somebody set the tables back", `with gone as (
			delete from dashboard_history h using dashboard_heads d where h.parent_account = d.parent_account and h.version = d.version)
			update dashboard_heads d set version = d.version - 1, hash = h.hash from dashboard_history h
			where h.parent_account = d.parent_account and h.version = d.version - 1`),
		edit("a dashboard is edited", "TABLES agency ", "update dashboard_preferences set users = users[2:]"),
		edit("the history of a dashboard is edited", "TABLES agency ", "update dashboard_history set after = before where version = 300"),
		edit("the head of a stream is edited", "or somebody wrote that head into the tables", "update dashboard_heads set version = version + 1"),
		edit("the head of a stream that is nowhere is planted", "or somebody wrote that head into the tables",
			"insert into dashboard_heads select repeat('0', 24), version, hash, time from dashboard_heads limit 1"),
		edit("the answer to a repeated command is edited", "TABLES agency ", "update dashboard_commands set command_id = 'forged'"),
		edit("a notice is edited", "TABLES agency ", "delete from access_notices"),
		{name: "the names of two users are swapped in the tables", by: databases, shows: clean, never: "user", do: func(s *scene) {
			s.exec(`update users u set name = o.name from users o where u.account_id = o.account_id and u.id <> o.id`)
		}},
		{name: "looks at the history are deleted from the tables", by: databases, shows: clean, never: "TABLES", do: func(s *scene) {
			s.exec("delete from lb_operations_g1.operations_trail where event_type like 'audit.%'")
		}},
	}
}

// everyTableEdited removes a row of every table that is compared. Each is named.
func everyTableEdited(s *scene) {
	s.exec("delete from dashboard_heads where ctid = (select ctid from dashboard_heads limit 1)")
	conn := s.connect(s.database)
	rows, err := conn.Query(s.t.Context(), `
		select format('%I.%I', n.nspname, c.relname), c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname ~ '^lb_.*_g1$' and c.relkind in ('r', 'p') and not c.relispartition order by 1`)
	require.NoError(s.t, err)
	type table struct{ name, plain string }
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t table, err error) { return t, row.Scan(&t.name, &t.plain) })
	require.NoError(s.t, err)
	edited := map[string]bool{"dashboard_heads": true}
	for _, t := range tables {
		gone, err := conn.Exec(s.t.Context(), "delete from "+t.name+" where (tableoid, ctid) in (select tableoid, ctid from "+t.name+" limit 1)")
		require.NoError(s.t, err)
		if gone.RowsAffected() > 0 {
			edited[strings.ToLower(t.plain)] = true
		}
	}
	require.Greater(s.t, len(edited), 20)
	require.NoError(s.t, conn.Close(s.t.Context()))

	r := s.verify("--tables", "--json")
	require.Equal(s.t, finding, r.code, r.err)
	type report struct {
		Projection string
		Equal      bool
		Tables     []struct {
			Name  string
			Equal bool
		}
	}
	reports := lines[json.RawMessage](s.t, r.out)
	require.Len(s.t, reports, 6)
	for _, raw := range reports {
		var one report
		require.NoError(s.t, json.Unmarshal(raw, &one))
		require.False(s.t, one.Equal, "%s", raw)
		for _, t := range one.Tables {
			require.Equal(s.t, !edited[strings.ToLower(t.Name)], t.Equal, "%s of %s", t.Name, one.Projection)
			delete(edited, strings.ToLower(t.Name))
		}
	}
	require.Empty(s.t, edited, "these were edited, and nobody looked at them")
}
