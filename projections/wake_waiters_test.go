package projections_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// listen listens as an API node does.
func (b *bench) listen() <-chan string {
	b.t.Helper()
	notices := make(chan string, 100)
	progress := pg.NewProgress()
	progress.ListenFigures(func(payload string) { notices <- payload })
	ledgertest.Run(b.t, func(ctx context.Context) error { progress.Listen(ctx, b.db.URL, quiet); return nil })
	require.Equal(b.t, pg.AnyFigure, ledgertest.Receive(b.t, notices), "notices from before the connection are lost")
	return notices
}

// Moved figures are announced once they can be read, and only for a live generation, and so is a
// connection that needs a sign-in, but not one that works again.
func TestChangedFiguresAreAnnouncedOnceReadable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	notices := b.listen()
	b.append(accountRead(1, 1), postRead(2, 1))
	accounts, posts := b.engine(projectors.AccountInsights), b.engine(projectors.PostInsights)
	b.follow(accounts)
	require.Equal(t, pg.AnyFigure, ledgertest.Receive(t, notices), "the model went live and announced nothing before")
	b.follow(posts)
	require.Equal(t, pg.AnyFigure, ledgertest.Receive(t, notices))
	for figures, one := range map[string]struct {
		read  domain.Draft
		table string
	}{"account": {accountRead(3, 2), "tSAccountIns"}, "posts": {postRead(3, 2), "tSPostInsights"}} {
		b.append(one.read)
		require.JSONEq(t, `[{"parent_account":"`+agencyA+`","account_id":"`+client1+`","member_id":7,"social_account_id":3,"p_id":1,"figures":"`+figures+`"}]`,
			ledgertest.Receive(t, notices))
		require.Equal(t, 1, b.count("select count(*) from "+one.table+" where social_account_id = 3"), "the row can be read")
	}
	require.Empty(t, notices, "one projection announces each change")

	state := func(connection int64, code domain.StatusCode) domain.Draft {
		return draft(domain.TopicOperations, agencyA, fmt.Sprintf("state-%d", connection), domain.ConnectionStateChanged{
			ConnectionID: connection, AccountID: client1, MemberID: 7, Platform: domain.Facebook, Code: code, At: day0,
		})
	}
	b.followEngine(projectors.Operations)
	require.Equal(t, pg.AnyFigure, ledgertest.Receive(t, notices))
	b.append(state(70, ""), state(71, domain.StatusRefused))
	require.JSONEq(t, `[{"parent_account":"`+agencyA+`","account_id":"`+client1+`","member_id":7,"social_account_id":0,"p_id":1,
		"connection_id":71}]`, ledgertest.Receive(t, notices))
	require.Equal(t, 1, b.count("select count(*) from connection_states where connection_id = 71"), "the row can be read")
}

// A payload stays below PostgreSQL's limit for any batch; a large batch names only accounts.
func TestNotifyPayloadStaysBelowLimit(t *testing.T) {
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
