package projectors_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// foldBulk folds events into empty tables as a build does: on `metrics`, account by account, in the projector's
// order. It writes after as many events of an account as each chunk has, and at the end.
func foldBulk(t require.TestingT, db *pgtest.DB, p fold.Projector, chunks ...[]fold.Event) {
	type sorted struct {
		fold.Event
		order []byte
	}
	byAccount := map[int64][]sorted{}
	for i, ev := range slices.Concat(chunks...) {
		ev.Offset = int64(i)
		if p.Order == nil {
			byAccount[0] = append(byAccount[0], sorted{ev, nil})
			continue
		}
		value, err := json.Marshal(ev.Data)
		require.NoError(t, err)
		account := accountOf(ev)
		byAccount[account] = append(byAccount[account], sorted{ev, p.Order(eventlog.Record{
			Headers: []eventlog.Header{{Key: "ce_id", Value: []byte(ev.Envelope.ID)}}, Value: value,
		})})
	}
	ctx := context.Background()
	require.NoError(t, pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error {
		return write.Copy(ctx, tx.Conn(), new(sync.Mutex), func(into write.Sink) error {
			for _, events := range byAccount {
				slices.SortStableFunc(events, func(a, b sorted) int { return bytes.Compare(a.order, b.order) })
				state := p.Begin(1)
				for _, chunk := range chunks {
					n := min(len(chunk), len(events))
					for _, ev := range events[:n] {
						if err := state.Apply(ev.Event); err != nil {
							return err
						}
					}
					if events = events[n:]; len(events) > 0 {
						if err := state.Write(into, false); err != nil {
							return err
						}
					}
				}
				if err := state.Write(into, true); err != nil {
					return err
				}
			}
			return nil
		})
	}))
}

// ofMetrics lists the projectors whose tables do not depend on the order of events, with generators
// of their events.
var ofMetrics = []struct {
	projector fold.Projector
	draw      func(*rapid.T) []fold.Event
	tables    []string
}{
	{projectors.PostInsights, drawPostEvents, postTables},
	{projectors.AccountInsights, drawAccountEvents, projectors.AccountInsights.Tables},
}

// Every projection of metrics must be in ofMetrics, so that TestErasedFiguresLeaveNoRows covers it.
func TestEveryProjectionOfMetricsIsTriedWithErasures(t *testing.T) {
	t.Parallel()
	var tried, all []string
	for _, c := range ofMetrics {
		tried = append(tried, c.projector.Name)
	}
	for _, p := range projectors.All() {
		if p.Topic == domain.TopicMetrics {
			all = append(all, p.Name)
			if types := p.Types; types != nil { // the engine skips other types, these tests do not
				require.Contains(t, types, domain.AccountErased{}.EventType(), p.Name)
			}
		}
	}
	require.ElementsMatch(t, all, tried, "add the projection to ofMetrics, with events of its kind")
}

// drawErasures draws erasures of the accounts of events, at and between their instants.
func drawErasures(t *rapid.T, events []fold.Event) (erased []fold.Event) {
	for i := range rapid.IntRange(1, 3).Draw(t, "erasures") {
		tenant, at := captureOf(rapid.SampledFrom(events).Draw(t, "of"))
		erased = append(erased, ledgertest.Event(fmt.Sprint("x", i), domain.AccountErased{
			ParentAccount: tenant.ParentAccount, SocialAccount: tenant.SocialAccount, Platform: domain.Facebook,
			AccountID: rapid.SampledFrom([]string{"", client1, client2}).Draw(t, "client"),
			ErasedAt:  spelling(t, at.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "offset"))*time.Microsecond)),
		}))
	}
	return erased
}

// The first registration of a merged post is unknown after an erasure, also if only the merge comes
// in a later batch.
func TestMergeAfterErasureHasUnknownRegistration(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	tenant := domain.Tenant{ParentAccount: ledgertest.AgencyA, AccountID: ledgertest.ClientA, SocialAccount: 11}
	registered := func(id, post string, hours int) fold.Event {
		return ledgertest.Event(id, domain.PostRegistered{
			Tenant: tenant, Platform: domain.Facebook, ExternalID: post, Origin: domain.OriginMainApp, RegisteredAt: day0.Add(time.Duration(hours) * time.Hour),
		})
	}
	before := []fold.Event{
		ledgertest.Event("x", domain.AccountErased{ParentAccount: tenant.ParentAccount, SocialAccount: 11, Platform: domain.Facebook, ErasedAt: day0}),
		registered("r1", "p1", 1), registered("r2", "p0", 2),
	}
	merged := []fold.Event{ledgertest.Event("m", domain.PostsMerged{Tenant: tenant, Platform: domain.Facebook, ExternalID: "p0", OtherID: "p1", MergedAt: day0})}
	want := tablesAfter(t, db, projectors.PostInsights, postTables, ledgertest.Fold, [][]fold.Event{slices.Concat(before, merged)})
	require.Equal(t, want, tablesAfter(t, db, projectors.PostInsights, postTables, ledgertest.Fold, [][]fold.Event{before, merged}))
}

