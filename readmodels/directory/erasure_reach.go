package directory

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AddSocialAccountsToErase adds the owners and the stored post contents of the social accounts that
// are erased with a person.
func (p People) AddSocialAccountsToErase(ctx context.Context, person *domain.Person) error {
	err := pg.Snapshot(ctx, p.Pool, func(tx pgx.Tx) error { return addErasedAccounts(ctx, tx, person) })
	return pg.Wrap("find social accounts to erase", err)
}

func addErasedAccounts(ctx context.Context, tx pgx.Tx, person *domain.Person) (err error) {
	person.Had, err = pg.List(ctx, tx, "find owners of social accounts", pgx.RowToStructByPos[domain.AccountOwner], `
		select k.id, h.account_id, h.p_id from unnest($1::bigint[]) as k(id) cross join lateral (
			select account_id, p_id from (
				select account_id, p_id, 0 as rank, null::timestamptz as at from tSAccounts
					where id = k.id and parent_account = $2
				union all (select account_id, p_id, 1, captured_at from tSAccountIns
					where social_account_id = k.id and parent_account = $2 order by captured_at desc limit 1)
				union all (select account_id, p_id, 1, updated_at from tSPosts
					where social_account_id = k.id and parent_account = $2 order by updated_at desc limit 1)
				union all (select account_id, p_id, 1, last_at from post_owners
					where social_account_id = k.id and parent_account = $2 order by last_at desc limit 1)
				union all select account_id, p_id, 2, erased_at from account_erasures
					where social_account_id = k.id and parent_account = $2) had
			order by rank, at desc limit 1) h order by k.id`, person.SocialAccountsToErase(), person.ParentAccount)
	if err != nil {
		return err
	}
	person.Connected, err = pg.List(ctx, tx, "read connected social accounts to erase",
		pgx.RowToStructByName[domain.DirectorySocialAccount],
		`select `+pageColumns+` from tSAccounts s where s.id = any($1) and s.connected order by s.id`,
		person.SocialAccountsToErase())
	if err != nil {
		return err
	}
	person.Contents, err = contentsToErase(ctx, tx, *person)
	return err
}

// Name adds social accounts of the person's agency that are erased with the person, and their post
// contents. It returns an error with code invalid for an id that no member of the agency has or
// had.
func (p People) Name(ctx context.Context, person *domain.Person, socialAccounts []int64) error {
	for _, id := range socialAccounts {
		if !slices.Contains(person.SocialAccountsToErase(), id) {
			person.Named = append(person.Named, id)
		}
	}
	person.Pages = slices.DeleteFunc(person.Pages, func(page domain.DirectorySocialAccount) bool {
		return slices.Contains(person.Named, page.ID)
	})
	if err := p.AddSocialAccountsToErase(ctx, person); err != nil {
		return err
	}
	for _, id := range person.Named {
		if !slices.ContainsFunc(person.Had, func(owner domain.AccountOwner) bool { return owner.SocialAccount == id }) {
			return domain.NewError(domain.CodeInvalid, "No member of agency %s has or had the social account %d, "+
				"so it cannot be erased with this person. Check the id.", person.ParentAccount, id)
		}
	}
	return nil
}

// ContentsOf returns the stored contents of posts of the social accounts that are erased with a
// person: in all agencies for the person's own accounts, and in the person's agency for accounts
// that were named.
func (p People) ContentsOf(ctx context.Context, person domain.Person) ([]domain.StoredContent, error) {
	return contentsToErase(ctx, p.Pool, person)
}

func contentsToErase(ctx context.Context, tables pg.Querier, person domain.Person) ([]domain.StoredContent, error) {
	return contentsWhere(ctx, tables, `
		social_account_id = any($1) or social_account_id = any($2) and parent_account = $3`,
		person.Profiles, person.Named, person.ParentAccount)
}

