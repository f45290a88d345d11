package domain

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Tenant is the owner of a reading. It is recorded at capture: the rows of the reading belong to
// the tenant forever, even if another tenant connects the same page later.
type Tenant struct {
	ParentAccount string `json:"parent_account" hex:"optional"` // agency, 24 hex digits
	AccountID     string `json:"account_id" hex:"optional"`     // sub-account (or the agency itself), 24 hex digits
	MemberID      int64  `json:"member_id"`                     // the member who owns the connection
	SocialAccount int64  `json:"social_account_id"`             // the connected profile or page, by its id
}

// Key returns the log key of all records about a social account.
func (t Tenant) Key() string { return number(t.SocialAccount) }

// Validate checks the form of the ids.
func (t Tenant) Validate() error {
	err := cmp.Or(checkHexID("parent_account ", t.ParentAccount), checkHexID("account_id ", t.AccountID))
	if err != nil {
		return err
	}
	if t.MemberID <= 0 || t.SocialAccount <= 0 {
		return fmt.Errorf("member_id %d and social_account_id %d must be positive", t.MemberID, t.SocialAccount)
	}
	return nil
}

// Figure is one metric of an account reading. A metric that the platform did not return is not in
// the list; it is never written as 0.
type Figure struct {
	Name   string `json:"name"` // name of the metric: followers, engagement, impressions, views, reach, …
	Kind   Kind   `json:"kind"`
	Value  int64  `json:"value"`            // the figure as read
	Source string `json:"source"`           // the platform's name of the metric, for example "page_media_view"
	Day    string `json:"day,omitempty"`    // YYYY-MM-DD: the platform's day of a day flow, or the last day of a window
	Window string `json:"window,omitempty"` // window of a rolling figure or of reach, for example "days_28"
}

// MissingFigure says why a requested metric is not in a reading.
type MissingFigure struct {
	Name string     `json:"name"` // name of the metric: followers, engagement, impressions, views, reach, …
	Code StatusCode `json:"code"` // why it is missing
}

// DemographicFacet is one split of an audience, as returned by the platform.
type DemographicFacet struct {
	Facet  string           `json:"facet"`  // age, gender, city, country, …
	Values map[string]int64 `json:"values"` // number of people by group
	// Names maps the keys of `values` to names, as far as known, if the keys are ids of the
	// platform. Ids are used where two places can have the same name.
	Names map[string]string `json:"names,omitempty"`
}

// AccountRead is one capture of a social account's totals.
type AccountRead struct {
	Tenant
	Platform    Platform    `json:"p_id"`
	AccountType AccountType `json:"a_type,omitempty"`
	CapturedAt  time.Time   `json:"captured_at"` // UTC, whole microseconds
	// True if the figures of a past day were read from the platform's history.
	Backfilled bool     `json:"backfilled,omitempty"`
	Figures    []Figure `json:"figures"` // the figures that the platform returned
	// The figures that were requested and not returned, with the reason.
	Missing      []MissingFigure    `json:"missing,omitempty"`
	Demographics []DemographicFacet `json:"demographics,omitempty"` // the audience by age, gender and location
}

// EventType implements [Data].
func (AccountRead) EventType() string { return "metrics.account_read.v1" }

// Captured returns the time of the reading.
func (a AccountRead) Captured() time.Time { return a.CapturedAt }

// Validate checks what a fold depends on.
func (a AccountRead) Validate() error {
	if err := validateReading(a.Tenant, a.Platform, a.CapturedAt); err != nil {
		return err
	}
	for _, f := range a.Figures {
		if err := f.validate(); err != nil {
			return err
		}
	}
	return checkAccountType(a.AccountType)
}

func (f Figure) validate() error {
	switch {
	case !slices.Contains([]Kind{Stock, Cumulative, Rolling, DayFlow}, f.Kind):
		return fmt.Errorf("figure %q: unknown kind %q", f.Name, f.Kind)
	case f.Kind == DayFlow && f.Day == "":
		return fmt.Errorf("figure %q: a day flow needs its day", f.Name)
	case f.Day != "" && !isDay(f.Day):
		return fmt.Errorf("figure %q: day %q is not YYYY-MM-DD", f.Name, f.Day)
	case f.Name == "":
		return errors.New("a figure has no name")
	}
	if err := checkLengths(f.Name, f.Source, f.Window); err != nil {
		return fmt.Errorf("figure: %w", err)
	}
	return nil
}

