package platforms_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

func addInstagram(b *bundle, traps simulator.Traps) simulator.Account {
	return b.sim.AddInstagram(simulator.Account{ID: "17841", PostsFrom: testNow.AddDate(0, 0, -60), PostEvery: 12 * time.Hour, Traps: traps})
}

func TestInstagramRangeAndRetiredMetric(t *testing.T) {
	t.Parallel()
	b := setup(t)
	account := addInstagram(b, simulator.Traps{})
	client := b.client(t, domain.Instagram)
	since := time.Date(2026, 9, 30, 7, 0, 0, 0, time.UTC)
	snap := client.account(target(account), platforms.AccountRequest{Since: since, Until: time.Date(2026, 11, 10, 8, 0, 0, 0, time.UTC)})
	require.Len(t, b.ops(), 1+2+1+41, "reach in windows of 30 days, totals by day")
	for day := since; day.Format(time.DateOnly) < "2026-11-10"; day = day.AddDate(0, 0, 1) {
		label := day.Format(time.DateOnly)
		require.Equal(t, simulator.ViewsOn(seed, account.ID, label), figure(t, snap, "views", "", label).Value)
		require.Equal(t, simulator.ReachOn(seed, account.ID, label, 1), figure(t, snap, "reach", "day", label).Value)
	}
	requireKind(t, domain.StatusInvalid, client.accountErr(target(account), platforms.AccountRequest{Since: testNow.AddDate(-1, 0, 0)}))

	// One retired name rejects all metrics of a day: they are requested one by one, once.
	b.ops()
	b.sim.SetTraps(domain.Instagram, account.ID, simulator.Traps{RetiredMetrics: []string{"views"}})
	for _, calls := range []int{5 + 5, 5} {
		snap := client.account(target(account))
		require.Equal(t, map[string]domain.StatusCode{"views": domain.StatusUnsupportedMetric, "impressions": domain.StatusUnsupportedMetric}, reasons(snap.Missing))
		require.True(t, hasFigure(snap, "engagement"))
		require.Len(t, b.ops(), calls, "remembered")
	}
}

func TestInstagramRefresh(t *testing.T) {
	t.Parallel()
	b := setup(t)
	account := b.sim.AddInstagram(simulator.Account{ID: "17845", OwnLogin: true})
	client := b.client(t, domain.Instagram)
	tokens := client.refresh(target(account), "")
	require.Equal(t, testNow.Add(60*24*time.Hour), tokens.ExpiresAt)
	require.Empty(t, tokens.RefreshToken)
	client.account(platforms.Target{AccessToken: tokens.AccessToken, ExternalID: "17845", OwnLogin: true})

	// The token is in the URL and in the platform's message; neither is visible.
	requireKind(t, domain.StatusRefused, client.refreshErr(platforms.Target{AccessToken: "Tok3nDead", OwnLogin: true}, ""))
	requireKind(t, domain.StatusRefused, client.refreshErr(platforms.Target{OwnLogin: true}, ""))
	require.ErrorIs(t, client.refreshErr(platforms.Target{AccessToken: "Tok3n"}, ""), platforms.ErrNoRefresh)
	require.ErrorIs(t, b.client(t, domain.Facebook).refreshErr(platforms.Target{}, ""), platforms.ErrNoRefresh)
}

// Instagram's answer to a refresh is judged by its error object: a token next to it, the status, or
// an older error format does not count. A token that came with an error would replace one that may
// still be valid.
func TestInstagramRefreshErrorsComeFirst(t *testing.T) {
	t.Parallel()
	const token = `"access_token":"Tok3nNew","token_type":"bearer","expires_in":5184000`
	for _, c := range []struct {
		status int
		body   string
		want   domain.StatusCode
	}{
		{http.StatusOK, `{` + token + `,"error":{"message":"Session has expired","code":190}}`, domain.StatusRefused},
		{http.StatusOK, `{` + token + `,"error":{"message":"Try again later","code":2}}`, domain.StatusRetry},
		{http.StatusInternalServerError, `{"error":{"message":"Session has expired","code":190}}`, domain.StatusRefused},
		{
			http.StatusBadRequest, `{"error_type":"server_error","error_message":"Try again later","error":{"code":190}}`,
			domain.StatusRefused,
		},
	} {
		client := canned(t, always(c.status, c.body)).client(t, domain.Instagram)
		tokens, err := client.Refresh(t.Context(), platforms.Target{AccessToken: "Tok3n", ExternalID: "17845", OwnLogin: true}, "")
		requireKind(t, c.want, err)
		require.Zero(t, tokens)
	}
}

