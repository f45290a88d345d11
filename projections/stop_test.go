package projections_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// A stop lets the batch come to its end that is being folded: nobody folds it again, and commands that wait for it are answered.
func TestStopFinishesTheBatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(b.engine(tally{})) // a live generation without records
	g := newGate()
	defer g.open()
	e := b.engine(faulty{tally{}, func(_ context.Context, _ pgx.Tx, _ []fold.Event, next func() error) error {
		g.first()
		return next()
	}})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	b.append(postRead(1, 1)) // two might be two batches
	<-g.reached
	stop()
	g.open()
	require.NoError(t, <-ended)
	b.eachOnce(1)
}
