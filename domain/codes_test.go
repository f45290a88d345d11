package domain_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// What people read about a code is complete, and names settings only to operators. An app that was
// switched off sends no one to sign in again.
func TestEveryStatusCodeHasItsTexts(t *testing.T) {
	t.Parallel()
	nouns := domain.StatusNouns{Platform: domain.Facebook}
	for _, code := range domain.StatusCodes() {
		r := domain.StatusReason{Code: code, Days: 3, Of: 28, Day: "2026-11-01", At: new(time.Unix(0, 0))}
		for _, words := range []func(domain.StatusCode) string{domain.APIText, domain.OperatorText} {
			for _, r.Metric = range []string{"", "views"} {
				text := domain.TextOf([]domain.StatusReason{r}, words, nouns)
				require.Regexp(t, `^[A-Z0-9].*\.$`, text, code)
				require.NotContains(t, text, "{", code)
			}
		}
		require.Equal(t, code.Kind(), code.Kind().Kind(), "%s: a kind is no special case", code)
		require.True(t, code.Remedy() == domain.RemedyTime || !code.Temporary(), code)
		require.NotContains(t, domain.TextOf([]domain.StatusReason{r}, domain.SignInText, nouns), "{", code)
		require.NotContains(t, domain.APIText(code)+domain.SignInText(code), "LEDGERBOARD_", code)
		require.Contains(t, []domain.StatusReader{domain.SeenByAll, domain.SeenByAgency}, domain.StatusTextOf(code).Seen, code)
	}
	require.NotContains(t, domain.SignInText(domain.StatusAppBlocked), "Start again")
	require.Contains(t, domain.OperatorText(domain.StatusAppBlocked), "Connecting accounts again does not help")
	require.Contains(t, domain.APIText(domain.StatusRoleLost), "A person with a role on the page")
}

func TestStatusTextIncludesParameters(t *testing.T) {
	t.Parallel()
	words := func(domain.StatusCode) string { return "For {metrics}, {days} of {of} days of {range} at {platform}." }
	reasons := []domain.StatusReason{
		{Figures: domain.FiguresOfAccount, Metric: "views", Days: 3, Of: 28},
		{Metric: "likes", Of: 2},
		{Figures: domain.FiguresOfPosts, Metric: "views", Days: 3, Of: 28},
		{Metric: "shares", Days: 3, Of: 28},
		{Metric: "shares", Days: 3, Of: 28},
	}
	require.Equal(t, "For page views, video views and shares, 3 of 28 days of this month at Facebook. "+
		"For likes, 0 of 2 days of this month at Facebook.",
		domain.TextOf(reasons, words, domain.StatusNouns{Platform: domain.Facebook, Range: "this month"}), "once for all metrics")
	require.Empty(t, domain.TextOf(nil, words, domain.StatusNouns{}))
	require.Equal(t, "page_insights, HTTP 400, code 190/463",
		domain.PlatformAnswer{Call: "page_insights", Status: 400, Code: "190", Subcode: 463}.String())
}

// Events are kept forever, so they hold codes, ids, numbers and what people call things, but no
// sentences, which could be neither reworded nor translated.
func TestNoEventHoldsASentence(t *testing.T) {
	t.Parallel()
	// what people named or wrote themselves, and signed notes
	free := regexp.MustCompile(`^(name|email|phone|address|company|content|note)$`)
	samples, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, samples)
	var check func(sample, path string, value any)
	check = func(sample, path string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, member := range v {
				check(sample, name, member)
			}
		case []any:
			for _, element := range v {
				check(sample, path, element)
			}
		case string:
			require.True(t, !strings.Contains(v, " ") || free.MatchString(path), "%s: %s is %q", sample, path, v)
		}
	}
	for _, sample := range samples {
		raw, err := os.ReadFile(sample)
		require.NoError(t, err)
		var event map[string]any
		require.NoError(t, json.Unmarshal(raw, &event))
		delete(event, "demographics") // names of places
		check(sample, "", event)
	}
}

// The first reason of a status says what helps. A page that is read needs nothing, whatever part of
// it was not read.
func TestFirstStatusReasonIsActionable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status domain.PageStatus
		codes  []domain.StatusCode
		want   domain.Remedy
	}{
		{domain.PageOK, nil, domain.RemedyNone},
		{domain.PageOK, []domain.StatusCode{domain.StatusPermission}, domain.RemedyNone},
		{domain.PageReconnect, []domain.StatusCode{domain.StatusExpired, domain.StatusConnectionPaused}, domain.RemedySignIn},
		{domain.PageDisconnected, []domain.StatusCode{domain.StatusErased}, domain.RemedySignIn},
		{domain.PageDisconnected, []domain.StatusCode{domain.StatusEndedByAgency}, domain.RemedyNone},
		{domain.PagePermission, []domain.StatusCode{domain.StatusPermission}, domain.RemedySignIn},
		{domain.PagePermission, []domain.StatusCode{domain.StatusTwoFactor}, domain.RemedyAction},
		{domain.PageFailing, []domain.StatusCode{domain.StatusMoved}, domain.RemedyAction},
		{domain.PageFailing, []domain.StatusCode{domain.StatusLasting}, domain.RemedyTime},
		{domain.PageFailing, []domain.StatusCode{domain.StatusUnsupportedMetric}, domain.RemedyNone},
		{domain.PagePaused, []domain.StatusCode{domain.StatusPlatformPaused}, domain.RemedyNone},
	} {
		s := domain.ConnectionStatus{Status: c.status}
		for _, code := range c.codes {
			s.Reasons = append(s.Reasons, domain.StatusReason{Code: code})
		}
		require.Equal(t, c.want, s.Remedy(), c)
	}
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	wrapped := fmt.Errorf("load: %w", domain.ErrDashboardNotFound)
	require.ErrorIs(t, wrapped, domain.ErrDashboardNotFound)
	require.NotErrorIs(t, wrapped, domain.ErrMainAccount)
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(wrapped))
	require.Equal(t, domain.CodeInternal, domain.CodeOf(errors.New("other")))
	require.Equal(t, domain.CodeInternal, domain.CodeOf(nil))
	require.True(t, domain.AccessRefused(wrapped))
	require.True(t, domain.AccessRefused(domain.ErrMainAccount))
	require.False(t, domain.AccessRefused(errors.New("the database is away")), "a passing fault cuts nobody")
	require.False(t, domain.AccessRefused(nil))

	first := domain.ErrMainAccount.WithField("a", "1")
	second, third := first.WithField("b", "2"), first.WithField("c", "3")
	require.Equal(t, []string{"a", "b"}, fieldsOf(second))
	require.Equal(t, []string{"a", "c"}, fieldsOf(third), "copies share nothing")
	require.Empty(t, domain.ErrMainAccount.Fields, "a sentinel is never changed")
}
