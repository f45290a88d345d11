package platforms

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// AccountRequest says what to read besides the present totals.
type AccountRequest struct {
	// Since and Until bound the day flows: every platform day that overlaps [Since, Until) is asked
	// for. Both zero: what the platform gives by itself (the last day or two). Until zero: now.
	Since, Until time.Time
	// Backfill also asks for the daily history of stocks, where the platform has one: those figures
	// are [domain.Stock] with a Day, and belong into readings of their own, marked as back-filled.
	// Needs Since.
	Backfill bool
	// Demographics also asks for the audience's splits. They change slowly and cost calls: ask daily.
	Demographics bool
}

// days are the day that the range begins on and the day after the one that it ends on, now at the latest; dayOf is when a
// time's day began.
func (r AccountRequest) days(now time.Time, dayOf func(time.Time) time.Time) (first, end time.Time) {
	if !r.Until.IsZero() && r.Until.Before(now) {
		now = r.Until
	}
	first, end = dayOf(r.Since), dayOf(now.Add(-time.Nanosecond)).AddDate(0, 0, 1)
	if !first.Before(end) { // a range that ends at the very midnight at which it begins
		end = first.AddDate(0, 0, 1)
	}
	return first, end
}

// check refuses a range that holds no time.
func (r AccountRequest) check(p domain.Platform, op string, now time.Time) error {
	switch {
	case r.Since.IsZero() && !r.Until.IsZero():
		return invalid(p, op, "a range needs its beginning: since is not set")
	case r.Since.After(now):
		return invalid(p, op, "a range cannot begin in the future")
	case !r.Until.IsZero() && !r.Until.After(r.Since):
		return invalid(p, op, "a range must end after it begins")
	default:
		return nil
	}
}

// AccountSnapshot is one reading of an account.
type AccountSnapshot struct {
	// Figures are in no particular order. Besides the kinds of [domain.Kind]: reach is always Rolling
	// with its Window ("day", "week", "days_28", …) and the Day on which that window ends.
	Figures []domain.Figure
	// Missing names what was asked for and not given. Nothing missing is ever a figure of 0.
	Missing      []domain.MissingFigure
	Demographics []domain.DemographicFacet
	// Incomplete is set when a part is missing for a reason that passes (throttled, retry): the
	// figures are good, and RetryAfter says how long to leave this connection alone.
	Incomplete *Error
}

// Post is one post as its platform lists it; only ID is needed to read its metrics, Type spares
// Instagram a call.
type Post struct {
	ID          string // the platform's id; at most 255 bytes
	Type        string // one of the Type constants; "" unknown
	Content     string // text, without NUL characters; may be empty
	MediaURL    string // may expire (TikTok covers do)
	Permalink   string
	PublishedAt time.Time // UTC; zero: not given

	// SameAs is another id under which the platform knows the same activity (Facebook: the video
	// behind a post). Who already has a post registered under SameAs must not register this one too.
	SameAs string
}

// Types of posts.
const (
	TypePost     = "post"
	TypePhoto    = "photo"
	TypeVideo    = "video"
	TypeReel     = "reel"
	TypeStory    = "story"
	TypeCarousel = "carousel"
	TypeAd       = "ad" // Instagram: media that was made as an advertisement
)

// PostsPage is one page of a listing. Cursors are opaque, hold no token and no address, and may be
// stored.
type PostsPage struct {
	Posts []Post
	Next  string // cursor of the next page; "" at the end
	// Skip is the cursor of the next section, for a caller that has met posts it knows: Facebook
	// lists videos, then reels, then posts, each newest first. "" in the last section.
	Skip string
}

func (p *PostsPage) add(post Post) {
	if !slices.ContainsFunc(p.Posts, func(other Post) bool { return other.ID == post.ID }) {
		p.Posts = append(p.Posts, post)
	}
}

// PostSnapshot is one reading of a post.
type PostSnapshot struct {
	Post    Post
	Counts  domain.Counts // nil: not given; never 0 instead
	Missing []domain.MissingFigure
	// Err is set when this post has no reading while others of the call do: gone, hidden, or not for
	// this token. Counts is empty then and must not be recorded.
	Err *Error
}

// The reasons of [domain.MissingFigure].
const (
	ReasonUnsupported = "unsupported" // the platform does not know the metric (any more)
	ReasonPermission  = "permission"  // the token may not read it
	ReasonThrottled   = "throttled"   // no quota left for it in this reading
	ReasonEmpty       = "empty"       // asked for, answered without a value
	ReasonError       = "error"       // the call failed
)

// reasonOf is the reason for a metric that is missing because of an error.
func reasonOf(class Class) string {
	return cmp.Or(map[Class]string{
		ClassUnsupportedMetric: ReasonUnsupported, ClassPermission: ReasonPermission, ClassThrottled: ReasonThrottled, ClassNoData: ReasonEmpty,
	}[class], ReasonError)
}

