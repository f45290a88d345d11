package scheduler_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

// Pictures are looked for in a job of their own: what goes wrong there, and how long it takes, holds up no reading.
func TestPicturesHoldUpNoReading(t *testing.T) {
	t.Parallel()
	db := database(t)
	of := newDue(t, db, 1)
	looked, goOn, read := make(chan struct{}), make(chan struct{}), make(chan domain.FetchClaim)
	p := run(t, of.use(scheduler.Config{
		DatabaseURL: db.URL,
		Pictures: func(ctx context.Context) error { // again where the scheduler becomes the leader again, as on a machine that stood still
			select {
			case looked <- struct{}{}:
				<-goOn
			case <-ctx.Done():
			case <-goOn:
			}
			return errors.New("the host is away")
		},
		Work: func(ctx context.Context, claim domain.FetchClaim) error {
			read <- claim
			return of.done(ctx, claim)
		},
	}))
	receive(t, "the look for pictures", looked)
	receive(t, "a reading beside it", read)
	close(goOn)
	eventually(t, "the job to end", func() bool {
		var state string
		err := db.Pool.QueryRow(t.Context(), `select state from river.river_job where kind = 'take_pictures' order by id limit 1`).Scan(&state)
		return err == nil && state == "cancelled"
	})
	var attempts int
	require.NoError(t, db.Pool.QueryRow(t.Context(), `select max(attempt) from river.river_job where kind = 'take_pictures'`).Scan(&attempts))
	require.Equal(t, 1, attempts)
	require.NoError(t, p.end())
}
