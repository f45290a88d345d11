package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

func TestDirectoryDrafts(t *testing.T) {
	t.Parallel()
	put, erase := commands.EntityDraft(domain.DirectoryCategory{ID: 4, Name: "Events"}, day0), commands.EraseDraft(domain.KindUser, nina, day0)
	require.Equal(t, "category:4", put.Key)
	require.Equal(t, "directory.category.v1", put.Envelope.Type)
	require.Equal(t, "user:"+nina, erase.Key)
	require.Nil(t, erase.Data, "a tombstone")
	require.Equal(t, domain.TopicDirectory, erase.Topic)
}
