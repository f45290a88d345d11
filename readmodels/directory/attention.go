package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// ConcernKind says what needs attention.
type ConcernKind string

// Kinds of [Concern].
const (
	ConcernSignIn      ConcernKind = "sign_in"      // a person must sign in at the platform
	ConcernBoard       ConcernKind = "board_unseen" // the dashboard is open, but no client user can open it
	ConcernNotRead     ConcernKind = "not_read"     // all pages and profiles are disconnected or paused
	ConcernFigures     ConcernKind = "figures"      // someone must act, as the text says, before figures are read
	ConcernPermissions ConcernKind = "permissions"  // permissions were declined during sign-in, so some figures stay empty
)

// concernKinds are all kinds, in the order of the list.
var concernKinds = []ConcernKind{ConcernSignIn, ConcernBoard, ConcernNotRead, ConcernFigures, ConcernPermissions}

// Concern is something about a client, or about the agency's own pages, that needs attention.
type Concern struct {
	Kind        ConcernKind `json:"kind"`         // what needs attention
	AccountID   string      `json:"account_id"`   // a client, or the agency itself
	AccountName string      `json:"account_name"` // name of the account
	// the platform of sign_in and figures; null for the other kinds
	Platform *domain.Platform `json:"p_id"`
	Pages    int              `json:"pages"` // number of pages and profiles concerned; 0 for board_unseen
	// name of the first page or profile of sign_in and figures; null if unnamed, and for the other kinds
	PageName domain.OptionalText `json:"page_name"`
	// number of users on the list of a dashboard with board_unseen; otherwise 0
	ListedUsers int `json:"listed_users"`
	// why, in sentences; null for board_unseen and permissions, and if the pages are only disconnected
	Text domain.OptionalText `json:"text"`
}

// concernedPage is a page or profile that may need attention.
type concernedPage struct {
	account, accountName string
	platform             domain.Platform
	accountType          domain.AccountType
	name                 string
	domain.ConnectionStatus

	granted *string // scopes of the stored token; nil if unknown
	stopped bool    // the account's pages are all disconnected or paused
}

// Attention lists what needs attention at the agency and its clients: by kind, and within a kind the
// agency first, then its clients by name.
func (e Entities) Attention(ctx context.Context, parent string) (all []Concern, err error) {
	var pages []concernedPage
	err = pg.Snapshot(ctx, e.Pool, func(tx pgx.Tx) (err error) {
		pages, err = pg.List(ctx, tx, "read pages", func(row pgx.CollectableRow) (p concernedPage, err error) {
			err = row.Scan(&p.account, &p.accountName, &p.platform, &p.accountType, &p.name, &p.Status, &p.Reasons, &p.granted, &p.stopped)
			return p, err
		}, concernedPages, parent)
		if err != nil {
			return err
		}
		all, err = pg.List(ctx, tx, "read boards that no one can open", func(row pgx.CollectableRow) (Concern, error) {
			c := Concern{Kind: ConcernBoard}
			err := row.Scan(&c.AccountID, &c.AccountName, &c.ListedUsers)
			return c, err
		}, unseenBoards, parent)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what needs attention at agency %s: %w", parent, err)
	}
	declined := declinedPermissions()
	for len(pages) > 0 {
		n := slices.IndexFunc(pages, func(p concernedPage) bool { return p.account != pages[0].account })
		if n < 0 {
			n = len(pages)
		}
		all = append(all, concernsOf(pages[:n], declined)...)
		pages = pages[n:]
	}
	slices.SortStableFunc(all, func(a, b Concern) int {
		return slices.Index(concernKinds, a.Kind) - slices.Index(concernKinds, b.Kind)
	})
	return all, nil
}

var concernedPages = `
	select p.account_id, a.name, p.p_id, p.a_type, p.name, p.status, p.reasons, p.granted, p.stopped
	from (
		select s.account_id, s.p_id, s.a_type, s.id, s.name, status.status, status.reasons, status.granted,
		       bool_and(status.status in ('` + string(domain.PageDisconnected) + `', '` + string(domain.PagePaused) + `'))
		         over (partition by s.account_id) as stopped
		from tSAccounts s
		cross join (select now() as now) t` + readmodels.ConnectionStatus + `
		where s.parent_account = $1) p
	join accounts a on a.id = p.account_id and $1 in (a.id, a.parent_account)
	where p.stopped or p.status <> '` + string(domain.PageOK) + `' or p.granted is not null
	order by a.id <> $1, a.name ` + readmodels.ByName + `, a.id collate "C", p.p_id, p.id`

var unseenBoards = `
	select a.id, a.name, cardinality(d.users)
	from dashboard_preferences d
	join accounts a on a.id = d.sub_account_id and a.parent_account = $1
	where d.parent_account = $1 and d.allow_client_dashboard and not exists (
		select from users u join accounts o on o.id = u.account_id
		where u.id = any(d.users) and u.active and o.active and o.parent_account = $1
		  and ` + readmodels.Opens("u.id", "o.id") + `)
	order by a.name ` + readmodels.ByName + `, a.id collate "C"`

// concernsOf returns what the pages of one account need. A page that is disconnected or not
// subscribed on purpose needs nothing.
func concernsOf(pages []concernedPage, declined func(concernedPage) bool) (all []Concern) {
	of := func(kind ConcernKind) Concern {
		return Concern{Kind: kind, AccountID: pages[0].account, AccountName: pages[0].accountName}
	}
	onPlatform := func(kind ConcernKind, p concernedPage) {
		same := func(c Concern) bool { return c.Kind == kind && *c.Platform == p.platform }
		if at := slices.IndexFunc(all, same); at >= 0 {
			all[at].Pages++
			return
		}
		c := of(kind)
		c.Platform, c.Pages, c.PageName = &p.platform, 1, domain.OptionalText(p.name)
		c.Text = readmodels.TextOf(p.Reasons, domain.APIText, p.platform)
		all = append(all, c)
	}
	var paused []string
	permissions := of(ConcernPermissions)
	for _, p := range pages {
		switch remedy := p.Remedy(); {
		case remedy == domain.RemedySignIn:
			onPlatform(ConcernSignIn, p)
		case remedy == domain.RemedyAction:
			onPlatform(ConcernFigures, p)
		case p.Read() && declined(p):
			permissions.Pages++
		case p.Status == domain.PagePaused:
			if text := string(readmodels.TextOf(p.Reasons, domain.APIText, p.platform)); !slices.Contains(paused, text) {
				paused = append(paused, text)
			}
		}
	}
	signsIn := slices.ContainsFunc(all, func(c Concern) bool { return c.Kind == ConcernSignIn })
	if pages[0].stopped && (len(paused) > 0 || !signsIn) {
		c := of(ConcernNotRead)
		c.Pages, c.Text = len(pages), domain.OptionalText(strings.Join(paused, " "))
		all = append(all, c)
	}
	if permissions.Pages > 0 {
		all = append(all, permissions)
	}
	return all
}

// declinedPermissions reports whether a page lacks permissions. Most pages have the same ones.
func declinedPermissions() func(concernedPage) bool {
	type key struct {
		platform    domain.Platform
		accountType domain.AccountType
		granted     string
	}
	known := map[key]bool{}
	return func(p concernedPage) bool {
		if p.granted == nil {
			return false
		}
		k := key{p.platform, p.accountType, *p.granted}
		if _, ok := known[k]; !ok {
			known[k] = len(domain.PermissionsOf(p.platform, p.accountType, p.granted).Ungranted) > 0
		}
		return known[k]
	}
}