func isDay(day string) bool {
	_, err := time.Parse(time.DateOnly, day)
	return err == nil
}

// Metric names in [Figure] and [Counts]; also the names of the read models' columns.
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

// Counts holds the metrics of one reading of a post. A metric that the platform did not return is
// nil. Saves and AvgWatch were added later, so old readings lack them.
type Counts struct {
	Likes       *int64 `json:"likes"`                  // likes or reactions; null if the platform did not report them
	Comments    *int64 `json:"comments"`               // comments; null if the platform did not report them
	Shares      *int64 `json:"shares"`                 // shares, including reposts; null if the platform did not report them
	Views       *int64 `json:"views"`                  // views; null if the platform did not report them
	Impressions *int64 `json:"impressions"`            // number of times it was shown; null if the platform did not report it
	Reach       *int64 `json:"reach"`                  // number of people who saw it; null if the platform did not report it
	Clicks      *int64 `json:"clicks"`                 // clicks; null if the platform did not report them
	Saves       *int64 `json:"saves,omitempty"`        // number of times it was saved; null if the platform did not report it
	AvgWatch    *int64 `json:"avg_watch_ms,omitempty"` // average watch time of a view in milliseconds
}

// GainedPostMetrics are the cumulative metrics of a post, which have gains. The first four are also
// summed by owner.
var GainedPostMetrics = [...]string{
	MetricLikes, MetricComments, MetricShares, MetricViews, MetricImpressions, MetricClicks, MetricSaves,
}

var postMetrics = append(GainedPostMetrics[:], MetricReach, MetricAvgWatch)

// PostMetrics returns the names of all metrics of [Counts], first those that have gains. They are
// also the names of columns in the read models.
func PostMetrics() []string { return slices.Clone(postMetrics) }

// MetricOf returns the field of a metric; nil if [Counts] does not have it.
func MetricOf(c *Counts, name string) **int64 {
	switch name {
	case MetricLikes:
		return &c.Likes
	case MetricComments:
		return &c.Comments
	case MetricShares:
		return &c.Shares
	case MetricViews:
		return &c.Views
	case MetricImpressions:
		return &c.Impressions
	case MetricReach:
		return &c.Reach
	case MetricClicks:
		return &c.Clicks
	case MetricSaves:
		return &c.Saves
	case MetricAvgWatch:
		return &c.AvgWatch
	default:
		return nil
	}
}

// Engagement returns the sum of the likes, comments and shares that are known, and whether one of
// them is unknown. The sum is nil if all three are unknown.
func (c Counts) Engagement() (sum *int64, partial bool) {
	for _, part := range []*int64{c.Likes, c.Comments, c.Shares} {
		if part == nil {
			partial = true
			continue
		}
		if sum == nil {
			sum = new(int64)
		}
		*sum += *part
	}
	return sum, partial
}

// maxCount bounds the absolute value of a count, so that engagement and growth fit 64 bits: the
// difference of two sums of three counts is at most 6 × 2^60.
const maxCount = 1 << 60

func (c Counts) validate() error {
	for _, name := range postMetrics {
		if n := *MetricOf(&c, name); n != nil && (*n > maxCount || *n < -maxCount) {
			return fmt.Errorf("%s: %d is out of range", name, *n)
		}
	}
	return nil
}

// PostRead is one capture of a post's metrics.
type PostRead struct {
	Tenant
	Platform    Platform    `json:"p_id"`
	AccountType AccountType `json:"a_type,omitempty"`
	ExternalID  string      `json:"external_id"`            // the platform's id of the post
	CapturedAt  time.Time   `json:"captured_at"`            // UTC, whole microseconds
	PublishedAt *time.Time  `json:"published_at,omitempty"` // when the post was published, UTC; absent if unknown
	Backfilled  bool        `json:"backfilled,omitempty"`   // true if the reading was added after its capture time
	Counts
	// The figures that were requested and not returned, with the reason.
	Missing []MissingFigure `json:"missing,omitempty"`

	// GrowthEligible is the verdict at capture: whether the post was published within
	// `growth_window` and the subscription was active. The window and the state of the subscription
	// are recorded too, so that an auditor can verify the verdict.
	GrowthEligible     bool   `json:"growth_eligible"`
	GrowthWindow       string `json:"growth_window"`       // Go duration, for example "168h0m0s"
	SubscriptionActive bool   `json:"subscription_active"` // whether the subscription was active at the capture

	// FromZero is another verdict at capture: whether the first reading that has a figure of the
	// post gains all of it. It is true if the post was published after `tracked_since`, or at most
	// 24 hours before. For an imported reading, it is true if the post was published within
	// `growth_window` before the capture.
	FromZero bool `json:"from_zero"`
	// TrackedSince is the time of the account's first reading for this agency; null if unknown or
	// imported.
	TrackedSince *time.Time `json:"tracked_since,omitempty"`
}