// refusingShares refuses a post's shares with this message; every other metric is 7.
func refusingShares(words string, requested *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		metrics := r.URL.Query().Get("metric")
		*requested = append(*requested, metrics)
		if strings.Contains(metrics, "shares") {
			answer(w, http.StatusBadRequest, `{"error":{"code":100,"message":"(#100) `+words+`"}}`)
			return
		}
		var data []string
		for metric := range strings.SplitSeq(metrics, ",") {
			data = append(data, `{"name":"`+metric+`","period":"lifetime","values":[{"value":7}]}`)
		}
		_, _ = w.Write([]byte(`{"data":[` + strings.Join(data, ",") + `]}`))
	}
}

// Meta refuses single metrics with several messages, and adds new ones. Whatever the message, code
// 100 affects that metric only. It is remembered per kind of media after a second refusal.
func TestInstagramRefusedMetricIsFoundByCode(t *testing.T) {
	t.Parallel()
	for _, words := range []string{
		"The Media Insights API does not support the shares metric for this media product type.",
		"shares is no longer supported for the queried media",
		"a message that is not known",
	} {
		var requested []string
		b := canned(t, refusingShares(words, &requested))
		client, tgt := b.client(t, domain.Instagram), platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}
		for _, media := range []struct {
			id, kind string
			calls    int
		}{{"11", platforms.TypeReel, 1 + 7}, {"11", platforms.TypeReel, 1 + 7}, {"12", platforms.TypeReel, 1 + 7}, {"13", platforms.TypeReel, 1}, {"14", platforms.TypePhoto, 1 + 6}} {
			requested = nil
			snaps := client.metrics(tgt, []platforms.Post{{ID: media.id, Type: media.kind}})
			require.Nil(t, snaps[0].Err, words)
			want := domain.Counts{
				Likes: new(int64(7)), Comments: new(int64(7)), Views: new(int64(7)), Impressions: new(int64(7)), Reach: new(int64(7)), Saves: new(int64(7)),
			}
			if media.kind == platforms.TypeReel {
				want.AvgWatch = new(int64(7))
			}
			require.Equal(t, want, snaps[0].Counts, words)
			require.Equal(t, map[string]domain.StatusCode{"shares": domain.StatusUnsupportedMetric}, reasons(snaps[0].Missing))
			require.Len(t, requested, media.calls, "%s %s: %s", media.kind, media.id, words)
		}
	}
}

// A request that is invalid as a whole is not a metric's fault: no refusal is remembered.
func TestInstagramInvalidRequestIsNotMetricRefusal(t *testing.T) {
	t.Parallel()
	wrong := true
	b := canned(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Get("metric") == "":
			_, _ = w.Write([]byte(`{"id":"1","followers_count":3,"media_count":1}`))
		case wrong:
			answer(w, http.StatusBadRequest, `{"error":{"code":100,"message":"(#100) There cannot be more than 30 days between since and until"}}`)
		default:
			_, _ = w.Write([]byte(`{"data":[{"name":"views","period":"day","total_value":{"value":5}}]}`))
		}
	})
	client, tgt := b.client(t, domain.Instagram), platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}
	require.Equal(t, domain.StatusInvalid, reasons(client.account(tgt).Missing)["views"])
	wrong = false
	require.True(t, hasFigure(client.account(tgt), "views"))
}
