package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

const (
	rebuildLook   = 10 * time.Millisecond // between two looks at the state of a rebuild
	rebuildTell   = 10 * time.Second      // between two lines about it
	rebuildWithin = 5 * time.Minute
)

// rebuilding is a log, a database and the program between them, in which a projection is rebuilt.
type rebuilding struct {
	rebuildWorld
	logger      *slog.Logger
	bench       *bench
	projector   fold.Projector
	log         *eventlog.Log
	brokers     []string
	url         string
	pool        *pgxpool.Pool // of schemas lb_engine and lb
	program     *rebuildProgram
	live        *live
	connections int
	stopLog     func() error
}

// openRebuilding starts a broker and makes an empty database; the program is started later.
func (b *bench) openRebuilding(ctx context.Context, w rebuildWorld) (*rebuilding, error) {
	log, brokers, stop, err := b.dashboardsLog(ctx)
	if err != nil {
		return nil, err
	}
	r := &rebuilding{rebuildWorld: w, logger: b.logger, bench: b, log: log, brokers: brokers, stopLog: stop}
	r.connections = min(w.partitions, projections.CopiesAtOnce())
	for _, p := range projectors.All(0) {
		if p.Name() == w.projection {
			r.projector = p
		}
	}
	if r.url, err = b.emptyDatabase(ctx); err == nil {
		err = migrations.Up(ctx, r.url)
	}
	if err == nil {
		r.pool, err = pg.Open(ctx, pg.Config{URL: r.url, SearchPath: []string{migrations.Engine, migrations.Views}, Name: "bench", MaxConns: 8})
	}
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return r, nil
}

// say tells whoever watches how far the measurement is.
func (r *rebuilding) say(what string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: %s rebuild_%s: %s\n", time.Now().Format(time.TimeOnly), r.name, fmt.Sprintf(what, args...))
}

func (r *rebuilding) close() {
	if r.program != nil {
		r.program.stop()
	}
	r.pool.Close()
	r.stopLog() //nolint:errcheck // a temporary broker
}

// emptyDatabase makes a database without tables and returns its URL.
func (b *bench) emptyDatabase(ctx context.Context) (string, error) {
	b.n++
	name := fmt.Sprintf("bench_%d", b.n)
	admin, err := pgx.Connect(ctx, b.postgres.URL())
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer admin.Close(ctx)
	for _, statement := range []string{"drop database if exists " + name, "create database " + name} { // a run before may have left it in -keep
		if _, err := admin.Exec(ctx, statement); err != nil {
			return "", fmt.Errorf("%s: %w", statement, err)
		}
	}
	return b.urlOf(name)
}

// urlOf is that of a database of the bench's server.
func (b *bench) urlOf(database string) (string, error) {
	u, err := url.Parse(b.postgres.URL())
	if err != nil {
		return "", fmt.Errorf("parse URL: %w", err)
	}
	u.Path = "/" + database
	return u.String(), nil
}

// firstGeneration makes a generation of what the log holds, without folding it event by event: a process that finds the
// projection paused follows nothing but what a rebuild has made.
func (r *rebuilding) firstGeneration(ctx context.Context) (done rebuilt, err error) {
	kept, err := vault.Open(ctx, r.url)
	if err != nil {
		return done, err
	}
	defer kept.Close()
	pauses := vault.NewPauses(kept)
	reason := domain.Reason{Code: "maintenance"}
	if _, err := pauses.Pause(ctx, domain.Pause{
		Kind: domain.PauseProjection, Name: r.projection, Since: time.Now(), Actor: "bench", Reason: reason,
	}); err != nil {
		return done, err
	}
	asked, err := r.request(ctx, (*projections.Rebuilds).Request)
	if err != nil {
		return done, err
	}
	program, err := r.bench.startRebuilder(ctx, r.brokers, r.url)
	if err != nil {
		return done, err
	}
	r.program = program
	if done, err = r.await(ctx, asked, operator.RebuildSwitching); err != nil {
		return done, err
	}
	if _, err = pauses.Resume(ctx, domain.PauseProjection, r.projection); err != nil {
		return done, err
	}
	if err := r.program.ready(ctx); err != nil {
		return done, err
	}
	_, err = r.await(ctx, asked, operator.RebuildDone)
	return done, err
}

