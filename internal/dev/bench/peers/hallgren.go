package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hallgren/eventsourcing"
	"github.com/hallgren/eventsourcing/aggregate"
	"github.com/hallgren/eventsourcing/core"
	"github.com/hallgren/eventsourcing/eventstore/sql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// post is an aggregate that decides nothing: readings are facts.
type post struct{ aggregate.Root }

func (*post) Transition(eventsourcing.Event)           {}
func (*post) Register(register aggregate.RegisterFunc) { register(&reading{}) }

type hallgrenPeer struct {
	table table
	log   *sql.Postgres
	last  eventsourcing.Version // that the last catchUp folded

	mu        sync.Mutex
	posts     map[string]*post
	following *eventsourcing.Projection
}

// newHallgrenPeer fills the log with the readings.
func newHallgrenPeer(t table, readings []*reading) (*hallgrenPeer, error) {
	aggregate.Register(&post{})
	log, err := sql.NewPostgres(stdlib.OpenDBFromPool(t.Pool))
	if err != nil {
		return nil, err
	}
	h := &hallgrenPeer{table: t, log: log, posts: map[string]*post{}}
	for _, e := range readings {
		if err := h.append(e); err != nil {
			return nil, fmt.Errorf("fill the log of hallgren: %w", err)
		}
	}
	return h, nil
}

func (*hallgrenPeer) name() string { return "hallgren" }

func (h *hallgrenPeer) append(e *reading) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := fmt.Sprintf("%d/%s", e.Social, e.ExternalID)
	if h.posts[id] == nil {
		h.posts[id] = &post{}
		if err := h.posts[id].SetID(id); err != nil {
			return err
		}
	}
	aggregate.TrackChange(h.posts[id], e)
	err := aggregate.Save(h.log, h.posts[id])
	if h.following != nil {
		h.following.TriggerAsync()
	}
	return err
}

func (h *hallgrenPeer) catchUp(ctx context.Context, _ int, rebuild bool) (time.Duration, error) {
	var batch pgx.Batch
	flush := func() error {
		err := h.table.SendBatch(ctx, &batch).Close()
		batch = pgx.Batch{}
		return err
	}
	began := time.Now()
	result := h.projection(1, func(e *reading) error {
		if !rebuild {
			return h.table.write(ctx, e)
		}
		batch.Queue(upsert, e.row()...)
		if batch.Len() < 1000 {
			return nil
		}
		return flush()
	}).RunToEnd(ctx)
	h.last = result.LastHandledEvent.GlobalVersion()
	if result.Error != nil {
		return 0, result.Error
	}
	err := flush()
	return time.Since(began), err
}

func (h *hallgrenPeer) follow(ctx context.Context, folded func(*reading)) error {
	h.mu.Lock()
	h.following = h.projection(h.last+1, func(e *reading) error {
		err := h.table.write(ctx, e)
		folded(e)
		return err
	})
	h.mu.Unlock()
	return h.following.Run(ctx, 10*time.Millisecond)
}

// projection makes one of the stored events, which begins with a version.
func (h *hallgrenPeer) projection(first eventsourcing.Version, fold func(*reading) error) *eventsourcing.Projection {
	// A conversion: the types of the store's version and the projection's have names that differ.
	var fetch func() (core.Iterator, error) = h.log.All(core.Version(first))
	return eventsourcing.NewProjection(fetch, func(stored eventsourcing.Event) error {
		return fold(stored.Data().(*reading))
	})
}
