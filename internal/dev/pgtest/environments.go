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