// EventType implements [Data].
func (PostRead) EventType() string { return "metrics.post_read.v1" }

// Captured returns the time of the reading.
func (p PostRead) Captured() time.Time { return p.CapturedAt }

// Validate checks what a fold depends on.
func (p PostRead) Validate() error {
	return cmp.Or(validateExternalID(p.ExternalID), p.validate(), checkAccountType(p.AccountType),
		validatePublished(p.PublishedAt), validateReading(p.Tenant, p.Platform, p.CapturedAt))
}

// PostOrigin is the source of the information about a post.
type PostOrigin string

// The two origins. An external id identifies one post within a social account, whatever the origin.
const (
	OriginListing PostOrigin = "listing"  // found by listing the platform
	OriginMainApp PostOrigin = "main_app" // sent by the main application
)

// PostRegistered registers a post, or changes its attributes. If one origin registers a post twice,
// the registration with the later `registered_at` applies. The main application's values take
// precedence over the listing's, field by field. The text of the post is in [PostContent].
type PostRegistered struct {
	Tenant
	Platform     Platform    `json:"p_id"`
	AccountType  AccountType `json:"a_type,omitempty"`
	ExternalID   string      `json:"external_id"` // the platform's id of the post
	Origin       PostOrigin  `json:"origin"`
	RegisteredAt time.Time   `json:"registered_at"`          // when the origin reported these attributes, UTC
	PublishedAt  *time.Time  `json:"published_at,omitempty"` // when the post was published, UTC; absent if unknown
	CategoryID   *int64      `json:"c_id,omitempty"`         // content category (tDefaultCategories)
	PostType     string      `json:"post_type,omitempty"`    // the type, as named by the platform or the main application
}

// EventType implements [Data].
func (PostRegistered) EventType() string { return "metrics.post_registered.v1" }

// Captured returns the time of the registration.
func (p PostRegistered) Captured() time.Time { return p.RegisteredAt }

// Validate checks what a fold depends on.
func (p PostRegistered) Validate() error {
	return cmp.Or(validateExternalID(p.ExternalID), checkOrigin(p.Origin), checkAccountType(p.AccountType),
		validatePublished(p.PublishedAt), validateReading(p.Tenant, p.Platform, p.RegisteredAt))
}

// PostsMerged records that two ids are one post: a platform can report late that a video or a photo is
// part of a post. The post then has one of the ids, and its figures count once. Erasures do not cover
// it.
type PostsMerged struct {
	Tenant
	Platform   Platform  `json:"p_id"`
	ExternalID string    `json:"external_id"` // the id of the post
	OtherID    string    `json:"other_id"`    // the other id, which no longer counts
	MergedAt   time.Time `json:"merged_at"`   // UTC, whole microseconds
}

// EventType implements [Data].
func (PostsMerged) EventType() string { return "metrics.posts_merged.v1" }

// Captured returns the time at which the platform reported both ids.
func (p PostsMerged) Captured() time.Time { return p.MergedAt }

// Validate checks what a fold depends on.
func (p PostsMerged) Validate() error {
	if p.ExternalID == p.OtherID {
		return fmt.Errorf("external_id and other_id are both %q", p.OtherID)
	}
	return cmp.Or(validateExternalID(p.ExternalID), validateExternalID(p.OtherID),
		validateReading(p.Tenant, p.Platform, p.MergedAt))
}

