package projections_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// What an operator was answered outlives a crash of the server: none of it is committed asynchronously, as the pool would.
func TestOperatorsRequestsCommitInSync(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(b.engine(bulkTally{}))
	b.exec("create table public.committed (how text)")
	b.exec(`create function public.note_commit() returns trigger language plpgsql as $$
		begin insert into public.committed values (current_setting('synchronous_commit')); return new; end $$`)
	b.exec("create trigger note_commit after insert or update on rebuilds for each row execute function public.note_commit()")
	inSync := func(what string) {
		require.Equal(t, 1, b.count("select count(*) from public.committed"), what)
		require.Equal(t, 1, b.count("select count(*) from public.committed where how = 'on'"), what)
		b.exec("truncate public.committed")
	}
	request := b.request("tally")
	inSync("request")
	require.NoError(t, b.rebuilds().Cancel(b.ctx(), request.ID))
	inSync("cancel")
	b.exec("update generations set state = 'retired', retired_at = now()")
	_, err := b.switchBack(asked("tally"))
	require.NoError(t, err)
	inSync("switch back")
}

// Who waits for a step of the generations hears of each: that a rebuild is asked for, or decided about, that its generation is to be followed,
// and that it is live. Nobody has to look.
func TestStepsOfGenerationsAreHeard(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.appendReadings(0, 100)
	progress := pg.NewProgress()
	ctx, cancel := context.WithCancel(b.ctx())
	var listening sync.WaitGroup
	t.Cleanup(listening.Wait)
	t.Cleanup(cancel)
	e := b.engine(bulkTally{}, func(c *projections.Config) { c.Progress = progress })
	heard := func(what string, stepped <-chan struct{}) {
		t.Helper()
		select {
		case <-stepped:
		case <-time.After(patience):
			require.FailNow(t, "not heard: "+what)
		}
	}
	stepped := e.Stepped()
	listening.Go(func() { progress.Listen(ctx, b.db.URL, quiet) })
	heard("that it listens", stepped)
	stepped = e.Stepped()
	request := b.request("tally")
	heard("the request", stepped)
	stepped = e.Stepped()
	require.NoError(t, b.rebuilds().Cancel(b.ctx(), request.ID))
	heard("an operator's decision", stepped)
	request = b.request("tally")
	hold := newGate()
	defer hold.open()
	e = b.engine(bulkTally{copying: func(context.Context, write.CopyTarget, bool) error {
		hold.first()
		return nil
	}}, func(c *projections.Config) {
		c.Progress = progress
	})
	b.start(e)
	<-hold.reached
	stepped = e.Stepped()
	hold.open()
	heard("that it is to be followed, and live", stepped)
	b.ends(request.ID, operator.RebuildDone)
}

// heldFollow is a log whose followers wait at a gate.
type heldFollow struct {
	projections.Log
	gate *gate
}

func (l heldFollow) Follow(c eventlog.FollowConfig) (eventlog.Follower, error) {
	l.gate.first()
	return l.Log.Follow(c)
}
