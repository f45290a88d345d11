package readmodels

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// nameLookup collects the ids that an answer mentions, so that their names are read at once.
type nameLookup struct{ userIDs, accountIDs map[string]bool }

func newNameLookup() *nameLookup {
	return &nameLookup{userIDs: map[string]bool{}, accountIDs: map[string]bool{}}
}

func (w *nameLookup) users(ids ...string) {
	for _, id := range ids {
		w.userIDs[id] = true
	}
}

func (w *nameLookup) accounts(ids ...string) {
	for _, id := range ids {
		w.accountIDs[id] = true
	}
}

func (w *nameLookup) dashboard(d *domain.Dashboard) {
	if d == nil {
		return
	}
	w.accounts(d.SubAccountIDs...)
	w.users(d.Users...)
	w.users(d.MainPOC...)
}

// read looks the names up. Only the agency's own people and accounts have one: whoever belongs to
// another agency today shows as an id, as if erased.
func (w *nameLookup) read(ctx context.Context, tx pgx.Tx, parent string) (names, error) {
	n := names{users: map[string]string{}, accounts: map[string]string{}}
	rows, _ := tx.Query(ctx, `
		select true, u.id, u.name from users u join accounts a on a.id = u.account_id
		where u.id = any($2) and (a.id = $1 or a.parent_account = $1)
		union all
		select false, id, name from accounts where id = any($3) and (id = $1 or parent_account = $1)`,
		parent, slices.Collect(maps.Keys(w.userIDs)), slices.Collect(maps.Keys(w.accountIDs)))
	var isUser bool
	var id, name string
	_, err := pgx.ForEachRow(rows, []any{&isUser, &id, &name}, func() error {
		if isUser {
			n.users[id] = name
		} else {
			n.accounts[id] = name
		}
		return nil
	})
	if err != nil {
		return n, fmt.Errorf("read names: %w", err)
	}
	return n, nil
}

// names are those of the directory, by id.
type names struct{ users, accounts map[string]string }

func (n names) user(id string) Named { return named(n.users, id) }

func (n names) account(id string) Named { return named(n.accounts, id) }

func named(known map[string]string, id string) Named {
	if name, ok := known[id]; ok {
		return Named{ID: id, Name: &name}
	}
	return Named{ID: id}
}

func namedAll(known map[string]string, ids []string) []Named {
	all := make([]Named, len(ids))
	for i, id := range ids {
		all[i] = named(known, id)
	}
	return all
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
