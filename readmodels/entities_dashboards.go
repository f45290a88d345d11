package readmodels

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// DashboardsQuery asks for the dashboards of an agency's clients.
type DashboardsQuery struct {
	Page   Page   `json:"-"` // no part of the filters that a cursor goes with
	Search string // part of the client's name or e-mail address, whatever its case; "": all
	Exists *bool  // nil: both
	// ClientAccount and ClientUser are set for a client user, for whom only the dashboards exist that it may open (rule 11).
	ClientAccount, ClientUser string
}

// DashboardSummary is a client with what its dashboard is.
type DashboardSummary struct {
	SubAccountID   string  `json:"sub_account_id"`
	RowID          int64   `json:"row_id"`           // what accountId means in the paths of the analytics; 0: the directory does not hold it
	SubAccountName string  `json:"sub_account_name"` // empty when the directory does not hold the client
	Exists         bool    `json:"exists"`           // false: there is no dashboard yet; an agency's first look makes it
	ID             *string `json:"id"`               // of the dashboard, 24 hex digits; null: there is none yet
	// Linked are the accounts that share the view, this one included; empty: there is no dashboard yet.
	Linked               []AccountName `json:"linked"`
	ListedUsers          int           `json:"listed_users"` // how many are on the list
	AllowClientDashboard bool          `json:"allow_client_dashboard"`
	Scopes               []string      `json:"scopes"`
	UpdatedAt            *time.Time    `json:"updated_at"` // null: there is none yet
}

// AccountName is an account with its name.
type AccountName struct {
	ID   string `json:"id"`
	Name string `json:"name"` // empty when the directory does not hold it
}

// Dashboards lists every client of the agency, by name, with what its dashboard is; for a client user those that it may open.
func (e Entities) Dashboards(ctx context.Context, scope Scope, q DashboardsQuery) ([]DashboardSummary, ListMeta, error) {
	return PageQuery[DashboardSummary, nameKey[string]]{
		List: "dashboards", Scope: scope, Page: q.Page, Filters: q,
		Select: func(after nameKey[string], limit int) (string, []any) {
			return `
				select c.id, coalesce(a.row_id, 0), c.name, d.document_id is not null, d.document_id,
				       coalesce((select jsonb_agg(jsonb_build_object('id', l.id, 'name', coalesce(x.name, '')) order by l.n)
				                 from unnest(d.sub_account_ids) with ordinality as l(id, n)
				                 left join accounts x on x.id = l.id and x.parent_account = $1), '[]'),
				       coalesce(cardinality(d.users), 0), coalesce(d.allow_client_dashboard, false), coalesce(d.scopes, '{}'), d.updated_at
				from (select id, name from accounts where parent_account = $1
				      union all
				      select p.sub_account_id, '' from dashboard_preferences p
				      where p.parent_account = $1 and not exists (
						select from accounts where id = p.sub_account_id and parent_account = $1)) c
				left join accounts a on a.id = c.id and a.parent_account = $1
				left join dashboard_preferences d on d.parent_account = $1 and d.sub_account_id = c.id
				where (` + notAClient + ` or ` + opensDashboard + `) and ($4 = '' or c.name ilike $4 or a.email ilike $4)
				  and ($5::boolean is null or (d.document_id is not null) = $5)
				  and ($7 = '' or (c.name collate "C", c.id collate "C") > ($6, $7))
				order by c.name collate "C", c.id collate "C" limit $8`,
				[]any{scope.ParentAccount, q.ClientAccount, q.ClientUser, containing(q.Search), q.Exists, after.Name, after.ID, limit}
		},
		Scan: pgx.RowToStructByPos[DashboardSummary],
		Key:  func(d DashboardSummary) nameKey[string] { return nameKey[string]{d.SubAccountName, d.SubAccountID} },
	}.Read(ctx, e.Pool)
}
