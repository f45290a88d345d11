package platforms

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// linkedIn reads member profiles and company pages.
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
		unpermitted: newNegativeCache(permissionTTL, cfg.Now),
		places: &placeNames{
			refused: newNegativeCache(RefusedFor, cfg.Now), now: cfg.Now, known: map[string]placeName{},
		},
	}
	l.httpClient = &httpClient{
		cfg: cfg, platform: domain.LinkedIn, client: client, classify: classifyLinkedIn, wait: l.untilReset,
	}
	return l
}

// get reads one resource. query is a raw Rest.li query.
func (l *linkedIn) get(ctx context.Context, op string, t Target, resource, query string, out any) error {
	return l.notYet(t, l.do(ctx, call{
		op: op, account: t.quotaAccount(), url: l.root + resource + "?" + query, token: t.AccessToken,
		header: map[string]string{"LinkedIn-Version": l.endpoint.Version, "X-Restli-Protocol-Version": "2.0.0"},
	}, out))
}

// newTokenDelay is how long LinkedIn may treat a new token like the person's previous one.
const newTokenDelay = 5 * time.Minute

// notYet makes a missing permission temporary if the token is so new that LinkedIn may not know its
// scopes yet.
func (l *linkedIn) notYet(t Target, err error) error {
	e, wait := asError(err), t.SignedInAt.Add(newTokenDelay).Sub(l.cfg.Now())
	if e == nil || wait <= 0 || e.Kind() != domain.StatusPermission {
		return err
	}
	e.Reason, e.About, e.RetryAfter = domain.StatusNewToken, "", wait
	e.Message = "the platform may not know the new token's scopes yet"
	return e
}

// targetURN checks a target and returns the URN of a company page, or "" for a profile, to which
// calls refer as "me".
func (l *linkedIn) targetURN(op string, t Target) (urn string, err error) {
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
		return "", invalid(l.platform, op, "external ID %q is neither a number nor a URN", t.ExternalID)
	default:
		return "", invalid(l.platform, op,
			"account type %d is neither a profile (1) nor a company page (2)", int(t.AccountType))
	}
}

func (l *linkedIn) Account(ctx context.Context, t Target, req AccountRequest) (AccountSnapshot, error) {
	urn, err := l.targetURN("account", t)
	if err != nil {
		return AccountSnapshot{}, err
	}
	if err := req.check(l.platform, "account", l.cfg.Now()); err != nil {
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
	r.missRest(domain.StatusNoData,
		domain.MetricFollowers, domain.MetricImpressions, domain.MetricReach, domain.MetricEngagement,
		domain.MetricLikes, domain.MetricComments, domain.MetricShares, domain.MetricClicks)
	return r.snap, nil
}

type liReading struct {
	*linkedIn
	reading
	urn  string // of a company page
	days [2]time.Time

	analyticsRead    bool // at least one metric of a profile's analytics was read
	analyticsRefused int  // the number of metrics that the token may not read
}

// historyMonths is how far back daily statistics go.
const historyMonths = 12

// days returns the UTC days to request. The default is today and the three days before, because
// statistics arrive late.
func (l *linkedIn) days(req AccountRequest) [2]time.Time {
	now := l.cfg.Now().UTC()
	if req.Since.IsZero() {
		req.Since = now.AddDate(0, 0, -3)
	}
	if oldest := now.AddDate(0, -historyMonths, 1); req.Since.Before(oldest) {
		req.Since = oldest
	}
	first, end := req.days(now, func(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) })
	return [2]time.Time{first, end}
}

// Refresh uses a refresh token, which LinkedIn issues only to approved applications. It is valid
// for 365 days after the consent, and refreshing does not extend this.
func (l *linkedIn) Refresh(ctx context.Context, t Target, refreshToken string) (Tokens, error) {
	return l.refresh(ctx, t, refreshToken, l.endpoint, "/oauth/v2/accessToken", classifyLinkedInOAuth)
}

// In Rest.li 2.0 query values, the parentheses, commas and colons of the structure are not encoded;
// only the URNs inside are percent-encoded. The following functions build such raw queries, because
// url.Values would encode everything.

func urnIn(urn string) string { return url.QueryEscape(urn) }

func listOf(urns []string) string {
	encoded := make([]string, len(urns))
	for i, urn := range urns {
		encoded[i] = urnIn(urn)
	}
	return "List(" + strings.Join(encoded, ",") + ")"
}

// dateRange returns a range that excludes the end day.
func dateRange(start, end time.Time) string {
	return fmt.Sprintf("(start:%s,end:%s)", restliDay(start), restliDay(end))
}

func restliDay(t time.Time) string {
	return fmt.Sprintf("(day:%d,month:%d,year:%d)", t.Day(), int(t.Month()), t.Year())
}

// timeIntervals requests one element per day of [start, end).
func timeIntervals(start, end time.Time) string {
	return fmt.Sprintf("(timeRange:(start:%d,end:%d),timeGranularityType:DAY)", start.UnixMilli(), end.UnixMilli())
}

// isURN reports whether s has the form urn:li:<kind>:<id>.
func isURN(s string) bool {
	return strings.HasPrefix(s, "urn:li:") && strings.Count(s, ":") == 3 && plainID(s, ":_-")
}

// linkedInError is LinkedIn's error body; `code` may be absent.
type linkedInError struct {
	Status      count `json:"status"`
	ServiceCode count `json:"serviceErrorCode"`
	Code        text  `json:"code"`
	Message     text  `json:"message"`
}

// classifyLinkedIn decides first by the text in `code`, because the numeric codes are
// contradictory, and then by the status. A 401 or 403 without LinkedIn's error body comes from a
// proxy and does not invalidate a connection.
func classifyLinkedIn(ans answer) *Error {
	success := ans.status >= 200 && ans.status < 300
	if success && !bytes.Contains(ans.body, []byte(`"status"`)) {
		return nil
	}
	var body linkedInError
	hasError := json.Unmarshal(ans.body, &body) == nil && (body.Code != "" || body.Message != "")
	switch {
	case success && (!hasError || body.Status.n < http.StatusBadRequest):
		return nil
	case success: // an error that a gateway returned as a success
		ans.status = int(body.Status.n)
	case !hasError:
		e := byStatus(ans)
		if e.Kind() == domain.StatusThrottled {
			e.RetryAfter = cmp.Or(e.RetryAfter, proxyWait)
		}
		return e
	}
	return classified(linkedInRules, ans, string(body.Code), int(body.ServiceCode.n), string(body.Message))
}

// classifyLinkedInOAuth classifies an error of the token endpoint, which is a flat object.
func classifyLinkedInOAuth(ans answer) *Error {
	var body struct {
		Error       text `json:"error"`
		Description text `json:"error_description"`
	}
	if json.Unmarshal(ans.body, &body) != nil || body.Error == "" {
		return classifyLinkedIn(ans)
	}
	return classified(oauthRules, ans, string(body.Error), 0, string(body.Description))
}
