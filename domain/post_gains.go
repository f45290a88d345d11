package domain

import "time"

// GainQuarter is the grain by which gains of posts are summed: every zone's days begin at a multiple of it
// in UTC.
const GainQuarter = 15 * time.Minute

// Gain is what a reading of a post gained of each figure; nil where that is not known. A falling count gains less
// than 0.
type Gain struct {
	Likes       *int64 `json:"glikes"`
	Comments    *int64 `json:"gcomments"`
	Shares      *int64 `json:"gshares"`
	Views       *int64 `json:"gviews"`
	Impressions *int64 `json:"gimpressions"`
	Clicks      *int64 `json:"gclicks"`
	Saves       *int64 `json:"gsaves"`
	Engagement  *int64 `json:"gengagement"` // the sum of what likes, comments and shares gained, of the parts that are known
	// EngagementPartial says that it is not known of a part of the engagement what it gained.
	EngagementPartial bool `json:"gengagement_partial"`
}

// GainSince is the step of one reading: what it gained of each figure since the last reading before it that has the
// figure. known has of each figure what that one said ([Counts.Else]), so that a reading without a figure does not cost
// what the figure gained meanwhile. What no reading before has is a baseline and gained nothing that anybody knows,
// unless fromZero ([PostRead].FromZero): then all of it was gained.
func GainSince(known, current Counts, fromZero bool) Gain {
	gained := func(before, now *int64) *int64 {
		if before == nil && fromZero {
			return now
		}
		return difference(before, now)
	}
	g := Gain{
		Likes:       gained(known.Likes, current.Likes),
		Comments:    gained(known.Comments, current.Comments),
		Shares:      gained(known.Shares, current.Shares),
		Views:       gained(known.Views, current.Views),
		Impressions: gained(known.Impressions, current.Impressions),
		Clicks:      gained(known.Clicks, current.Clicks),
		Saves:       gained(known.Saves, current.Saves),
	}
	engagement, partial := Counts{Likes: g.Likes, Comments: g.Comments, Shares: g.Shares}.Engagement()
	g.Engagement, g.EngagementPartial = engagement, partial && engagement != nil
	return g
}

func difference(before, after *int64) *int64 {
	if before == nil || after == nil {
		return nil
	}
	d := *after - *before
	return &d
}

// newPost is how long before the first reading of its account a post may have been published and still count from zero:
// it was as good as new then.
const newPost = 24 * time.Hour

// BeganAtZero judges [PostRead].FromZero: the post was published after its account was first read for the agency, or at
// most 24 h before. Where either time is not known, it did not.
func BeganAtZero(published, trackedSince *time.Time) bool {
	return published != nil && trackedSince != nil && !published.Before(trackedSince.Add(-newPost))
}
