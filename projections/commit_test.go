package projections_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/projections"
)

func TestSmokeEngine(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(postRead(1, 1), postRead(1, 2), postRead(2, 1))
	e := b.engine(projections.PostInsights{})
	start := time.Now()
	stop := b.start(e)
	b.caughtUp(e)
	t.Log("caught up", time.Since(start))
	start = time.Now()
	b.append(postRead(1, 3))
	b.caughtUp(e)
	t.Log("one more", time.Since(start))
	start = time.Now()
	stop()
	t.Log("stop", time.Since(start))
	start = time.Now()
	b.run(b.engine(projections.PostInsights{}))
	t.Log("again", time.Since(start))
	require.Equal(t, 4, b.count("select count(*) from tSPostInsights"))
	_ = atomic.Int64{}
	_ = pgx.ErrNoRows
	_ = context.Background
}