// validatePublished accepts all years that JSON can represent, because pages can backdate posts.
func validatePublished(at *time.Time) error {
	if at != nil && (at.UTC().Year() < 0 || at.UTC().Year() > maxYear) {
		return fmt.Errorf("published_at is in the year %d, outside the range 0 to %d", at.UTC().Year(), maxYear)
	}
	return nil
}

func validateExternalID(id string) error {
	if id == "" || len(id) > maxIndexed {
		return fmt.Errorf("external_id must have 1 to %d bytes, has %d", maxIndexed, len(id))
	}
	return nil
}

// The range of years of a capture time. No platform had an API before it, and JSON cannot represent
// the years after it.
const (
	minYear = 2004
	maxYear = 9999
)

func validateReading(t Tenant, p Platform, at time.Time) error {
	return cmp.Or(t.Validate(), checkKnown(p), checkYear(at, minYear))
}

func checkKnown(p Platform) error {
	if !p.Valid() {
		return fmt.Errorf("p_id %d is not a platform; use one of %s", int(p), PlatformNumbers())
	}
	return nil
}

// checkAccountType accepts the types of all platforms, because a directory may set one where the
// platform has no types.
func checkAccountType(t AccountType) error {
	switch t {
	case 0, LinkedInProfile, LinkedInCompanyPage:
		return nil
	}
	return fmt.Errorf("a_type %d is not a type of account; use one of %s, or omit it", int(t), AccountTypeNumbers())
}

func checkPositive(socialAccount int64) error {
	if socialAccount <= 0 {
		return fmt.Errorf("social_account_id %d must be positive", socialAccount)
	}
	return nil
}

func checkYear(at time.Time, earliest int) error {
	if y := at.UTC().Year(); y < earliest || y > maxYear {
		return fmt.Errorf("time %s is outside the years %d to %d", at.Format(time.RFC3339), earliest, maxYear)
	}
	return nil
}

// AccountErased erases the readings that an agency has of a social account up to an instant.
// Readings captured before the instant produce no rows, in whatever order they arrive. Readings
// captured later are new and stay.
type AccountErased struct {
	ParentAccount string `json:"parent_account"` // agency, 24 hex digits
	// AccountID is the last client that owned the social account; "" if unknown. API responses for
	// the client mention the erasure.
	AccountID     string    `json:"account_id,omitempty"`
	SocialAccount int64     `json:"social_account_id"` // the connected profile or page, by its id
	Platform      Platform  `json:"p_id"`
	ErasedAt      time.Time `json:"erased_at"` // the instant: UTC, whole microseconds
}

// EventType implements [Data].
func (AccountErased) EventType() string { return "metrics.account_erased.v1" }

// Key returns the log key: the social account's.
func (a AccountErased) Key() string { return Tenant{SocialAccount: a.SocialAccount}.Key() }

// Validate checks what a fold depends on.
func (a AccountErased) Validate() error {
	return cmp.Or(
		checkPositive(a.SocialAccount), checkKnown(a.Platform),
		checkHexID("parent_account ", a.ParentAccount), checkHexID("account_id ", cmp.Or(a.AccountID, a.ParentAccount)),
		checkYear(a.ErasedAt, minYear),
	)
}

// ImportWithdrawn records that an import was wrong: its posts and readings do not count. It is appended
// under the key of each social account that the import has records of. It covers all records of the
// import, wherever they are. Texts of posts, entities, tokens and dashboards are not affected.
type ImportWithdrawn struct {
	SocialAccount int64  `json:"social_account_id"` // the connected profile or page, by its id
	Import        string `json:"import"`            // id of the [DataImported] record
}

// EventType implements [Data].
func (ImportWithdrawn) EventType() string { return "metrics.import_withdrawn.v1" }

// Key returns the log key: the social account's.
func (i ImportWithdrawn) Key() string { return Tenant{SocialAccount: i.SocialAccount}.Key() }

// Source returns the source of the records that do not count.
func (i ImportWithdrawn) Source() string { return ImportSource(i.Import) }

// ImportSource returns the ce_source of the posts and readings of an import.
func ImportSource(id string) string { return SourceImport + "/" + id }

// Validate checks the ids.
func (i ImportWithdrawn) Validate() error {
	err := checkPositive(i.SocialAccount)
	if err == nil && !targetName.MatchString(i.Import) {
		err = fmt.Errorf("import %.70q is not an id", i.Import)
	}
	return err
}
