package platforms

import (
	"context"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// linkedIn reads member profiles (aType 1) and company pages (aType 2).
type linkedIn struct {
	*httpClient
	endpoint    Endpoint
	root        string
	unpermitted *negativeCache // analytics that an account's token may not read
	places      *placeNames
}

func newLinkedIn(cfg Config, client *http.Client) *linkedIn {
	l := &linkedIn{
		endpoint: cfg.LinkedIn, root: cfg.LinkedIn.BaseURL + "/rest/",
		unpermitted: newNegativeCache(permissionTTL, cfg.Now, false),
		places:      newPlaceNames(cfg),
	}
	l.httpClient = newHTTPClient(domain.LinkedIn, cfg, client, classifyLinkedIn, l.untilReset)
	return l
}

// get reads one resource; query is raw Rest.li text.
func (l *linkedIn) get(ctx context.Context, op string, t Target, resource, query string, out any) error {
	return l.do(ctx, call{
		op: op, account: t.quotaOf(), url: l.root + resource + "?" + query, token: t.AccessToken,
		header: map[string]string{"LinkedIn-Version": l.endpoint.Version, "X-Restli-Protocol-Version": "2.0.0"},
	}, out)
}

// who checks a target and gives the URN of a company page; "" for a profile, which is always "me".
func (l *linkedIn) who(op string, t Target) (urn string, err error) {
	if err := l.needToken(op, t.AccessToken); err != nil {
		return "", err
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
	r := liReading{linkedIn: l, reading: reading{t: t, req: req}, urn: urn, days: l.days(req)}
	parts := []func(context.Context) error{r.pageFollowers, r.pageLifetime, r.pageDays}
	if req.Demographics {
		parts = append(parts, r.pageDemographics, r.namePlaces)
	}
	if urn == "" {
		parts = []func(context.Context) error{r.profileFollowers, r.profileDays, r.profileReach}
		if req.Backfill && !req.Since.IsZero() {
			parts = append(parts, r.profileHistory)
		}
	}
	if err := r.run(ctx, parts...); err != nil {
		return AccountSnapshot{}, err
	}
	r.missRest(ReasonEmpty, "answered without a value",
		domain.MetricFollowers, domain.MetricImpressions, domain.MetricReach, domain.MetricEngagement,
		domain.MetricLikes, domain.MetricComments, domain.MetricShares, domain.MetricClicks)
	return r.done(), nil
}

// liReading is one account reading in the making.
type liReading struct {
	*linkedIn
	reading
	urn  string // of a company page
	days [2]time.Time
}

// historyMonths is how far back daily statistics go.
const historyMonths = 12

// days are the UTC days to ask for: by default the last three, because statistics are late.
func (l *linkedIn) days(req AccountRequest) [2]time.Time {
	now := l.now().UTC()
	if req.Since.IsZero() {
		req.Since = now.AddDate(0, 0, -3)
	}
	if oldest := now.AddDate(0, -historyMonths, 1); req.Since.Before(oldest) {
		req.Since = oldest
	}
	first, end := req.days(now, func(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) })
	return [2]time.Time{first, end}
}

// Refresh implements [Client]. Only approved applications have refresh tokens; theirs lives 365 days
// from the first consent and is not extended.
func (l *linkedIn) Refresh(ctx context.Context, req RefreshRequest) (Tokens, error) {
	return l.refresh(ctx, req, l.endpoint, "/oauth/v2/accessToken", "client_id",
		classifyLinkedInOAuth)
}
