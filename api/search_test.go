package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
)

// Every parameter that searches names finds them in any case, script and normal form, whatever the
// locale of the database.
func TestEverySearchIgnoresCaseInEveryScript(t *testing.T) {
	t.Parallel()
	const name = "Ärzte Straße ΟΔΥΣΣΕΥΣ Кафе İstanbul Ilıca Cafe\u0301 100%_ marker"
	forms := []string{
		"Ärzte", "ärzte", "ÄRZTE", "A\u0308rzte", "a\u0308RZTE", "straße", "STRASSE", "Straße ΟΔ", "οδυσσευς", "ΟΔΥΣΣ", "οδυσσ", "οδ",
		"кафе", "КАФЕ", "istanbul", "ISTANBUL", "İSTANBUL", "I\u0307stanbul", "ılıca", "ILICA", "ilica", "Café", "CAFÉ", "cafe\u0301", "CAFE\u0301 100%_", "MARKER",
	}
	others := []string{"arzte", "cafe 100", "каве", "100_", "100%%", "mar%er", "zzz"}
	b := discovery(t)
	b.facts.Put(t,
		domain.DirectoryAccount{ID: client1, RowID: 11, ParentAccount: agency, Name: name, Email: "marker@example.org", Active: true},
		domain.DirectoryUser{ID: alice, AccountID: client1, Name: name, Role: "Ärzte", Active: true},
		domain.DirectoryMember{ID: 7, AccountID: client1, UserID: alice, Name: name, Active: true},
		domain.DirectoryCategory{ID: 5, Name: name},
	)
	tried := map[string]int{}
	for _, op := range reads(t) {
		for _, declared := range op.Takes {
			text := declared.Kind == api.KindText || declared.Kind == api.KindActor
			if op.Method != http.MethodGet || declared.Header || !text || declared.Name == "type" || strings.Contains(op.Pattern, "{"+declared.Name+"}") {
				continue // one of our words, or an id
			}
			tried[declared.Name]++
			find, not := forms, others
			if declared.Name == "role" { // the whole text
				find, not = []string{"Ärzte", "ärzte", "A\u0308RZTE"}, []string{"Ärzt", "arzte"}
			}
			for _, form := range find {
				answer := b.get(addressOf(op, declared.Name, form), b.tokenOf(roleFor(op))).says(t, http.StatusOK)
				require.Contains(t, answer.body, "İstanbul", "%s?%s=%s finds nothing", op.Pattern, declared.Name, form)
			}
			for _, form := range not {
				answer := b.get(addressOf(op, declared.Name, form), b.tokenOf(roleFor(op)))
				require.NotContains(t, answer.body, "İstanbul", "%s?%s=%s", op.Pattern, declared.Name, form)
			}
		}
	}
	require.Equal(t, map[string]int{"q": 8, "actor": 4, "user": 3, "role": 1}, tried, "parameters with texts that this test does not know")
}

// Lists of names are in the order of the alphabet, page by page, whatever the locale of the database.
func TestListsAreInTheOrderOfTheAlphabet(t *testing.T) {
	t.Parallel()
	b := discovery(t)
	want := []any{"apple pie", "A\u0308rzte", "Ärzte", "cafe", "Cafe", "café", "Zebra", "zebra crossing", "Zoo", "ζήτα", "кафе", "東京"}
	for i, name := range slices.Backward(want) {
		b.facts.Put(t, domain.DirectoryCategory{ID: int64(50 + i), Name: name.(string)})
	}
	got := slices.DeleteFunc(b.entries("/api/categories", b.agencyToken(), "name"), func(name any) bool { return name == "Travel" || name == "Food" })
	require.ElementsMatch(t, want, got)
	require.Equal(t, want, got)
}
