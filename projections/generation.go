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
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// State is a generation's place in its life.
type State = operator.State

// The states of a generation.
const (
	StateCopying  State = "copying"  // made in bulk
	StateBuilding State = "building" // followed, and not yet at the end offsets that were read at its start
	StateLive     State = "live"     // followed, and may be read
	StateStill    State = "still"    // as of a time, never followed
	StateRetired  State = "retired"  // not followed any more; kept for a way back
	StateDropped  State = "dropped"  // its tables are gone
)

// generation is one set of tables made by one version of a projector from one log.
type generation struct {
	Number  int
	Version int
	TopicID eventlog.TopicID
	State   State
	Targets map[int32]int64 // end offsets to reach before it may go live
}

// followed tells whether sessions fold the log into the generation.
func (g generation) followed() bool { return g.State == StateBuilding || g.State == StateLive }

const generationColumns = `generation, version, topic_id, state, targets`

// toFollow returns the generations of this projector version that are to be followed. With none, as in an empty
// database or with a projector of a new version, it makes one, which is live only once it has reached the log's
// present end. An advisory lock keeps two processes from making two.
func (e *Engine) toFollow(ctx context.Context) ([]generation, error) {
	found, err := e.followable(ctx, e.pool)
	if err != nil || len(found) > 0 {
		return found, err
	}
	ranges, topicID, err := e.log.Ranges(ctx, e.projector.Topic())
	if err != nil {
		return nil, fmt.Errorf("read ends of topic %s: %w", e.projector.Topic(), err)
	}
	err = pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		defer endBlockers(ctx, e.pool, tx.Conn(), e.projector.Name())()
		if err := lockGenerations(ctx, tx, e.projector.Name()); err != nil {
			return err
		}
		if err := e.fence(ctx); err != nil { // a restore may have taken all tables away a moment ago
			return err
		}
		var err error
		if found, err = e.followable(ctx, tx); err != nil || len(found) > 0 {
			return err
		}
		if made, err := e.beingMade(ctx, tx); err != nil || made {
			return err
		}
		if err := e.dropOrphans(ctx, tx); err != nil {
			return err
		}
		g, err := e.createGeneration(ctx, tx, StateBuilding, ranges, topicID)
		found = []generation{g}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open generation of %s: %w", e.projector.Name(), err)
	}
	return found, nil
}

// beingMade tells whether a rebuild makes, or is about to make, a generation of this version in bulk: one that is followed
// from the beginning beside it would fold everything twice, and come later.
func (e *Engine) beingMade(ctx context.Context, tx pgx.Tx) (made bool, err error) {
	err = tx.QueryRow(ctx, `
		select exists (
			select from rebuilds where projection = $1 and version = $2 and finished_at is null and until is null and not back and not cancel)`,
		e.projector.Name(), e.projector.Version()).Scan(&made)
	if err != nil {
		return false, fmt.Errorf("look for a rebuild that makes a generation: %w", err)
	}
	return made, nil
}

