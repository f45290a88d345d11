package platforms_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Meta's errors, by code and subcode, never by status.
func TestMetaErrorClasses(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]platforms.Class{
		`{"error":{"message":"m","code":190,"error_subcode":463}}`:                                              platforms.ClassReconnect,
		`{"error":{"message":"m","code":"190"}}`:                                                                platforms.ClassReconnect,
		`{"error":{"message":"m","code":102}}`:                                                                  platforms.ClassReconnect,
		`{"error":{"message":"m","code":10}}`:                                                                   platforms.ClassPermission,
		`{"error":{"message":"m","code":200}}`:                                                                  platforms.ClassPermission,
		`{"error":{"message":"m","code":299}}`:                                                                  platforms.ClassPermission,
		`{"error":{"message":"m","code":3}}`:                                                                    platforms.ClassPermission,
		`{"error":{"message":"(#10) Not enough viewers for the media to show insights","code":10}}`:             platforms.ClassNoData,
		`{"error":{"message":"m","code":4}}`:                                                                    platforms.ClassThrottled,
		`{"error":{"message":"m","code":4,"error_subcode":2108006}}`:                                            platforms.ClassNoData,
		`{"error":{"message":"m","code":341}}`:                                                                  platforms.ClassThrottled,
		`{"error":{"message":"m","code":80014}}`:                                                                platforms.ClassThrottled,
		`{"error":{"message":"m","code":1}}`:                                                                    platforms.ClassRetry,
		`{"error":{"message":"m","code":2}}`:                                                                    platforms.ClassRetry,
		`{"error":{"message":"m","code":999,"is_transient":true}}`:                                              platforms.ClassRetry,
		`{"error":{"message":"(#100) The value must be a valid insights metric","code":100}}`:                   platforms.ClassUnsupportedMetric,
		`{"error":{"message":"(#100) metric[0] must be one of the following values: reach, views","code":100}}`: platforms.ClassUnsupportedMetric,
		`{"error":{"message":"(#100) Tried accessing nonexisting field (x)","code":100}}`:                       platforms.ClassInvalid,
		`{"error":{"message":"m","code":100,"error_subcode":33}}`:                                               platforms.ClassNotFound,
		`{"error":{"message":"m","code":803}}`:                                                                  platforms.ClassNotFound,
		`{"error":{"message":"m","code":368}}`:                                                                  platforms.ClassBlocked,
		`{"error":{"message":"m","code":3001,"error_subcode":1504028}}`:                                         platforms.ClassInvalid,
		`{"error":"surprise"}`:                                                                                  platforms.ClassRetry,
	} {
		client := canned(t, always(http.StatusBadRequest, body)).client(t, domain.Facebook)
		requireClass(t, want, client.accountErr(platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}))
	}
	// Since 2026-10-27 `GET /?ids=` is refused with code 100 under HTTP 500: a wrong request, which
	// must never pass for an outage.
	wrong := `{"error":{"message":"(#100) deprecated","code":100,"is_transient":true}}`
	client := canned(t, always(http.StatusInternalServerError, wrong)).client(t, domain.Facebook)
	requireClass(t, platforms.ClassInvalid, client.accountErr(platforms.Target{AccessToken: "Tok3n", ExternalID: "1"}))
}

// One bad post inside of a good batch answer costs that post.
func TestErrorInsideOfABatch(t *testing.T) {
	t.Parallel()
	b := canned(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(batchAnswer(`{"error":{"code":100,"error_subcode":33,"message":"gone Tok3n"}}`,
			`{"id":"1_2","shares":{"count":"4"},"reactions":{"summary":{"total_count":"7"}},"comments":[],"insights":{"data":{}}}`, `[1]`,
			`{"error":{"code":"1","message":"An unknown error occurred"}}`)))
	})
	snaps, err := b.client(t, domain.Facebook).PostMetrics(t.Context(), platforms.Target{AccessToken: "Tok3n", ExternalID: "1"},
		[]platforms.Post{{ID: "1_1"}, {ID: "1_2"}, {ID: "1_3"}, {ID: "1_4"}})
	require.NoError(t, err)
	require.Equal(t, platforms.ClassNotFound, snaps[0].Err.Class)
	require.NotContains(t, snaps[0].Err.Error(), "Tok3n")
	require.Nil(t, snaps[1].Err, "odd fields cost themselves only")
	require.Equal(t, new(int64(7)), snaps[1].Counts.Likes)
	require.Equal(t, new(int64(4)), snaps[1].Counts.Shares)
	require.Nil(t, snaps[1].Counts.Comments)
	require.Equal(t, platforms.ClassRetry, snaps[3].Err.Class)
	require.Equal(t, platforms.ClassRetry, snaps[2].Err.Class)
}
