package pg_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// A mode in which the types of parameters are not known is refused before anything is opened, and no error shows the password.
func TestModesWithoutTypesAreRefused(t *testing.T) {
	t.Parallel()
	for mode, refused := range map[string]bool{"": false, "cache_statement": false, "cache_describe": false, "describe_exec": false, "exec": true, "simple_protocol": true} {
		url := "postgres://u:geheim@127.0.0.1:1/d"
		if mode != "" {
			url += "?default_query_exec_mode=" + mode
		}
		err := pg.CheckURL(url)
		if !refused {
			require.NoError(t, err, mode)
			continue
		}
		require.ErrorContains(t, err, "default_query_exec_mode="+mode)
		require.NotContains(t, err.Error(), "geheim")
		_, err = pg.Open(t.Context(), pg.Config{URL: url, SearchPath: []string{"s"}, Name: "test"})
		require.ErrorContains(t, err, "default_query_exec_mode="+mode, "before it connects")
	}
	require.ErrorContains(t, pg.CheckURL("postgres://u:geheim@h/d?sslmode=maybe"), "sslmode")
}
