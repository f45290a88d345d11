package domain_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestPlatforms(t *testing.T) {
	t.Parallel()
	names := map[domain.Platform]string{1: "facebook", 3: "instagram", 4: "linkedin", 6: "tiktok"}
	for p := domain.Platform(-1); p < 10; p++ {
		name, valid := names[p]
		require.Equal(t, valid, p.Valid())
		if valid {
			require.Equal(t, name, p.String())
			require.Contains(t, domain.Platforms(), p)
		}
	}
	require.Len(t, domain.Platforms(), len(names))
	require.Equal(t, "platform(2)", domain.Platform(2).String())
}
