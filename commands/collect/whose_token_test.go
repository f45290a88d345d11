package collect_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

// A person signs in with another account: its videos must not become this one's.
func TestTokenOfAnotherAccountGivesNoPosts(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	user, other := s.connect(domain.TikTok, 0, withPosts), s.connect(domain.TikTok, 0, withPosts)
	good, stranger := s.tokens(user), s.tokens(other)
	s.store(user, stranger)
	s.round(domain.FetchPosts, domain.TikTok)
	require.Zero(t, s.registered(user))
	require.Positive(t, s.registered(other))
	require.Len(t, s.changes(user), 1)
	require.NotEmpty(t, s.changes(user)[0].Code)
	require.Equal(t, domain.StatusWrongAccount, s.changes(user)[0].Code)
	require.Zero(t, s.calls("tiktok/token"), "the other account's refresh token is not used up")
	require.Equal(t, stranger.RefreshToken, s.tokens(user).RefreshToken)

	s.clock.Advance(time.Hour)
	s.store(user, good)
	s.round(domain.FetchPosts, domain.TikTok)
	require.Positive(t, s.registered(user))
	require.Empty(t, s.changes(user)[1].Code)
}

// The platform is asked whose a token is once for each token that is stored, not with each round.
func TestTokenOwnerIsCheckedOncePerToken(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t, func(c *collect.Config) { c.PostInterval = time.Minute })
	user := s.connect(domain.TikTok, 0, withPosts, expiresIn(time.Hour))
	for range 3 {
		s.roundAfter(time.Minute, domain.FetchPosts, domain.TikTok)
	}
	require.Equal(t, 1, s.calls("tiktok/user_info"))
	require.Equal(t, user.ExternalID, s.tokens(user).VerifiedAs)
	require.Equal(t, fetchDay, only[time.Time](s, `select updated_at from kept.secrets where ref = $1`, user.ref).UTC(), "it is still the token of that sign-in")
	s.roundAfter(2*time.Hour, domain.FetchPosts, domain.TikTok)
	require.Equal(t, 1, s.calls("tiktok/token"))
	require.Equal(t, 1, s.calls("tiktok/user_info"), "the renewal's answer says whose it is")
	require.Equal(t, user.ExternalID, s.tokens(user).VerifiedAs)

	// A reading of the account says it too.
	again := s.tokens(user)
	again.VerifiedAs = ""
	s.store(user, again)
	s.round(domain.FetchAccounts, domain.TikTok)
	s.round(domain.FetchPosts, domain.TikTok)
	require.Equal(t, 2, s.calls("tiktok/user_info"))

	// The owner of handed-over tokens is verified again.
	same := s.tokens(user)
	_, err := s.checked().HandOver(t.Context(), user.ConnectionID, collect.NewTokens{AccessToken: same.AccessToken, RefreshToken: same.RefreshToken})
	require.NoError(t, err)
	require.Equal(t, 3, s.calls("tiktok/user_info"))
	require.Equal(t, user.ExternalID, s.tokens(user).VerifiedAs)
}

// If a platform cannot be asked, the account is not read, and the connection is not marked dead.
func TestAccountIsNotReadUntilTokenIsVerified(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	user := s.connect(domain.TikTok, 0, withPosts)
	s.trap(user, simulator.Traps{HTML: 502})
	s.round(domain.FetchPosts, domain.TikTok)
	require.Zero(t, s.calls("tiktok/video_list"))
	require.Empty(t, s.changes(user))
	s.trap(user, simulator.Traps{})
	s.roundAfter(time.Minute, domain.FetchPosts, domain.TikTok)
	require.Positive(t, s.number(`select count(*) from tSPosts`))
}

// It is noted whose a token is, at the very moment at which another process has renewed it and not
// stored it yet: the note is left to a later reading, and the renewed token, whose refresh token is
// the only one left, is kept.
func TestSavingTokenOwnerKeepsConcurrentRenewal(t *testing.T) {
	t.Parallel()
	s := newFetchStage(t)
	user := s.connect(domain.TikTok, 0, expiresIn(10*time.Minute))
	before := s.tokens(user)
	reading := s.process()
	var read error
	renewing := s.process(func(c *collect.Config) {
		c.Secrets = interrupted{Secrets: s.secrets, swap: sync.OnceValue(func() error {
			read = s.readOne(t.Context(), reading, domain.FetchAccounts, user)
			require.Positive(t, s.calls("tiktok/user_info"))
			return nil
		})}
	})
	require.NoError(t, s.readOne(t.Context(), renewing, domain.FetchTokens, user))
	require.NoError(t, read)
	after := s.tokens(user)
	require.NotEqual(t, before.RefreshToken, after.RefreshToken, "the rotated one is stored")
	s.roundAfter(2*time.Hour, domain.FetchAccounts, domain.TikTok)
	require.Len(t, s.readings(user), 2)
	require.Empty(t, s.changes(user))
}

// tellingPlatform says of tokens what a test says.
type tellingPlatform struct {
	scripted
	facts platforms.TokenFacts
	err   error
}

func (t *tellingPlatform) use(c *collect.Config) { c.Client = t.For }

func (t *tellingPlatform) For(domain.Platform) (platforms.Client, error) { return t, nil }

func (t *tellingPlatform) Inspects(platforms.Target) bool { return true }

func (t *tellingPlatform) Inspect(context.Context, platforms.Target) (platforms.TokenFacts, error) {
	return t.facts, t.err
}

