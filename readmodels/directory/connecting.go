package directory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Connecting reads the data that the connect flow needs.
type Connecting struct{ Pool *pgxpool.Pool }

// errPageNotFound is returned for a connected page that does not exist or belongs to another
// agency.
var errPageNotFound = domain.NewError(domain.CodeNotFound, "There is no such connected page or profile. Check the id.")

// ActiveNames returns the names of an active agency and of the agency itself or one of its active
// accounts, and whether that account is subscribed (see [readmodels.Subscribed]). It returns
// [readmodels.ErrAccountNotFound] for any other account.
func (c Connecting) ActiveNames(
	ctx context.Context, parent, account string, now time.Time,
) (names domain.ConnectNames, err error) {
	const doing = "look up account to connect"
	known, err := pg.ScanOptional(c.Pool.QueryRow(ctx, `
		select p.name, s.name, `+readmodels.Subscribed+`
		from (select a.name, a.id as account_id, coalesce(a.parent_account, a.id) as parent_account
		      from accounts a where a.id = $2 and a.active) s
		join accounts p on p.id = s.parent_account and p.active
		cross join (select $3::timestamptz as now) t
		where s.parent_account = $1`, parent, account, now), doing, &names.Agency, &names.Account, &names.Subscribed)
	if err == nil && !known {
		err = pg.Wrap(doing, readmodels.ErrAccountNotFound)
	}
	return names, err
}

// pageColumns are the columns of a [domain.DirectorySocialAccount], by name, from tSAccounts s. An
// unknown time becomes Go's zero time.
const pageColumns = `s.id, s.parent_account, s.account_id, s.member_id, s.connection_id, s.p_id as platform,
	s.a_type as account_type, s.external_id, s.name, s.connected, s.ended,
	coalesce(s.created_at, '0001-01-01 00:00+00') as created_at,
	coalesce(s.updated_at, '0001-01-01 00:00+00') as updated_at`

func (c Connecting) pages(ctx context.Context, query string, args ...any) ([]domain.ConnectedPage, error) {
	return pg.List(ctx, c.Pool, "read connected pages", pgx.RowToStructByName[domain.ConnectedPage], `
		select `+pageColumns+`, coalesce(a.name, '') as account_name, `+readmodels.AwaitsSignIn+` as awaits_sign_in,
		  coalesce((`+readmodels.SignInReason+`) ->> 'code', '') as state_code, `+readmodels.SignInSince+` as state_since
		from tSAccounts s left join accounts a on a.id = s.account_id`+readmodels.SignInJoins+query, args...)
}

// PagesNamed returns the given pages that are in an agency's directory, connected ones first. The
// ids in refs are plain; those in the directory can also be URNs, see [domain.Platform.PlainID].
func (c Connecting) PagesNamed(
	ctx context.Context, parent string, refs []domain.PageRef,
) ([]domain.ConnectedPage, error) {
	platforms, kinds, external := make([]int, len(refs)), make([]int, len(refs)), make([]string, len(refs))
	withURNs := slices.DeleteFunc(domain.Platforms(), func(p domain.Platform) bool { return !p.Facts().WritesURNs })
	for i, ref := range refs {
		platforms[i], kinds[i], external[i] = int(ref.Platform), int(ref.AccountType), ref.ExternalID
	}
	return c.pages(ctx, ` where s.parent_account = $1
		and (s.p_id, s.a_type,
		     case when s.p_id = any($5::smallint[]) then regexp_replace(s.external_id, '^.*:', '')
		          else s.external_id end)
		  in (select p, k, e from unnest($2::smallint[], $3::smallint[], $4::text[]) as asked(p, k, e))
		order by s.connected desc, s.id`, parent, platforms, kinds, external, readmodels.PlatformIDs(withURNs))
}

// PagesOf returns the connected pages of the given connections, from any agency, ordered by id.
func (c Connecting) PagesOf(ctx context.Context, connections []int64) ([]domain.ConnectedPage, error) {
	return c.pages(ctx, ` where s.connection_id = any($1) and s.connected order by s.id`, connections)
}

// Page returns a social account of an agency, or an error with code not_found.
func (c Connecting) Page(ctx context.Context, parent string, id int64) (domain.ConnectedPage, error) {
	pages, err := c.pages(ctx, ` where s.parent_account = $1 and s.id = $2`, parent, id)
	if err == nil && len(pages) == 0 {
		err = fmt.Errorf("social account %d: %w", id, errPageNotFound)
	}
	if err != nil {
		return domain.ConnectedPage{}, err
	}
	return pages[0], nil
}

