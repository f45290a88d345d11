package pgtest

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/migrations"
)

// template is a database that those of tests are copied from.
type template struct {
	suffix string
	fill   func(ctx context.Context, databaseURL string) error

	once  sync.Once
	fresh string // [fingerprint] of it and of its copies

	sync.Mutex
	free []string // copies that no test uses now
}

var (
	withTables = &template{suffix: "tables", fill: tables.Create}
	bare       = &template{suffix: "bare", fill: migrations.Up}
)

// take returns the name of an empty database that no other test uses.
func (m *template) take(t testing.TB) string {
	t.Helper()
	admin, name := serverURL(t), fmt.Sprintf("ledgerboard_template_%d_%s", os.Getpid(), m.suffix)
	m.once.Do(func() {
		create(t, name, locale())
		if is(published) {
			exec(t, withDatabase(t, admin, name), "create publication everything for all tables")
		}
		require.NoError(t, m.fill(context.Background(), userURL(t, name)))
		var err error
		m.fresh, err = empty(withDatabase(t, admin, name))
		require.NoError(t, err)
	})
	m.Lock()
	defer m.Unlock()
	if last := len(m.free) - 1; last >= 0 {
		free := m.free[last]
		m.free = m.free[:last]
		return free
	}
	copied := newName()
	create(t, copied, "template "+name)
	return copied
}

func create(t testing.TB, name, options string) {
	t.Helper()
	administer(t, "create database "+name+" "+options)
	if is(role) {
		administer(t, "grant create, temporary on database "+name+" to "+roleName)
	}
}

func newName() string { return "t_" + strings.ToLower(rand.Text()) }

// giveBack empties a database for another test, or drops it if it cannot be reset to the state of
// the template. It renames the database, so that clients that outlive their test do not reach it.
func (m *template) giveBack(t testing.TB, name string) {
	t.Helper()
	next := newName()
	administer(t, "select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = '"+name+"';"+
		"alter database "+name+" allow_connections true; alter database "+name+" reset all; "+alterSessions(name)+" reset all; "+
		"alter database "+name+" rename to "+next)
	if fingerprint, err := empty(withDatabase(t, serverURL(t), next)); err != nil || fingerprint != m.fresh {
		administer(t, "drop database "+next+" with (force)")
		return
	}
	m.Lock()
	defer m.Unlock()
	m.free = append(m.free, next)
}

var (
	// emptying removes the rows that the template does not contain.
	//
	//go:embed empty.sql
	emptying string
	// fingerprint selects a text that changes with every change of the catalog, of a sequence and
	// of the rows of the template.
	//
	//go:embed fingerprint.sql
	fingerprint string
)

// empty removes a database's rows and returns its fingerprint.
func empty(databaseURL string) (found string, err error) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, emptying); err != nil {
		return "", err
	}
	return found, conn.QueryRow(ctx, fingerprint).Scan(&found)
}
