package readmodels

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// DashboardsConfig is what the dashboards' queries need beside the tables.
type DashboardsConfig struct {
	// Pool reads; a read-only one will do.
	Pool *pgxpool.Pool
	// Progress tells of moves of the projection.
	Progress *pg.Progress
	Defaults domain.DashboardDefaults
	// ManagedSubscriptions are the product types whose orders make points of contact
	// (MANAGED_SUBSCRIPTIONS without site and listings).
	ManagedSubscriptions []string
}

// Dashboards answers reads of dashboards and loads the facts that decisions about them need.
type Dashboards struct{ DashboardsConfig }

// dashboardsProjection is the name under which the tables are projected.
const dashboardsProjection = "dashboards"

// NewDashboards returns the queries.
func NewDashboards(c DashboardsConfig) *Dashboards { return &Dashboards{c} }

// Moved returns a channel that is closed at the next move of the dashboards' tables.
func (d *Dashboards) Moved() <-chan struct{} { return d.Progress.Moved(dashboardsProjection) }

// Load reads, in one transaction, all that a decision about need.Primary may look at.
func (d *Dashboards) Load(ctx context.Context, need domain.FactsNeed) (domain.FactsView, error) {
	var view domain.FactsView
	err := pg.Snapshot(ctx, d.Pool, func(tx pgx.Tx) error {
		var err error
		if view.Refusal, err = refusal(ctx, tx, need.ParentAccount); err != nil {
			return err
		}
		if view.Head, err = streamHead(ctx, tx, need.ParentAccount); err != nil {
			return err
		}
		if view.Earlier, err = earlierCommand(ctx, tx, need); err != nil {
			return err
		}
		view.Facts, err = d.facts(ctx, tx, need)
		return err
	})
	if err != nil {
		return domain.FactsView{}, fmt.Errorf("load facts of agency %s: %w", need.ParentAccount, err)
	}
	return view, nil
}

// refusal says why the stream takes no commands; "" when it does.
func refusal(ctx context.Context, tx pgx.Tx, parent string) (string, error) {
	var live, paused, parked bool
	err := tx.QueryRow(ctx, `
		select exists (select from generations where projection = $1 and state = 'live'),
		       exists (select from kept.paused_projections where projection = $1),
		       exists (select from parked p join generations g using (projection, generation)
		               where projection = $1 and g.state <> 'retired' and stream_key = $2 and p.state = 'parked')`,
		dashboardsProjection, parent).Scan(&live, &paused, &parked)
	if err != nil {
		return "", fmt.Errorf("read state of projection: %w", err)
	}
	switch {
	case !live:
		return "its read model is being rebuilt", nil
	case paused:
		return "an operator has paused its projection", nil
	case parked:
		return "a record of its stream is parked and waits for an operator", nil
	default:
		return "", nil
	}
}

func streamHead(ctx context.Context, tx pgx.Tx, parent string) (domain.StreamHead, error) {
	var h domain.StreamHead
	err := tx.QueryRow(ctx, `select version, hash, time from dashboard_heads where parent_account = $1`, parent).
		Scan(&h.Version, &h.Hash, &h.Time)
	if errors.Is(err, pgx.ErrNoRows) {
		genesis := eventlog.Genesis(domain.TopicDashboards, parent)
		return domain.StreamHead{Hash: genesis[:]}, nil
	}
	if err != nil {
		return h, fmt.Errorf("read head: %w", err)
	}
	return h, nil
}

func earlierCommand(ctx context.Context, tx pgx.Tx, need domain.FactsNeed) (*domain.EarlierCommand, error) {
	if need.IdempotencyKey == "" {
		return nil, nil
	}
	var c domain.EarlierCommand
	err := tx.QueryRow(ctx, `
		select request_digest, sub_account_id, version from dashboard_commands
		where parent_account = $1 and subject = $2 and idempotency_key = $3`,
		need.ParentAccount, need.Subject, need.IdempotencyKey).Scan(&c.RequestDigest, &c.SubAccount, &c.Version)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read earlier command: %w", err)
	}
	return &c, nil
}

func (d *Dashboards) facts(ctx context.Context, tx pgx.Tx, need domain.FactsNeed) (domain.DashboardFacts, error) {
	f := domain.DashboardFacts{ParentAccount: need.ParentAccount, Defaults: d.Defaults}
	named := append([]string{need.Primary}, need.Accounts...)
	var err error
	if f.Dashboards, err = linkedDashboards(ctx, tx, need.ParentAccount, named); err != nil {
		return f, err
	}
	touched := slices.Concat(named, slices.Collect(maps.Keys(f.Dashboards)))
	users := slices.Clone(need.Users)
	for _, dashboard := range f.Dashboards {
		users = append(users, dashboard.Users...)
	}
	if f.Accounts, err = ownAccounts(ctx, tx, need.ParentAccount, named); err != nil {
		return f, err
	}
	if f.UserAccounts, err = ownUsers(ctx, tx, need.ParentAccount, users); err != nil {
		return f, err
	}
	f.OrderPOC, err = d.orderPOC(ctx, tx, need.ParentAccount, touched)
	return f, err
}

