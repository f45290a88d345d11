package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// generation is one set of tables, built by one version of a projector from one log.
type generation struct {
	Number  int
	Version int
	TopicID eventlog.TopicID // zero until a process begins the build
	State   operator.State
	Created bool // its tables and checkpoints exist, or have existed
}

func (g generation) followed() bool {
	return g.State == operator.StateCatchingUp || g.State == operator.StateLive
}

const generationColumns = `generation, version, coalesce(topic_id, '00000000-0000-0000-0000-000000000000'), state, targets <> '{}'`

// Stepped returns a channel that is closed at the next step of the projection's generations or of a
// stopped stream, if [Config.Progress] reports it.
func (w work) Stepped() <-chan struct{} {
	return w.progress.Changed(generationsOf(w.projector.Name), pg.AnyKey)
}

// toFollow returns the generations of this projector version that sessions should follow. If no
// such generation exists and none is built in bulk, it creates one, which goes live once it has
// reached the current end of the log.
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
		building, err := pg.QueryBool(ctx, tx, "look for a generation that is built in bulk", `
			select exists (
				select from generations where projection = $1 and version = $2 and state = 'building')`,
			e.projector.Name, e.projector.Version)
		if err != nil || building {
			return err
		}
		if err := e.mayCreate(ctx, tx); err != nil {
			return err
		}
		number, err := insertGeneration(ctx, tx, e.projector, "", "")
		if err != nil {
			return err
		}
		g, err := e.createTables(ctx, tx, number, operator.StateCatchingUp, ranges, topicID)
		found = []generation{g}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open generation of %s: %w", e.projector.Name, err)
	}
	return found, nil
}

// followable returns the generations of this version that can be followed. A generation fails if
// tables are missing, or if a compacted topic may have deleted tombstones that it has not folded: it
// would keep the erased entities forever.
func (e *Engine) followable(ctx context.Context, q database) (found []generation, err error) {
	type candidate struct {
		generation
		Unusable string
	}
	all, err := pg.List(ctx, q, "read generations", pgx.RowToStructByPos[candidate], `
		select `+generationColumns+`, case
			when missing <> '{}' then 'tables are missing: ' || array_to_string(missing, ', ')
			when $4::interval > '0' and exists (
				select from checkpoints c
				where c.projection = g.projection and c.generation = g.generation and c.caught_up_at < now() - $4::interval)
			then 'it was idle for longer than the topic keeps tombstones'
			else '' end
		from generations g cross join lateral (select `+missingTables+` as missing) m
		where projection = $1 and version = $2 and state in ('catching_up', 'live') order by generation`,
		e.projector.Name, e.projector.Version, e.projector.Tables, e.deleteRetention)
	if err != nil {
		return nil, err
	}
	for _, g := range all {
		if g.Unusable == "" {
			found = append(found, g.generation)
			continue
		}
		e.logger.Warn("a generation is unusable; the read model is rebuilt", "generation", g.Number, "reason", g.Unusable)
		err = lockGenerations(ctx, q, e.projector.Name, func(tx pgx.Tx) error {
			return endGeneration(ctx, tx, e.projector.Name, g.Number, operator.StateFailed, g.Unusable)
		})
		if err != nil {
			return nil, fmt.Errorf("leave generation %d of %s: %w", g.Number, e.projector.Name, err)
		}
	}
	return found, nil
}

// createAgain is the pause after the third failure within an hour. It doubles with each further
// one, up to createAtMost. Otherwise, generations that never pass their check would fill the disk.
const createAgain, createAtMost = 10 * time.Second, 10 * time.Minute

// mayCreate returns an error that says when the next generation is created, if the last ones
// failed.
func (e *Engine) mayCreate(ctx context.Context, q pg.Querier) error {
	var failed int
	var now, last time.Time
	var reason string
	err := q.QueryRow(ctx, `
		select count(*), clock_timestamp(), coalesce(max(ended_at), 'epoch'),
		       coalesce((array_agg(error order by ended_at desc))[1], '')
		from generations
		where projection = $1 and version = $2 and state = 'failed' and ended_at > now() - interval '1 hour'`,
		e.projector.Name, e.projector.Version).Scan(&failed, &now, &last, &reason)
	if err != nil || failed < 3 {
		return pg.Wrap("look for failed generations", err)
	}
	next := last.Add(min(createAtMost, createAgain<<min(failed-3, 10)))
	if !now.Before(next) {
		return nil
	}
	return fmt.Errorf("%d generations failed within an hour; the next one is created at %s UTC (%s)",
		failed, next.UTC().Format(time.TimeOnly), reason)
}

