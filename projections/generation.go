package projections

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// State is a generation's place in its life.
type State string

// The states of a generation.
const (
	StateBuilding State = "building" // not yet at the end offsets that were read at its start
	StateLive     State = "live"
	StateRetired  State = "retired"
)

// generation is one set of tables made by one version of a projector from one log.
type generation struct {
	Number  int
	Version int
	TopicID eventlog.TopicID
	State   State
	Targets map[int32]int64 // end offsets to reach before it may go live
}

// ErrOtherVersion says that the tables were made by another version of the projector's code.
var ErrOtherVersion = errors.New("the read model was made by another version of this program: " +
	"stop every process and drop schema lb, then the next start makes it anew from the log")

// openGeneration returns the generation to follow. With none, as in an empty database or after
// `drop schema lb`, it makes one that is live only once it has reached the log's present end. An
// advisory lock keeps two processes from making two.
func (e *Engine) openGeneration(ctx context.Context) (generation, error) {
	ranges, topicID, err := e.log.Ranges(ctx, e.projector.Topic())
	if err != nil {
		return generation{}, fmt.Errorf("read ends of topic %s: %w", e.projector.Topic(), err)
	}
	var g generation
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext($1))`, "ledgerboard generation "+e.projector.Name()); err != nil {
			return fmt.Errorf("lock generation: %w", err)
		}
		var found bool
		var err error
		if g, found, err = currentGeneration(ctx, tx, e.projector.Name()); err != nil {
			return err
		}
		if found && g.Version != e.projector.Version() {
			return fmt.Errorf("%w (its version is %d, this program's %d)", ErrOtherVersion, g.Version, e.projector.Version())
		}
		if found {
			forgotten, err := e.outlivedTombstones(ctx, tx, g)
			if err != nil {
				return err
			}
			if !forgotten {
				return nil
			}
			if err := e.retire(ctx, tx, g); err != nil {
				return err
			}
		}
		g, err = e.createGeneration(ctx, tx, ranges, topicID)
		return err
	})
	if err != nil {
		return generation{}, fmt.Errorf("open generation of %s: %w", e.projector.Name(), err)
	}
	return g, nil
}

func currentGeneration(ctx context.Context, q querier, projection string) (g generation, found bool, err error) {
	rows, err := q.Query(ctx, `
		select generation, version, topic_id, state, targets from generations
		where projection = $1 and state <> 'retired'`, projection)
	if err != nil {
		return g, false, fmt.Errorf("read generation: %w", err)
	}
	g, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[generation])
	if errors.Is(err, pgx.ErrNoRows) {
		return generation{}, false, nil
	}
	if err != nil {
		return g, false, fmt.Errorf("read generation: %w", err)
	}
	return g, true, nil
}

func (e *Engine) createGeneration(ctx context.Context, tx pgx.Tx, ranges []eventlog.PartitionRange, topicID eventlog.TopicID) (generation, error) {
	g := generation{Version: e.projector.Version(), TopicID: topicID, State: StateBuilding, Targets: map[int32]int64{}}
	for _, r := range ranges {
		if r.Start > 0 && !e.compacted {
			return g, fmt.Errorf("topic %s partition %d begins at offset %d: its first records are gone, so a read model cannot be made from it; restore the log from a backup", e.projector.Topic(), r.Partition, r.Start)
		}
		g.Targets[r.Partition] = r.End
	}
	err := tx.QueryRow(ctx, `
		insert into generations (projection, generation, version, topic, topic_id, state, targets)
		select $1, coalesce(max(generation), 0) + 1, $2, $3, $4, 'building', $5
		from generations where projection = $1
		returning generation`,
		e.projector.Name(), g.Version, e.projector.Topic(), [16]byte(topicID), g.Targets).Scan(&g.Number)
	if err != nil {
		return g, fmt.Errorf("insert generation: %w", err)
	}
	for _, r := range ranges {
		_, err := tx.Exec(ctx, `
			insert into checkpoints (projection, generation, partition, state, next_offset, progressed_at, caught_up_at)
			values ($1, $2, $3, 'building', $4, now(), now())`, e.projector.Name(), g.Number, r.Partition, r.Start)
		if err != nil {
			return g, fmt.Errorf("insert checkpoint: %w", err)
		}
	}
	return g, nil
}

// outlivedTombstones tells whether a compacted topic may have dropped tombstones that this
// generation has not seen: then it would keep erased entities for ever, and must be made anew.
func (e *Engine) outlivedTombstones(ctx context.Context, tx pgx.Tx, g generation) (bool, error) {
	if !e.compacted || e.deleteRetention <= 0 {
		return false, nil
	}
	var outlived bool
	err := tx.QueryRow(ctx, `
		select coalesce(bool_or(caught_up_at < now() - $3::interval), false) from checkpoints
		where projection = $1 and generation = $2`, e.projector.Name(), g.Number, e.deleteRetention).Scan(&outlived)
	if err != nil {
		return false, fmt.Errorf("read age of checkpoints: %w", err)
	}
	return outlived, nil
}

// retire takes a generation out of use and empties its tables for the next one.
func (e *Engine) retire(ctx context.Context, tx pgx.Tx, g generation) error {
	if err := setState(ctx, tx, e.projector.Name(), g.Number, StateRetired); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `truncate `+strings.Join(e.projector.Tables(), ", ")); err != nil {
		return fmt.Errorf("empty tables: %w", err)
	}
	e.logger.Warn("read model is rebuilt: it was idle longer than the topic keeps tombstones", "projection", e.projector.Name())
	return nil
}

// goLive makes a building generation live once every partition has reached its target.
func (e *Engine) goLive(ctx context.Context) error {
	g := e.current()
	if g.State != StateBuilding {
		return nil
	}
	next, err := readCheckpoints(ctx, e.pool, e.projector.Name(), g.Number)
	if err != nil {
		return err
	}
	for partition, target := range g.Targets {
		if next[partition] < target {
			return nil
		}
	}
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		if err := setState(ctx, tx, e.projector.Name(), g.Number, StateLive); err != nil {
			return err
		}
		return e.notifyAll(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("make generation %d of %s live: %w", g.Number, e.projector.Name(), err)
	}
	g.State = StateLive
	e.setCurrent(g)
	e.logger.Info("read model is live", "projection", e.projector.Name(), "generation", g.Number)
	return nil
}

// setState moves a generation that is not retired, and its checkpoints, to a state.
func setState(ctx context.Context, tx pgx.Tx, projection string, generation int, state State) error {
	for _, table := range []string{"generations", "checkpoints"} {
		_, err := tx.Exec(ctx, `update `+table+` set state = $3 where projection = $1 and generation = $2 and state <> 'retired'`,
			projection, generation, string(state))
		if err != nil {
			return fmt.Errorf("set %s %s: %w", table, state, err)
		}
	}
	return nil
}

// deleteRetention is how long a compacted topic keeps its tombstones; 0 when it does not say.
func deleteRetention(topic eventlog.TopicSpec) time.Duration {
	ms, err := strconv.ParseInt(topic.Configs["delete.retention.ms"], 10, 64)
	if err != nil || !topic.Compacted {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// topicOf finds the topic's definition.
func topicOf(specs []eventlog.TopicSpec, name string) (eventlog.TopicSpec, error) {
	for _, s := range specs {
		if s.Name == name {
			return s, nil
		}
	}
	return eventlog.TopicSpec{}, domain.NewError(domain.CodeInternal, "topic %s has no definition", name)
}
