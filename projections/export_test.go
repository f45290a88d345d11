package projections

import (
	"context"
	"fmt"
	"log/slog"
	"maps"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Problem is what Status would tell if the database could be asked.
func (e *Engine) Problem() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sessions {
		if problem := s.sight().problem; problem != "" {
			return problem
		}
	}
	return e.problem
}

// FigurePayloads is what a batch of events tells.
func FigurePayloads(events []Event) ([]string, error) { return figurePayloads(figureChanges(events)) }

// NotFollowed are the reasons that the log gave for not following partitions. Status finds another log by
// itself too, which says nothing about what is folded.
func (e *Engine) NotFollowed() map[int32]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[int32]string{}
	for _, s := range e.sessions {
		maps.Copy(all, s.sight().stopped)
	}
	return all
}

// InBatchesOf sets how many records one poll brings at most, and one page of parked records.
func (e *Engine) InBatchesOf(n int) *Engine {
	e.maxRecords = n
	return e
}

// Bulked is what a fold in bulk parked, and how many records lost their race.
type Bulked struct {
	Parked []string
	Stale  int64
}

// FoldInBulk folds the topic up to offsets into a target, partition by partition.
func FoldInBulk(
	ctx context.Context, c Config, to map[int32]int64, into CopyTarget, refused func(Event) *ParkError,
) (b Bulked, err error) {
	w, err := newWork(c)
	if err != nil {
		return b, err
	}
	folds, err := w.foldTopic(ctx, [16]byte{}, to, into, refused, 1)
	if err != nil {
		return b, err
	}
	for partition := range int32(len(to)) {
		f := folds[partition]
		b.Stale += f.stale
		for _, r := range f.rows() {
			state := "parked"
			if r.skipped {
				state = "skipped"
			}
			b.Parked = append(b.Parked, fmt.Sprintf("%d/%d %s %s %s %s %s", r.Partition, r.Offset, r.Key, r.Type, r.EventID, r.Reason, state))
		}
	}
	return b, nil
}

// Another makes another generation beside the ones that are there; engines follow it.
func (e *Engine) Another(ctx context.Context) (number int, err error) {
	ranges, topicID, err := e.log.Ranges(ctx, e.projector.Topic())
	if err != nil {
		return 0, err
	}
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		g, err := e.createGeneration(ctx, tx, StateBuilding, ranges, topicID)
		number = g.Number
		return err
	})
	return number, err
}

// CheckDue checks the tables that are to be checked now.
func CheckDue(ctx context.Context, pool *pgxpool.Pool, engines ...*Engine) error {
	return runDue(ctx, pool, engines, slog.New(slog.DiscardHandler))
}

// CompareTable compares a table of two schemas.
func CompareTable(ctx context.Context, pool Database, a, b, table string) (r TableReport, err error) {
	err = pgx.BeginTxFunc(ctx, pool, snapshotOptions, func(tx pgx.Tx) error {
		r, err = compareTable(ctx, tableSide{tx, a}, tableSide{tx, b}, table, 7)
		return err
	})
	return r, err
}
