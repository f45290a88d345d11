package projections_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// hear listens as an API node does.
func (b *bench) hear() <-chan string {
	b.t.Helper()
	heard := make(chan string, 100)
	progress := pg.NewProgress()
	progress.HearFigures(func(payload string) { heard <- payload })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); progress.Listen(ctx, b.db.URL, quiet) }()
	b.t.Cleanup(func() { cancel(); <-done })
	require.Equal(b.t, pg.AnyFigure, told(b.t, heard), "what was told before the connection was not heard")
	return heard
}

func told(t *testing.T, heard <-chan string) string {
	t.Helper()
	select {
	case payload := <-heard:
		return payload
	case <-time.After(patience):
		require.Fail(t, "nothing was told")
		return ""
	}
}

// Whose figures moved is told when they can be read, once they are live, and not of a model in the making.
func TestMovedFiguresAreTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	heard := b.hear()
	b.append(accountRead(1, 1), postRead(2, 1))
	accounts, posts := b.engine(projectors.AccountInsights), b.engine(projectors.PostInsights)
	b.follow(accounts)
	require.Equal(t, pg.AnyFigure, told(t, heard), "the model went live, and told nothing before")
	b.follow(posts)
	require.Equal(t, pg.AnyFigure, told(t, heard))
	for figures, one := range map[string]struct {
		read  domain.Draft
		table string
	}{"account": {accountRead(3, 2), "tSAccountIns"}, "posts": {postRead(3, 2), "tSPostInsights"}} {
		b.append(one.read)
		require.JSONEq(t, `[{"parent_account":"`+agencyA+`","account_id":"`+client1+`","member_id":7,"social_account_id":3,"p_id":1,"figures":"`+figures+`"}]`,
			told(t, heard))
		require.Equal(t, 1, b.count("select count(*) from "+one.table+" where social_account_id = 3"), "it can be read")
	}
	require.Empty(t, heard, "each change by one projection")
}

// A connection that needs a sign-in is told once it can be read, and one that works again is not.
func TestConnectionThatNeedsASignInIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	heard := b.hear()
	state := func(connection int64, state string) domain.Draft {
		return draft(domain.TopicOperations, agencyA, fmt.Sprintf("state-%d", connection), domain.ConnectionStateChanged{
			ConnectionID: connection, AccountID: client1, MemberID: 7, Platform: domain.Facebook, State: state, At: day0,
		})
	}
	operations := b.engine(projectors.Operations)
	b.follow(operations)
	require.Equal(t, pg.AnyFigure, told(t, heard))
	b.append(state(70, domain.ConnectionOK), state(71, domain.ConnectionReconnect))
	require.JSONEq(t, `[{"parent_account":"`+agencyA+`","account_id":"`+client1+`","member_id":7,"social_account_id":0,"p_id":1,
		"figures":"sign_in","connection_id":71,"at":"`+day0.Format(time.RFC3339)+`"}]`, told(t, heard))
	require.Equal(t, 1, b.count("select count(*) from connection_states where connection_id = 71"), "it can be read")
}

// A payload stays below PostgreSQL's limit, whatever a batch holds; a large batch names accounts alone.
func TestPayloadsAreShort(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{0: 0, 1: 1, 500: 500, 501: 1} {
		events := []fold.Event{{Err: domain.ErrUnknownType}}
		for social := range n {
			d := accountRead(int64(social+1), 1)
			ev := fold.Event{Recorded: domain.Recorded{Key: d.Key, Data: d.Data}}
			events = append(events, ev, ev)
		}
		payloads, err := projections.FigurePayloads(events)
		require.NoError(t, err)
		changes := 0
		for _, payload := range payloads {
			require.Less(t, len(payload), 8000)
			var part []domain.FigureChange
			require.NoError(t, json.Unmarshal([]byte(payload), &part))
			changes += len(part)
		}
		require.Equal(t, want, changes)
	}
}
