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
)

// databases contains the databases of this process that no test uses now.
var databases struct {
	template sync.Once
	fresh    string // [fingerprint] of the template

	sync.Mutex
	free []string
}

// takeDatabase returns the name of an empty database that no other test uses.
func takeDatabase(t testing.TB) string {
	t.Helper()
	admin, template := serverURL(t), fmt.Sprintf("ledgerboard_template_%d", os.Getpid())
	databases.template.Do(func() {
		if is(role) {
			administer(t, "create role "+roleName+" login password 'secret'")
		}
		create(t, template, locale())
		if is(published) {
			exec(t, withDatabase(t, admin, template), "create publication everything for all tables")
		}
		require.NoError(t, tables.Create(context.Background(), userURL(t, template)))
		var err error
		databases.fresh, err = empty(withDatabase(t, admin, template))
		require.NoError(t, err)
	})
	databases.Lock()
	defer databases.Unlock()
	if last := len(databases.free) - 1; last >= 0 {
		name := databases.free[last]
		databases.free = databases.free[:last]
		return name
	}
	name := newName()
	create(t, name, "template "+template)
	return name
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
func giveBack(t testing.TB, name string) {
	t.Helper()
	next := newName()
	administer(t, "select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = '"+name+"';"+
		"alter database "+name+" allow_connections true; alter database "+name+" reset all; "+alterSessions(name)+" reset all; "+
		"alter database "+name+" rename to "+next)
	if fingerprint, err := empty(withDatabase(t, serverURL(t), next)); err != nil || fingerprint != databases.fresh {
		administer(t, "drop database "+next+" with (force)")
		return
	}
	databases.Lock()
	defer databases.Unlock()
	databases.free = append(databases.free, next)
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
