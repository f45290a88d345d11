package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// OpenTables opens a read-only pool for the tables of these projector versions, through the views
// that a switch replaces. The views of a version exist only after its first generation went live:
// see [Live].
func OpenTables(
	ctx context.Context, databaseURL string, projectors []fold.Projector, conns int32, params map[string]string,
) (*pgxpool.Pool, error) {
	var path []string
	for _, p := range projectors {
		path = append(path, ddl.ViewSchema(p.Name, p.Version))
	}
	return pg.Open(ctx, pg.Config{
		URL: databaseURL, SearchPath: append(path, migrations.Engine), Name: "reader",
		MaxConns: conns, ReadOnly: true, Params: params,
	})
}

// Live reports whether each of these projector versions has a live generation.
func Live(ctx context.Context, pool *pgxpool.Pool, projectors []fold.Projector) (bool, error) {
	for _, p := range projectors {
		live, err := pg.QueryBool(ctx, pool, "look for a live generation",
			`select exists (select from generations where projection = $1 and version = $2 and state = 'live')`,
			p.Name, p.Version)
		if err != nil || !live {
			return false, err
		}
	}
	return true, nil
}

const (
	// lockAtMost limits the wait for the lock of each view or table, because readers that arrive in
	// the meantime queue behind it.
	lockAtMost = "200ms"
	// idleInViews and idleInAttach limit how long a frozen process can block all readers.
	idleInViews  = "2s"
	idleInAttach = "5s"
)

// beginViews limits how long readers wait for this transaction and switches it to the owner of the
// views.
func beginViews(ctx context.Context, tx pgx.Tx) error {
	if err := boundLocks(ctx, tx, idleInViews); err != nil {
		return err
	}
	return asOwner(ctx, tx)
}

func boundLocks(ctx context.Context, tx pgx.Tx, idle string) error {
	return pg.Exec(ctx, tx, "limit the wait for locks",
		`select set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true)`,
		lockAtMost, idle)
}

// unpublished selects whether schema lb must be updated: this program's version is live, no process
// folds a newer live version, and a view is missing or shows other tables. The view of posts also
// shows their texts, once the view of the texts exists.
const unpublished = `
	select exists (select from generations where projection = $1 and version = $2 and state = 'live')
	  and not exists (
		select from generations g where projection = $1 and version > $2 and state = 'live' and ` + folding + `)
	  and exists (
		select from unnest($3::text[]) name
		cross join lateral unnest(array[to_regclass($4 || '.' || name)::oid,
			case when name = 'tsposts' then to_regclass($5 || '.post_contents')::oid end]) shown
		where shown is not null and not exists (
			select from pg_class v join pg_rewrite w on w.ev_class = v.oid join pg_depend d on d.objid = w.oid
			where v.relnamespace = to_regnamespace($5) and v.relname = name and d.refobjid = shown))`

// replaceViews updates the views if necessary. It returns the sessions with older snapshots for which
// it has waited long enough.
func (w work) replaceViews(ctx context.Context, older *olderSnapshots) (late string, err error) {
	names, schema := w.projector.Definition.Relations(), ddl.ViewSchema(w.projector.Name, w.projector.Version)
	due, err := pg.QueryBool(ctx, w.pool, "check the views of schema lb", unpublished,
		w.projector.Name, w.projector.Version, names, schema, migrations.Views)
	if err != nil {
		return "", err
	}
	if !due {
		older.end()
		return "", nil
	}
	sessions, late, err := older.readers(ctx, w.pool, w.every.reports)
	if err == nil && sessions != "" {
		err = fmt.Errorf("transactions that began before would see empty tables: %s", sessions)
	}
	if err != nil {
		return "", err
	}
	return late, pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		if err := beginViews(ctx, tx); err != nil {
			return err
		}
		for _, name := range names {
			if err := replaceView(ctx, tx, schema, name); err != nil {
				return err
			}
		}
		comments := w.projector.Definition.Comments()
		if comments == "" {
			return nil
		}
		_, err := tx.Conn().PgConn().Exec(ctx, "set local search_path = "+migrations.Views+";"+comments).ReadAll()
		return pg.Wrap("comment on views", err)
	})
}