// absorb notes a failed part of an account reading: it returns the error when the whole reading must
// fail (dead token, blocked, cancelled), else records what is missing because of it.
func (s *AccountSnapshot) absorb(err error, names ...string) error {
	e := asError(err)
	if e == nil || e.Class == ClassReconnect || e.Class == ClassBlocked || e.cause != nil {
		return err
	}
	for _, name := range names {
		s.miss(name, reasonOf(e.Class), e.detail())
	}
	if e.Class == ClassThrottled || (e.Class == ClassRetry && s.Incomplete == nil) {
		s.Incomplete = e
	}
	return nil
}

// split adds how an audience is split, if that was told.
func (s *AccountSnapshot) split(facet string, values map[string]int64) {
	if len(values) > 0 {
		s.Demographics = append(s.Demographics, domain.DemographicFacet{Facet: facet, Values: values})
	}
}

// missSplits says why there is not one split of the audience.
func (s *AccountSnapshot) missSplits(detail string) {
	if len(s.Demographics) == 0 {
		s.miss("demographics", ReasonEmpty, detail)
	}
}

func (s *AccountSnapshot) miss(name, reason, detail string) {
	for _, m := range s.Missing {
		if m.Name == name {
			return
		}
	}
	s.Missing = append(s.Missing, domain.MissingFigure{Name: name, Reason: reason, Detail: detail})
}

// place is where a metric stands among the counts; nil when it is none of them, which TestEveryMetricOfPostsHasAPlace rules out.
func (s *PostSnapshot) place(metric string) **int64 {
	c := &s.Counts
	return map[string]**int64{
		domain.MetricLikes: &c.Likes, domain.MetricComments: &c.Comments, domain.MetricShares: &c.Shares, domain.MetricViews: &c.Views,
		domain.MetricImpressions: &c.Impressions, domain.MetricReach: &c.Reach, domain.MetricClicks: &c.Clicks,
		domain.MetricSaves: &c.Saves, domain.MetricAvgWatch: &c.AvgWatch,
	}[metric]
}

func (s *PostSnapshot) put(metric string, value *int64, reason, detail string) {
	if *s.place(metric) = value; value == nil {
		s.Missing = append(s.Missing, domain.MissingFigure{Name: metric, Reason: reason, Detail: detail})
	}
}

// eachPost reads posts one by one, where a platform offers no batch; an error ends it.
func eachPost(
	ctx context.Context, t Target, posts []Post, read func(context.Context, Target, Post) (PostSnapshot, error),
) ([]PostSnapshot, error) {
	out := make([]PostSnapshot, 0, len(posts))
	for _, p := range posts {
		snap, err := read(ctx, t, p)
		if err != nil {
			return out, err
		}
		out = append(out, snap)
	}
	return out, nil
}

// failed is the reading of a post that cannot be read, unless the error concerns more than that post.
func failed(p Post, err error) (PostSnapshot, error) {
	if wholeConnection(err) {
		return PostSnapshot{}, err
	}
	return PostSnapshot{Post: p, Err: asError(err)}, nil
}

// reading is one account reading in the making.
type reading struct {
	t    Target
	req  AccountRequest
	snap AccountSnapshot

	index map[domain.Figure]int // where a figure is in snap; its value is left out
}

// run reads one part after the other and returns what they gave. It ends early when there is no quota left: more calls
// would only be refused.
func (r *reading) run(ctx context.Context, parts ...func(context.Context) error) error {
	for _, part := range parts {
		if r.snap.Incomplete != nil && r.snap.Incomplete.Class == ClassThrottled {
			break
		}
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// total adds a figure of the present moment, or says that the answer lacks it.
func (r *reading) total(name string, kind domain.Kind, source string, value count) {
	if !value.ok {
		r.snap.miss(name, ReasonEmpty, source+" was not in the answer")
		return
	}
	r.add(domain.Figure{Name: name, Kind: kind, Value: value.n, Source: source})
}

// missRest says of each name that has no figure why: the platform does not know it, or the reading is incomplete, or it
// came without a value.
func (r *reading) missRest(reason, detail string, names ...string) {
	if r.snap.Incomplete != nil && reason != ReasonUnsupported {
		reason, detail = reasonOf(r.snap.Incomplete.Class), r.snap.Incomplete.detail()
	}
	for _, name := range r.lacking(names) {
		r.snap.miss(name, reason, detail)
	}
}

// lacking are the names that have no figure.
func (r *reading) lacking(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(r.snap.Figures, func(figure domain.Figure) bool { return figure.Name == name })
	})
}

// add adds a figure; of two for the same metric, day and window the later counts (a platform may repeat a day at the seam
// of two answers).
func (r *reading) add(figure domain.Figure) {
	key := figure
	key.Value = 0
	if i, ok := r.index[key]; ok {
		r.snap.Figures[i] = figure
		return
	}
	if r.index == nil {
		r.index = map[domain.Figure]int{}
	}
	r.index[key] = len(r.snap.Figures)
	r.snap.Figures = append(r.snap.Figures, figure)
}
