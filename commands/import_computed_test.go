package commands_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// line is a line of a file of entities.
func line(t *testing.T, entity domain.DirectoryEntity) []byte {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"type": entity.EventType(), "data": entity})
	require.NoError(t, err)
	return raw
}

// The main application's ids stay below those that are computed here: it can neither write nor erase what stands under one.
func TestMainApplicationHasNoComputedIDs(t *testing.T) {
	t.Parallel()
	registry, now := domain.NewRegistry(), time.Now()
	for _, id := range []int64{domain.FirstComputedID, domain.ComputedMember(movedAgency, movedAccount(1), domain.Facebook, "1")} {
		for _, entity := range []domain.DirectoryEntity{
			domain.DirectoryMember{ID: id, AccountID: movedAccount(1)},
			domain.DirectoryConnection{ID: id, MemberID: 1, Platform: domain.Facebook},
			domain.DirectorySocialAccount{ID: id, ParentAccount: movedAgency, AccountID: movedAccount(1), Platform: domain.Facebook},
		} {
			_, err := commands.EntityLine(line(t, entity), registry, now)
			require.ErrorContains(t, err, "ids from 4503599627370496 on")
			erase, err := json.Marshal(map[string]any{"type": entity.EventType(), "id": entity.EntityID(), "erase": true})
			require.NoError(t, err)
			_, err = commands.EntityLine(erase, registry, now)
			require.ErrorContains(t, err, "ids from 4503599627370496 on")
		}
	}
	_, err := commands.EntityLine(line(t, domain.DirectoryMember{ID: domain.FirstComputedID - 1, AccountID: movedAccount(1)}), registry, now)
	require.NoError(t, err)
	_, err = commands.Import{World: commands.NewImportWorld()}.Connection(legacy.MemberAuth{Connection: domain.DirectoryConnection{ID: domain.FirstComputedID}})
	require.ErrorContains(t, err, "ids from 4503599627370496 on")
}

// The main application's record of a page that was connected here is refused, under whatever id, until it is disconnected here.
func TestMainApplicationLeavesWhatIsConnectedHere(t *testing.T) {
	t.Parallel()
	world := commands.NewImportWorld()
	ours := domain.DirectorySocialAccount{
		ID:            domain.ComputedSocialAccount(movedAgency, domain.Facebook, 0, "1001"),
		ParentAccount: movedAgency, AccountID: movedAccount(1), ConnectionID: domain.ComputedConnection(movedAgency, domain.Facebook, "app", "1001"),
		Platform: domain.Facebook, ExternalID: "1001", Connected: true,
	}
	taken := ours
	taken.ID, taken.ExternalID = 7, "1002"
	require.True(t, world.Put(domain.EntityKey(ours), ours, toldAt()))
	require.True(t, world.Put(domain.EntityKey(taken), taken, toldAt()))
	use := commands.Import{World: world, Now: time.Now()}
	theirs := func(id int64, external string) error {
		e := domain.DirectorySocialAccount{ID: id, ParentAccount: movedAgency, AccountID: movedAccount(1), ConnectionID: 70, Platform: domain.Facebook, ExternalID: external, Connected: true}
		_, err := use.Entity(commands.EntityDraft(e, time.Now()))
		return err
	}
	require.ErrorContains(t, theirs(5, "1001"), "was connected here")
	require.ErrorContains(t, theirs(7, "1002"), "was connected here")
	require.NoError(t, theirs(5, "1003"))
	page := ours
	page.Platform, page.AccountType, page.ExternalID = domain.LinkedIn, domain.LinkedInCompanyPage, "5501"
	page.ID = domain.ComputedSocialAccount(movedAgency, domain.LinkedIn, domain.LinkedInCompanyPage, "5501")
	require.True(t, world.Put(domain.EntityKey(page), page, toldAt()))
	page.ID, page.ConnectionID, page.ExternalID = 5, 70, "urn:li:organization:5501"
	_, err := use.Entity(commands.EntityDraft(page, time.Now()))
	require.ErrorContains(t, err, "was connected here", "LinkedIn's page is one, with and without what makes a URN of it")
	erase := func() error {
		_, err := use.Entity(commands.EraseDraft(domain.KindSocialAccount, "7", time.Now()))
		return err
	}
	require.ErrorContains(t, erase(), `social account 7: facebook "1002" was connected here, and is not erased; disconnect it here first`)
	taken.Connected = false
	require.True(t, world.Put(domain.EntityKey(taken), taken, toldAt()))
	require.NoError(t, erase())

	ours.Connected = false
	require.True(t, world.Put(domain.EntityKey(ours), ours, toldAt()))
	require.NoError(t, theirs(5, "1001"), "disconnected here")
}
