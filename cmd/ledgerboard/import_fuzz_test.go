package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// A line of entities is refused with a reason, or makes a draft that the log takes: its key is that of
// its payload, and what is written decodes to the same.
func FuzzEntityLine(f *testing.F) {
	raw, err := os.ReadFile(sample("entities.jsonl"))
	require.NoError(f, err)
	for line := range strings.Lines(string(raw)) {
		f.Add([]byte(line))
	}
	for _, line := range []string{`{"type":"directory.user.v1","id":"D00000000000000000000011","erase":true}`, `{"type":"directory.category.v1","data":{"id":-1}}`, `null`, `{"type":"directory.member.v1","id":"07","erase":true}`} {
		f.Add([]byte(line))
	}
	registry := domain.NewRegistry()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, line []byte) {
		drafts, err := commands.EntityLine(line, registry, now)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.NotEmpty(t, drafts)
		draft := drafts[0]
		require.NotEmpty(t, draft.Key)
		if len(drafts) > 1 {
			require.Equal(t, domain.TopicContents, drafts[1].Topic)
			_, _, err := domain.SplitContentKey(drafts[1].Key)
			require.NoError(t, err)
		}
		if draft.Data == nil {
			require.Equal(t, domain.TopicDirectory, draft.Topic)
			return
		}
		encoded, err := json.Marshal(draft.Data)
		require.NoError(t, err)
		again, err := registry.Decode(draft.Envelope.Type, encoded)
		require.NoError(t, err)
		if entity, ok := again.(domain.DirectoryEntity); ok {
			require.Equal(t, draft.Key, domain.EntityKey(entity))
		}
	})
}
