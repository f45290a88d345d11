package collect_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// planted is what a platform says in the test when it fails: it names a person.
const planted = "Erna Meier (erna@example.com) is no administrator any more"

// plant puts the sentence wherever an answer has words about a failure, also inside of a batch.
type plant struct{ http.RoundTripper }

var (
	platformWords = regexp.MustCompile(`"(message|error_description|error_user_title|error_user_msg|log_id)":"(?:[^"\\]|\\.)*"`)
	quotedWords   = regexp.MustCompile(`\\"(message|error_user_msg)\\":\\"[^"]*\\"`)
)

func (p plant) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := p.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= http.StatusBadRequest || bytes.Contains(raw, []byte(`"error`)) || bytes.Contains(raw, []byte(`\"error`)) {
		raw = platformWords.ReplaceAll(raw, []byte(`"$1":"`+planted+`"`))
		raw = quotedWords.ReplaceAll(raw, []byte(`\"$1\":\"`+planted+`\"`))
	}
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
	answer.Header.Del("Content-Length")
	return answer, nil
}

// What platforms say when they fail names people: it is in schema kept, and in no event, log line or reason
// that answers show; 30 days later it is nowhere.
func TestWordsOfPlatformsAreKeptFor30Days(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})) // one, which writes one line at a time
	s := newFetchStage(t, func(c *collect.Config) { c.AccountInterval, c.Logger = 0, logger })
	clients, err := platforms.New(platforms.Config{
		Facebook:   platforms.Endpoint{BaseURL: s.base + simulator.PathFacebook},
		Instagram:  platforms.Endpoint{BaseURL: s.base + simulator.PathInstagram},
		LinkedIn:   platforms.Endpoint{BaseURL: s.base + simulator.PathLinkedIn, AuthURL: s.base + simulator.PathLinkedIn},
		TikTok:     platforms.Endpoint{BaseURL: s.base + simulator.PathTikTok},
		HTTPClient: &http.Client{Transport: plant{&http.Transport{}}}, Now: s.clock.Now, Logger: logger,
	})
	require.NoError(t, err)
	t.Cleanup(clients.Close)
	s.collect = s.process(func(c *collect.Config) { c.Clients, c.AccountInterval, c.Logger = clients, 0, logger })

	var failing []connected
	bad := func(p domain.Platform, kind domain.AccountType, traps simulator.Traps) {
		c := s.connect(p, kind)
		s.trap(c, traps)
		failing = append(failing, c)
	}
	for _, p := range []domain.Platform{domain.Facebook, domain.Instagram, domain.TikTok} {
		bad(p, 0, simulator.Traps{TokenError: 460})
	}
	for _, code := range []int{10, 32, 2, 803, 368, 100} {
		bad(domain.Facebook, 0, simulator.Traps{Throttle: &simulator.Throttle{Code: code}})
	}
	bad(domain.LinkedIn, domain.LinkedInProfile, simulator.Traps{TokenError: 1})
	bad(domain.LinkedIn, domain.LinkedInCompanyPage, simulator.Traps{NotAdmin: true})
	bad(domain.TikTok, 0, simulator.Traps{NoScope: true})
	// These are read, and lack figures for what the platform says.
	for _, traps := range []simulator.Traps{{RetiredMetrics: []string{"page_media_view"}}, {NoUserContent: true}} {
		c := s.connect(domain.Facebook, 0)
		s.trap(c, traps)
	}
	c := s.connect(domain.Instagram, 0)
	s.trap(c, simulator.Traps{BeforeBusiness: true})
	var told []string
	for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts, domain.FetchTokens} {
		for _, p := range domain.Platforms() {
			s.round(kind, p)
		}
		s.clock.advance(2 * time.Hour)
	}
	for _, c := range failing { // the error that the log shows
		err := s.readOne(t.Context(), s.collect, domain.FetchAccounts, c)
		require.Error(t, err, c.ID)
		told = append(told, err.Error())
	}

	require.Equal(t, len(failing), s.number(`select count(distinct social_account_id) from kept.platform_words where words like '%Erna Meier%'`),
		"each failure's words are kept")
	for _, topic := range []string{domain.TopicMetrics, domain.TopicOperations, domain.TopicDirectory} {
		records := s.log.Records(topic)
		require.NotEmpty(t, records, topic)
		for _, r := range records {
			require.NotContains(t, string(r.Value), "Erna", topic)
		}
	}
	require.Contains(t, logged.String(), "connection is not read")
	require.NotContains(t, logged.String(), "Erna")
	require.NotContains(t, strings.Join(told, "\n"), "Erna", "the error itself")
	require.Zero(t, s.number(`select count(*) from kept.fetch_state f where f::text like '%Erna%'`), "answers show its reasons")
	require.Zero(t, s.number(`select count(*) from connection_states c where c::text like '%Erna%'`))

	eraser := vault.NewEraser(s.pool)
	newest := s.clock.Now()
	const day = 24 * time.Hour
	forgotten, err := eraser.ForgetWords(t.Context(), newest.Add(30*day-time.Second))
	require.NoError(t, err)
	require.Positive(t, s.number(`select count(*) from kept.platform_words`), "the newest are kept for 30 days; %d older ones went", forgotten)
	_, err = eraser.ForgetWords(t.Context(), newest.Add(30*day))
	require.NoError(t, err)
	require.Zero(t, s.number(`select count(*) from kept.platform_words`))
}