// MemberUser returns the user of a member; "" if the member is unknown or not a user.
func (c Connecting) MemberUser(ctx context.Context, member int64) (user string, err error) {
	row := c.Pool.QueryRow(ctx, `select coalesce(user_id, '') from members where id = $1`, member)
	_, err = pg.ScanOptional(row, "look up a member", &user)
	return user, err
}

// MembersOf returns the members that were created when a person signed in with a platform, for any
// account of any agency. Their ids are computed from agency, account, platform and person.
func (c Connecting) MembersOf(
	ctx context.Context, platform domain.Platform, person string,
) (members []int64, err error) {
	const doing = "find members of a person"
	rows, _ := c.Pool.Query(ctx, `select coalesce(parent_account, id), id from accounts`)
	var agency, account string
	var ids []int64
	if _, err := pgx.ForEachRow(rows, []any{&agency, &account}, func() error {
		ids = append(ids, domain.ComputedMember(agency, account, platform, person))
		return nil
	}); err != nil {
		return nil, pg.Wrap(doing, err)
	}
	return pg.List(ctx, c.Pool, doing, pgx.RowTo[int64], `select id from members where id = any($1) order by id`, ids)
}

// FirstReadings returns the progress of the first readings of the pages that a finished attempt
// connected, and whether the pages are still connected for the account of the attempt. Readings
// before a page was last connected belong to an earlier sign-in and are ignored. Pages whose rows
// are older than the attempt are omitted.
func (c Connecting) FirstReadings(ctx context.Context, a domain.ConnectAttempt) ([]domain.FirstReading, error) {
	ids := make([]int64, len(a.Outcome.Connected))
	for i, page := range a.Outcome.Connected {
		ids[i] = page.SocialAccountID
	}
	return pg.List(ctx, c.Pool, "read progress of first readings", scanFirstReading, `
		select s.id, s.p_id, case when status.read_at >= s.told_at then status.read_at end,
		       status.status, status.reasons, status.since, s.account_id <> $2,
		       (status.captured_at is null or status.captured_at < s.told_at) and exists (
		         select from kept.pauses where kind = '`+string(domain.PauseProjection)+`' and name = 'account_insights')
		from tSAccounts s
		cross join (select now() as now) t`+readmodels.ConnectionStatus+`
		where s.parent_account = $1 and s.id = any($3) and s.told_at >= $4 order by s.id`,
		a.ParentAccount, a.AccountID, ids, a.CreatedAt)
}

func scanFirstReading(row pgx.CollectableRow) (r domain.FirstReading, err error) {
	var platform domain.Platform
	var moved, hidden bool
	err = row.Scan(&r.SocialAccountID, &platform, &r.ReadAt, &r.Status, &r.Reasons, &r.Since, &moved, &hidden)
	because := func(status domain.PageStatus, reasons ...domain.StatusReason) {
		r.ConnectionStatus = domain.ConnectionStatus{Status: status, Reasons: append([]domain.StatusReason{}, reasons...)}
	}
	switch {
	case moved:
		because(domain.PageDisconnected, domain.StatusReason{Code: domain.StatusMovedAway})
	case r.Status == domain.PageDisconnected, r.Status == domain.PageReconnect && r.Since != nil: // as recorded
	case r.ReadAt != nil && hidden: // an operator has paused the projection that would show its figures
		because(domain.PagePaused, domain.StatusReason{Code: domain.StatusFiguresPaused})
	case r.ReadAt != nil:
		because(domain.PageOK)
	case r.Status == domain.PageOK: // read before it was last connected
		because(domain.PageWaiting, domain.StatusReason{Code: domain.StatusNotReadYet})
	}
	if r.Status == domain.PageDisconnected {
		r.ReadAt = nil
	}
	r.Text = readmodels.TextOf(r.Reasons, domain.APIText, platform)
	return r, err
}

// connectScope is the dashboard scope that lets client users connect their own account's pages.
const connectScope = "connect"

// ClientMayConnect reports whether a client user may connect pages for the user's own account: the
// user may open the account's dashboard, and it has the scope connect.
func (c Connecting) ClientMayConnect(ctx context.Context, parent, account, user string) (bool, error) {
	return pg.ScanOptional(c.Pool.QueryRow(ctx, `
		select from dashboard_preferences d
		where d.parent_account = $1 and d.sub_account_id = $2 and `+readmodels.Opens("$3", "$2")+`
		  and $4::text = any(d.scopes)`,
		parent, account, user, connectScope), "check whether a client may connect")
}
