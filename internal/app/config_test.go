package app_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

// Origins with a star may read responses, but result pages never link to them.
func TestResultPagesLinkOnlyToExactOrigins(t *testing.T) {
	t.Parallel()
	c := app.Config{
		Roles: []string{app.RoleAPI}, PublicURL: "https://boards.example",
		HTTP: api.Config{CORSOrigins: []string{"*", "http://localhost:*", "https://app.example"}},
	}
	require.Equal(t, []string{"https://app.example"}, app.ReturnOrigins(c))
	require.True(t, c.Connects())
	c.Roles = []string{app.RoleFetcher}
	require.False(t, c.Connects(), "without the role api no requests are served")
}

// Values that the command line refuses are refused in code too. A main application reads the name of a
// field, and an operator that of the variable.
func TestEnumsAreCheckedInCode(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, field := range reflect.VisibleFields(reflect.TypeFor[app.Config]()) {
		if _, limited := field.Tag.Lookup("enum"); !limited {
			continue
		}
		checked++
		var c app.Config
		reflect.ValueOf(&c).Elem().FieldByIndex(field.Index).SetString("Nonsense")
		require.ErrorContains(t, c.Validate(), "mount: Config."+field.Name+` is "Nonsense"; use `)
		c.Embedded = embedded.Directory{}
		require.ErrorContains(t, c.Validate(), field.Tag.Get("env")+` is "Nonsense"; use `)
	}
	require.Greater(t, checked, 4)
}

// A setting has one default, on the command line and in code. Those that begin with ${ are constants of
// other packages.
func TestDefaultsInCodeAreThoseOfTheCommandLine(t *testing.T) {
	t.Parallel()
	checked, filled := 0, reflect.ValueOf(app.WithDefaults(app.Config{}))
	for _, field := range reflect.VisibleFields(filled.Type()) {
		value := filled.FieldByIndex(field.Index)
		want := field.Tag.Get("default")
		if want == "" || strings.HasPrefix(want, "${") || value.IsZero() {
			continue
		}
		checked++
		if every, ok := reflect.TypeAssert[time.Duration](value); ok {
			parsed, err := time.ParseDuration(want)
			require.NoError(t, err, field.Name)
			require.Equal(t, parsed, every, field.Name)
			continue
		}
		require.Equal(t, want, value.String(), field.Name)
	}
	require.Equal(t, 4, checked)
}
