package domain_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
)

const (
	computingAgency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	computingClient = "c10000000000000000000001"
)

// TestComputedIDsAreFrozen: ids stand in the log for ever; another way of computing them would connect every page a second time.
func TestComputedIDsAreFrozen(t *testing.T) {
	t.Parallel()
	require.Equal(t, int64(4_690_010_310_524_824), domain.ComputedSocialAccount(computingAgency, domain.Facebook, 0, "1001"))
	require.Equal(t, int64(5_404_943_423_493_295), domain.ComputedSocialAccount(computingAgency, domain.LinkedIn, domain.LinkedInCompanyPage, "1001"))
	require.Equal(t, int64(6_703_426_844_927_989), domain.ComputedMember(computingAgency, computingClient, domain.Facebook, "77"))
	require.Equal(t, int64(5_276_317_903_007_400), domain.ComputedConnection(computingAgency, domain.TikTok, "app", "77"))
}

// TestComputedIDsTellTheirPartsApart: what moves between two neighbouring parts gives another id, and so does another agency.
func TestComputedIDsTellTheirPartsApart(t *testing.T) {
	t.Parallel()
	require.NotEqual(t,
		domain.ComputedConnection(computingAgency, domain.TikTok, "app1", "2"), domain.ComputedConnection(computingAgency, domain.TikTok, "app", "12"))
	require.NotEqual(t,
		domain.ComputedSocialAccount(computingAgency, domain.LinkedIn, domain.LinkedInProfile, "1"),
		domain.ComputedSocialAccount(computingAgency, domain.LinkedIn, domain.LinkedInCompanyPage, "1"))
	require.NotEqual(t,
		domain.ComputedSocialAccount(computingAgency, domain.Facebook, 0, "1"), domain.ComputedSocialAccount(otherAgency, domain.Facebook, 0, "1"))
	require.NotEqual(t,
		domain.ComputedMember(computingAgency, computingClient, domain.Facebook, "1"),
		domain.ComputedConnection(computingAgency, domain.Facebook, computingClient, "1"))
}

func TestComputedIDsAreAboveTheMainApplicationsAndSafeInJavaScript(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := domain.ComputedSocialAccount(computingAgency, domain.Instagram, 0, rapid.String().Draw(t, "external id"))
		require.True(t, domain.Computed(id))
		require.Less(t, id, int64(1)<<53)
	})
	require.False(t, domain.Computed(domain.FirstComputedID-1))
}