// The daily look at a token learns what it may do and until when Meta gives data with it, also of
// one that is never renewed: it is stored, shown, and counts as an end of the token.
func TestDailyTokenCheckStoresScopesAndExpiry(t *testing.T) {
	t.Parallel()
	ends := fetchDay.AddDate(0, 0, 10)
	meta := &tellingPlatform{facts: platforms.TokenFacts{Granted: []string{"pages_read_engagement", "read_insights"}, DataAccessUntil: ends}}
	s := newFetchStage(t, meta.use)
	page := s.connect(domain.Facebook, 0)
	from := directory.Connections{Pool: s.log.DB.ReadOnly}
	shown := func() directory.ConnectionReading {
		readings, err := from.Readings(t.Context(), directory.ReadingsQuery{Connections: []int64{page.ConnectionID}}, s.clock.Now())
		require.NoError(t, err)
		require.Len(t, readings, 1)
		return readings[0]
	}
	require.Nil(t, shown().Granted)

	require.Empty(t, s.round(domain.FetchTokens, domain.Facebook))
	require.Equal(t, &[]string{"pages_read_engagement", "read_insights"}, shown().Granted)
	require.Len(t, shown().Ungranted, 1, "comments of posts")
	require.True(t, ends.Equal(*shown().DataAccessExpiresAt))
	require.True(t, ends.Equal(*shown().SignInBefore))
	require.Nil(t, shown().ExpiresAt)
	require.Equal(t, fetchDay.Add(24*time.Hour), s.state(domain.FetchTokens, page).DueAt)
	s.clock.Advance(24 * time.Hour)
	meta.facts.DataAccessUntil = ends.AddDate(0, 0, 60) // the person used the app meanwhile
	s.round(domain.FetchTokens, domain.Facebook)
	require.Equal(t, 1, s.metric("sign_ins_due", ""), "told at the beginning of the look")
	s.roundAfter(24*time.Hour, domain.FetchTokens, domain.Facebook)
	require.Zero(t, s.metric("sign_ins_due", ""))

	meta.facts.Granted = []string{}
	s.roundAfter(24*time.Hour, domain.FetchTokens, domain.Facebook)
	require.Equal(t, &[]string{}, shown().Granted, "none is not the same as not known")
}

// A platform that cannot be asked costs no connection; one that says that the token is dead does.
func TestOnlyRefusedTokenMarksConnection(t *testing.T) {
	t.Parallel()
	meta := &tellingPlatform{err: &platforms.Error{Reason: domain.StatusInvalid, Message: "our app's id or secret was refused"}}
	s := newFetchStage(t, meta.use)
	page := s.connect(domain.Facebook, 0)
	require.Empty(t, s.round(domain.FetchTokens, domain.Facebook))
	require.Empty(t, s.changes(page))
	s.clock.Advance(24 * time.Hour)
	meta.err = &platforms.Error{Reason: domain.StatusRefused, Message: "the platform says that the token is not valid"}
	require.Equal(t, []int64{page.ID}, s.round(domain.FetchTokens, domain.Facebook))
	require.Len(t, s.changes(page), 1)
	s.clock.Advance(time.Minute)
	s.store(page, commands.StoredTokens{AccessToken: "n3w"})
	meta.err = nil
	require.Empty(t, s.round(domain.FetchTokens, domain.Facebook))
}

// Every figure that a reading brings has its scopes in the table, and the table has no figure that
// none brings; the guide for operators has the same table.
func TestEveryFigureHasScopesInTable(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/connecting.md")
	require.NoError(t, err)
	for name, kind := range map[string]struct {
		platform  domain.Platform
		account   domain.AccountType
		instagram bool
	}{
		"Facebook page":    {domain.Facebook, 0, false},
		"Instagram":        {domain.Instagram, 0, false},
		"Instagram login":  {domain.Instagram, 0, true},
		"LinkedIn profile": {domain.LinkedIn, domain.LinkedInProfile, false},
		"LinkedIn page":    {domain.LinkedIn, domain.LinkedInCompanyPage, false},
		"TikTok":           {domain.TikTok, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFetchStage(t)
			s.connectWithPosts(kind.platform, kind.account, func(a *simulator.Account) { a.OwnLogin = kind.instagram })
			require.Empty(t, s.round(domain.FetchAccounts, kind.platform))
			require.Empty(t, s.round(domain.FetchPosts, kind.platform))
			var listed []string
			for _, need := range kind.platform.FiguresOf(kind.account, kind.instagram) {
				var names []string
				for _, figure := range need.Figures {
					names = append(names, figure.Name)
					listed = append(listed, string(need.Of)+" "+figure.Name)
				}
				account, scopes := strings.TrimSuffix(name, " login"), strings.Join(need.Scopes, "`, `")
				row := fmt.Sprintf("| %s | %s | %s | `%s` |", account, need.Of, strings.Join(names, ", "), scopes)
				require.Contains(t, string(guide), strings.ReplaceAll(row, "instagram_business_", "instagram_"))
			}
			slices.Sort(listed)
			require.Equal(t, s.figuresRead(), slices.Compact(listed))
		})
	}
}

// figuresRead are the figures in the log, each once.
func (f *fetchStage) figuresRead() (names []string) {
	f.t.Helper()
	add := func(of domain.Figures, name string, value *int64) {
		if value != nil {
			names = append(names, string(of)+" "+name)
		}
	}
	for _, read := range logged[domain.AccountRead](f, domain.TopicMetrics) {
		for _, figure := range read.Figures {
			add(domain.FiguresOfAccount, figure.Name, &figure.Value)
		}
		if len(read.Demographics) > 0 {
			add(domain.FiguresOfAccount, domain.FigureDemographics, new(int64))
		}
	}
	for _, read := range logged[domain.PostRead](f, domain.TopicMetrics) {
		for _, name := range domain.PostMetrics() {
			add(domain.FiguresOfPosts, name, *domain.MetricOf(&read.Counts, name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
