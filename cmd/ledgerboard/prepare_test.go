package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// Tables that nobody has made are made in the command, on record and without readers of what serves noticing; those that are
// there stay, and to prepare again does nothing.
func TestPrepareCommand(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 30)
	run := func(names ...string) (told, said string, err error) {
		var out, errs bytes.Buffer
		c := prepareCommand{
			storage: a.storage(), logging: logging{LogLevel: "error", LogFormat: "text"},
			actionFlags: actionFlags{Yes: true, Reason: "upgrade:OPS-1"}, Names: names,
		}
		err = c.Run(t.Context(), streams{Out: &out, Err: &errs})
		return out.String(), errs.String(), err
	}
	count := func(sql string) (n int) {
		require.NoError(t, a.db.Pool.QueryRow(t.Context(), sql).Scan(&n))
		return n
	}
	told, said, err := run("dashboards", "directory")
	require.NoError(t, err)
	require.Contains(t, said, "dashboards: generation 1 of version")
	require.Regexp(t, `directory: generation \d is ready for readers of this version`, told)
	require.Equal(t, 1, count("select count(*) from generations where projection = 'directory' and state = 'live'"))
	made := count("select generation from generations where projection = 'directory' and state = 'live'")
	require.Equal(t, 1, count("select count(*) from generations where projection = 'dashboards'"))

	told, said, err = run("dashboards", "directory")
	require.NoError(t, err)
	require.Empty(t, told)
	require.Contains(t, said, "directory: generation")
	require.Equal(t, 1, count("select count(*) from rebuilds"))

	// A generation of another version serves: this version gets one of its own, and the other's readers stay.
	_, err = a.db.Pool.Exec(t.Context(), `update generations set version = 999 where projection = 'directory'`)
	require.NoError(t, err)
	_, _, err = run("directory")
	require.NoError(t, err)
	require.Equal(t, made, count("select generation from generations where projection = 'directory' and version = 999 and state = 'live'"))
	require.Equal(t, made+1, count("select generation from generations where projection = 'directory' and version <> 999 and state = 'live'"))

	_, _, err = run("nonesuch")
	var usage usageError
	require.ErrorAs(t, err, &usage)
	require.ErrorContains(t, err, "there is no read model")
}