// followable reads the generations of this version that can be followed. One whose tables somebody dropped is none,
// nor is one that may lack tombstones: both are noted as dropped.
func (e *Engine) followable(ctx context.Context, q database) (found []generation, err error) {
	rows, err := q.Query(ctx, `
		select `+generationColumns+` from generations
		where projection = $1 and version = $2 and state in ('building', 'live') order by generation`, e.projector.Name(), e.projector.Version())
	if err != nil {
		return nil, fmt.Errorf("read generations: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[generation])
	if err != nil {
		return nil, fmt.Errorf("read generations: %w", err)
	}
	for _, g := range all {
		reason, err := e.unusable(ctx, q, g)
		if err != nil {
			return nil, err
		}
		if reason == "" {
			found = append(found, g)
			continue
		}
		e.logger.Warn("a generation is left and the read model made anew", "generation", g.Number, "reason", reason)
		if err := e.leave(ctx, q, g.Number); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// database is a pool or a transaction.
type database interface {
	querier
	beginner
}

// unusable says why a generation cannot be followed any more; "" when it can.
func (e *Engine) unusable(ctx context.Context, q querier, g generation) (string, error) {
	gone, err := e.missingTables(ctx, q, g.Number)
	if err != nil {
		return "", err
	}
	if len(gone) > 0 {
		return "its tables are gone: " + strings.Join(gone, ", "), nil
	}
	if e.follows(g) {
		return "", nil
	}
	outlived, err := e.outlivedTombstones(ctx, q, g)
	if err != nil || !outlived {
		return "", err
	}
	return "it was idle longer than the topic keeps tombstones", nil
}

// missingTables are the tables that somebody has dropped of a generation that is not retired.
func (w work) missingTables(ctx context.Context, q querier, number int) ([]string, error) {
	rows, err := q.Query(ctx, `
		select name from unnest($2::text[]) name where not exists (
			select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = lower(name))`,
		ddl.Schema(w.projector.Name(), number), w.projector.Tables())
	if err != nil {
		return nil, fmt.Errorf("look for missing tables: %w", err)
	}
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for missing tables: %w", err)
	}
	return missing, nil
}

// hasTables tells whether a generation that is not retired has its schema.
func hasTables(ctx context.Context, q querier, projection string, number int) (bool, error) {
	rows, err := q.Query(ctx, `select exists (select from pg_namespace where nspname = $1)`, ddl.Schema(projection, number))
	if err != nil {
		return false, fmt.Errorf("look for tables: %w", err)
	}
	exists, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	if err != nil {
		return false, fmt.Errorf("look for tables: %w", err)
	}
	return exists, nil
}

// leave notes that a generation is of no use: readers do not use it any more, and what there is of its tables is dropped
// later (see [Engine.retireSuperseded]).
func (e *Engine) leave(ctx context.Context, q beginner, number int) error {
	projection := e.projector.Name()
	err := pgx.BeginFunc(ctx, q, func(tx pgx.Tx) error {
		defer endBlockers(ctx, e.pool, tx.Conn(), projection)()
		if err := lockGenerations(ctx, tx, projection); err != nil {
			return err
		}
		g, found, err := readGeneration(ctx, tx, projection, number)
		if err != nil || !found || !g.followed() { // it was retired between two looks
			return err
		}
		if err := pointBack(ctx, tx, projection, g); err != nil {
			return err
		}
		if err := forgetParked(ctx, tx, projection, number); err != nil {
			return err
		}
		return setState(ctx, tx, projection, number, StateDropped)
	})
	if err != nil {
		return fmt.Errorf("leave generation %d of %s: %w", number, projection, err)
	}
	return nil
}

// pointBack lets readers of a generation use the newest other live one of its version that is not a rebuild's candidate. It
// is superseded no more, so that it is not retired and the next rebuild is verified against it. Without any, readers wait.
func pointBack(ctx context.Context, tx pgx.Tx, projection string, g generation) error {
	_, err := tx.Exec(ctx, `
		with other as (
			select generation from generations o
			where projection = $1 and version = $2 and generation <> $3 and state = 'live' and not exists (
				select from rebuilds r where r.projection = o.projection and r.generation = o.generation and r.finished_at is null)
			order by generation desc limit 1
		), moved as (
			update pointer p set generation = other.generation, switched_at = clock_timestamp() from other
			where p.projection = $1 and p.version = $2 and p.generation = $3 returning p.generation
		)
		update generations set superseded_at = null where projection = $1 and generation in (select generation from moved)`,
		projection, g.Version, g.Number)
	if err != nil {
		return fmt.Errorf("point readers back: %w", err)
	}
	if _, err := tx.Exec(ctx, `delete from pointer where projection = $1 and generation = $2`, projection, g.Number); err != nil {
		return fmt.Errorf("take pointer away: %w", err)
	}
	return nil
}

func readGeneration(ctx context.Context, q querier, projection string, number int) (g generation, found bool, err error) {
	rows, err := q.Query(ctx, `select `+generationColumns+` from generations where projection = $1 and generation = $2`, projection, number)
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

var errNoBeginning = errors.New("its first records are gone, so a read model cannot be made from it; restore the log from a backup")

// createGeneration makes a generation with empty tables; those that are followed get keys and months at once.
func (w work) createGeneration(
	ctx context.Context, tx pgx.Tx, state State, ranges []eventlog.PartitionRange, topicID eventlog.TopicID,
) (generation, error) {
	projection := w.projector.Name()
	g := generation{Version: w.projector.Version(), TopicID: topicID, State: state, Targets: map[int32]int64{}}
	for _, r := range ranges {
		if r.Start > 0 && !w.compacted {
			return g, fmt.Errorf("topic %s partition %d begins at offset %d: %w", w.projector.Topic(), r.Partition, r.Start, errNoBeginning)
		}
		g.Targets[r.Partition] = r.End
	}
	err := tx.QueryRow(ctx, `
		insert into generations (projection, generation, version, topic, topic_id, state, targets)
		select $1, coalesce(max(generation), 0) + 1, $2, $3, $4, $5, $6
		from (select generation from generations where projection = $1 union all `+schemasSQL+`) numbers
		returning generation`,
		projection, g.Version, w.projector.Topic(), [16]byte(topicID), string(state), g.Targets).Scan(&g.Number)
	if err != nil {
		return g, fmt.Errorf("insert generation: %w", err)
	}
	for _, r := range ranges {
		_, err := tx.Exec(ctx, `
			insert into checkpoints (projection, generation, partition, state, next_offset, progressed_at, topic_id, caught_up_at)
			values ($1, $2, $3, $4, $5, now(), $6, now())`, projection, g.Number, r.Partition, string(state), r.Start, storedID(topicID))
		if err != nil {
			return g, fmt.Errorf("insert checkpoint: %w", err)
		}
	}
	return g, w.createTables(ctx, tx, g)
}

// createTables makes the schema and the tables of a generation.
func (w work) createTables(ctx context.Context, tx pgx.Tx, g generation) error {
	schema := ddl.Schema(w.projector.Name(), g.Number)
	name := pg.SearchPath(schema)
	if err := asOwner(ctx, tx); err != nil {
		return err
	}
	sql := "create schema " + name +
		"; set local search_path = " + pg.SearchPath(schema, migrations.Engine) + ";" + w.projector.Definition().Tables()
	if g.State != StateCopying {
		sql += w.projector.Definition().Keys()
	}
	if _, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return fmt.Errorf("make tables of %s: %w", schema, err)
	}
	if err := attachMonths(ctx, tx, w.projector.Tables(), time.Now()); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "set local search_path = "+pg.SearchPath(migrations.Engine)); err != nil {
		return fmt.Errorf("reset search path: %w", err)
	}
	return nil
}

// asOwner lets the transaction go on as the owner of the views, where that is another role whose member this one is: with a role for each
// process, tables that an operator's command makes must be the projectors' too.
func asOwner(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		select set_config('role', r.rolname, true) from pg_namespace n join pg_roles r on r.oid = n.nspowner
		where n.nspname = $1 and r.rolname <> current_user and not r.rolsuper and pg_has_role(current_user, r.oid, 'member')`, migrations.Views)
	if err != nil {
		return fmt.Errorf("become the owner of tables: %w", err)
	}
	return nil
}

// outlivedTombstones tells whether a compacted topic may have dropped tombstones that this
// generation has not seen: then it would keep erased entities for ever, and must be made anew.
func (w work) outlivedTombstones(ctx context.Context, q querier, g generation) (bool, error) {
	if !w.compacted || w.deleteRetention <= 0 {
		return false, nil
	}
	rows, err := q.Query(ctx, `
		select coalesce(bool_or(caught_up_at < now() - $3::interval), false) from checkpoints
		where projection = $1 and generation = $2`, w.projector.Name(), g.Number, w.deleteRetention)
	if err != nil {
		return false, fmt.Errorf("read age of checkpoints: %w", err)
	}
	outlived, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	if err != nil {
		return false, fmt.Errorf("read age of checkpoints: %w", err)
	}
	return outlived, nil
}

// setState moves a generation that is not dropped, and its checkpoints, to a state.
func setState(ctx context.Context, tx pgx.Tx, projection string, generation int, state State) error {
	for _, table := range []string{"generations", "checkpoints"} {
		_, err := tx.Exec(ctx, `update `+table+` set state = $3 where projection = $1 and generation = $2 and state <> 'dropped'`,
			projection, generation, string(state))
		if err != nil {
			return fmt.Errorf("set %s %s: %w", table, state, err)
		}
	}
	_, err := tx.Exec(ctx, `
		update generations set live_at = case $3 when 'live' then coalesce(live_at, clock_timestamp()) else live_at end,
		       retired_at = case $3 when 'retired' then clock_timestamp() when 'dropped' then coalesce(retired_at, clock_timestamp())
		                            when 'live' then null else retired_at end
		where projection = $1 and generation = $2`, projection, generation, string(state))
	if err != nil {
		return fmt.Errorf("note time of state %s: %w", state, err)
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
