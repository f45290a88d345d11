package projectors

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// erasures contains the erasures of social accounts, by agency: data captured before the instant of
// an erasure produces no rows. The latest instant of an account counts. Each projection of
// `metrics` stores the erasures in a table of its own, because they also apply to records that
// arrive later. requested contains all erasures of the batch, applied those that were folded so
// far.
type erasures struct{ requested, stored, applied erasedUntil }

type erasedUntil map[accountSeries]erasure

type erasure struct {
	at       time.Time
	client   string // the last client of the account; "": unknown
	platform domain.Platform
}

// after reports whether erasure e of an account replaces erasure o.
func (e erasure) after(o erasure) bool {
	return cmp.Or(e.at.Compare(o.at), cmp.Compare(e.client, o.client), cmp.Compare(e.platform, o.platform)) > 0
}

func newErasures() erasures { return erasures{erasedUntil{}, erasedUntil{}, erasedUntil{}} }

func (e erasedUntil) note(event domain.AccountErased) {
	key, now := accountSeries{event.SocialAccount, event.ParentAccount}, erasure{instant(event.ErasedAt), event.AccountID, event.Platform}
	if now.after(e[key]) {
		e[key] = now
	}
}

// queueLoad collects the erasures of the batch and queues a query for the stored erasures of all
// its accounts.
func (e erasures) queueLoad(batch *pgx.Batch, table string, events []fold.Event) {
	var accounts []int64
	for _, ev := range events {
		switch data := ev.Data.(type) {
		case domain.AccountErased:
			e.requested.note(data)
			accounts = append(accounts, data.SocialAccount)
		case domain.AccountRead:
			accounts = append(accounts, data.SocialAccount)
		case domain.PostRead:
			accounts = append(accounts, data.SocialAccount)
		case domain.PostRegistered:
			accounts = append(accounts, data.SocialAccount)
		case domain.PostsMerged:
			accounts = append(accounts, data.SocialAccount)
		}
	}
	if len(accounts) == 0 {
		return
	}
	slices.Sort(accounts)
	batch.Queue(`
		select social_account_id, parent_account, account_id, p_id, erased_at
		from `+table+` where social_account_id = any($1)`, slices.Compact(accounts)).
		Query(func(rows pgx.Rows) error {
			var stored domain.AccountErased
			into := []any{
				&stored.SocialAccount, &stored.ParentAccount, &stored.AccountID, &stored.Platform, &stored.ErasedAt,
			}
			_, err := pgx.ForEachRow(rows, into, func() error {
				e.stored.note(stored)
				return nil
			})
			return err
		})
}

// until returns the instant before which data of the account is erased; zero if the account has no
// erasure.
func (e erasures) until(key accountSeries) time.Time {
	applied, stored := e.applied[key].at, e.stored[key].at
	if applied.Before(stored) {
		return stored
	}
	return applied
}

// covers reports whether data captured at an instant is erased, including by a later event of the
// batch.
func (e erasures) covers(t domain.Tenant, at time.Time) bool {
	key := accountSeries{t.SocialAccount, t.ParentAccount}
	return at.Before(e.until(key)) || at.Before(e.requested[key].at)
}

// later returns those of the given erasures that replace the stored erasure of their account or are
// its first.
func (e erasures) later(erased erasedUntil) erasedUntil {
	later := maps.Clone(erased)
	maps.DeleteFunc(later, func(key accountSeries, now erasure) bool { return !now.after(e.stored[key]) })
	return later
}

type erasedAccount struct {
	accountSeries
	erasure
}

func (e erasedUntil) rows() []erasedAccount {
	rows := make([]erasedAccount, 0, len(e))
	for key, row := range e {
		rows = append(rows, erasedAccount{key, row})
	}
	slices.SortFunc(rows, func(a, b erasedAccount) int { return a.compare(b.accountSeries) })
	return rows
}

// erasedKeys is an SQL table k of accounts and instants. Its parameters are [erasedUntil.keys].
const erasedKeys = `unnest($1::bigint[], $2::text[], $3::timestamptz[])
	as k(social_account_id, parent_account, erased_at)`

func (e erasedUntil) keys() []any {
	return write.Arrays(e.rows(), func(r erasedAccount) []any { return []any{r.account, r.parent, r.at} })
}

func newErasuresTable(name string) write.Table[erasedAccount] {
	return write.NewTable(name,
		`social_account_id bigint, parent_account text, account_id text, p_id smallint, erased_at timestamptz`,
		write.ReplaceRow("social_account_id, parent_account", ""),
		func(r erasedAccount) []any {
			return []any{r.account, r.parent, r.client, int16(r.platform), r.at}
		})
}

// ofErased joins a table t with the accounts k of [erasedKeys].
const ofErased = `t.social_account_id = k.social_account_id and t.parent_account = k.parent_account`
