package platforms

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// AccountRequest says what to read in addition to the current totals.
type AccountRequest struct {
	// Since and Until limit the day flows to platform days that overlap [Since, Until). If both are
	// zero, the client reads the last few days. If only Until is zero, the range ends now.
	Since, Until time.Time
	// Backfill also requests the daily history of stocks, if the platform has it. These figures are
	// [domain.Stock] with a Day and belong in separate readings marked as backfilled. It requires
	// Since.
	Backfill bool
	// SettledSince also requests the day flows that became final since then, because Facebook and
	// Instagram change them for two days after the end of their day. If it is zero, or for other
	// platforms, whose default range is longer, no more days are requested.
	SettledSince time.Time
	// Demographics also requests the audience breakdowns. They change slowly and cost additional
	// calls, so one request per day is sufficient.
	Demographics bool
}

// days returns the first day of the range and the day after its last day. The last day is today at
// the latest. dayOf returns the start of the day of a time.
func (a AccountRequest) days(now time.Time, dayOf func(time.Time) time.Time) (first, end time.Time) {
	if !a.Until.IsZero() && a.Until.Before(now) {
		now = a.Until
	}
	first, end = dayOf(a.Since), dayOf(now.Add(-time.Nanosecond)).AddDate(0, 0, 1)
	if !first.Before(end) { // a range that begins and ends at the same midnight
		end = first.AddDate(0, 0, 1)
	}
	return first, end
}

// edge returns the key under which the refusals of metrics are remembered. A metric that was
// refused for the past may exist for the present.
func (a AccountRequest) edge(name string) string {
	if a.Backfill {
		return name + "_history"
	}
	return name
}

const (
	settlesAfter = 48 * time.Hour // after the end of a day
	maxSettled   = 7              // days per request; each costs Instagram a call
)

// settledDays returns the days that became final since SettledSince, oldest first.
func (a AccountRequest) settledDays(now time.Time, dayOf func(time.Time) time.Time) (days []time.Time) {
	if a.SettledSince.IsZero() {
		return nil
	}
	for end := dayOf(now.Add(-settlesAfter)); len(days) < maxSettled && end.Add(settlesAfter).After(a.SettledSince); {
		end = end.AddDate(0, 0, -1)
		days = append(days, end)
	}
	slices.Reverse(days)
	return days
}

func (a AccountRequest) check(p domain.Platform, op string, now time.Time) error {
	switch {
	case a.Since.IsZero() && !a.Until.IsZero():
		return invalid(p, op, "since is required if until is set")
	case a.Since.After(now):
		return invalid(p, op, "since must not be in the future")
	case !a.Until.IsZero() && !a.Until.After(a.Since):
		return invalid(p, op, "until must be after since")
	default:
		return nil
	}
}

// AccountSnapshot is one reading of an account.
type AccountSnapshot struct {
	// Figures are in no particular order. Reach is always [domain.Rolling]: it has a Window ("day",
	// "week", "days_28", …) and, except for "months_12", the Day on which the window ends.
	Figures []domain.Figure
	// Missing lists the figures that were requested and not returned. A missing figure is never 0.
	Missing      []domain.MissingFigure
	Demographics []domain.DemographicFacet
	// Incomplete is set if a part is missing for a temporary reason (throttled, retry). The figures
	// are valid, and RetryAfter says how long to pause this connection.
	Incomplete *Error
}

// Post is one post in a platform's list. Only ID is needed to read its metrics; if Type is set,
// Instagram needs one call less.
type Post struct {
	ID          string // the platform's ID; at most 255 bytes
	Type        string // one of the Type constants; "": unknown
	Content     string // text, without NUL characters; may be empty
	MediaURL    string // may expire (TikTok covers do)
	Permalink   string
	PublishedAt time.Time // UTC; zero: not reported

	// HadFigures and HadShares report whether the last known figures of the post, or its shares, are
	// other than 0. What is absent from an answer then is not 0.
	HadFigures, HadShares bool

	// SameAs is another ID of the same post on the platform (Facebook: the video of a post). Do not
	// register this post if one is registered under SameAs.
	SameAs string
}

