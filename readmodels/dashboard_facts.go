package readmodels

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// Dashboards reads dashboards and loads the facts for decisions about them.
type Dashboards struct {
	Pool          *pgxpool.Pool // can be read-only
	Progress      *pg.Progress  // reports progress of the projection
	DefaultScopes []string      // of a new dashboard
	// ManagedSubscriptions are the product types of the orders that create points of contact
	// ([domain.PointOfContactProducts] of MANAGED_SUBSCRIPTIONS).
	ManagedSubscriptions []string
}

const dashboardsProjection = "dashboards"

// Moved returns a channel that is closed when the tables of the agency's dashboards may have
// changed.
func (d *Dashboards) Moved(parent string) <-chan struct{} {
	return d.Progress.Changed(dashboardsProjection, parent)
}

// Load reads everything that a decision about need.Primary may use, in one transaction of one round
// trip, because the commands of one agency form a queue, in which each waits for those before it.
func (d *Dashboards) Load(ctx context.Context, need domain.FactsNeed) (domain.FactsView, error) {
	f := factsLoad{
		need: need, accounts: append([]string{need.Primary}, need.Accounts...), products: d.ManagedSubscriptions,
		view: domain.FactsView{Facts: domain.DashboardFacts{
			ParentAccount: need.ParentAccount, DefaultScopes: d.DefaultScopes,
		}},
	}
	var batch pgx.Batch
	batch.Queue("begin isolation level repeatable read, read only")
	f.queueStream(&batch)
	f.queueEarlier(&batch)
	f.queueDashboards(&batch)
	f.queueDirectory(&batch)
	batch.Queue("commit")
	if err := d.Pool.SendBatch(ctx, &batch).Close(); err != nil {
		return domain.FactsView{}, fmt.Errorf("load facts of agency %s: %w", need.ParentAccount, err)
	}
	return f.view, nil
}

type factsLoad struct {
	need     domain.FactsNeed
	accounts []string // the primary and the accounts in the body
	products []string // product types of the orders that create points of contact
	view     domain.FactsView
}

// queueStream reads the head of the stream, why it accepts no commands, and how far the tables are.
func (f *factsLoad) queueStream(batch *pgx.Batch) {
	batch.Queue(`
		select coalesce(s.version, 0), s.hash, s.time, coalesce(s.stopped_at, 0), coalesce(s.fold_again, false), exists (
				select from dashboards_dead_letters d where d.stream_key = s.stream_key and d.reason = 'chain_broken'),
		       coalesce((select next_offset from dashboards_checkpoints where partition = $2), 0),
		       not exists (select from dashboards_generations where state <> 'live'),
		       exists (select from kept.pauses where kind = 'projection' and name = $3)
		from (values (0)) as one_row left join dashboards_streams s on s.stream_key = $1`,
		f.need.ParentAccount, f.need.Partition, dashboardsProjection).QueryRow(func(row pgx.Row) error {
		h := &f.view.Head
		var hash []byte
		var at *time.Time
		var stop domain.StreamStop
		var live, paused bool
		err := row.Scan(&h.Version, &hash, &at, &stop.Version, &stop.FoldAgain, &stop.Broken, &f.view.Folded, &live, &paused)
		if err != nil {
			return fmt.Errorf("read stream: %w", err)
		}
		if copy(h.Hash[:], hash); at == nil {
			h.Hash = eventlog.Genesis(domain.TopicDashboards, f.need.ParentAccount)
		} else {
			h.Time = *at
		}
		if stop.Version > 0 {
			f.view.Stop = &stop
		}
		switch {
		case !live:
			f.view.Refusal = "its read model is being rebuilt"
		case paused:
			f.view.Refusal = "an operator has paused them"
		case f.need.Skip: // it resolves a stop
		case stop.Version > 0 && stop.FoldAgain:
			f.view.Refusal = "its history is being folded again"
		case stop.Version > 0:
			f.view.Refusal = "an event of its stream could not be folded and waits for an operator"
		}
		return nil
	})
}

func (f *factsLoad) queueEarlier(batch *pgx.Batch) {
	if f.need.IdempotencyKey == "" {
		return
	}
	batch.Queue(`
		select request_digest, sub_account_id, version from dashboard_commands
		where parent_account = $1 and subject = $2 and idempotency_key = $3`,
		f.need.ParentAccount, f.need.Subject, f.need.IdempotencyKey).QueryRow(func(row pgx.Row) error {
		var c domain.EarlierCommand
		known, err := pg.ScanOptional(row, "read earlier command", &c.RequestDigest, &c.SubAccount, &c.Version)
		if known {
			f.view.Earlier = &c
		}
		return err
	})
}

// dashboardColumns are the columns of a [domain.Dashboard], by name.
const dashboardColumns = `document_id, document_id as id, sub_account_id, parent_account, sub_account_ids, users,
	main_poc, allow_client_dashboard, scopes, created_at, updated_at, version`

// accountsOfSets selects the accounts in $2 and all accounts in their sets, for agency $1.
const accountsOfSets = `select unnest(sub_account_ids) from dashboard_preferences
	where parent_account = $1 and sub_account_id = any($2) union all select unnest($2::text[])`

