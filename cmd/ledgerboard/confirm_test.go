package main

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestConfirm(t *testing.T) {
	t.Parallel()
	quiet := streams{Out: io.Discard, Err: io.Discard}
	reason, err := actionFlags{Yes: true, Reason: "incident:OPS-1"}.confirm(quiet, "x")
	require.NoError(t, err)
	require.Equal(t, domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-1"}, reason)
	for _, flags := range []actionFlags{{Yes: true}, {Yes: true, Reason: "because"}, {Reason: "incident"}} { // tests have no terminal
		_, err := flags.confirm(quiet, "x")
		require.ErrorAs(t, err, new(usageError))
	}
}