// Post types.
const (
	TypePost     = "post"
	TypePhoto    = "photo"
	TypeVideo    = "video"
	TypeReel     = "reel"
	TypeStory    = "story"
	TypeCarousel = "carousel"
	TypeAd       = "ad" // Instagram: media created as an ad
)

// PostsPage is one page of a list. Cursors are opaque, contain no token or URL, and may be stored.
type PostsPage struct {
	Posts []Post
	Next  string // cursor of the next page; "" at the end
	// Skip is the cursor of the next section, for a caller that has reached known posts. Facebook
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
	Counts  domain.Counts // nil: not reported; never 0 instead
	Missing []domain.MissingFigure
	// Err is set if this post cannot be read: it is deleted, hidden or not visible to this token.
	// Counts is then empty and must not be recorded.
	Err *Error
}

func (a *AccountSnapshot) addFacet(facet string, values map[string]int64) {
	if len(values) > 0 {
		a.Demographics = append(a.Demographics, domain.DemographicFacet{Facet: facet, Values: values})
	}
}

func (a *AccountSnapshot) missDemographics() {
	if len(a.Demographics) == 0 {
		a.miss("demographics", domain.StatusNoData)
	}
}

func (a *AccountSnapshot) miss(name string, code domain.StatusCode) {
	if !slices.ContainsFunc(a.Missing, func(m domain.MissingFigure) bool { return m.Name == name }) {
		a.Missing = append(a.Missing, domain.MissingFigure{Name: name, Code: code})
	}
}

func (p *PostSnapshot) put(metric string, value *int64, code domain.StatusCode) {
	*domain.MetricOf(&p.Counts, metric) = value
	if value == nil {
		p.Missing = append(p.Missing, domain.MissingFigure{Name: metric, Code: code})
	}
}

// maxUnanswered is the number of posts that may fail one after another before anything was
// answered: then the account or the platform fails, not the posts.
const maxUnanswered = 3

// inParts reads posts with calls for up to most posts. An error about an object fails only that
// object: a call for several posts that fails is made again for one post, then for two, and so on.
// With an error, the snapshots are those of the posts that were tried.
func inParts(
	posts []Post, most int, read func(part []Post) ([]PostSnapshot, error),
) (out []PostSnapshot, err error) {
	var failures row
	for size := most; len(posts) > 0; {
		part := posts[:min(size, len(posts))]
		snaps, err := read(part)
		switch {
		case err == nil:
			size = min(2*size, most)
		case beyondObject(err):
			return out, err
		case len(part) > 1:
			size = 1
			continue
		default:
			snaps = []PostSnapshot{{Post: part[0], Err: asError(err)}}
		}
		out, posts = append(out, snaps...), posts[len(part):]
		if err := failures.add(snaps...); err != nil {
			return out, err
		}
	}
	return out, nil
}

// row counts posts that fail before any post is answered.
type row struct {
	answered bool
	failed   int
}

// add returns an error about the account if no post was answered and too many failed. An answer
// that says that a post does not exist or has no figures is an answer.
func (r *row) add(snaps ...PostSnapshot) error {
	var last *Error
	for _, s := range snaps {
		switch {
		case s.Err == nil, s.Err.Kind() == domain.StatusNotFound, s.Err.Kind() == domain.StatusNoData:
			r.answered = true
		case !Unsent(s.Err):
			r.failed, last = r.failed+1, s.Err
		}
	}
	if r.answered || r.failed < maxUnanswered || last == nil {
		return nil
	}
	e := *last
	e.About, e.assumed = AboutAccount, true
	return &e
}

