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
	"github.com/ledgerboard/ledgerboard/internal/platforms"
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
	s.a_type as account_type, s.external_id, s.name, s.connected,
	coalesce(s.created_at, '0001-01-01 00:00+00') as created_at,
	coalesce(s.updated_at, '0001-01-01 00:00+00') as updated_at`

func (c Connecting) pages(ctx context.Context, query string, args ...any) ([]domain.ConnectedPage, error) {
	return pg.List(ctx, c.Pool, "read connected pages", pgx.RowToStructByName[domain.ConnectedPage], `
		select `+pageColumns+`, coalesce(a.name, '') as account_name, `+readmodels.AwaitsSignIn+` as awaits_sign_in
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

// figuresPaused is a sentence if social account s was read since it was last connected, but an
// operator has paused the projection that would show its figures. Otherwise it is null.
const figuresPaused = `case when exists (
		select from kept.pauses where kind = '` + string(domain.PauseProjection) + `' and name = 'account_insights')
	  and not exists (select from account_newest n where n.social_account_id = s.id and n.parent_account = s.parent_account
	    and n.account_id = s.account_id and n.captured_at >= s.told_at)
	then 'It was read, but an operator has paused the processing of figures. They will be shown afterwards.' end`

// FirstReadings returns the progress of the first readings of the pages that a finished attempt
// connected, and whether the pages are still connected for the account of the attempt. Readings and
// failures before a page was last connected belong to an earlier sign-in and are ignored. Pages
// whose rows are older than the attempt are omitted.
func (c Connecting) FirstReadings(ctx context.Context, a domain.ConnectAttempt) ([]domain.FirstReading, error) {
	ids := make([]int64, len(a.Outcome.Connected))
	for i, page := range a.Outcome.Connected {
		ids[i] = page.SocialAccountID
	}
	return pg.List(ctx, c.Pool, "read progress of first readings", scanFirstReading, `
		select s.id, case when w.class <> '`+string(PlatformDisconnected)+`' then r.read_at end,
		       case when w.class = '`+string(PlatformDisconnected)+`'
		              then 'It is no longer connected for this account. Connect it again to resume reading.'
		            when `+readmodels.AwaitsSignIn+` then st.reason
		            when w.class = '`+string(PlatformPaused)+`' then coalesce(`+readmodels.Paused+`, `+figuresPaused+`)
		            when w.class <> '' then f.reason else '' end, w.class,
		       case when w.class in ('', '`+string(PlatformDisconnected)+`', '`+string(PlatformPaused)+`') then ''
		            when `+readmodels.AwaitsSignIn+` then `+signInProblem+` else f.problem end,
		       `+readmodels.AwaitsSignIn+`
		from tSAccounts s
		cross join (select now() as now) t`+readmodels.SignInJoins+`
		left join kept.fetch_state f on f.kind = '`+domain.FetchAccounts+`' and f.p_id = s.p_id
		  and f.social_account_id = s.id
		left join lateral (select f.read_at where f.read_at >= s.told_at) r on true
		cross join lateral (
			select case when not s.connected or s.account_id <> $2 then '`+string(PlatformDisconnected)+`'
			            when `+readmodels.AwaitsSignIn+` then '`+string(PlatformReconnect)+`'
			            when r.read_at is not null and `+figuresPaused+` is not null then '`+string(PlatformPaused)+`'
			            when r.read_at is not null then ''
			            when `+readmodels.Paused+` is not null then '`+string(PlatformPaused)+`'
			            when f.updated_at >= s.told_at then f.class else '' end as class) w
		where s.parent_account = $1 and s.id = any($3) and s.told_at >= $4 order by s.id`,
		a.ParentAccount, a.AccountID, ids, a.CreatedAt)
}

func scanFirstReading(row pgx.CollectableRow) (r domain.FirstReading, err error) {
	var awaitsSignIn bool
	err = row.Scan(&r.SocialAccountID, &r.ReadAt, &r.Reason, &r.Class, &r.Problem, &awaitsSignIn)
	if !awaitsSignIn { // otherwise, the reason contains advice
		r.Reason = domain.OptionalText(platforms.ReasonForAgency(string(r.Reason), r.Problem))
	}
	return r, err
}

// connectScope is the dashboard scope that lets client users connect their own account's pages.
const connectScope = "connect"

// ClientMayConnect reports whether a client user may connect pages for the user's own account: the
// account's dashboard is open, has the scope connect, and has the user on its list.
func (c Connecting) ClientMayConnect(ctx context.Context, parent, account, user string) (bool, error) {
	return pg.ScanOptional(c.Pool.QueryRow(ctx, `
		select from dashboard_preferences d
		where d.parent_account = $1 and d.sub_account_id = $2 and d.allow_client_dashboard
		  and d.users @> array[$3::text] and $4::text = any(d.scopes)`,
		parent, account, user, connectScope), "check whether a client may connect")
}
