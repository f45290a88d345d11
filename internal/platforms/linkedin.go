package platforms

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// linkedIn reads member profiles (aType 1) and company pages (aType 2).
type linkedIn struct {
	*caller
	endpoint    Endpoint
	root        string
	unpermitted *memory // analytics that an account's token may not read
}

func newLinkedIn(cfg Config, client *http.Client) *linkedIn {
	l := &linkedIn{
		endpoint: cfg.LinkedIn, root: cfg.LinkedIn.BaseURL + "/rest/",
		unpermitted: newMemory(permissionTTL, cfg.Now, false),
	}
	l.caller = newCaller(domain.LinkedIn, cfg, client, func(ans answer) *Error { return classifyLinkedIn(ans, cfg.Now()) })
	return l
}

// get reads one resource; query is raw Rest.li text.
func (l *linkedIn) get(ctx context.Context, op string, t Target, resource, query string, out any) error {
	return l.do(ctx, call{
		op: op, account: t.ExternalID, url: l.root + resource + "?" + query,
		header: map[string]string{
			"Authorization": "Bearer " + t.AccessToken, "LinkedIn-Version": l.endpoint.Version, "X-Restli-Protocol-Version": "2.0.0",
		},
		secrets: []string{t.AccessToken},
	}, out)
}

// who checks a target and gives the URN of a company page; "" for a profile, which is always "me".
func (l *linkedIn) who(op string, t Target) (urn string, err error) {
	if t.AccessToken == "" {
		return "", &Error{Class: ClassReconnect, Platform: l.platform, Op: op, Message: "there is no token for this account"}
	}
	switch t.AccountType {
	case domain.LinkedInProfile:
		return "", nil
	case domain.LinkedInCompanyPage:
		if isURN(t.ExternalID) {
			return t.ExternalID, nil
		}
		if plainID(t.ExternalID, "") {
			return "urn:li:organization:" + t.ExternalID, nil
		}
		return "", invalid(l.platform, op, "external id %q is neither a number nor a URN", t.ExternalID)
	default:
		return "", invalid(l.platform, op, "account type %d is neither a profile (1) nor a company page (2)", int(t.AccountType))
	}
}

// Account implements [Client].
func (l *linkedIn) Account(ctx context.Context, t Target, req AccountRequest) (AccountSnapshot, error) {
	urn, err := l.who("account", t)
	if err != nil {
		return AccountSnapshot{}, err
	}
	if err := req.check(l.platform, "account", l.now()); err != nil {
		return AccountSnapshot{}, err
	}
	r := liReading{linkedIn: l, t: t, urn: urn, days: l.days(req)}
	parts := []func(context.Context) error{r.pageFollowers, r.pageLifetime, r.pageDays}
	if req.Demographics {
		parts = append(parts, r.pageDemographics)
	}
	if urn == "" {
		parts = []func(context.Context) error{r.profileFollowers, r.profileDays, r.profileReach}
		if req.Backfill && !req.Since.IsZero() {
			parts = append(parts, r.profileHistory)
		}
	}
	for _, part := range parts {
		if r.snap.Incomplete != nil && r.snap.Incomplete.Class == ClassThrottled {
			break // the day's quota is used up: more calls would only be refused
		}
		if err := part(ctx); err != nil {
			return AccountSnapshot{}, err
		}
	}
	r.missAll()
	r.snap.Figures = r.got.list
	return r.snap, nil
}

// liReading is one account reading in the making.
type liReading struct {
	*linkedIn
	t    Target
	urn  string // of a company page
	days [2]time.Time
	snap AccountSnapshot
	got  figures
}

// historyMonths is how far back daily statistics go.
const historyMonths = 12

// days are the UTC days to ask for: by default the last three, because statistics are late.
func (l *linkedIn) days(req AccountRequest) [2]time.Time {
	now := l.now().UTC()
	since, until := req.Since.UTC(), req.Until.UTC()
	if req.Until.IsZero() || until.After(now) {
		until = now
	}
	if req.Since.IsZero() {
		since = now.AddDate(0, 0, -3)
	}
	if oldest := now.AddDate(0, -historyMonths, 1); since.Before(oldest) {
		since = oldest
	}
	const day = 24 * time.Hour
	first, end := since.Truncate(day), until.Add(-time.Nanosecond).Truncate(day).Add(day)
	if !first.Before(end) { // a range that ends at the very midnight at which it begins
		end = first.Add(day)
	}
	return [2]time.Time{first, end}
}

// missAll names what was asked for and is in no figure.
func (r *liReading) missAll() {
	have := map[string]bool{}
	for _, f := range r.got.list {
		have[f.Name] = true
	}
	for _, name := range []string{
		domain.MetricFollowers, domain.MetricImpressions, domain.MetricReach, domain.MetricEngagement,
		domain.MetricLikes, domain.MetricComments, domain.MetricShares, domain.MetricClicks,
	} {
		switch {
		case have[name]:
		case r.snap.Incomplete != nil:
			r.snap.miss(name, reasonOf(r.snap.Incomplete.Class), r.snap.Incomplete.Message)
		default:
			r.snap.miss(name, ReasonEmpty, "answered without a value")
		}
	}
}

// Refresh implements [Client]. Only approved applications have refresh tokens; theirs lives 365 days
// from the first consent and is not extended.
func (l *linkedIn) Refresh(ctx context.Context, req RefreshRequest) (Tokens, error) {
	const op = "refresh"
	if req.RefreshToken == "" {
		return Tokens{}, &Error{Class: ClassReconnect, Platform: l.platform, Op: op, Message: "there is no refresh token: the person must sign in again"}
	}
	form := url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {req.RefreshToken},
		"client_id": {l.endpoint.ClientID}, "client_secret": {l.endpoint.ClientSecret},
	}
	auth := *l.caller
	auth.classify = func(ans answer) *Error { return classifyLinkedInOAuth(ans, l.now()) }
	var reply oauthReply
	err := auth.do(ctx, call{
		op: op, account: req.Target.ExternalID, method: http.MethodPost, form: form.Encode(),
		url:     l.endpoint.AuthURL + "/oauth/v2/accessToken",
		whole:   true,
		secrets: []string{req.RefreshToken, req.Target.AccessToken, l.endpoint.ClientSecret},
	}, &reply)
	if err != nil {
		return Tokens{}, err
	}
	return reply.tokens(l.now()), nil
}