// accountOf returns the social account of an event.
func accountOf(ev fold.Event) int64 {
	if erased, ok := ev.Data.(domain.AccountErased); ok {
		return erased.SocialAccount
	}
	tenant, _ := captureOf(ev)
	return tenant.SocialAccount
}

// captureOf returns the tenant of an event and its capture time.
func captureOf(ev fold.Event) (domain.Tenant, time.Time) {
	switch data := ev.Data.(type) {
	case domain.AccountRead:
		return data.Tenant, data.CapturedAt
	case domain.PostRead:
		return data.Tenant, data.CapturedAt
	case domain.PostRegistered:
		return data.Tenant, data.RegisteredAt
	case domain.PostsMerged:
		return data.Tenant, data.MergedAt
	default:
		panic(fmt.Sprintf("%T has no capture time", data))
	}
}

// remaining returns the events that no erasure covers, by the plain definition.
func remaining(events, erased []fold.Event) []fold.Event {
	return slices.DeleteFunc(slices.Clone(events), func(ev fold.Event) bool {
		if _, merge := ev.Data.(domain.PostsMerged); merge {
			return false
		}
		tenant, at := captureOf(ev)
		return slices.ContainsFunc(erased, func(x fold.Event) bool {
			e, ok := x.Data.(domain.AccountErased)
			return ok && e.ParentAccount == tenant.ParentAccount && e.SocialAccount == tenant.SocialAccount &&
				at.Truncate(time.Microsecond).Before(e.ErasedAt.Truncate(time.Microsecond))
		})
	})
}

// The tables equal those of the erasures and the remaining events, in any order and batches.
func TestErasedFiguresLeaveNoRows(t *testing.T) {
	t.Parallel()
	for _, c := range ofMetrics {
		t.Run(c.projector.Name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			rapid.Check(t, func(t *rapid.T) {
				events := c.draw(t)
				for i := range events { // ids are mostly UUIDs, and packed as such
					if rapid.Bool().Draw(t, "uuid") {
						events[i].Envelope.ID = uuid.NewSHA1(uuid.NameSpaceOID, []byte(events[i].Envelope.ID)).String()
					}
				}
				erased := drawErasures(t, events)
				all := shuffled(t, slices.Concat(erased, events))
				left := [][]fold.Event{erased, remaining(events, erased)}
				if c.projector.Name == projectors.AccountInsights.Name {
					left[1] = notErased(all)
				}
				want := tablesAfter(t, db, c.projector, c.tables, ledgertest.Fold, left)
				require.Equal(t, want, tablesAfter(t, db, c.projector, c.tables, ledgertest.Fold, cut(t, all)), "live")
				require.Equal(t, want, tablesAfter(t, db, c.projector, c.tables, foldBulk, cut(t, all)), "in a rebuild")
			})
		})
	}
}

// notErased returns the readings of accounts that no erasure ends: one that follows in the log, and is
// later than those before it, or one that precedes a reading that was captured before its instant.
func notErased(events []fold.Event) (left []fold.Event) {
	type key struct {
		parent string
		social int64
	}
	until := map[key]time.Time{}
	for _, ev := range events {
		switch e := ev.Data.(type) {
		case domain.AccountErased:
			of, at := key{e.ParentAccount, e.SocialAccount}, e.ErasedAt.UTC().Truncate(time.Microsecond)
			if at.After(until[of]) {
				until[of] = at
				left = slices.DeleteFunc(left, func(ev fold.Event) bool {
					r := ev.Data.(domain.AccountRead)
					return of == key{r.ParentAccount, r.SocialAccount}
				})
			}
		case domain.AccountRead:
			if !e.CapturedAt.UTC().Truncate(time.Microsecond).Before(until[key{e.ParentAccount, e.SocialAccount}]) {
				left = append(left, ev)
			}
		}
	}
	return left
}
