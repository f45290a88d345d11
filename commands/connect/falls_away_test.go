package connect_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// slowAppender takes a minute for each page, and keeps what was said of connections.
type slowAppender struct {
	commands.Appender

	s      *stage
	states []domain.ConnectionStateChanged
}

func (a *slowAppender) Append(ctx context.Context, d domain.Draft) error {
	switch data := d.Data.(type) {
	case domain.DirectorySocialAccount:
		a.s.now = a.s.now.Add(time.Minute)
	case domain.ConnectionStateChanged:
		a.states = append(a.states, data)
	}
	return a.Appender.Append(ctx, d)
}

// A reading may meet the dead token of a page that falls away while the rest is stored: what counts is the reason that the choice gives.
func TestReasonOfWhatFellAwayIsTheLatest(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.dialog.consent = consent("77", page("1001"), page("1002"))
	id, view := s.signIn(facebook(north))
	s.choose(id, view, "1.0.1001", "1.0.1002")
	s.now = s.now.Add(time.Hour)
	s.dialog.consent = consent("77", page("1001"))
	id, view = s.signIn(facebook(north))
	slow := &slowAppender{Appender: s.Log, s: s}
	s.Log = slow
	chosen := s.now
	s.choose(id, view, "1.0.1001")
	require.Len(t, slow.states, 1)
	require.True(t, slow.states[0].At.Equal(chosen.Add(time.Minute)), "after all that was stored before it: %s", slow.states[0].At)
}
