package projectors

import (
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// PostInsights projects posts and their readings into tSPosts, tSPostInsights and the rollups
// post_daily, post_months and post_gains; tSPostGrowth is a view. The tables depend only on the set
// of events, not on their order or repetition: of two readings of the same post and agency at the
// same instant, the one with the smaller event id counts, and each step ([stepper]) depends only on
// readings with earlier capture times.
var PostInsights = fold.Projector{
	Name: "post_insights", Version: 13 + ahead, Topic: domain.TopicMetrics,
	Definition: ddl.Of("post_insights"),
	Types: []string{
		domain.PostRead{}.EventType(), domain.PostRegistered{}.EventType(), domain.PostsMerged{}.EventType(),
		domain.AccountErased{}.EventType(),
	},
	Tables: []string{
		"tSPosts", "tSPostInsights", "post_daily", "post_months", "post_gains", "post_erasures", "post_merges",
		"post_merged_readings",
	},
	Begin: func(int) fold.Fold {
		return &postFold{
			erased: newErasures(), merges: newMerges(), want: map[agencyPost][]*wantedRead{},
			series: map[agencyPost]*series{}, posts: map[agencyPost]*post{}, rewritten: map[agencyPost]bool{},
		}
	},
}

func dayOf(at time.Time) time.Time { return at.UTC().Truncate(aDay) }

type postFold struct {
	erased  erasures
	merges  merges
	touched []agencyPost                 // the posts of the batch
	want    map[agencyPost][]*wantedRead // the readings of the batch
	days    []seriesDay                  // of the readings in want
	series  map[agencyPost]*series
	posts   map[agencyPost]*post

	rewritten map[agencyPost]bool // posts whose rows are deleted and written again
	before    []*reading          // their stored readings
}

type wantedRead struct {
	domain.PostRead

	eventID string
}

func (f *postFold) Apply(ev fold.Event) error {
	switch data := ev.Data.(type) {
	case domain.PostRead:
		if r := newReading(&data, ev.Envelope.ID); !f.erased.covers(r.Tenant, r.at) {
			f.seriesOf(r).add(r)
		}
		return nil
	case domain.AccountErased:
		f.erased.applied.note(data)
		return nil
	case domain.PostsMerged:
		note(f.merges.applied, merge{data, ev.Envelope.ID})
		return nil
	case domain.PostRegistered:
		if !f.erased.covers(data.Tenant, instant(data.RegisteredAt)) {
			f.register(data, ev.Envelope.ID)
		}
		return nil
	default:
		return errMisplaced
	}
}

func (f *postFold) seriesOf(r *reading) *series {
	key := agencyPost{r.SocialAccount, r.external, r.ParentAccount}
	if f.series[key] == nil {
		f.series[key] = &series{}
	}
	return f.series[key]
}
