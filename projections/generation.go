package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// The states of a generation.
const (
	StateCopying  operator.State = "copying"  // being built in bulk
	StateBuilding operator.State = "building" // processes fold the log into it; not read yet
	StateLive     operator.State = "live"     // processes fold the log into it; readers of its version use it
	StateRetired  operator.State = "retired"  // no longer folded; kept for a rollback
	StateDropped  operator.State = "dropped"  // no longer usable; its tables are dropped
)

// generation is one set of tables, built by one version of a projector from one log.
type generation struct {
	Number  int
	Version int
	TopicID eventlog.TopicID
	State   operator.State
	Targets map[int32]int64 // end offsets by partition, to be reached before readers use it
}

func (g generation) followed() bool { return g.State == StateBuilding || g.State == StateLive }

const generationColumns = `generation, version, topic_id, state, targets`

// toFollow returns the generations of this projector version that sessions should follow. If no
// such generation exists, it creates one, which goes live once it has reached the current end of
// the log.
func (e *Engine) toFollow(ctx context.Context) ([]generation, error) {
	found, err := e.followable(ctx, e.pool)
	if err != nil || len(found) > 0 {
		return found, err
	}
	ranges, topicID, err := e.log.Ranges(ctx, e.projector.Topic)
	if err != nil {
		return nil, fmt.Errorf("read ends of topic %s: %w", e.projector.Topic, err)
	}
	err = lockGenerations(ctx, e.pool, e.projector.Name, func(tx pgx.Tx) (err error) {
		if found, err = e.followable(ctx, tx); err != nil || len(found) > 0 {
			return err
		}
		// A rebuild is already building a generation in bulk. Following another one would fold
		// everything twice and finish later.
		rebuilding, err := pg.QueryBool(ctx, tx, "look for a rebuild that creates a generation", `
			select exists (
				select from rebuilds
				where projection = $1 and version = $2 and finished_at is null and not back and not cancel)`,
			e.projector.Name, e.projector.Version)
		if err != nil || rebuilding {
			return err
		}
		if err := e.mayCreate(ctx, tx); err != nil {
			return err
		}
		g, err := e.createGeneration(ctx, tx, StateBuilding, ranges, topicID)
		found = []generation{g}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open generation of %s: %w", e.projector.Name, err)
	}
	return found, nil
}

// followable returns the generations of this version that can be followed. It marks a generation as
// dropped if tables are missing or tombstones may have been missed.
func (e *Engine) followable(ctx context.Context, q database) (found []generation, err error) {
	all, err := pg.List(ctx, q, "read generations", pgx.RowToStructByPos[generation], `
		select `+generationColumns+` from generations
		where projection = $1 and version = $2 and state in ('building', 'live') order by generation`,
		e.projector.Name, e.projector.Version)
	if err != nil {
		return nil, err
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
		e.logger.Warn("a generation is unusable; the read model is rebuilt", "generation", g.Number, "reason", reason)
		e.mu.Lock()
		e.unusableReason = reason
		e.mu.Unlock()
		if err := leave(ctx, q, e.projector.Name, g.Number); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// createAgain is the pause after the third generation within an hour that became unusable within a
// minute. It doubles with each further one, up to createAtMost. Otherwise, generations that never
// pass the check would fill the disk.
const createAgain, createAtMost = 10 * time.Second, 10 * time.Minute

// mayCreate returns an error that says when the next generation is created, if the last ones became
// unusable at once.
func (e *Engine) mayCreate(ctx context.Context, q pg.Querier) error {
	var failed int
	var now, last time.Time
	err := q.QueryRow(ctx, `
		select count(*), clock_timestamp(), coalesce(max(retired_at), 'epoch') from generations g
		where projection = $1 and version = $2 and state = 'dropped' and created_at > now() - interval '1 hour'
		  and retired_at < created_at + interval '1 minute'
		  and not exists (select from rebuilds r where r.projection = g.projection and r.generation = g.generation)`,
		e.projector.Name, e.projector.Version).Scan(&failed, &now, &last)
	if err != nil || failed < 3 {
		return pg.Wrap("look for unusable generations", err)
	}
	next := last.Add(min(createAtMost, createAgain<<min(failed-3, 10)))
	if !now.Before(next) {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Errorf("%d generations became unusable at once; the next one is created at %s UTC (%s)",
		failed, next.UTC().Format(time.TimeOnly), cmp.Or(e.unusableReason, "the log of another process has the reason"))
}

// unusable returns why a generation can no longer be followed; "" if it can be.
func (e *Engine) unusable(ctx context.Context, q pg.Querier, g generation) (string, error) {
	missing, err := missingTables(ctx, q, e.projector, g.Number)
	if err != nil {
		return "", err
	}
	if len(missing) > 0 {
		return "tables are missing: " + strings.Join(missing, ", "), nil
	}
	if e.follows(g) {
		return "", nil
	}
	outlived, err := e.outlivedTombstones(ctx, q, g)
	if err != nil || !outlived {
		return "", err
	}
	return "it was idle for longer than the topic keeps tombstones", nil
}

type database interface {
	pg.Querier
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Generations returns all generations that have tables. A generation that was marked as unusable
// has state dropped, and is listed until its tables are gone.
func Generations(ctx context.Context, pool *pgxpool.Pool) ([]operator.Generation, error) {
	return pg.List(ctx, pool, "list generations", pgx.RowToStructByPos[operator.Generation], `
		select g.projection, g.generation, g.version, g.state,
		       coalesce((
		         select sum(pg_total_relation_size(c.oid))
		         from pg_class c join pg_namespace n on n.oid = c.relnamespace
		         where c.relkind = 'r' and n.nspname = 'lb_' || g.projection || '_g' || g.generation), 0)::bigint,
		       g.created_at, g.live_at, g.retired_at, `+folding+`
		from generations g
		where g.state <> 'dropped' or exists (
			select from pg_namespace where nspname = 'lb_' || g.projection || '_g' || g.generation)
		order by g.projection, g.generation`)
}

func readGeneration(
	ctx context.Context, q pg.Querier, projection string, number int,
) (g generation, found bool, err error) {
	return pg.Find(ctx, q, "read generation", pgx.RowToStructByPos[generation], `
		select `+generationColumns+` from generations where projection = $1 and generation = $2::bigint`,
		projection, number)
}

// setState sets the state of a generation and of its checkpoints, unless it is dropped.
func setState(ctx context.Context, tx pgx.Tx, projection string, generation int, state operator.State) error {
	for _, sql := range []string{
		`update generations set state = $3 where projection = $1 and generation = $2 and state <> 'dropped'`,
		`update checkpoints set state = $3 where projection = $1 and generation = $2 and state <> 'dropped'`,
		`update generations set
		       live_at = case $3 when 'live' then coalesce(live_at, clock_timestamp()) else live_at end,
		       retired_at = case $3 when 'retired' then clock_timestamp()
		                            when 'dropped' then coalesce(retired_at, clock_timestamp())
		                            when 'live' then null else retired_at end
		 where projection = $1 and generation = $2`,
	} {
		if err := pg.Exec(ctx, tx, "set state "+string(state), sql, projection, generation, string(state)); err != nil {
			return err
		}
	}
	return nil
}

var errNoBeginning = errors.New("the first records are missing, so the read model cannot be built; " +
	"restore the log from a backup")

// createGeneration creates a generation with empty tables. Unless it is to be copied, its tables
// get their keys and indexes at once.
func (w work) createGeneration(
	ctx context.Context, tx pgx.Tx, state operator.State, ranges []eventlog.PartitionRange, topicID eventlog.TopicID,
) (generation, error) {
	projection := w.projector.Name
	g := generation{Version: w.projector.Version, TopicID: topicID, State: state, Targets: map[int32]int64{}}
	for _, r := range ranges {
		if r.Start > 0 && !w.compacted {
			return g, fmt.Errorf("topic %s partition %d begins at offset %d: %w",
				w.projector.Topic, r.Partition, r.Start, errNoBeginning)
		}
		g.Targets[r.Partition] = r.End
	}
	err := tx.QueryRow(ctx, `
		insert into generations (projection, generation, version, topic, topic_id, state, targets)
		select $1, coalesce(max(generation), 0) + 1, $2, $3, $4, $5, $6 from generations where projection = $1
		returning generation`,
		projection, g.Version, w.projector.Topic, [16]byte(topicID), string(state), g.Targets).Scan(&g.Number)
	if err != nil {
		return g, fmt.Errorf("insert generation: %w", err)
	}
	for _, r := range ranges {
		err := pg.Exec(ctx, tx, "insert checkpoint", `
			insert into checkpoints (
				projection, generation, partition, state, next_offset, progressed_at, topic_id, caught_up_at)
			values ($1, $2, $3, $4, $5, now(), $6, now())`,
			projection, g.Number, r.Partition, string(state), r.Start, storedID(topicID))
		if err != nil {
			return g, err
		}
	}
	return g, w.createTables(ctx, tx, g)
}

// createTables creates the schema and the tables of a generation. A schema of that name exists only
// if schema lb_engine was dropped; createTables replaces it.
func (w work) createTables(ctx context.Context, tx pgx.Tx, g generation) error {
	schema := ddl.Schema(w.projector.Name, g.Number)
	name := pg.SearchPath(schema)
	if err := asOwner(ctx, tx); err != nil {
		return err
	}
	may, err := pg.QueryBool(ctx, tx, "check the privilege to create schemas",
		`select has_database_privilege(current_database(), 'create')`)
	if err == nil && !may {
		err = pg.NeedsCreate(tx.Conn().Config())
	}
	if err != nil {
		return err
	}
	sql := "drop schema if exists " + name + " cascade; create schema " + name +
		"; set local search_path = " + pg.SearchPath(schema, migrations.Engine) + ";" + w.projector.Definition.Tables()
	if g.State != StateCopying {
		sql += w.projector.Definition.Keys()
	}
	if _, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		return fmt.Errorf("create tables of %s: %w", schema, err)
	}
	if err := attachMonths(ctx, tx, w.projector.Tables); err != nil {
		return err
	}
	return pg.Exec(ctx, tx, "reset search path", "set local search_path = "+pg.SearchPath(migrations.Engine))
}

// asOwner switches the transaction to the role that owns schema lb, if the current role is a member
// of it. If each process has its own role, projectors can then use tables that an operator command
// created.
func asOwner(ctx context.Context, tx pgx.Tx) error {
	return pg.Exec(ctx, tx, "become the owner of tables", `
		select set_config('role', r.rolname, true) from pg_namespace n join pg_roles r on r.oid = n.nspowner
		where n.nspname = $1 and r.rolname <> current_user and not r.rolsuper
		  and pg_has_role(current_user, r.oid, 'member')`, migrations.Views)
}
