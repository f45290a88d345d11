package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

var errNoBeginning = errors.New("the first records are missing, so the read model cannot be built; restore the log from a backup")

// createGeneration creates a generation with empty tables. A generation that is followed gets its
// keys and monthly partitions at once.
func (w work) createGeneration(
	ctx context.Context, tx pgx.Tx, state operator.State, ranges []eventlog.PartitionRange, topicID eventlog.TopicID,
) (generation, error) {
	projection := w.projector.Name
	g := generation{Version: w.projector.Version, TopicID: topicID, State: state, Targets: map[int32]int64{}}
	for _, r := range ranges {
		if r.Start > 0 && !w.compacted {
			return g, fmt.Errorf("topic %s partition %d begins at offset %d: %w", w.projector.Topic, r.Partition, r.Start, errNoBeginning)
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
			insert into checkpoints (projection, generation, partition, state, next_offset, progressed_at, topic_id, caught_up_at)
			values ($1, $2, $3, $4, $5, now(), $6, now())`, projection, g.Number, r.Partition, string(state), r.Start, storedID(topicID))
		if err != nil {
			return g, err
		}
	}
	return g, w.createTables(ctx, tx, g)
}

// createTables creates the schema and the tables of a generation. It replaces a schema of that
// name, which remains only after schema lb_engine was dropped.
func (w work) createTables(ctx context.Context, tx pgx.Tx, g generation) error {
	schema := ddl.Schema(w.projector.Name, g.Number)
	name := pg.SearchPath(schema)
	if err := asOwner(ctx, tx); err != nil {
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
	if err := attachMonths(ctx, tx, w.projector.Tables, time.Now()); err != nil {
		return err
	}
	return pg.Exec(ctx, tx, "reset search path", "set local search_path = "+pg.SearchPath(migrations.Engine))
}

// asOwner switches the transaction to the role that owns the views, if this role is a member of it.
// With one role per process, the projectors must be able to use tables that an operator's command
// creates.
func asOwner(ctx context.Context, tx pgx.Tx) error {
	return pg.Exec(ctx, tx, "become the owner of tables", `
		select set_config('role', r.rolname, true) from pg_namespace n join pg_roles r on r.oid = n.nspowner
		where n.nspname = $1 and r.rolname <> current_user and not r.rolsuper and pg_has_role(current_user, r.oid, 'member')`, migrations.Views)
}