func (f *factsLoad) queueDashboards(batch *pgx.Batch) {
	batch.Queue(`
		select `+dashboardColumns+` from dashboard_preferences
		where parent_account = $1 and sub_account_id in (`+accountsOfSets+`)`, f.need.ParentAccount, f.accounts,
	).Query(func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, pgx.RowToStructByName[domain.Dashboard])
		f.view.Facts.Dashboards = make(map[string]domain.Dashboard, len(list))
		for _, dashboard := range list {
			f.view.Facts.Dashboards[dashboard.SubAccountID] = dashboard
		}
		return pg.Wrap("read dashboards", err)
	})
}

// queueDirectory reads the directory's part of [domain.DashboardFacts].
func (f *factsLoad) queueDirectory(batch *pgx.Batch) {
	queueMap(batch, &f.view.Facts.Accounts, "read accounts",
		`select id, true from accounts where parent_account = $1 and id = any($2)`, f.need.ParentAccount, f.accounts)
	queueMap(batch, &f.view.Facts.UserAccounts, "read users", `
		select u.id, u.account_id from users u join accounts a on a.id = u.account_id
		where (a.id = $1 or a.parent_account = $1) and u.id in (
			select unnest($3::text[])
			union select unnest(users) from dashboard_preferences
			where parent_account = $1 and sub_account_id in (`+accountsOfSets+`))`,
		f.need.ParentAccount, f.accounts, f.need.Users)
	queueMap(batch, &f.view.Facts.OrderPOC, "read orders", `
		select buyer, array_agg(distinct assigned order by assigned)
		from orders, unnest(assigned_users) as assigned
		where seller = $1 and buyer in (`+accountsOfSets+`) and product_type = any($3)
		group by buyer`, f.need.ParentAccount, f.accounts, f.products)
}

func queueMap[V any](batch *pgx.Batch, into *map[string]V, doing, sql string, args ...any) {
	batch.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
		*into, err = pg.ScanMap[string, V](rows, doing)
		return err
	})
}

// Settle reports whether the head of the agency's stream has reached a version, and which command
// wrote that version.
func (d *Dashboards) Settle(ctx context.Context, parent string, version int64) (domain.Settlement, error) {
	var s domain.Settlement
	_, err := pg.ScanOptional(d.Pool.QueryRow(ctx, `
		select s.version >= $2, coalesce(c.command_id, '')
		from dashboards_streams s
		left join dashboard_commands c on c.parent_account = $1 and c.version = $2
		where s.stream_key = $1`, parent, version),
		fmt.Sprintf("settle version %d of agency %s", version, parent), &s.Passed, &s.CommandID)
	return s, err
}

// Document returns a dashboard as of a version of the agency's stream, or
// [domain.ErrDashboardNotFound] if it did not exist yet.
func (d *Dashboards) Document(ctx context.Context, parent, subAccount string, version int64) (domain.Dashboard, error) {
	var document domain.Dashboard
	var users []string
	found, err := pg.ScanOptional(d.Pool.QueryRow(ctx, `
		select `+dashboardJSON+`, s.version, coalesce((
			select users from dashboard_preferences
			where parent_account = $1 and sub_account_id = $2 and version = s.version), array(
			select user_id from dashboard_listed
			where parent_account = $1 and sub_account_id = $2 and from_version <= $3 and to_version > $3
			order by user_id))`+fromHistoryAt("$1", "$2", "$3"), parent, subAccount, version),
		fmt.Sprintf("read dashboard %s as of version %d", subAccount, version), &document, &document.Version, &users)
	if err == nil && !found {
		err = domain.ErrDashboardNotFound
	}
	document.Users, document.CreatedAt, document.UpdatedAt = users, document.CreatedAt.UTC(), document.UpdatedAt.UTC()
	return document, err
}

// DashboardAt returns an expression for the JSON of a [domain.Dashboard] as of a version of its
// agency's stream, without its users; null if it did not exist.
func DashboardAt(parent, subAccount, version string) string {
	return "(select " + dashboardJSON + fromHistoryAt(parent, subAccount, version) + ")"
}

// dashboardJSON is the JSON of the row s of dashboard_history.
const dashboardJSON = `jsonb_build_object('_id', s.document_id, 'id', s.document_id, 'sub_account_id', s.sub_account_id,
	'parent_account', s.parent_account, 'sub_account_ids', s.sub_account_ids, 'main_poc', s.main_poc,
	'allow_client_dashboard', s.allow_client_dashboard, 'scopes', s.scopes, 'created_at', s.created_at,
	'updated_at', s.updated_at)`

// fromHistoryAt selects the row s of the last change to a dashboard up to a version.
func fromHistoryAt(parent, subAccount, version string) string {
	return fmt.Sprintf(`
		from dashboard_history s
		where s.parent_account = %s and s.sub_account_id = %s and s.version <= %s and s.skip is null
		order by s.version desc limit 1`, parent, subAccount, version)
}
