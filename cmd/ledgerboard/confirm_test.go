package main

import (
	"bufio"
	"bytes"
	"io"
	"strings"
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

// Without a terminal it says which flags are missing.
func TestConfirmNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for want, flags := range map[string]actionFlags{
		"give --yes too": {Reason: "incident"}, "give --reason CODE[:TICKET] too": {Yes: true}, "give --yes and --reason CODE[:TICKET] too": {},
	} {
		_, err := flags.confirm(streams{Out: io.Discard, Err: io.Discard}, "x")
		require.ErrorContains(t, err, want)
	}
}

func TestAskForReasonAndGo(t *testing.T) {
	t.Parallel()
	for answers, want := range map[string]error{
		"incident\ny\n": nil, "incident:OPS-2\nYES\n": nil, "incident\n\n": errDeclined, "incident\nn\n": errDeclined,
		"\n": errDeclined, "no\n": errDeclined, "": errDeclined,
	} {
		var said bytes.Buffer
		_, err := actionFlags{}.ask(streams{Err: &said}, bufio.NewReader(strings.NewReader(answers)), "pause linkedin")
		require.ErrorIs(t, err, want, answers)
		require.True(t, strings.HasPrefix(said.String(), "This will pause linkedin.\nReason ("), said.String())
	}
}

// Ctrl-C at either prompt ends the command, although nobody answers.
func TestSignalAtAPrompt(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string]actionFlags{"reason": {}, "go on": {Reason: "incident"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			silent, writer := io.Pipe()
			defer writer.Close()
			cut := make(chan struct{})
			close(cut)
			_, err := flags.ask(streams{Err: io.Discard, Cut: cut}, bufio.NewReader(silent), "x")
			require.ErrorIs(t, err, errInterrupted)
			require.ErrorContains(t, err, nothingDone)
			require.Equal(t, exitCut, exitCode(err, io.Discard))
		})
	}
}
