package domain

import "time"

// GainQuarter is the grain by which gains of posts are summed: every zone's days begin at a multiple of it
// in UTC.
const GainQuarter = 15 * time.Minute

// Growth is the difference between a reading and the previous reading of the same post.
type Growth struct {
	Likes       *int64 `json:"glikes"`
	Comments    *int64 `json:"gcomments"`
	Shares      *int64 `json:"gshares"`
	Views       *int64 `json:"gviews"`
	Impressions *int64 `json:"gimpressions"`
	Clicks      *int64 `json:"gclicks"`
	Engagement  *int64 `json:"gengagement"`
	// EngagementPartial says that engagement was compared although parts of it are missing on both
	// sides alike.
	EngagementPartial bool `json:"gengagement_partial"`
}

// GrowthBetween compares two readings of one post: a difference with an absent
// side is nil, a falling count is negative, and engagement is compared only between equal parts:
// when the two sides miss different parts, it is nil.
func GrowthBetween(previous, current Counts) Growth {
	g := Growth{
		Likes:       difference(previous.Likes, current.Likes),
		Comments:    difference(previous.Comments, current.Comments),
		Shares:      difference(previous.Shares, current.Shares),
		Views:       difference(previous.Views, current.Views),
		Impressions: difference(previous.Impressions, current.Impressions),
		Clicks:      difference(previous.Clicks, current.Clicks),
	}
	samePart := (previous.Likes == nil) == (current.Likes == nil) &&
		(previous.Comments == nil) == (current.Comments == nil) &&
		(previous.Shares == nil) == (current.Shares == nil)
	if samePart {
		before, _ := previous.Engagement()
		after, partial := current.Engagement()
		g.Engagement = difference(before, after)
		g.EngagementPartial = partial && g.Engagement != nil
	}
	return g
}

// GrowthSince compares a reading with what was known of its post before, figure by figure: known has of each figure
// what the last reading that brought it said ([Counts.Else]), so that a reading without a figure does not cost what
// the figure gained meanwhile. A figure that no reading brought before gained nothing that anybody knows, unless
// fromNothing says that the post was published in the time that is asked about: everything was 0 then. Engagement
// is the sum of what its parts gained, partial where one of them is not known.
func GrowthSince(known, current Counts, fromNothing bool) Growth {
	gained := func(before, now *int64) *int64 {
		if before == nil && fromNothing {
			return now
		}
		return difference(before, now)
	}
	g := Growth{
		Likes:       gained(known.Likes, current.Likes),
		Comments:    gained(known.Comments, current.Comments),
		Shares:      gained(known.Shares, current.Shares),
		Views:       gained(known.Views, current.Views),
		Impressions: gained(known.Impressions, current.Impressions),
		Clicks:      gained(known.Clicks, current.Clicks),
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