// replaceOutdated requests a generation if the live one is outdated and none is being built. It
// reports whether it did.
func (e *Engine) replaceOutdated(ctx context.Context) (requested bool, err error) {
	if !e.types[domain.ImportWithdrawn{}.EventType()] {
		return false, nil
	}
	due := func(q pg.Querier) (withdrawn string, err error) {
		err = q.QueryRow(ctx, `
			select outdated from generations
			where projection = $1 and version = $2 and state = 'live' and outdated <> '' and not exists (
				select from generations where projection = $1 and version = $2 and state in ('building', 'catching_up'))`,
			e.projector.Name, e.projector.Version).Scan(&withdrawn)
		if errors.Is(err, pgx.ErrNoRows) {
			err = nil
		}
		return withdrawn, pg.Wrap("look for outdated tables", err)
	}
	if withdrawn, err := due(e.pool); err != nil || withdrawn == "" {
		return false, err
	}
	err = lockGenerations(ctx, e.pool, e.projector.Name, func(tx pgx.Tx) error {
		withdrawn, err := due(tx)
		if err != nil || withdrawn == "" {
			return err
		}
		if err := e.mayCreate(ctx, tx); err != nil {
			return err
		}
		reason := domain.Reason{Code: domain.ReasonDataRepair, Ticket: withdrawn}
		number, err := insertGeneration(ctx, tx, e.projector, domain.ImportActor, reason.String())
		if requested = err == nil; requested {
			e.logger.Info("an import was withdrawn; the read model is rebuilt", "import", withdrawn, "generation", number)
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("request tables without a withdrawn import: %w", err)
	}
	return requested, nil
}

type database interface {
	pg.Querier
	Begin(ctx context.Context) (pgx.Tx, error)
}

func readGeneration(
	ctx context.Context, q pg.Querier, projection string, number int,
) (g generation, found bool, err error) {
	return pg.Find(ctx, q, "read generation", pgx.RowToStructByPos[generation], `
		select `+generationColumns+` from generations where projection = $1 and generation = $2::bigint`,
		projection, number)
}

// endGeneration ends a generation as dropped or failed, unless it has ended. It deletes the
// checkpoints, so processes that still fold into the generation store nothing from here on.
// [work.dropOld] drops the tables.
func endGeneration(
	ctx context.Context, tx pgx.Tx, projection string, number int, state operator.State, reason string,
) error {
	err := pg.Exec(ctx, tx, "end generation", `
		update generations set state = $3, ended_at = clock_timestamp(), error = nullif($4, '')
		where projection = $1 and generation = $2 and state not in ('dropped', 'failed')`,
		projection, number, string(state), reason)
	if err != nil {
		return err
	}
	for _, table := range []string{"checkpoints", "dead_letters", "streams"} {
		err := pg.Exec(ctx, tx, "delete "+table+" of generation",
			`delete from `+table+` where projection = $1 and generation = $2`, projection, number)
		if err != nil {
			return err
		}
	}
	return nil
}

// Limits for generations that have ended: the number kept per projection, and their age. The log
// keeps who requested each rebuild and why.
const (
	keepEnded    = 100
	keepEndedFor = 400 * 24 * time.Hour
)

// insertGeneration inserts a generation that is to be built; by and reason are empty unless an
// operator requested it. It deletes old rows, so their number stays limited.
func insertGeneration(ctx context.Context, tx pgx.Tx, p fold.Projector, by, reason string) (number int, err error) {
	err = tx.QueryRow(ctx, `
		insert into generations (projection, generation, version, topic, state, requested_by, request_reason)
		select $1, coalesce(max(generation), 0) + 1, $2, $3, 'building', nullif($4, ''), nullif($5, '')
		from generations where projection = $1
		returning generation`, p.Name, p.Version, p.Topic, by, reason).Scan(&number)
	if err != nil {
		return 0, fmt.Errorf("insert generation: %w", err)
	}
	err = pg.Exec(ctx, tx, "delete old generations", `
		delete from generations g
		where projection = $1 and state in ('dropped', 'failed') and to_regnamespace('lb_' || projection || '_g' || generation) is null
		  and (ended_at < clock_timestamp() - $3::interval or generation <= $4::int - $2::int)`,
		p.Name, keepEnded, keepEndedFor, number)
	if err != nil {
		return 0, err
	}
	return number, notifyStep(ctx, tx, p.Name)
}

var errNoBeginning = errors.New("the first records are missing, so the read model cannot be built; " +
	"restore the log from a backup")

// createTables creates the tables and checkpoints of a generation, which is then in the given
// state. Unless it is to be built in bulk, its tables get their keys and indexes at once.
func (w work) createTables(
	ctx context.Context, tx pgx.Tx, number int, state operator.State,
	ranges []eventlog.PartitionRange, topicID eventlog.TopicID,
) (generation, error) {
	g := generation{Number: number, Version: w.projector.Version, TopicID: topicID, State: state, Created: true}
	targets := map[int32]int64{} // end offsets by partition, to be reached before readers use it
	for _, r := range ranges {
		if r.Start > 0 && !w.compacted {
			return g, fmt.Errorf("topic %s partition %d begins at offset %d: %w",
				w.projector.Topic, r.Partition, r.Start, errNoBeginning)
		}
		targets[r.Partition] = r.End
		err := pg.Exec(ctx, tx, "insert checkpoint", `
			insert into checkpoints (projection, generation, partition, next_offset, progressed_at, topic_id, caught_up_at)
			values ($1, $2, $3, $4, now(), $5, now())`,
			w.projector.Name, number, r.Partition, r.Start, storedID(topicID))
		if err != nil {
			return g, err
		}
	}
	err := pg.Exec(ctx, tx, "begin generation", `
		update generations set topic_id = $3, state = $4, targets = $5, events_total = (
			select coalesce(sum(($5::jsonb ->> partition::text)::bigint - next_offset), 0)
			from checkpoints where projection = $1 and generation = $2)
		where projection = $1 and generation = $2`,
		w.projector.Name, number, [16]byte(topicID), string(state), targets)
	if err != nil {
		return g, err
	}
	return g, w.createSchema(ctx, tx, g)
}

// createSchema creates the schema of a generation with its tables. A schema of that name exists
// only if schema lb_engine was dropped; createSchema replaces it.
func (w work) createSchema(ctx context.Context, tx pgx.Tx, g generation) error {
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
	if g.State != operator.StateBuilding {
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
