package main

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// All rows of the database become what they were, under a service that runs and gets nothing new: as after a restore, or
// after it failed over. The service folds again what the log holds.
func TestWholeDatabaseSetBack(t *testing.T) {
	withService(t, t.TempDir(), func(p *process, _ string) {
		url, err := p.Parts.DatabaseURL(t.Context())
		require.NoError(t, err)
		conn, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		defer conn.Close(t.Context())
		add := func(from, to int) {
			var drafts []domain.Draft
			for i := from; i < to; i++ {
				drafts = append(drafts, commands.EntityDraft(domain.DirectoryAccount{ID: fmt.Sprintf("%024d", i), ParentAccount: eraseAgency}, time.Now()))
			}
			require.NoError(t, p.Log.AppendBulk(t.Context(), drafts))
		}
		shown := func() int { return p.countsOf(t, "select count(*) from accounts") }
		add(0, 10)
		require.Eventually(t, func() bool { return shown() == 10 }, patience, 10*time.Millisecond)
		rows, err := conn.Query(t.Context(), `
			select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where (n.nspname like 'lb\_%' or n.nspname = 'kept') and c.relkind in ('r', 'p') and not c.relispartition
			and c.relname not in ('processes', 'schema_migrations')`)
		require.NoError(t, err)
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		keep, back := "create schema copies;", "begin; set local session_replication_role = replica;"
		for i, table := range tables {
			keep += fmt.Sprintf("create table copies.t%d as table %s;", i, table)
			back += fmt.Sprintf("delete from %[2]s; insert into %[2]s select * from copies.t%[1]d;", i, table)
		}
		execute := func(sql string) {
			_, err := conn.Exec(t.Context(), sql)
			require.NoError(t, err)
		}
		execute(keep)
		add(10, 20)
		require.Eventually(t, func() bool { return shown() == 20 && p.Monitor.MayCommand() == nil }, patience, 10*time.Millisecond)
		_, err = conn.Exec(t.Context(), back)
		for deadlock := new(pgconn.PgError); errors.As(err, &deadlock) && deadlock.Code == "40P01"; { // with what the service folds still
			execute("rollback")
			_, err = conn.Exec(t.Context(), back)
		}
		require.NoError(t, err)
		var there int
		require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from lb_directory_g1.accounts").Scan(&there))
		require.Equal(t, 10, there)
		execute("commit")
		require.Eventually(t, func() bool { return shown() == 20 }, patience, 10*time.Millisecond)
		require.Eventually(t, func() bool { return p.Monitor.MayCommand() == nil && p.Monitor.Reason("directory") == "" }, patience, 10*time.Millisecond)
	})
}