func contentsWhere(
	ctx context.Context, tables pg.Querier, condition string, args ...any,
) (stored []domain.StoredContent, err error) {
	rows, _ := tables.Query(ctx, `
		select parent_account, social_account_id, external_id, origin, told_at from post_contents
		where `+condition+` order by 1, 2, 3, 4`, args...)
	var post domain.PostRef
	var origin domain.PostOrigin
	var at time.Time
	row := []any{&post.ParentAccount, &post.SocialAccount, &post.ExternalID, &origin, &at}
	_, err = pgx.ForEachRow(rows, row, func() error {
		stored = append(stored, domain.StoredContent{Key: post.ContentKey(origin), At: at})
		return nil
	})
	return stored, pg.Wrap("read contents of posts", err)
}

// addConnections adds the connections of the person's members. A connection made by a sign-in here
// belongs to all members whose pages it reads, whichever of them is stored with it.
func addConnections(ctx context.Context, tx pgx.Tx, person *domain.Person) (err error) {
	person.Defaults, err = pg.List(ctx, tx, "read default accounts", pgx.RowTo[int64],
		`select member_id from tDefaultAccount where member_id = any($1) order by 1`, person.Members)
	if err != nil {
		return err
	}
	rows, _ := tx.Query(ctx, `
		select c.id, c.secret_ref, exists (
			select from tSAccounts o where o.connection_id = c.id and o.connected and o.member_id <> all($1)
			  and o.id <> all($3))
		from tMemberAuth c
		where c.member_id = any($1)
		  or c.id >= $2 and c.id in (
			select connection_id from tSAccounts where connected and member_id = any($1) or id = any($3))
		order by c.id`, person.Members, domain.FirstComputedID, append([]int64{}, person.Profiles...))
	var c domain.PersonConnection
	var shared bool
	_, err = pgx.ForEachRow(rows, []any{&c.ID, &c.SecretRef, &shared}, func() error {
		if shared {
			person.Shared = append(person.Shared, c)
		} else {
			person.Connections = append(person.Connections, c)
		}
		return nil
	})
	if err != nil {
		return pg.Wrap("read connections", err)
	}
	return nil
}

// addSocialAccounts adds the social accounts of the person's members, and the person's profiles that
// have moved to another client: the id of a member that signed in here tells whose profile it is.
func addSocialAccounts(ctx context.Context, tx pgx.Tx, person *domain.Person) error {
	accounts := map[int64]string{}
	rows, _ := tx.Query(ctx, `select id, account_id from members where id = any($1)`, person.Members)
	var member int64
	var account string
	_, err := pgx.ForEachRow(rows, []any{&member, &account}, func() error {
		accounts[member] = account
		return nil
	})
	if err != nil {
		return pg.Wrap("read accounts of members", err)
	}
	pages, err := pg.List(ctx, tx, "read social accounts", pgx.RowToStructByName[domain.DirectorySocialAccount], `
		select `+pageColumns+` from tSAccounts s
		where s.member_id = any($1) or s.parent_account = $2 and s.p_id = any($3) order by s.id`,
		person.Members, person.ParentAccount, readmodels.PlatformIDs(domain.PersonalPlatforms()))
	for _, page := range pages {
		_, own := accounts[page.MemberID]
		personal := page.Platform.Personal(page.AccountType)
		for member, account := range accounts {
			own = own || personal &&
				member == domain.ComputedMember(person.ParentAccount, account, page.Platform, page.ExternalID)
		}
		switch {
		case own && personal:
			person.Profiles = append(person.Profiles, page.ID)
		case own:
			person.Pages = append(person.Pages, page)
		}
	}
	return err
}

// FiguresErased returns the erasures that are recorded both in account_erasures and in
// post_erasures, by agency and social account, with the earlier of the two instants.
func FiguresErased(ctx context.Context, pool *pgxpool.Pool) (map[domain.PostRef]time.Time, error) {
	known := map[domain.PostRef]time.Time{}
	rows, _ := pool.Query(ctx, `
		select parent_account, social_account_id, least(a.erased_at, p.erased_at)
		from account_erasures a join post_erasures p using (parent_account, social_account_id)`)
	var ref domain.PostRef
	var at time.Time
	_, err := pgx.ForEachRow(rows, []any{&ref.ParentAccount, &ref.SocialAccount, &at}, func() error {
		known[ref] = at
		return nil
	})
	return known, pg.Wrap("read erasures of figures", err)
}
