package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// Verifier compares the tables of two generations of a projection that stand at the same positions of the log.
//
// It need not lock live: each batch commits rows and checkpoints together, so any snapshot shows the tables of a
// generation exactly at the checkpoints that the same snapshot shows. Two snapshots may be compared when both show the
// same checkpoints, and that is checked in them. What remains is to bring the candidate to where live was seen:
//
//  1. Hold the candidate where it is. Its sessions wait before they move a checkpoint beyond its hold.
//  2. Wait until live is there or beyond, in every partition. It goes on as always.
//  3. Take the snapshot of live; move the hold to live's checkpoints in it.
//  4. Wait until the candidate has folded up to there; take its snapshot; let it go.
//
// Readers and live notice nothing. A verifier that dies leaves holds that end by themselves.
type Verifier struct {
	pool       Database
	projectors map[string]fold.Projector
}

// Database is what a verifier needs of a pool of schema lb_engine.
type Database interface {
	pg.Beginner
	querier
}

// holdFor is how long a hold lasts without its verifier; holdLook how often that looks and renews it.
const (
	holdFor  = 10 * time.Second
	holdLook = 20 * time.Millisecond
)

// NewVerifier makes a verifier of these projections; pool is of schema lb_engine.
func NewVerifier(pool Database, projectors ...fold.Projector) *Verifier {
	v := &Verifier{pool: pool, projectors: map[string]fold.Projector{}}
	for _, p := range projectors {
		v.projectors[p.Name()] = p
	}
	return v
}

// Verify brings the candidate to where live is and compares them. Both must be followed, or stand where they are equal.
func (v *Verifier) Verify(ctx context.Context, projection string, live, candidate int) (report json.RawMessage, equal bool, err error) {
	r, err := v.Report(ctx, projection, live, candidate)
	if err != nil {
		return nil, false, fmt.Errorf("verify generation %d of %s against %d: %w", candidate, projection, live, err)
	}
	report, err = json.Marshal(r)
	if err != nil {
		return nil, false, fmt.Errorf("encode report: %w", err)
	}
	return report, r.Equal, nil
}

// Report is [Verifier.Verify] with the report as it is.
func (v *Verifier) Report(ctx context.Context, projection string, live, candidate int) (r Report, err error) {
	p, ok := v.projectors[projection]
	if !ok {
		return r, domain.NewError(domain.CodeNotFound, "projection %s is not known", projection)
	}
	began := time.Now()
	letGo := func() error { return v.letGo(context.WithoutCancel(ctx), projection, candidate) }
	defer func() { err = errors.Join(err, letGo()) }()
	held, err := v.hold(ctx, projection, candidate, nil)
	if err != nil {
		return r, err
	}
	if err := v.await(ctx, projection, live, candidate, held); err != nil {
		return r, err
	}
	err = pgx.BeginTxFunc(ctx, v.pool, snapshotOptions, func(a pgx.Tx) error {
		at, err := readCheckpoints(ctx, a, projection, live)
		if err != nil {
			return err
		}
		if _, err := v.hold(ctx, projection, candidate, at); err != nil {
			return err
		}
		if err := v.await(ctx, projection, candidate, candidate, at); err != nil {
			return err
		}
		return pgx.BeginTxFunc(ctx, v.pool, snapshotOptions, func(b pgx.Tx) error {
			there, err := readCheckpoints(ctx, b, projection, candidate)
			if err != nil {
				return err
			}
			if !maps.Equal(at, there) {
				return domain.NewError(domain.CodeInternal, "generation %d stands at %v, not at %v: it was not held", candidate, there, at)
			}
			if err := letGo(); err != nil {
				return err
			}
			r, err = compareGenerations(ctx, a, b, p, live, candidate)
			return err
		})
	})
	if err == nil {
		r.finish(began)
	}
	return r, err
}

// hold lets the sessions of a generation fold up to these offsets and not beyond, by default to where they are, and
// returns the offsets.
func (v *Verifier) hold(ctx context.Context, projection string, generation int, at map[int32]int64) (map[int32]int64, error) {
	if at == nil {
		at = map[int32]int64{}
	}
	held, err := readOffsets(ctx, v.pool, `
		update checkpoints
		set hold_at = coalesce(($3::jsonb ->> partition::text)::bigint, next_offset), hold_until = clock_timestamp() + $4::interval
		where projection = $1 and generation = $2 returning partition, hold_at`, projection, generation, at, holdFor)
	if err != nil {
		return nil, fmt.Errorf("hold generation %d: %w", generation, err)
	}
	return held, nil
}

// letGo ends what hold began.
func (v *Verifier) letGo(ctx context.Context, projection string, generation int) error {
	ctx, cancel := context.WithTimeout(ctx, holdFor) // a hold that stays ends by itself
	defer cancel()
	rows, err := v.pool.Query(ctx, `
		update checkpoints set hold_at = null, hold_until = null
		where projection = $1 and generation = $2 and hold_at is not null`, projection, generation)
	if err == nil {
		rows.Close()
		err = rows.Err()
	}
	if err != nil {
		return fmt.Errorf("let generation %d go: %w", generation, err)
	}
	return nil
}

// await waits until a generation is at these offsets or beyond, and renews the hold of the one that is held. When it is cut, its
// error says how far the generation was.
func (v *Verifier) await(ctx context.Context, projection string, generation, held int, at map[int32]int64) error {
	look := time.NewTicker(holdLook)
	defer look.Stop()
	renewed := time.Now()
	var next map[int32]int64
	for {
		now, there, err := v.cameTo(ctx, projection, generation, at)
		if there {
			return nil
		}
		if now != nil {
			next = now
		}
		if err == nil && time.Since(renewed) > holdFor/4 {
			renewed = time.Now()
			err = v.renew(ctx, projection, held)
		}
		if err == nil {
			select {
			case <-ctx.Done():
			case <-look.C:
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("wait for generation %d, which is at %v and has to come to %v: %w", generation, next, at, ctx.Err())
		}
		if err != nil {
			return err
		}
	}
}

// cameTo reads where a generation is, and tells whether that is at these offsets or beyond.
func (v *Verifier) cameTo(ctx context.Context, projection string, generation int, at map[int32]int64) (now map[int32]int64, there bool, err error) {
	now, err = readCheckpoints(ctx, v.pool, projection, generation)
	if err != nil {
		return nil, false, err
	}
	if len(now) == 0 {
		return nil, false, domain.NewError(domain.CodeConflict, "generation %d is retired or was never there; there is nothing to compare", generation)
	}
	behind := func(partition int32) bool { return now[partition] < at[partition] }
	return now, !slices.ContainsFunc(slices.Collect(maps.Keys(at)), behind), nil
}

func (v *Verifier) renew(ctx context.Context, projection string, generation int) error {
	_, err := readOffsets(ctx, v.pool, `
		update checkpoints set hold_until = clock_timestamp() + $3::interval
		where projection = $1 and generation = $2 and hold_at is not null returning partition, hold_at`, projection, generation, holdFor)
	if err != nil {
		return fmt.Errorf("renew hold: %w", err)
	}
	return nil
}
