package projectors_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// eachCut calls check with every division of events into batches.
func eachCut(events []fold.Event, check func(batches [][]fold.Event)) {
	for cuts := range 1 << (len(events) - 1) {
		var batches [][]fold.Event
		begin := 0
		for end := 1; end <= len(events); end++ {
			if end == len(events) || cuts>>(end-1)&1 == 1 {
				batches, begin = append(batches, events[begin:end]), end
			}
		}
		check(batches)
	}
}

// postHistory builds the readings of a post in the order of their arrival.
type postHistory []fold.Event

// read adds a reading of post p at an hour of March. owner is a client and a member, such as "1a".
func (p *postHistory) read(id, owner string, hour int, c domain.Counts, fromZero ...bool) {
	p.readOf("p", id, owner, hour, c, fromZero...)
}

func (p *postHistory) readOf(post, id, owner string, hour int, c domain.Counts, fromZero ...bool) {
	*p = append(*p, ledgertest.Event(id, domain.PostRead{
		Tenant: domain.Tenant{
			ParentAccount: agencyA, AccountID: "c" + owner[:1] + "0000000000000000000000", MemberID: int64(owner[1]), SocialAccount: 11,
		},
		Platform: domain.TikTok, ExternalID: post, CapturedAt: time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC),
		GrowthWindow: "168h0m0s", FromZero: len(fromZero) > 0, Counts: c,
	}))
}

func (p *postHistory) merge(post, other string) {
	*p = append(*p, ledgertest.Event("merge "+post+other, domain.PostsMerged{
		Tenant: tenantOf(11), Platform: domain.TikTok, ExternalID: post, OtherID: other, MergedAt: time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC),
	}))
}

func views(n int64) domain.Counts { return domain.Counts{Views: &n} }

func likes(n int64) domain.Counts { return domain.Counts{Likes: &n} }

