package projectors_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// registeredPost is a post as one sub-account has it.
type registeredPost struct{ post, parent, account string }

// expectedNewer is the plain definition: for each post of each sub-account, under which other ones of the same
// agency it was registered later; at one instant the greater id is the later one.
func expectedNewer(events []fold.Event) map[registeredPost][]string {
	last := map[registeredPost]time.Time{}
	for _, ev := range events {
		r, ok := ev.Data.(domain.PostRegistered)
		if !ok {
			continue
		}
		key := registeredPost{r.ExternalID, r.ParentAccount, r.AccountID}
		if at := r.RegisteredAt.UTC().Truncate(time.Microsecond); at.After(last[key]) {
			last[key] = at
		}
	}
	newer := map[registeredPost][]string{}
	for key, at := range last {
		newer[key] = nil
		for other, then := range last {
			if other.post == key.post && other.parent == key.parent &&
				(then.After(at) || then.Equal(at) && other.account > key.account) {
				newer[key] = append(newer[key], other.account)
			}
		}
		slices.Sort(newer[key])
	}
	return newer
}

func readNewer(t require.TestingT, db *pgtest.DB) map[registeredPost][]string {
	rows, err := db.Pool.Query(context.Background(), `select external_id, parent_account, account_id, newer_accounts from tSPosts`)
	require.NoError(t, err)
	newer := map[registeredPost][]string{}
	var key registeredPost
	var accounts []string
	_, err = pgx.ForEachRow(rows, []any{&key.post, &key.parent, &key.account, &accounts}, func() error {
		newer[key] = accounts
		return nil
	})
	require.NoError(t, err)
	return newer
}

// A post is the member's under whom it was registered last, whoever told of it, and in whatever order that came.
func TestAPostIsItsMembersWhoHasTheConnection(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	told := func(id string, origin domain.PostOrigin, member int64, days int) fold.Event {
		return foldtest.Event(id, domain.PostRegistered{
			Tenant:   domain.Tenant{ParentAccount: agencyA, AccountID: client1, MemberID: member, SocialAccount: 11},
			Platform: domain.Facebook, ExternalID: "p", Origin: origin, RegisteredAt: day0.AddDate(0, 0, days), PostType: "of " + id,
		})
	}
	main, listed, later := told("a", domain.OriginMainApp, 7, 0), told("b", domain.OriginListing, 7, 1), told("c", domain.OriginListing, 8, 2)
	for name, events := range map[string][]fold.Event{
		"as it came": {main, listed, later}, "backwards": {later, listed, main}, "the handover first": {later, main, listed},
	} {
		t.Run(name, func(t *testing.T) {
			db.Delete(t, "tSPosts")
			for _, ev := range events {
				foldtest.Batches(t, db, projectors.PostInsights{}, [][]fold.Event{{ev}})
			}
			var member int64
			var kind string
			require.NoError(t, db.Pool.QueryRow(t.Context(), `select member_id, post_type from tSPosts`).Scan(&member, &kind))
			require.Equal(t, int64(8), member)
			require.Equal(t, "of a", kind, "what the main application says stands before the listing")
		})
	}
}
