package projections_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// oneByOne hands out a record with each poll.
type oneByOne struct{ *reader }

func (l oneByOne) Follow(c eventlog.FollowConfig) (eventlog.Follower, error) {
	f, err := l.reader.Follow(c)
	return oneFollower{f}, err
}

type oneFollower struct{ eventlog.Follower }

func (f oneFollower) Poll(ctx context.Context, wait time.Duration) (eventlog.Batch, error) {
	batch, err := f.Follower.Poll(ctx, wait)
	if len(batch.Runs) > 0 {
		run := batch.Runs[0]
		run.Records, run.Next = run.Records[:1], run.Records[0].Offset+1
		batch.Runs = []eventlog.Run{run}
	}
	return batch, err
}

// Records of another projection of the topic change no row: the checkpoint moves over them ten times a second at most, and
// with the next record that is the projection's own. It ends where the log ends.
func TestRecordsOfAnotherProjectionShareATransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	log := newMemLog(b.log.Codec(), domain.TopicMetrics)
	over := func(c *projections.Config) { c.Log = oneByOne{&reader{memLog: log}} }
	first := b.engine(projectors.AccountInsights{}, over)
	b.run(first) // the generation is live: readers use it
	const others = 400
	for n := range others {
		log.add(b.encode(postRead(1, n)), 0)
		if n == others/2 {
			log.add(b.encode(accountRead(1, 1)), 0)
			log.add(b.encode(accountRead(2, 1)), 1)
		}
	}
	_, err := b.db.Pool.Exec(b.ctx(), `
		create sequence lb_engine.moves minvalue 0 start 0;
		select nextval('lb_engine.moves');
		create function lb_engine.count_move() returns trigger language plpgsql as $$
			begin perform nextval('lb_engine.moves'); return null; end $$;
		create trigger count_moves after update of next_offset on lb_engine.checkpoints for each statement execute function lb_engine.count_move()`)
	require.NoError(t, err)
	began := time.Now()
	second := b.engine(projectors.AccountInsights{}, over)
	b.run(second)
	atMost := 5 + int(time.Since(began)/(100*time.Millisecond))
	require.LessOrEqual(t, b.count("select last_value from lb_engine.moves"), atMost)
	require.Equal(t, 2, b.count("select count(*) from tSAccountIns"))
	require.Equal(t, others+2, b.count("select sum(next_offset) from checkpoints where projection = 'account_insights'"))
}
