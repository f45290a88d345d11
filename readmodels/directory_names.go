package readmodels

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// names are those of the directory, by id; nil where it holds none.
type names struct {
	users, accounts map[string]*string
	// staff and active are the users who are the agency's own, and those who are active, in an active account, today.
	staff, active map[string]bool
}

// withNames makes an answer twice: without names, to see which ids it mentions, and with those that the directory holds.
// Only the agency's own people and accounts have one: whoever belongs to another agency today shows as an id, as if erased.
func withNames[A any](ctx context.Context, tx pgx.Tx, parent string, answer func(names) A) (a A, err error) {
	n := names{map[string]*string{}, map[string]*string{}, map[string]bool{}, map[string]bool{}}
	answer(n)
	if err := n.read(ctx, tx, parent); err != nil {
		return a, err
	}
	return answer(n), nil
}

func (n names) read(ctx context.Context, tx pgx.Tx, parent string) error {
	rows, _ := tx.Query(ctx, `
		select true, u.id, u.name, a.id = $1, u.active and a.active from users u join accounts a on a.id = u.account_id
		where u.id = any($2) and (a.id = $1 or a.parent_account = $1)
		union all
		select false, id, name, false, active from accounts where id = any($3) and (id = $1 or parent_account = $1)`,
		parent, slices.Collect(maps.Keys(n.users)), slices.Collect(maps.Keys(n.accounts)))
	var isUser, staff, active bool
	var id, name string
	_, err := pgx.ForEachRow(rows, []any{&isUser, &id, &name, &staff, &active}, func() error {
		if isUser {
			n.users[id], n.staff[id], n.active[id] = new(name), staff, active
		} else {
			n.accounts[id] = new(name)
		}
		return nil
	})
	return wrapped("read names", err)
}

// named is an id with its name, and notes that the answer mentions it.
func named(known map[string]*string, id string) Named {
	name, noted := known[id]
	if !noted {
		known[id] = nil
	}
	return Named{ID: id, Name: name}
}

func namedAll(known map[string]*string, ids []string) []Named {
	all := make([]Named, len(ids))
	for i, id := range ids {
		all[i] = named(known, id)
	}
	return all
}

// record puts names to the ids of a record.
func (n names) record(r Record) Record {
	r.Actor = named(n.users, r.Actor.ID)
	if r.OnBehalfOf != nil {
		r.OnBehalfOf = new(named(n.users, r.OnBehalfOf.ID))
	}
	return r
}

// state puts names to a document; nil stays nil.
func (n names) state(d *domain.Dashboard) *DashboardState {
	if d == nil {
		return nil
	}
	return &DashboardState{
		ID: d.DocumentID, SubAccountID: d.SubAccountID, ParentAccount: d.ParentAccount,
		SubAccountIDs: namedAll(n.accounts, d.SubAccountIDs), Users: namedAll(n.users, d.Users),
		MainPOC: namedAll(n.users, d.MainPOC), AllowClientDashboard: d.AllowClientDashboard, Scopes: d.Scopes,
		CreatedAt: d.CreatedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(),
	}
}

// differences puts names to what [domain.DifferenceBetween] finds.
func (n names) differences(before *domain.Dashboard, after domain.Dashboard) Differences {
	d := domain.DifferenceBetween(before, after)
	named := Differences{
		Created:        d.Created,
		AccountsLinked: namedAll(n.accounts, d.Linked), AccountsUnlinked: namedAll(n.accounts, d.Unlinked),
		UsersAdded: namedAll(n.users, d.UsersAdded), UsersRemoved: namedAll(n.users, d.UsersRemoved),
		ScopesAdded: d.ScopesAdded, ScopesRemoved: d.ScopesRemoved,
		MainPOCAdded: namedAll(n.users, d.MainPOCAdded), MainPOCRemoved: namedAll(n.users, d.MainPOCRemoved),
	}
	if d.AllowClientChanged {
		named.AllowClientDashboard = &Flip{Before: !after.AllowClientDashboard, After: after.AllowClientDashboard}
	}
	return named
}
