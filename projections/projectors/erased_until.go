package projectors

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// erasures say until when what an agency read of a social account is erased: what was captured before makes no row. Each projection of
// `metrics` keeps them in a table of its own, because what comes late must find them. The latest instant of an account counts.
type erasures struct{ asked, stored, applied erasedUntil } // asked: by the batch, before any of it is applied

// erasedUntil are the erasures of accounts.
type erasedUntil map[accountSeries]erasure

// erasure is the instant, and what an answer needs to say so.
type erasure struct {
	at       time.Time
	account  string // client who had it last; "" unknown
	platform domain.Platform
}

// after is the order in which erasures of an account replace each other.
func (e erasure) after(o erasure) bool {
	return cmp.Or(e.at.Compare(o.at), cmp.Compare(e.account, o.account), cmp.Compare(e.platform, o.platform)) > 0
}

func newErasures() erasures { return erasures{erasedUntil{}, erasedUntil{}, erasedUntil{}} }

// note keeps the later erasure of an account.
func (of erasedUntil) note(e domain.AccountErased) {
	key, now := accountSeries{e.SocialAccount, e.ParentAccount}, erasure{instant(e.ErasedAt), e.AccountID, e.Platform}
	if now.after(of[key]) {
		of[key] = now
	}
}

// queueLoad notes what the batch erases and queues what reads the erasures of all of its accounts.
func (e erasures) queueLoad(batch *pgx.Batch, table string, events []fold.Event) {
	var accounts []int64
	for _, ev := range events {
		switch data := ev.Data.(type) {
		case domain.AccountErased:
			e.asked.note(data)
			accounts = append(accounts, data.SocialAccount)
		case domain.AccountRead:
			accounts = append(accounts, data.SocialAccount)
		case domain.PostRead:
			accounts = append(accounts, data.SocialAccount)
		case domain.PostRegistered:
			accounts = append(accounts, data.SocialAccount)
		}
	}
	if len(accounts) == 0 {
		return
	}
	slices.Sort(accounts)
	sql := `select social_account_id, parent_account, account_id, p_id, erased_at from ` + table + ` where social_account_id = any($1)`
	batch.Queue(sql, slices.Compact(accounts)).
		Query(func(rows pgx.Rows) error {
			var stored domain.AccountErased
			into := []any{&stored.SocialAccount, &stored.ParentAccount, &stored.AccountID, &stored.Platform, &stored.ErasedAt}
			_, err := pgx.ForEachRow(rows, into, func() error {
				e.stored.note(stored)
				return nil
			})
			if err != nil {
				return fmt.Errorf("read erasures: %w", err)
			}
			return nil
		})
}

// until is up to when the account is erased; the zero time: it is not.
func (e erasures) until(key accountSeries) time.Time { return e.latest(key).at }

// latest is the erasure of the account that counts.
func (e erasures) latest(key accountSeries) erasure {
	if now := e.applied[key]; now.after(e.stored[key]) {
		return now
	}
	return e.stored[key]
}

// any tells whether something of the account is erased, also by the batch.
func (e erasures) any(t domain.Tenant) bool {
	key := accountSeries{t.SocialAccount, t.ParentAccount}
	return !e.until(key).IsZero() || !e.asked[key].at.IsZero()
}

// covers tells whether what was captured at an instant is erased, also by what comes behind it in the batch.
func (e erasures) covers(t domain.Tenant, at time.Time) bool {
	key := accountSeries{t.SocialAccount, t.ParentAccount}
	return at.Before(e.until(key)) || at.Before(e.asked[key].at)
}

// later are those of the given erasures that replace what is stored.
func (e erasures) later(of erasedUntil) erasedUntil {
	later := maps.Clone(of)
	maps.DeleteFunc(later, func(key accountSeries, now erasure) bool { return !now.after(e.stored[key]) })
	return later
}

// erasedAccount is a row of an erasures table.
type erasedAccount struct {
	accountSeries
	erasure
}

// rows are in the order of their keys.
func (of erasedUntil) rows() []erasedAccount {
	rows := make([]erasedAccount, 0, len(of))
	for key, e := range of {
		rows = append(rows, erasedAccount{key, e})
	}
	slices.SortFunc(rows, func(a, b erasedAccount) int {
		return cmp.Or(cmp.Compare(a.accountSeries.account, b.accountSeries.account), cmp.Compare(a.parent, b.parent))
	})
	return rows
}

// erasedKeys are accounts as a table k of a statement, in the parameters that [erasedUntil.keys] fills.
const erasedKeys = `unnest($1::bigint[], $2::text[], $3::timestamptz[]) as k(social_account_id, parent_account, erased_at)`

func (of erasedUntil) keys() []any {
	return write.Arrays(of.rows(), func(r erasedAccount) []any { return []any{r.accountSeries.account, r.parent, r.at} })
}

func newErasuresTable(name string) write.Table[erasedAccount] {
	return write.NewTable(name, `social_account_id bigint, parent_account text, account_id text, p_id smallint, erased_at timestamptz`,
		write.ReplaceRow("social_account_id, parent_account", ""),
		func(r erasedAccount) []any {
			return []any{r.accountSeries.account, r.parent, r.erasure.account, int16(r.platform), r.at}
		})
}
