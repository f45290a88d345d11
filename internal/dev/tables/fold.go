package tables

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Fold folds effective events with one projector into generation 1, in one transaction, as the engine does with a batch.
func Fold(ctx context.Context, pool *pgxpool.Pool, p fold.Projector, events []fold.Event) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		state := p.Begin(1)
		if err := Load(ctx, tx, state, events); err != nil {
			return err
		}
		var last pgx.Batch
		for _, ev := range events {
			if link := ev.Envelope.Chain; link != nil {
				ev.Head = domain.StreamHead{Version: link.Version, Hash: eventlog.RecordHash(link.Prev, ev.Raw), Time: ev.Envelope.Time}
				last.Queue(`
					insert into lb_engine.streams values ($1, 1, $2, $3, $4, $5, $6, null, false)
					on conflict (projection, generation, stream_key) do update
					set version = excluded.version, hash = excluded.hash, time = excluded.time`,
					p.Name, ev.Key, ev.Partition, ev.Head.Version, ev.Head.Hash[:], ev.Head.Time)
			}
			if err := state.Apply(ev); err != nil {
				return err
			}
		}
		err := write.Upsert(ctx, tx, &last, func(into write.Sink) error { return state.Write(into, true) })
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return write.Send(ctx, tx, &last)
	})
}

// Load runs all queries of a batch of events.
func Load(ctx context.Context, tx pgx.Tx, state fold.Fold, events []fold.Event) error {
	var first pgx.Batch
	state.Load(&first, events)
	if err := write.Send(ctx, tx, &first); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return state.LoadMore(ctx, tx)
}
