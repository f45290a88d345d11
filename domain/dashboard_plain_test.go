package domain_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// changeTypes are the types whose payload is a [domain.DashboardChange].
var changeTypes = []string{
	"dashboard.opened.v1", "dashboard.accounts_linked.v1", "dashboard.accounts_unlinked.v1",
	"dashboard.users_changed.v1", "dashboard.settings_changed.v1",
}

// sameAsJSON demands that what the quick way takes, encoding/json reads to the same.
func sameAsJSON[T any](t require.TestingT, plainly func([]byte) (T, bool), raw []byte) (quick bool) {
	got, quick := plainly(raw)
	var want T
	if quick {
		require.NoError(t, json.Unmarshal(raw, &want), "%s", raw)
	}
	require.Equal(t, want, got, "%s", raw)
	return quick
}

// sameInAnySpelling demands it of a payload, and of what differs from it by one byte; it counts those of them that the
// quick way takes.
func sameInAnySpelling[T any](t require.TestingT, plainly func([]byte) (T, bool), raw []byte, other byte) (taken bool, differing int) {
	taken = sameAsJSON(t, plainly, raw)
	for at := range raw {
		for _, spelling := range [][]byte{
			raw[:at], slices.Concat(raw[:at], raw[at+1:]),
			slices.Concat(raw[:at], []byte{other}, raw[at:]), slices.Concat(raw[:at], []byte{other}, raw[at+1:]),
		} {
			if sameAsJSON(t, plainly, spelling) {
				differing++
			}
		}
	}
	sameAsJSON(t, plainly, append(raw, other))
	return taken, differing
}

// someByte is one that makes a difference in JSON.
var someByte = rapid.SampledFrom([]byte("\"\\{}[],:ntu0-9.eZ+ \n\x00\x80"))

// Whatever the lists hold, nil and empty ones included, and in spellings that differ by one byte.
func TestPlainChangeIsTheFullOne(t *testing.T) {
	t.Parallel()
	taken, differing := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		odd := rapid.SampledFrom([]string{"a\"b", `\`, "a<b", "é", "\u2028", "\x7f"})
		texts := rapid.SampledFrom([]string{"", "u", "~", " ", "5a0000000000000000000000", "c10000000000000000000000"})
		if rapid.IntRange(0, 3).Draw(t, "odd") == 3 {
			texts = rapid.OneOf(texts, odd)
		}
		list := rapid.SliceOfN(texts, 0, 3)
		if rapid.IntRange(0, 3).Draw(t, "nil") == 3 {
			list = rapid.OneOf(list, rapid.Just([]string(nil)))
		}
		accounts := []string{"c10000000000000000000000", "c20000000000000000000000"}[:rapid.IntRange(1, 2).Draw(t, "accounts")]
		c := domain.DashboardChange{
			Primary: accounts[0], Linked: accounts, Users: list.Draw(t, "users"), Scopes: list.Draw(t, "scopes"),
			AllowClientDashboard: rapid.Bool().Draw(t, "allow"),
			MainPOC:              rapid.MapOfN(texts, list, 0, 3).Draw(t, "poc"),
			Created:              rapid.MapOfN(texts, texts, 0, 2).Draw(t, "created"),
			LostAccess:           slices.Compact(slices.Sorted(slices.Values(list.Draw(t, "lost")))),
		}
		if rapid.IntRange(0, 3).Draw(t, "split") == 3 {
			c.Split = []domain.SplitDashboard{{SubAccountID: "c30000000000000000000000", Users: list.Draw(t, "rest")}}
		}
		raw, err := json.Marshal(c)
		require.NoError(t, err)
		quick, others := sameInAnySpelling(t, domain.DecodePlainly, raw, someByte.Draw(t, "byte"))
		if differing += others; quick {
			taken++
		}
	})
	require.NotZero(t, taken)
	require.NotZero(t, differing, "within a text, every byte may be another")
}

// Nearly all records are plain. Reading them quickly is the point, so that it must not be lost unseen.
func TestPlainChangesAreReadPlainly(t *testing.T) {
	t.Parallel()
	for _, eventType := range changeTypes {
		for name, raw := range samplesOf(t, eventType) {
			raw := []byte(compact(t, raw))
			require.NotEqual(t, strings.Contains(string(raw), `"split"`), sameAsJSON(t, domain.DecodePlainly, raw), name)
		}
	}
	require.False(t, sameAsJSON(t, domain.DecodePlainly, []byte(`{}`)))
}

func FuzzPlainChange(f *testing.F) {
	for _, eventType := range changeTypes {
		for _, raw := range samplesOf(f, eventType) {
			f.Add([]byte(compact(f, raw)))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) { sameAsJSON(t, domain.DecodePlainly, raw) })
}