// asking is [projections.Rebuilds.Request] or SwitchBack.
type asking func(*projections.Rebuilds, context.Context, projections.RebuildRequest) (projections.Rebuild, error)

func (r *rebuilding) request(ctx context.Context, ask asking) (projections.Rebuild, error) {
	return ask(projections.NewRebuilds(r.pool), ctx, projections.RebuildRequest{
		Projection: r.projection, Version: r.projector.Version(), By: "bench", Reason: "maintenance",
	})
}

// rebuilt is when a rebuild came to each of its states, and how its shards shared the time.
type rebuilt struct {
	began, switched time.Time
	at              map[operator.RebuildState]time.Time
	fold, copy      time.Duration // of all shards
}

// String says how long it took to each state, for whoever watches the bench.
func (r rebuilt) String() string {
	var text strings.Builder
	for _, state := range rebuildStates {
		if at, seen := r.at[state]; seen {
			fmt.Fprintf(&text, "%s after %.1f s, ", state, at.Sub(r.began).Seconds())
		}
	}
	return text.String() + fmt.Sprintf("fold %.1f s, COPY %.1f s of connections", r.fold.Seconds(), r.copy.Seconds())
}

// rebuildStates are those of a rebuild that goes well, in their order.
var rebuildStates = []operator.RebuildState{
	operator.RebuildCopying, operator.RebuildIndexing, operator.RebuildCatchingUp, operator.RebuildVerifying,
	operator.RebuildSwitching, operator.RebuildDone,
}

// rebuild asks for a rebuild, or for the way back, and waits until readers are switched.
func (r *rebuilding) rebuild(ctx context.Context, ask asking) (done rebuilt, err error) {
	asked, err := r.request(ctx, ask)
	if err != nil {
		return done, err
	}
	if done, err = r.await(ctx, asked, operator.RebuildDone); err != nil {
		return done, err
	}
	err = r.pool.QueryRow(ctx, `select switched_at from pointer where projection = $1 and version = $2`,
		r.projection, r.projector.Version()).Scan(&done.switched)
	return done, err
}

// await looks at a rebuild until it is in the state. A state that is passed between two looks gets the time of the next.
func (r *rebuilding) await(ctx context.Context, asked projections.Rebuild, until operator.RebuildState) (done rebuilt, err error) {
	ctx, cancel := context.WithTimeout(ctx, rebuildWithin)
	defer cancel()
	done = rebuilt{began: asked.RequestedAt, at: map[operator.RebuildState]time.Time{}}
	fold, copied := r.program.shards()
	told := time.Now()
	for {
		var state operator.RebuildState
		var why string
		var events int64
		err := r.pool.QueryRow(ctx, `select state, coalesce(error, ''), events_done from rebuilds where id::text = $1`, asked.ID).
			Scan(&state, &why, &events)
		if err != nil {
			return done, fmt.Errorf("look at rebuild: %w", err)
		}
		if time.Since(told) > rebuildTell {
			told = time.Now()
			r.say("%s since %s, %d events %s", state, time.Since(asked.RequestedAt).Round(time.Second), events, why)
		}
		reached := false
		for _, passed := range slices.Backward(rebuildStates) {
			if reached = reached || passed == state; reached && done.at[passed].IsZero() {
				done.at[passed] = time.Now()
			}
		}
		if r.live != nil && !done.at[operator.RebuildVerifying].IsZero() {
			r.live.often.Store(true) // what is measured until here is the rebuild
		}
		if !done.at[until].IsZero() {
			f, c := r.program.shards()
			done.fold, done.copy = f-fold, c-copied
			return done, nil
		}
		if state == operator.RebuildBlocked || state == operator.RebuildFailed || state == operator.RebuildCancelled {
			return done, fmt.Errorf("the rebuild is %s: %s", state, why)
		}
		select {
		case <-r.program.ended:
			return done, errEnded
		case <-ctx.Done():
			return done, fmt.Errorf("the rebuild is still %s: %w", state, ctx.Err())
		case <-time.After(rebuildLook):
		}
	}
}

// checkpoint lets the server write what it has put off, so that what is measured next does not pay for it.
func (r *rebuilding) checkpoint(ctx context.Context) error {
	if _, err := r.pool.Exec(ctx, "checkpoint"); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
