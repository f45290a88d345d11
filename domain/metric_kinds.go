package domain

// Kind says how a figure may be combined over time.
type Kind string

// The four kinds.
const (
	Stock      Kind = "stock"      // the last reading counts (followers)
	Cumulative Kind = "cumulative" // a reading gains the difference to the one before it (TikTok likes)
	DayFlow    Kind = "day_flow"   // belongs to a day; a later reading of that day replaces it; a range is the sum of its days
	Rolling    Kind = "rolling"    // over the platform's own window: shown as read, never subtracted or summed
)

// Metric names used in [Figure]; the vocabulary of the read models' columns.
const (
	MetricFollowers   = "followers"
	MetricEngagement  = "engagement"
	MetricImpressions = "impressions"
	MetricViews       = "views"
	MetricReach       = "reach"
	MetricPosts       = "posts"
	MetricLikes       = "likes"
	MetricComments    = "comments"
	MetricShares      = "shares"
	MetricClicks      = "clicks"
	MetricSaves       = "saves"
	MetricAvgWatch    = "avg_watch_ms"
)
