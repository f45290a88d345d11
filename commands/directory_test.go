package commands_test

import (
	"testing"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/stretchr/testify/require"
)

func TestEntitiesAndTombstonesAreDrafts(t *testing.T) {
	t.Parallel()
	put, erased := commands.EntityDraft(domain.DirectoryCategory{ID: 4, Name: "Events"}, day0), commands.EraseDraft(domain.KindUser, nina, day0)
	require.Equal(t, "category:4", put.Key)
	require.Equal(t, "directory.category.v1", put.Envelope.Type)
	require.Equal(t, "user:"+nina, erased.Key)
	require.Nil(t, erased.Data, "a tombstone")
	require.Equal(t, domain.TopicDirectory, erased.Topic)
}
