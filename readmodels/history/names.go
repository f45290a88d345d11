package history

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// names contains what the directory says today about the people and accounts that a response
// mentions; nothing about those who do not belong to the agency.
type names struct {
	users    map[string]person
	accounts map[string]*string
}

type person struct {
	name    *string
	account string // "" if unknown
	active  bool   // so is the account
	staff   bool   // of the agency
}

func newNames() names { return names{map[string]person{}, map[string]*string{}} }

func (n names) mention(users, accounts []string) {
	for _, id := range users {
		n.users[id] = person{}
	}
	for _, id := range accounts {
		n.accounts[id] = nil
	}
}

func (n names) mentionDashboards(all ...*domain.Dashboard) {
	for _, d := range all {
		if d != nil {
			n.mention(d.Users, d.SubAccountIDs)
			n.mention(d.MainPOC, []string{d.SubAccountID})
		}
	}
}

// read reads what the directory of an agency says about those who were mentioned.
func (n names) read(ctx context.Context, tx pgx.Tx, parent string) error {
	rows, _ := tx.Query(ctx, `
		select u.id, u.name, a.id, u.active and a.active, a.id = $1
		from users u join accounts a on a.id = u.account_id
		where u.id = any($2) and (a.id = $1 or a.parent_account = $1)
		union all
		select id, name, '', false, false from accounts where id = any($3) and (id = $1 or parent_account = $1)`,
		parent, slices.Collect(maps.Keys(n.users)), slices.Collect(maps.Keys(n.accounts)))
	var id, name string
	var p person
	_, err := pgx.ForEachRow(rows, []any{&id, &name, &p.account, &p.active, &p.staff}, func() error {
		if p.name = new(name); p.account == "" {
			n.accounts[id] = p.name
		} else {
			n.users[id] = p
		}
		return nil
	})
	return pg.Wrap("read names", err)
}

// linked reports whether a user's current account is one of a dashboard's accounts, or unknown.
func (n names) linked(user string, d *domain.Dashboard) bool {
	account := n.users[user].account
	return account == "" || slices.Contains(d.SubAccountIDs, account)
}

func (n names) user(id string) Named    { return Named{id, n.users[id].name} }
func (n names) account(id string) Named { return Named{id, n.accounts[id]} }

func named(ids []string, name func(string) Named) []Named {
	all := make([]Named, len(ids))
	for i, id := range ids {
		all[i] = name(id)
	}
	return all
}

// state adds names to a document; nil stays nil.
func (n names) state(d *domain.Dashboard) *DashboardState {
	if d == nil {
		return nil
	}
	return &DashboardState{
		ID: d.DocumentID, SubAccountID: d.SubAccountID, ParentAccount: d.ParentAccount,
		SubAccountIDs: named(d.SubAccountIDs, n.account), Users: named(d.Users, n.user),
		MainPOC: named(d.MainPOC, n.user), AllowClientDashboard: d.AllowClientDashboard, Scopes: d.Scopes,
		CreatedAt: d.CreatedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(),
	}
}

// differences adds names to the result of [domain.DifferenceBetween].
func (n names) differences(before *domain.Dashboard, after domain.Dashboard) Differences {
	d := domain.DifferenceBetween(before, after)
	result := Differences{
		Created:        d.Created,
		AccountsLinked: named(d.Linked, n.account), AccountsUnlinked: named(d.Unlinked, n.account),
		UsersAdded: named(d.UsersAdded, n.user), UsersRemoved: named(d.UsersRemoved, n.user),
		ScopesAdded: d.ScopesAdded, ScopesRemoved: d.ScopesRemoved,
		MainPOCAdded: named(d.MainPOCAdded, n.user), MainPOCRemoved: named(d.MainPOCRemoved, n.user),
	}
	if d.AllowClientChanged {
		result.AllowClientDashboard = &Flip{Before: !after.AllowClientDashboard, After: after.AllowClientDashboard}
	}
	return result
}
