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

// Demographics are followers by what the platform tells of them, added up over the accounts that have such
// a split. The parts are less than the followers: platforms leave people out whom they know nothing of.
type Demographics struct {
	CapturedAt     time.Time       `json:"captured_at"`     // of the newest split
	SocialAccounts int             `json:"social_accounts"` // with a split
	AgeGroups      []AudienceShare `json:"age_groups"`      // by name, for example 25-34; empty: not given
	Gender         []AudienceShare `json:"gender"`          // F, M, U (not known); empty: not given
	Countries      []AudienceShare `json:"countries"`       // ISO code, or the name where the platform gives none; the 25 largest, the largest first
	Cities         []AudienceShare `json:"cities"`          // the platform's name; the 25 largest, the largest first
}

// AudienceShare is one part of a split.
type AudienceShare struct {
	Name      string  `json:"name"`  // as the platform gives it; a place that it gives by URN in English, and by the URN until the name is known
	Place     *string `json:"place"` // the platform's URN of a place: two places of one name are two parts; null elsewhere
	Followers int64   `json:"followers"`
}

// splitsOf are the splits of one social account's audience.
type splitsOf struct {
	at     time.Time
	facets []domain.DemographicFacet
}

// maxPlaces bounds the lists of places: three years of days with every town of every account would be
// tens of megabytes.
const maxPlaces = 25

// readDemographics adds up the last splits of each social account in each period. They are read once a
// day, so an index of the readings that have any holds few rows; a period is added up as soon as it has
// passed, so that the splits of one alone are held.
func (s *platformStats) readDemographics(ctx context.Context) error {
	r := s.query.Range
	rows, _ := s.tx.Query(ctx, `
		select p_id, social_account_id, captured_at, demographics from tSAccountIns
		where parent_account = $1 and ($2::text[] is null or account_id = any($2)) and p_id = any($3)
		  and captured_at >= $4 and captured_at < $5 and demographics <> '[]' and ($6::bigint = 0 or member_id = $6)
		  and ($7::bigint = 0 or social_account_id = $7)
		order by p_id, captured_at`, s.scope.ParentAccount, s.scope.Accounts, s.platformIDs(), r.From, r.To, s.query.Member, s.query.Social)
	var at platformPeriod
	accounts := map[int64]splitsOf{}
	finish := func() {
		if len(accounts) > 0 {
			s.splits[at] = demographicsOf(accounts)
			clear(accounts)
		}
	}
	var p domain.Platform
	var social int64
	var of splitsOf
	err := forEach(rows, "read demographics", []any{&p, &social, &of.at, &of.facets}, func() {
		if here := (platformPeriod{p, bucketOf(of.at, s.buckets)}); here != at {
			finish()
			at = here
		}
		accounts[social] = of
		s.noteCapture(&of.at)
		of = splitsOf{}
	})
	finish()
	return err
}

func demographicsOf(accounts map[int64]splitsOf) *Demographics {
	out := Demographics{SocialAccounts: len(accounts)}
	sums, names := map[string]map[string]int64{}, map[string]string{}
	oldestFirst := slices.SortedFunc(maps.Keys(accounts), func(a, b int64) int { // of two names for a place the newer one
		return cmp.Or(accounts[a].at.Compare(accounts[b].at), cmp.Compare(a, b))
	})
	for _, social := range oldestFirst {
		of := accounts[social]
		out.CapturedAt = later(out.CapturedAt, of.at.UTC())
		for _, facet := range of.facets {
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

// shares are the parts of a split by name; names are those of the parts that go by their platform's id.
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

// largest orders places by size and cuts them off with the memory of the rest.
func largest(places []AudienceShare) []AudienceShare {
	slices.SortStableFunc(places, func(a, b AudienceShare) int { return cmp.Compare(b.Followers, a.Followers) })
	return slices.Clone(places[:min(len(places), maxPlaces)])
}
