package pgtest

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// environmentVariable names properties of the databases that tests get, separated by commas, in
// which databases of operators differ from the ordinary ones of tests. Ordinary ones have locale C,
// no publication and a superuser, and clients connect to the server. `make environments` sets all
// properties.
const environmentVariable = "LEDGERBOARD_TEST_DATABASE"

const (
	turkish   = "turkish"   // lower('I') is 'ı', and texts are ordered by language (ICU)
	published = "published" // a publication for all tables exists, as for logical replication
	role      = "role"      // the user owns nothing but what it creates in the database
	pgbouncer = "pgbouncer" // PgBouncer in session mode, with its default settings
	timeouts  = "timeouts"  // short limits for people's statements, locks, transactions and sessions: see [DB.Limit]
	sessions  = "sessions"  // defaults of sessions for another program: see [OtherDefaults]
)

const roleName = "ledgerboard_tester"

func is(property string) bool {
	return slices.Contains(strings.Split(os.Getenv(environmentVariable), ","), property)
}

func locale() string {
	if is(turkish) {
		return "template template0 encoding 'UTF8' locale_provider icu icu_locale 'tr-TR' lc_collate 'C' lc_ctype 'C'"
	}
	return ""
}

// userURL is the URL of the user that runs the tests, at the server.
func userURL(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(withDatabase(t, serverURL(t), database))
	require.NoError(t, err)
	if is(role) {
		u.User = url.UserPassword(roleName, "secret")
	}
	return u.String()
}

// clientURL is the URL that tests connect to.
func clientURL(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(userURL(t, database))
	require.NoError(t, err)
	if server.pooler != nil {
		u.Host = server.pooler.addr
	}
	return u.String()
}

// Limit gives new sessions of the database limits, as an administrator does for people's sessions, and
// returns their names. A pooler's own statements are limited too.
func (d *DB) Limit(t testing.TB, limit string) []string {
	t.Helper()
	limits := []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"}
	if query[bool](t, d.admin, "select current_setting('transaction_timeout', true) is not null") {
		limits = append(limits, "transaction_timeout")
	}
	settings := map[string]string{}
	for _, name := range limits {
		settings[name] = limit
	}
	d.SetDefaults(t, settings)
	return limits
}

// SetDefaults gives new sessions of the database other settings, as an administrator does.
func (d *DB) SetDefaults(t testing.TB, settings map[string]string) {
	t.Helper()
	u, err := url.Parse(d.admin)
	require.NoError(t, err)
	for name, value := range settings {
		administer(t, alterSessions(strings.TrimPrefix(u.Path, "/"))+" set "+name+" = '"+value+"'")
	}
}

// OtherDefaults returns settings that change what statements mean or return. Administrators have set
// them for another program that uses the database, or for an earlier one.
func OtherDefaults() map[string]string {
	return map[string]string{
		"client_encoding": "LATIN1", "default_transaction_isolation": "serializable", "synchronous_commit": "off",
		"timezone": "Asia/Kathmandu", "datestyle": "SQL, DMY", "intervalstyle": "iso_8601", "bytea_output": "escape",
		"extra_float_digits": "0", "search_path": "", "transform_null_equals": "on", "array_nulls": "off",
	}
}

// alterSessions is the beginning of a statement that changes the defaults of the user's sessions in a
// database.
func alterSessions(database string) string {
	if is(role) {
		return "alter role " + roleName + " in database " + database
	}
	return "alter database " + database
}