// replaceView replaces a view. If its columns changed, it drops and recreates the view. If other
// objects depend on the view, it returns an error that names them.
func replaceView(ctx context.Context, tx pgx.Tx, schema, table string) error {
	name := migrations.Views + "." + table
	selected, err := shownColumns(ctx, tx, schema, table)
	if err != nil {
		return err
	}
	create := "view " + name + " as " + selected
	err = pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		return pg.Exec(ctx, savepoint, "replace view", "create or replace "+create)
	})
	if err == nil {
		return nil
	}
	const posts = migrations.Views + ".tsposts"
	dropped, recreate := name, ""
	if table == "post_contents" { // the view of posts depends on it
		recreate, _, err = pg.Find(ctx, tx, "read view of posts", pgx.RowTo[string],
			`select 'create view `+posts+` as ' || pg_get_viewdef(oid) from pg_class where oid = to_regclass($1)`, posts)
		if err != nil {
			return err
		}
		dropped += ", " + posts
	}
	_, err = tx.Exec(ctx, "drop view if exists "+dropped)
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Detail != "" {
		return fmt.Errorf("drop view %s: %w: %s", name, err, refused.Detail)
	}
	if err != nil {
		return fmt.Errorf("drop view %s: %w", name, err)
	}
	if err := pg.Exec(ctx, tx, "create view "+name, "create "+create); err != nil || recreate == "" {
		return err
	}
	return pg.Exec(ctx, tx, "create view of posts", recreate)
}

func shownColumns(ctx context.Context, tx pgx.Tx, schema, table string) (string, error) {
	selected := "select p.* from " + schema + "." + table + " p"
	if table != "tsposts" {
		return selected, nil
	}
	texts, err := pg.QueryBool(ctx, tx, "look for the view of post texts",
		`select to_regclass($1) is not null`, migrations.Views+".post_contents")
	if err != nil || !texts {
		return selected, err
	}
	return "select p.*, t.content, t.media_url, t.permalink from " + schema + "." + table + ` p
		cross join lateral (
			select ` + pg.PostTexts + `
			from ` + migrations.Views + `.post_contents c
			where c.parent_account = p.parent_account and c.social_account_id = p.social_account_id
			  and c.external_id = p.external_id) t`, nil
}

// The months around now for which tables of readings have partitions. Backfills reach years back,
// and their older readings go to the default partition. Live readings must never go there.
const (
	monthsBack  = 24
	monthsAhead = 3
)

var monthlyTables = []string{"account_readings"}

// attachMonths creates the missing monthly partitions around now for the partitioned tables in the
// list. If the default partition already contains rows of a month, attachMonths returns an error
// for that month and leaves the rows where they are. If a long query reads a table, no month is
// attached to it: see [errBusy].
func attachMonths(ctx context.Context, q database, tables []string) error {
	now := time.Now()
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	var errs []error
	for _, table := range tables {
		if !slices.Contains(monthlyTables, table) {
			continue
		}
		err := attach(ctx, q, table, first.AddDate(0, -monthsBack, 0), first.AddDate(0, monthsAhead, 0))
		if errors.Is(err, errBusy) {
			errs = append(errs, fmt.Errorf("attach months to %s: %w", table, err))
		}
		if err == nil || errors.Is(err, errBusy) {
			continue
		}
		for m := -monthsBack; m <= monthsAhead; m++ {
			month := first.AddDate(0, m, 0)
			if err := attach(ctx, q, table, month, month); err != nil {
				errs = append(errs, fmt.Errorf("attach %s to %s: %w", month.Format("2006-01"), table, err))
			}
		}
	}
	return errors.Join(errs...)
}

// errBusy means that the lock of the table was not available in time. Waiting longer would block
// all readers that arrive later.
var errBusy = errors.New("the table is being read")

func attach(ctx context.Context, q database, table string, first, last time.Time) error {
	err := pgx.BeginFunc(ctx, q, func(tx pgx.Tx) error {
		if err := boundLocks(ctx, tx, idleInAttach); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `select attach_months($1::regclass, $2, $3)`, table, first, last)
		return err
	})
	if pg.IsLockTimeout(err) {
		return fmt.Errorf("%w: %w", errBusy, err)
	}
	return err
}
