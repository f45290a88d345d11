package analytics

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Demographics are the followers by attributes that the platform reports, added up over the
// accounts that have demographics. The sum of the groups can be less than the number of followers,
// because platforms omit people whose attributes they do not know.
type Demographics struct {
	// capture time of the newest demographics
	CapturedAt     time.Time `json:"captured_at"`
	SocialAccounts int       `json:"social_accounts"` // accounts with demographics
	// sorted by name, for example 25-34; empty if not reported
	AgeGroups []AudienceShare `json:"age_groups"`
	// F, M or U (unknown); empty if not reported
	Gender []AudienceShare `json:"gender"`
	// ISO codes, or names if the platform gives no code; the 25 largest, in descending order
	Countries []AudienceShare `json:"countries"`
	// the platform's names; the 25 largest, in descending order
	Cities []AudienceShare `json:"cities"`
}

// AudienceShare is one group of the audience.
type AudienceShare struct {
	// the platform's name for the group; for a place that the platform identifies by a URN, its
	// English name, or the URN until the name is known
	Name string `json:"name"`
	// the platform's URN of the place, which distinguishes places with the same name; null if there
	// is no URN
	Place     *string `json:"place"`
	Followers int64   `json:"followers"` // number of followers (a stock)
}

type accountSplits struct {
	at     time.Time
	facets []domain.DemographicFacet
}

// maxPlaces limits the lists of places: the towns of all accounts on every day of three years would
// take tens of megabytes.
const maxPlaces = 25

// readDemographics adds up the last demographics of each social account in each period. Each period is
// added up before the next one is read, so that only one is in memory.
func (p *platformStats) readDemographics(ctx context.Context) error {
	r := p.query.Range
	rows, _ := p.tx.Query(ctx, `
		select o.p_id, o.social_account_id, d.captured_at, d.demographics
		from figure_owners o
		cross join lateral (
			select * from account_demographics d
			where d.series = o.series and d.captured_at >= $5 and d.captured_at < $6 and d.owner = o.id offset 0) d
		where o.parent_account = $1 and `+p.withinAccounts("o.account_id")+` and o.p_id = any($3)
		  and ($4::bigint = 0 or o.member_id = $4) and ($7::bigint = 0 or o.social_account_id = $7)
		order by o.p_id, d.captured_at`, p.scope.ParentAccount, p.scope.Accounts, p.platformIDs(), p.query.Member, r.From, r.To,
		p.query.Social)
	var period platformPeriod
	accounts := map[int64]accountSplits{}
	finish := func() {
		if len(accounts) > 0 {
			p.splits[period] = demographicsOf(accounts)
			clear(accounts)
		}
	}
	var platform domain.Platform
	var social int64
	var splits accountSplits
	err := forEach(rows, "read demographics", []any{&platform, &social, &splits.at, &splits.facets}, func() {
		if current := (platformPeriod{platform, bucketOf(splits.at, p.buckets)}); current != period {
			finish()
			period = current
		}
		accounts[social] = splits
		p.noteCapture(&splits.at)
		splits = accountSplits{}
	})
	finish()
	return err
}

func demographicsOf(accounts map[int64]accountSplits) *Demographics {
	out := Demographics{SocialAccounts: len(accounts)}
	sums, names := map[string]map[string]int64{}, map[string]string{}
	// if a place has two names, the newer one is used
	oldestFirst := slices.SortedFunc(maps.Keys(accounts), func(a, b int64) int {
		return cmp.Or(accounts[a].at.Compare(accounts[b].at), cmp.Compare(a, b))
	})
	for _, social := range oldestFirst {
		splits := accounts[social]
		out.CapturedAt = later(out.CapturedAt, splits.at.UTC())
		for _, facet := range splits.facets {
			if sums[facet.Facet] == nil {
				sums[facet.Facet] = map[string]int64{}
			}
			for name, n := range facet.Values {
				sums[facet.Facet][name] += n
			}
			maps.Copy(names, facet.Names)
		}
	}
	out.AgeGroups, out.Gender = shares(sums["age"], nil), shares(sums["gender"], nil)
	out.Countries, out.Cities = largest(shares(sums["country"], names)), largest(shares(sums["city"], names))
	return &out
}

// shares returns the groups by name. names contains the names of groups that the platform
// identifies by an id.
func shares(sums map[string]int64, names map[string]string) []AudienceShare {
	out := make([]AudienceShare, 0, len(sums))
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		share := AudienceShare{Name: cmp.Or(names[key], key), Followers: sums[key]}
		if strings.HasPrefix(key, "urn:") {
			share.Place = &key
		}
		out = append(out, share)
	}
	return out
}

// largest sorts places by size and returns a copy of the largest, which releases the rest.
func largest(places []AudienceShare) []AudienceShare {
	slices.SortStableFunc(places, func(a, b AudienceShare) int { return cmp.Compare(b.Followers, a.Followers) })
	return slices.Clone(places[:min(len(places), maxPlaces)])
}
