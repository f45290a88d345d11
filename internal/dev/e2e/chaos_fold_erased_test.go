//go:build e2e

package e2e_test

import (
	"encoding/json"
	"time"
)

// chaosErasures are the last instants up to which accounts, as an agency has them, are erased on topic metrics.
type chaosErasures map[chaosPage]*chaosRecord

// chaosPage is an account as an agency has it.
type chaosPage struct {
	account int64
	parent  string
}

// figuresErased are the erasures before the vector, wherever they lie among what they erase.
func (l *chaosLog) figuresErased(until chaosVector) chaosErasures {
	erased := chaosErasures{}
	l.each("metrics", until, func(r *chaosRecord) {
		if r.kind != chaosErased {
			return
		}
		account, err := r.fields["social_account_id"].(json.Number).Int64()
		if err != nil {
			panic(err)
		}
		of := chaosPage{account, r.fields["parent_account"].(string)}
		if before := erased[of]; before == nil || chaosErasedAt(r).After(chaosErasedAt(before)) {
			erased[of] = r
		}
	})
	return erased
}

// covers tells whether what an agency read of an account at an instant makes no row.
func (e chaosErasures) covers(of chaosTenant, at time.Time) bool {
	r := e[chaosPage{of.SocialAccount, of.ParentAccount}]
	return r != nil && at.Before(chaosErasedAt(r))
}

// any tells whether something of the account is erased.
func (e chaosErasures) any(of chaosTenant) bool {
	return e[chaosPage{of.SocialAccount, of.ParentAccount}] != nil
}

// demand demands the table of erasures of a projection.
func (e chaosErasures) demand(table string, rows chaosRows) {
	for of, r := range e {
		rows.add(table, r, map[string]any{
			"social_account_id": of.account, "parent_account": of.parent, "account_id": r.fields["account_id"], "p_id": r.fields["p_id"],
			"erased_at": chaosErasedAt(r),
		})
	}
}