const dashboardColumns = `document_id, sub_account_id, parent_account, sub_account_ids, users, main_poc,
	allow_client_dashboard, scopes, created_at, updated_at, version`

func scanDashboard(row pgx.CollectableRow) (domain.Dashboard, error) {
	var d domain.Dashboard
	err := row.Scan(&d.DocumentID, &d.SubAccountID, &d.ParentAccount, &d.SubAccountIDs, &d.Users, &d.MainPOC,
		&d.AllowClientDashboard, &d.Scopes, &d.CreatedAt, &d.UpdatedAt, &d.Version)
	d.ID = d.DocumentID
	return d, err
}

// linkedDashboards returns the dashboards of the accounts and of all accounts in their sets.
func linkedDashboards(ctx context.Context, tx pgx.Tx, parent string, accounts []string) (map[string]domain.Dashboard, error) {
	rows, err := tx.Query(ctx, `
		select `+dashboardColumns+` from dashboard_preferences
		where parent_account = $1 and sub_account_id in (
			select unnest(sub_account_ids) from dashboard_preferences
			where parent_account = $1 and sub_account_id = any($2)
			union all select unnest($2::text[]))`, parent, accounts)
	if err != nil {
		return nil, fmt.Errorf("read dashboards: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanDashboard)
	if err != nil {
		return nil, fmt.Errorf("read dashboards: %w", err)
	}
	dashboards := make(map[string]domain.Dashboard, len(list))
	for _, dashboard := range list {
		dashboards[dashboard.SubAccountID] = dashboard
	}
	return dashboards, nil
}

func ownAccounts(ctx context.Context, tx pgx.Tx, parent string, ids []string) (map[string]bool, error) {
	rows, err := tx.Query(ctx, `select id from accounts where parent_account = $1 and id = any($2)`, parent, ids)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	own := make(map[string]bool, len(list))
	for _, id := range list {
		own[id] = true
	}
	return own, nil
}

// ownUsers maps those of the users who belong to the agency or to one of its accounts to their account.
func ownUsers(ctx context.Context, tx pgx.Tx, parent string, ids []string) (map[string]string, error) {
	rows, err := tx.Query(ctx, `
		select u.id, u.account_id from users u join accounts a on a.id = u.account_id
		where u.id = any($2) and (a.id = $1 or a.parent_account = $1)`, parent, ids)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	own := map[string]string{}
	var id, account string
	_, err = pgx.ForEachRow(rows, []any{&id, &account}, func() error {
		own[id] = account
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	return own, nil
}

// orderPOC returns, by buyer, the distinct users assigned to managed-subscription orders at the agency.
func (d *Dashboards) orderPOC(ctx context.Context, tx pgx.Tx, parent string, buyers []string) (map[string][]string, error) {
	rows, err := tx.Query(ctx, `
		select buyer, array_agg(distinct assigned order by assigned)
		from orders, unnest(assigned_users) as assigned
		where seller = $1 and buyer = any($2) and product_type = any($3)
		group by buyer`, parent, buyers, d.ManagedSubscriptions)
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	poc := map[string][]string{}
	for rows.Next() {
		var buyer string
		var users []string
		if err := rows.Scan(&buyer, &users); err != nil {
			return nil, fmt.Errorf("read orders: %w", err)
		}
		poc[buyer] = users
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	return poc, nil
}

// Settle looks whether the head of the agency's stream has passed a version, and whose record it was.
func (d *Dashboards) Settle(ctx context.Context, parent string, version int64) (domain.Settlement, error) {
	var s domain.Settlement
	err := d.Pool.QueryRow(ctx, `
		select h.version >= $2, coalesce(c.command_id, '')
		from dashboard_heads h
		left join dashboard_commands c on c.parent_account = h.parent_account and c.version = $2
		where h.parent_account = $1`, parent, version).Scan(&s.Passed, &s.CommandID)
	if errors.Is(err, pgx.ErrNoRows) {
		return domain.Settlement{}, nil
	}
	if err != nil {
		return s, fmt.Errorf("settle version %d of agency %s: %w", version, parent, err)
	}
	return s, nil
}

// Document returns a dashboard as of a version of the agency's stream; [domain.ErrDashboardNotFound]
// when it did not exist yet.
func (d *Dashboards) Document(ctx context.Context, parent, subAccount string, version int64) (domain.Dashboard, error) {
	var document domain.Dashboard
	err := d.Pool.QueryRow(ctx, `
		select after, version from dashboard_history
		where parent_account = $1 and sub_account_id = $2 and version <= $3
		order by version desc limit 1`, parent, subAccount, version).Scan(&document, &document.Version)
	if errors.Is(err, pgx.ErrNoRows) {
		return document, domain.ErrDashboardNotFound
	}
	if err != nil {
		return document, fmt.Errorf("read dashboard %s as of version %d: %w", subAccount, version, err)
	}
	return document, nil
}
