package domain_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestTextWithoutVisibleCharacters(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"a", " a", "7", "Ärzte", "кафе", "東京", "מאפייה", "กา", "!", "…", "€", "😀", "👩‍👩‍👧", "1️⃣", "e\u0301", "\u200fא", "\uFFFD",
	} {
		require.True(t, domain.Visible(text), "%q", text)
	}
	for _, text := range []string{
		"", " ", "\u00a0", "\u3000", "\t\n", "\u200b", "\u200d\ufeff", "\u2060", "\u00ad", "\u0301\u0302", "\ufe0f", "\u20e3",
		"\u3164", "\u115f\u1160", "\uffa0", "\u2800", "\u180e", "\u202e", "\u2066\u2069", "\U000e0041", "\U0001d159", "\ufffc", "\x00", "\ue000",
	} {
		require.False(t, domain.Visible(text), "%q", text)
	}
}

func TestNameRefusesBidiAndControlCharacters(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Harbor Bakery": "", "פרחים (Tel Aviv)": "", "\u200fיוסי 2": "", "Zoë\u200d": "", "🦊": "",
		"": "no visible character", "\u200b ": "no visible character", "Maraoo \u202egnp.exe": "direction", "\u2067x\u2069": "direction", "\u202ax\u202c": "direction",
		"a\nb": "one line", "a\u0085b": "one line", "a\u2028b": "one line", "a\x1bb": "one line", "\xff": "one line",
	} {
		expect(t, domain.CheckName(name), want, name)
		plain := domain.PlainName(strings.ToValidUTF8(name, ""))
		if want == "" {
			require.Equal(t, name, plain)
		}
		if plain != "" {
			require.NoError(t, domain.CheckName(plain), "%q", plain)
		}
	}
	require.Equal(t, "Maraoo gnp.exe", domain.PlainName(" Maraoo \u202egnp.exe\n"))
	require.Empty(t, domain.PlainName("\u3164"))
}

// Numbers that the API document lists as the only ones are refused in every event that has them.
func TestUnknownPlatformsAndAccountTypesAreRefused(t *testing.T) {
	t.Parallel()
	registry := domain.NewRegistry()
	checked := map[string]bool{}
	for _, eventType := range registry.Types() {
		for name, raw := range samplesOf(t, eventType) {
			fields := membersOf(t, raw)
			for field, wrong := range map[string][]int{"p_id": {-1, 0, 2, 5, 7, 70000}, "a_type": {-1, 3, 70000}} {
				if _, has := fields[field]; !has {
					continue
				}
				checked[eventType+" "+field] = true
				for _, number := range wrong {
					_, err := registry.Decode(eventType, withField(t, raw, field, number))
					require.ErrorContains(t, err, field, "%s with %d", name, number)
					require.ErrorContains(t, err, "use one of", "%s with %d", name, number)
				}
			}
		}
	}
	for _, want := range []string{"directory.connection.v1 p_id", "directory.social_account.v1 a_type", "operations.connection_state_changed.v1 p_id"} {
		require.Contains(t, checked, want)
	}
	for currency, want := range map[string]string{"": "", "EUR": "", "jpy": "", "EURO": "ISO 4217", "€": "ISO 4217", "E R": "ISO 4217"} {
		expect(t, domain.DirectorySubscription{Currency: currency}.Validate(), want, currency)
	}
}

func membersOf(t *testing.T, raw []byte) (fields map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(raw, &fields))
	return fields
}

func withField(t *testing.T, raw []byte, field string, value any) []byte {
	t.Helper()
	fields := membersOf(t, raw)
	fields[field] = value
	changed, err := json.Marshal(fields)
	require.NoError(t, err)
	return changed
}
