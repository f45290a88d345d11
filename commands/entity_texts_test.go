package commands_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// Every text of every kind of entity is checked when it is sent, also in kinds and fields that are
// added later: the samples of the events have every field.
func TestTextsOfEntitiesThatMisleadAreRefused(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../domain/testdata/directory.*.json")
	require.NoError(t, err)
	checked := 0
	for _, name := range names {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		fields := map[string]any{}
		require.NoError(t, json.Unmarshal(raw, &fields))
		eventType := strings.Join(strings.Split(filepath.Base(name), ".")[:3], ".")
		read := func(field, text string) error {
			before := fields[field]
			fields[field] = text
			line, err := json.Marshal(map[string]any{"type": eventType, "data": fields})
			require.NoError(t, err)
			fields[field] = before
			_, err = commands.EntityLine(line, domain.NewRegistry(), time.Now())
			return err
		}
		for field, value := range fields {
			if text, ok := value.(string); !ok || strings.HasSuffix(field, "_at") || read(field, text+"x") != nil {
				continue // an id, a time, a color or a currency has a stricter form
			}
			checked++
			require.ErrorContains(t, read(field, "x\u202ey"), field+" contains", name)
			require.ErrorContains(t, read(field, "\u2067y"), field+" contains", name)
			require.NoError(t, read(field, "\u200fמאפייה"), name)
			if field == "name" {
				require.ErrorContains(t, read(field, "\u200b"), "name has no visible character", name)
				require.NoError(t, read(field, ""), "an unknown name")
			}
		}
	}
	require.Greater(t, checked, 20)
}