// The gains of posts whose page changes owner, whose readings arrive late, and that are merged, for
// every division into batches and in a build.
func TestPostGainsWithLateReadingsOwnersAndMerges(t *testing.T) {
	t.Parallel()
	const fromZero = true
	day := func(n int) int { return 24 * (n - 1) }
	for name, c := range map[string]struct {
		events func(*postHistory)
		want   []string // id, owner, likes and views gained, in order of capture
	}{
		"a late reading of the client": {func(h *postHistory) {
			h.read("a", "1a", 8, views(100))
			h.read("b", "1b", 10, views(130))
			h.read("late", "1a", 9, views(110))
		}, []string{"a 1a - -", "late 1a - 10", "b 1b - 20"}},
		"a late reading of another client": {func(h *postHistory) {
			h.read("a", "1a", 8, views(100))
			h.read("b", "1b", 10, views(130))
			h.read("late", "2a", 9, views(110))
			h.read("c", "1b", 11, views(131))
		}, []string{"a 1a - -", "late 2a - -", "b 1b - -", "c 1b - 1"}},
		"a late reading on an earlier day": {func(h *postHistory) {
			h.read("a", "1a", day(1), views(100), fromZero)
			h.read("b", "1b", day(5), views(130))
			h.read("c", "1b", day(9), domain.Counts{Likes: new(int64(7)), Views: new(int64(131))}, fromZero)
			h.read("late", "2a", day(3), views(110))
		}, []string{"a 1a - 100", "late 2a - -", "b 1b - -", "c 1b - 1"}},
		"a late reading before all others": {func(h *postHistory) {
			h.read("b", "1b", day(5), views(130), fromZero)
			h.read("c", "1b", day(9), domain.Counts{Likes: new(int64(7)), Views: new(int64(131))}, fromZero)
			h.read("late", "2a", day(3), views(90))
		}, []string{"late 2a - -", "b 1b - -", "c 1b - 1"}},
		"a late reading before one without the figure": {func(h *postHistory) {
			h.read("a", "1a", 8, views(100))
			h.read("b", "1b", 10, likes(1))
			h.read("c", "1b", 11, views(130))
			h.read("late", "1a", 9, views(110))
		}, []string{"a 1a - -", "late 1a - 10", "b 1b - -", "c 1b - 20"}},
		"one of another client before one without the figure": {func(h *postHistory) {
			h.read("a", "1a", 8, views(100))
			h.read("b", "1b", 10, likes(1))
			h.read("c", "1b", 11, views(130))
			h.read("late", "2a", 9, views(110))
		}, []string{"a 1a - -", "late 2a - -", "b 1b - -", "c 1b - -"}},
		"each figure begins with a baseline at the new client": {func(h *postHistory) {
			h.read("a", "1a", day(1), views(100))
			h.read("b", "2a", day(2), likes(4), fromZero)
			h.read("c", "2a", day(3), views(105), fromZero)
			h.read("d", "2a", day(4), domain.Counts{Likes: new(int64(6)), Views: new(int64(110))}, fromZero)
		}, []string{"a 1a - -", "b 2a - -", "c 2a - -", "d 2a 2 5"}},
		"away and back; a counter that falls; a figure that is absent for a while": {func(h *postHistory) {
			h.read("a", "1a", day(1), views(100), fromZero)
			h.read("b", "2a", day(2), views(120), fromZero)
			h.read("c", "2a", day(3), views(115))
			h.read("d", "1a", day(4), likes(9), fromZero)
			h.read("e", "1b", day(5), views(140), fromZero)
			h.read("f", "1a", day(6), domain.Counts{Likes: new(int64(8)), Views: new(int64(150))})
		}, []string{"a 1a - 100", "b 2a - -", "c 2a - -5", "d 1a - -", "e 1b - -", "f 1a -1 10"}},
		"a reading that replaces one of another client": {func(h *postHistory) {
			h.read("a", "1a", day(1), views(100), fromZero)
			h.read("d", "1a", day(2), views(110))
			h.read("e", "1a", day(40), domain.Counts{Likes: new(int64(1)), Views: new(int64(120))}, fromZero)
			h.read("c", "2a", day(2), views(111))
			h.read("b", "1b", day(2), views(112))
		}, []string{"a 1a - 100", "b 1b - 12", "e 1a 1 8"}},
		"two merges and a late reading": {func(h *postHistory) {
			for d := int64(1); d <= 10; d++ {
				h.readOf("P2", fmt.Sprint("2-", d), "1a", day(int(d)), views(100+d), fromZero)
			}
			for d := int64(5); d <= 8; d++ {
				h.readOf("P1", fmt.Sprint("1-", d), "1a", day(int(d)), views(200+10*d))
			}
			h.readOf("P0", "0-8", "1a", day(8), views(400))
			h.merge("P1", "P2")
			h.readOf("P1", "1-2", "1a", day(2), views(190))
			h.merge("P0", "P1")
		}, []string{
			"2-1 1a - 101", "1-2 1a - 89", "1-5 1a - 60", "1-6 1a - 10", "1-7 1a - 10", "0-8 1a - 130",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			var h postHistory
			c.events(&h)
			type row struct {
				Event, Client string
				Member        int64
				Likes, Views  *int64
			}
			var want []string
			check := func(how string) {
				var got []string
				for _, r := range ledgertest.Rows[row](t, db.Pool, `
					select event_id, account_id, member_id, glikes, gviews from tSPostInsights
					where counted_as is not null order by captured_at`) {
					got = append(got, fmt.Sprintf("%s %c%c %s %s", r.Event, r.Client[1], rune(r.Member), gain(r.Likes), gain(r.Views)))
				}
				require.Equal(t, c.want, got, how)
			}
			try := func(batches [][]fold.Event) {
				tables := tablesAfter(t, db, projectors.PostInsights, postTables, ledgertest.Fold, batches)
				check(fmt.Sprint("cut into ", len(batches)))
				if want == nil {
					want = tables
				}
				require.Equal(t, want, tables)
			}
			if len(h) > 6 { // too many divisions
				try(slices.Collect(slices.Chunk([]fold.Event(h), 1)))
				try(slices.Collect(slices.Chunk([]fold.Event(h), 3)))
				try([][]fold.Event{h})
			} else {
				eachCut(h, try)
			}
			require.Equal(t, want, tablesAfter(t, db, projectors.PostInsights, postTables, foldBulk, [][]fold.Event{h}))
			check("built")
		})
	}
}

func gain(v *int64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}
