package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// The topics of the log are shown to people and to programs.
func TestLogShowsTopics(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	show := func(asJSON bool) string {
		var said bytes.Buffer
		command := logCommand{storage: a.storage(), logging: logging{LogLevel: "error"}, JSON: asJSON}
		require.NoError(t, command.Run(t.Context(), streams{Out: &said, Err: &said}))
		return said.String()
	}
	var report logReport
	require.NoError(t, json.Unmarshal([]byte(show(true)), &report))
	require.Len(t, report.Topics, len(a.log.Codec().Topics()))
	require.Regexp(t, `(?m)^dashboards +12 +3 +`, show(false))
}
