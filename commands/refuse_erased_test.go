package commands_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// What was written or captured before its erasure does not come back; what is newer is new.
func TestWhatIsErasedIsRefused(t *testing.T) {
	t.Parallel()
	erased := day0.Add(time.Hour)
	list := domain.NewErasures([]domain.ErasedID{
		{Kind: domain.KindUser, ID: nina, Agency: agency, At: erased},
		{Kind: domain.KindSocialAccount, ID: "7", Agency: agency, At: erased},
	})
	user := func(id string) domain.DirectoryUser { return domain.DirectoryUser{ID: id} }
	read := func(account int64, at time.Time) domain.Draft {
		return commands.NewDraft(domain.TopicMetrics, "7", domain.AccountRead{
			Tenant: domain.Tenant{ParentAccount: agency, SocialAccount: account}, CapturedAt: at,
		}, day0.Add(2*time.Hour))
	}
	now := day0.Add(2 * time.Hour)
	for name, c := range map[string]struct {
		draft   domain.Draft
		refused bool
	}{
		"a user of before":               {commands.EntityDraft(user(nina), day0), true},
		"a user that does not say when":  {commands.EntityDraft(user(nina), now), true},
		"a user who came back":           {commands.EntityDraft(user(nina), erased.Add(commands.MaxSkew)), false},
		"a user of a clock ahead":        {commands.EntityDraft(user(nina), erased.Add(commands.MaxSkew-time.Second)), true},
		"another user":                   {commands.EntityDraft(user(sam), day0), false},
		"a reading of before":            {read(7, day0), true},
		"a reading of after":             {read(7, erased.Add(commands.MaxSkew)), false},
		"a reading of another account":   {read(8, day0), false},
		"a tombstone, which erases more": {commands.EraseDraft(domain.KindUser, nina, day0), false},
	} {
		err := commands.RefuseErased(list, []domain.Draft{c.draft}, now)
		require.Equal(t, c.refused, err != nil, "%s: %v", name, err)
		if c.refused {
			require.ErrorContains(t, err, "was erased on")
		}
	}
}
