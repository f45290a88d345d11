package domain

import "time"

// GainQuarter is the resolution at which gains of posts are summed. In every time zone, days begin
// at a multiple of it in UTC.
const GainQuarter = 15 * time.Minute

// Gain is the gain of each figure in one reading of a post; nil if unknown. It is negative if the
// count fell.
type Gain struct {
	Likes       *int64 `json:"glikes"`
	Comments    *int64 `json:"gcomments"`
	Shares      *int64 `json:"gshares"`
	Views       *int64 `json:"gviews"`
	Impressions *int64 `json:"gimpressions"`
	Clicks      *int64 `json:"gclicks"`
	Saves       *int64 `json:"gsaves"`
	Engagement  *int64 `json:"gengagement"` // sum of the known gains of likes, comments and shares
	// EngagementPartial is true if the gain of some component of the engagement is unknown.
	EngagementPartial bool `json:"gengagement_partial"`
}

// GainSince returns the gain of each figure in a reading since the last earlier reading that has
// the figure. known holds these earlier values ([Counts.OrPrevious]), so a reading that lacks a
// figure does not lose the figure's gain. A figure that no earlier reading has is a baseline with
// unknown gain, unless fromZero ([PostRead].FromZero) is set: then its whole value was gained.
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

// newPost is how long before the first reading of its account a post may be published and still
// count as starting from zero, because its counts were negligible then.
const newPost = 24 * time.Hour

// BeganAtZero decides [PostRead].FromZero: it reports whether the post was published after the
// first reading of its account for the agency, or at most 24 h before. It is false if either time
// is unknown.
func BeganAtZero(published, trackedSince *time.Time) bool {
	return published != nil && trackedSince != nil && !published.Before(trackedSince.Add(-newPost))
}