type reading struct {
	t    Target
	req  AccountRequest
	snap AccountSnapshot

	index    map[domain.Figure]int // index of a figure in snap; keys have Value 0
	refusal  error                 // of the first part that was refused
	refusals int                   // number of parts that were refused
}

// run reads the parts in order. A part that is refused does not affect the others. If nothing at
// all was read, it returns the error of the first part. It stops early if the quota is used up,
// because further calls would be refused.
func (r *reading) run(ctx context.Context, parts ...func(context.Context) error) error {
	for _, part := range parts {
		if r.throttled() {
			break
		}
		if err := part(ctx); err != nil {
			return err
		}
	}
	if r.empty() {
		return r.refusal
	}
	return nil
}

func (r *reading) throttled() bool {
	return r.snap.Incomplete != nil && r.snap.Incomplete.Kind() == domain.StatusThrottled
}

func (r *reading) empty() bool { return len(r.snap.Figures) == 0 && len(r.snap.Demographics) == 0 }

// absorb records that a part of the account is missing, and why. It returns the error if the other
// parts would fail too: the token, the account or our app is refused, the call was canceled, or
// several parts failed and none was read.
func (r *reading) absorb(err error, names ...string) error {
	e := asError(err)
	if e == nil || e.cause != nil || endsReading(e) {
		return err
	}
	for _, name := range names {
		r.snap.miss(name, e.Kind())
	}
	if e.Kind() == domain.StatusThrottled || (e.Kind() == domain.StatusRetry && r.snap.Incomplete == nil) {
		r.snap.Incomplete = e
	}
	r.refusal, r.refusals = cmp.Or(r.refusal, err), r.refusals+1
	if r.refusals >= maxUnanswered && r.empty() {
		return r.refusal
	}
	return nil
}

func endsReading(e *Error) bool {
	about := AboutOf(e)
	return e.Kind() == domain.StatusRefused || e.Kind() == domain.StatusBlocked ||
		e.Kind() == domain.StatusNotFound && about == AboutAccount ||
		!e.Reason.Temporary() && (about == AboutApp || about == AboutPlatform)
}

// each reads the same part for several days or values. After some failures in a row, it leaves the
// rest for the next reading.
func (r *reading) each(n int, read func(i int) error) error {
	for i, failed := 0, 0; i < n && failed < maxUnanswered && !r.throttled(); i++ {
		before := r.refusals
		if err := read(i); err != nil {
			return err
		}
		failed++
		if r.refusals == before {
			failed = 0
		}
	}
	return nil
}

func (r *reading) total(name string, kind domain.Kind, source string, value count) {
	if !value.ok || value.n < 0 {
		r.snap.miss(name, domain.StatusNoData)
		return
	}
	r.add(domain.Figure{Name: name, Kind: kind, Value: value.n, Source: source})
}

// missRest records why figures are missing, for each name without a figure. If the reading is
// incomplete, that is the reason, except for metrics that the platform does not know.
func (r *reading) missRest(code domain.StatusCode, names ...string) {
	if r.snap.Incomplete != nil && code != domain.StatusUnsupportedMetric {
		code = r.snap.Incomplete.Kind()
	}
	for _, name := range r.missingNames(names) {
		r.snap.miss(name, code)
	}
}

func (r *reading) missingNames(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(r.snap.Figures, func(figure domain.Figure) bool { return figure.Name == name })
	})
}

// mayFall are the metrics of an account that can be negative: more reactions of a day were withdrawn than
// given, or LinkedIn, which documents negative likes and clicks, has corrected its numbers.
var mayFall = []string{domain.MetricLikes, domain.MetricClicks, domain.MetricEngagement}

// add replaces an earlier figure for the same metric, day and window: the last day of one answer
// may be the first day of the next. A negative figure is unknown, unless its metric may fall.
func (r *reading) add(figure domain.Figure) {
	if figure.Value < 0 && !slices.Contains(mayFall, figure.Name) {
		return
	}
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
